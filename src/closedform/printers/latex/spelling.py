"""The spellings of LaTeX: numbers, operations and signs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from closedform import ops
from closedform.ir import OPS, Node
from closedform.ops.named import ROOTS, Named, named
from closedform.printers import spell as s
from closedform.printers.latex.names import CLOSE, OPEN, name_latex, spelled, width_of, word_latex
from closedform.printers.scribe import (
    Scribe,
    distances,
    is_indicator,
    place,
    shortest,
    singles,
    sums,
)
from closedform.printers.spell import BREAK, Language, Speller, Spelling, Written, infix, unbroken

WIDEST_FRACTION = 18
"""Digits up to which a numerator or denominator is set above the other."""

FUNCTIONS = {
    **{name: rf"\{name}" for name in ("exp", "log", "tanh", "sin", "cos", "min", "max")},
    **{name: rf"\operatorname{{{name}}}" for name in ("sigmoid", "softplus", "erf", "relu")},
    **{
        "atan": r"\arctan",
        "asin": r"\arcsin",
        "acos": r"\arccos",
        "probit": r"\Phi^{-1}",
        "sign": r"\operatorname{sgn}",
        "tree": r"\operatorname{tree}",
    },
    **{"round32": r"\operatorname{float32}", "table": "f", "piecewise": "f"},
}


@dataclass
class Numerals:
    """Writes numbers with all digits, or so many, and remembers whether that changed any."""

    digits: int | None = None
    rounded: bool = False

    def __call__(self, value: float) -> str:
        """Return a number in maths mode."""
        if value != value:
            return r"\text{missing}"
        if math.isinf(value):
            return r"\infty" if value > 0 else r"-\infty"
        if name := named(value):
            return "-" * (value < 0) + _named(name)
        text = shortest(value, self.digits)
        self.rounded = self.rounded or (self.digits is not None and float(text) != value)
        mantissa, _, exponent = text.partition("e")
        if not exponent:
            return mantissa
        power = f"10^{{{exponent}}}"
        return mantissa[:-1] + power if mantissa in ("1", "-1") else rf"{mantissa}\times{power}"


WORDS = {"": "", "pi": r"\pi", "e": r"\mathrm{e}", **{f"sqrt {n}": rf"\sqrt{{{n}}}" for n in ROOTS}}


def _named(name: Named) -> str:
    """Return 2π/3 as a fraction."""
    base = WORDS[name.of]
    above = f"{name.times if name.times > 1 or not base else ''}{base}"
    return above if name.over == 1 else rf"\frac{{{above}}}{{{name.over}}}"


def _call(name: str) -> Spelling:
    # A function of a bracket: x² of it needs a bracket of its own.
    escaped = FUNCTIONS[name].replace("{", "{{").replace("}", "}}")
    return Spelling(escaped + "({})", s.POWER, join="," + BREAK)


def _product(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    """Factors, numbers first; x·x is x²."""
    count = Counter(zip(n.args, args, strict=True))
    order = sorted(count.items(), key=lambda item: place(item[0][0]))
    parts = [a.at(s.POWER) if k == 1 else _raised(a, str(k)) for (_, a), k in order]
    text = parts[0]
    for part in parts[1:]:
        text += (r" \cdot " if part[0].isdigit() else r"\,") + part
    return Written(text, s.PRODUCT if len(parts) > 1 else s.POWER)


def _raised(base: Written, exponent: str) -> str:
    text = base.at(s.ATOM)
    simple = len(text) == 1 or text.startswith("(") or text[1:2] == "_"
    return f"{text if simple else '{' + text + '}'}^{{{exponent}}}"


def _squared(base: Written) -> Written:
    return Written(_raised(base, "2"), s.POWER)


def _kth(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    inner = ("," + BREAK).join(a.text for a in args)
    return Written(rf"\operatorname{{smallest}}_{{{n.data}}}({inner})", s.POWER)


def _median(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    number = speller.language.number
    parts = [rf"{a.text} : {number(w)}" for a, w in zip(args, n.data, strict=True)]
    inner = ("," + BREAK).join(parts)
    return Written(rf"\operatorname{{weighted\,median}}({inner})", s.POWER)


def _power(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(_raised(args[0], unbroken(args[1].text)), s.POWER)


def _fraction(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    above, below = (unbroken(a.text) for a in args)
    if max(width_of(above), width_of(below)) <= WIDEST_FRACTION:
        return Written(rf"\frac{{{above}}}{{{below}}}", s.POWER)
    return Written(f"{args[0].at(s.PRODUCT)} / {args[1].at(s.PRODUCT + 1)}", s.PRODUCT)


def _root(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    inner = unbroken(args[0].text)
    if width_of(inner) <= 2 * WIDEST_FRACTION:
        return Written(rf"\sqrt{{{inner}}}")
    return Written(f"({args[0].text})^{{1/2}}", s.POWER)


def _log_of_more(x: Written) -> Written:
    negative = x.level == s.SIGN and x.text.startswith("-")
    inner = f"1 - {x.text[1:]}" if negative else f"1 + {x.at(s.SUM)}"
    return Written(rf"\log({inner})", s.POWER)


def _comparison(sign: str, turned: str) -> s.Custom:
    def spelled_(_: Speller, n: Node, args: Sequence[Written]) -> Written:
        a, b = (x.at(s.COMPARE + 1) for x in args)
        swap = n.args[0].op is ops.CONST
        return Written(f"{b} {turned} {a}" if swap else f"{a} {sign} {b}", s.COMPARE)

    return spelled_


def _member(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    labels = ", ".join(speller.language.label(v) for v in n.data)
    return Written(rf"{args[0].at(s.COMPARE + 1)} \in \{{{labels}\}}", s.COMPARE)


def _not(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    if n.args[0].op is ops.ABSENT:
        return Written(args[0].text.replace("is missing", "is not missing"), s.COMPARE)
    return Written(r"\text{not }" + args[0].at(s.NOT), s.NOT)


def _where(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    condition, a, b = (unbroken(x.text) for x in args)
    if is_indicator(n):
        return Written(f"[{condition}]")
    if width_of(f"{condition}{a}") > 2 * WIDEST_FRACTION or width_of(b) > 2 * WIDEST_FRACTION:
        condition, a, b = (x.text for x in args)
        return Written(rf"({a}\ {BREAK}\text{{if }} {condition},\ {BREAK}\text{{else }} {b})")
    rows = rf"{a} & \text{{if }} {condition} \\ {b} & \text{{otherwise}}"
    return Written(rf"\begin{{cases}} {rows} \end{{cases}}", s.POWER)


SPELL: dict[str, Spelling | s.Custom] = {
    "lin": sums(r"\cdots"),
    "squared_distance": distances(_squared),
    "sum32": singles(r"\cdots", Spelling(r"\operatorname{{sum32}}({})", s.POWER, join="," + BREAK)),
    "kth": _kth,
    "weighted_median": _median,
    "mul": _product,
    "div": _fraction,
    "pow": _power,
    **{name: _call(name) for name in FUNCTIONS if name in OPS},
    "log1p": lambda _, n, args: _log_of_more(args[0]),
    "expm1": Spelling(r"\exp({0}) - 1", s.SUM),
    "sqrt": _root,
    "abs": Spelling(r"\lvert {0} \rvert"),
    "floor": Spelling(r"\lfloor {0} \rfloor"),
    "less": _comparison("<", ">"),
    "less_equal": _comparison(r"\le", r"\ge"),
    "equal": infix(" = ", s.COMPARE, s.COMPARE + 1),
    "member": _member,
    "missing": Spelling(r"{0} \text{{ is missing}}", s.COMPARE, (s.SUM,)),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=r" \text{ and } "),
    "or": Spelling(level=s.OR, needs=(s.OR + 1,), join=r" \text{ or } "),
    "not": _not,
    "where": _where,
}

SIGNS = {
    **{sign: sign for sign in ("<", ">", "=")},
    **{"<=": r"\le", ">=": r"\ge", "≠": r"\ne", "in": r"\in", "not in": r"\notin"},
    **{
        "{": r"\{",
        "}": r"\}",
        "x": r"\mathbf{x}",
        "v": r"\mathbf{x}",
        "W": "W",
        "b": "b",
        "g": "g",
    },
    **{
        "class": r"\mathrm{class}",
        "dot": r"\,",
        "dots": r"\ldots",
        "space": r"\ ",
        "always": r"\text{always}",
    },
    **{f"{word}": rf"\text{{ {word}}}" for word in ("is missing", "is not missing", "or missing")},
    **{"missing": r"\text{missing}", "other": r"\text{other}", "that is": r"\text{ that is }"},
    "any two classes a": r"\text{any two classes } a",
    "or missing": rf"\text{{ {OPEN}or missing{CLOSE}}}",
}


def _applied(function: str, x: str) -> str:
    one_letter = re.fullmatch(r"[A-Za-z](_\{\d+\})?", function)
    known = function if one_letter else rf"\operatorname{{{function}}}"
    return f"{known}({x})"


def _share(function: str, classes: Sequence[str], g: str) -> str:
    name = FUNCTIONS[function]
    return rf"\frac{{{name}({g}(c))}}{{\sum_{{k}} {name}({g}(k))}}"


def scribe(number: Numerals, *, unicode: bool = False) -> Scribe:
    """Return how LaTeX is written; `unicode` where a browser sets it."""
    word = partial(word_latex, unicode=unicode)
    name = partial(name_latex, unicode=unicode)

    def label(value: Any) -> str:
        return word(value) if not isinstance(value, bool) else spelled(str(value))

    return Scribe(
        language=Language("latex", number, label, SPELL, times=r"\,"),
        digits=number.digits,
        name=name,
        spoken=name,
        word=word,
        applied=_applied,
        indexed=lambda text, i: f"{{{text}}}_{{{i}}}" if "_" in text else f"{text}_{{{i}}}",
        tree=lambda i: rf"\operatorname{{tree}}_{{{i}}}",
        vector=lambda parts: "(" + rf",\ {BREAK}".join(parts) + r")^{\top}",
        function=lambda f, x: f"{FUNCTIONS.get(f, f)}({x})",
        greatest=lambda score: rf"\operatorname*{{arg\,max}}_{{c}}\; {score}",
        share=_share,
        signs=SIGNS,
    )
