"""How a target for people writes names, numbers and signs; and what both of them share."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from closedform import ops
from closedform.ir import Node, Type
from closedform.printers import spell as s
from closedform.printers.spell import BREAK, Language, Speller, Written

SHORTEST_RUN = 4
"""Trees up to which a sum of them is written out; a longer one is written with dots."""


@dataclass(frozen=True)
class Scribe:
    """A target for people.

    Attributes:
        language: numbers and operations.
        digits: so many digits are shown, or all.
        name: an input's name, or one of the formula's own, inside an expression.
        spoken: an input's name in a rule or a sentence.
        word: a class or category in a rule or a sentence.
        applied: `effect`, `sex` → `effect(sex)`.
        indexed: `W`, 1 → `W₁`.
        vector: components → `(a, b)`, that may be broken.
        function: `tanh`, `x` → `tanh(x)`.
        greatest: `P(c)` → the class c with the greatest P(c).
        share: `exp`, classes, `g` → `exp(g(c)) / (exp(g(a)) + exp(g(b)))`.
        tree: 3 → `tree 3`.
        signs: how `<`, `<=`, `>`, `>=`, `=`, `in`, `dots` and the like are written.
    """

    language: Language
    digits: int | None
    name: Callable[[str], str]
    spoken: Callable[[str], str]
    word: Callable[[Any], str]
    applied: Callable[[str, str], str]
    indexed: Callable[[str, int], str]
    tree: Callable[[int], str]
    vector: Callable[[Sequence[str]], str]
    function: Callable[[str, str], str]
    greatest: Callable[[str], str]
    share: Callable[[str, Sequence[str], str], str]
    signs: Mapping[str, str]

    def number(self, value: float) -> str:
        """Return a number as the language writes it."""
        return self.language.number(value)

    def chance(self, value: float) -> str:
        """Return a probability, of which the eye needs three digits."""
        return self.language.number(value if self.digits is None else round(value, 3))


def shortest(value: float, digits: int | None) -> str:
    """Return a number as decimal text: as short as reads back as the same float, or rounded.

    Rounding for the eye keeps all digits before the point: 1987.4 with 3 digits is 1987.
    """
    if digits is not None and value != int(value):
        size = math.floor(math.log10(abs(value)))
        value = round(value, max(digits - 1 - size, 0))
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa


def sums(dots: str) -> s.Custom:
    """Return the spelling of `lin` for people: no term of weight 0, runs of trees in brackets."""

    def spelled(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        weights = n.data.weights.tolist()
        rows = [(w, x, arg) for w, x, arg in zip(weights, n.args, args, strict=True) if w != 0]
        terms: list[tuple[bool, Written]] = []
        for (w, is_tree), group in groupby(rows, key=lambda r: (r[0], r[1].op is ops.TREE)):
            parts = [arg for _, _, arg in group]
            if is_tree and len(parts) > 1:
                parts = _run(parts, dots)
                parts = parts if w == 1 else [Written(" + ".join(p.text for p in parts), s.SUM)]
            terms += [(w < 0, _term(speller, abs(w), arg)) for arg in parts]
        if any(x.op is ops.SQUARED_DISTANCE for x in n.args):
            terms = [part for negative, term in terms for part in _opened(negative, term)]
        inside = n not in speller.named
        return _joined(speller.language, n.data.bias, terms, inside=inside)

    return spelled


def _opened(negative: bool, term: Written) -> list[tuple[bool, Written]]:
    """Return the terms of a sum of squares that is added: it needs no brackets."""
    if negative or term.level != s.SUM:
        return [(negative, term)]
    signed = [(part[0] == "-", part.lstrip("+-").lstrip()) for part in terms_of(term.text)]
    return [(minus, Written(text, s.PRODUCT)) for minus, text in signed]


def singles(dots: str, other: s.Spelling) -> s.Custom:
    """Return the spelling of a sum in float32 for people: trees as an ordinary sum.

    That each partial sum is rounded to float32 is said below the formula, not in it.
    """
    spelled = sums(dots)

    def written(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        constants = [float(a.data) for a in n.args if a.op is ops.CONST]
        trees = [a for a in n.args if a.op is ops.TREE]
        if not trees or len(constants) + len(trees) < len(n.args):
            return other(args)
        # What is left of trees that have one leaf stands with the base score.
        plain = ops.linear(math.fsum(constants), [1.0] * len(trees), trees)
        texts = [text for a, text in zip(n.args, args, strict=True) if a.op is ops.TREE]
        return spelled(speller, plain, texts)

    return written


def distances(square: Callable[[Written], Written]) -> s.Custom:
    """Return the spelling of a squared distance for people: a sum of weighted squares."""

    def spelled(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        terms = [
            (w < 0, _term(speller, abs(w), square(_joined(speller.language, -c, [(False, x)]))))
            for w, c, x in zip(n.data.weights.tolist(), n.data.point.tolist(), args, strict=True)
            if w != 0
        ]
        return _joined(speller.language, 0.0, terms)

    return spelled


def _run(trees: Sequence[Written], dots: str) -> list[Written]:
    if len(trees) <= SHORTEST_RUN:
        return [*trees]
    return [trees[0], trees[1], Written(dots), trees[-1]]


def _term(speller: Speller, weight: float, arg: Written) -> Written:
    if weight == 1:
        return arg
    language = speller.language
    return Written(f"{language.number(weight)}{language.times}{_tight(arg)}", s.PRODUCT)


def _tight(arg: Written) -> str:
    """Return a term that can stand behind a sign: a product, but nothing with a sign itself."""
    return f"({arg.text})" if arg.level in (*range(s.PRODUCT), s.SIGN) else arg.text


def _joined(
    language: Language, bias: float, terms: Sequence[tuple[bool, Written]], *, inside: bool = False
) -> Written:
    """Return a sum; what is taken off stands last in one that stands inside: max(x + y - 7, 0)."""
    if not terms:
        return Written(language.number(bias), s.SIGN if bias < 0 else s.ATOM)
    if bias == 0 and len(terms) == 1:
        negative, term = terms[0]
        return Written("-" + _tight(term), s.SIGN) if negative else term
    if bias and len(terms) == 1 and terms[0][1].level > s.PRODUCT and not terms[0][0]:
        sign = language.minus if bias < 0 else language.plus
        return Written(terms[0][1].at(s.PRODUCT) + sign + language.number(abs(bias)), s.SUM)
    last = inside and bias < 0 and not terms[0][0]
    text = "" if bias == 0 or last else language.number(bias)
    for negative, term in terms:
        if text:
            text += (language.minus if negative else language.plus) + _tight(term)
        else:
            text = "-" + _tight(term) if negative else term.at(s.SUM)
    text += language.minus + language.number(-bias) if last else ""
    return Written(text, s.SUM)


def place(factor: Node) -> tuple[bool, int]:
    """Return where a factor stands in a product: numbers, inputs in their order, all else."""
    x = factor.args[0] if factor.op is ops.POW else factor
    return factor.op is not ops.CONST, x.data if x.op is ops.INPUT else sys.maxsize


def is_indicator(n: Node) -> bool:
    """Tell whether a node is 1 where a condition holds and 0 elsewhere."""
    return (
        n.op is ops.WHERE
        and n.type is Type.REAL
        and n.args[1] is ops.const(1.0)
        and n.args[2] is ops.const(0.0)
    )


def terms_of(text: str, quote: str = "") -> list[str]:
    """Return an expression split at those soft breaks that stand outside all brackets.

    Args:
        quote: the sign between which brackets are part of a name.
    """
    parts, depth, quoted = [""], 0, False
    for piece in re.split(rf"([`()\[\]{{}}{BREAK}])", text):
        if piece == quote != "":
            quoted = not quoted
        elif not quoted:
            depth += (piece in _OPENS) - (piece in _CLOSES)
        if piece == BREAK and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


_OPENS, _CLOSES = ("(", "[", "{"), (")", "]", "}")
