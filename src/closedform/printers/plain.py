"""The spellings of plain text: names, numbers and operations, as they can be pasted back."""

from __future__ import annotations

import keyword
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedform import ops
from closedform.ir import Node
from closedform.ops.named import ROOTS, named
from closedform.printers import spell as s
from closedform.printers.scribe import (
    Scribe,
    distances,
    is_indicator,
    place,
    shortest,
    singles,
    sums,
)
from closedform.printers.spell import BREAK, Language, Speller, Spelling, Written, call, infix

FUNCTIONS = (
    *("exp", "log", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "softplus", "erf"),
    *("probit", "sin", "cos", "atan", "asin", "acos", "floor", "sign"),
)
WORDS = {"pi": "pi", "e": "exp(1)", **{f"sqrt {n}": f"sqrt({n})" for n in ROOTS}}
"""What numbers with a name are made of; `e` by itself is more often a column."""

RESERVED = frozenset({*FUNCTIONS, *keyword.kwlist, "max", "min", "missing", "float32", "inf", "pi"})
"""Words that mean something in an expression; an input of that name is put in backquotes."""

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass
class Numerals:
    """Writes numbers with all digits, or so many, and remembers whether that changed any."""

    digits: int | None = None
    rounded: bool = False

    def __call__(self, value: float) -> str:
        """Return a number as text."""
        if value != value:
            return "missing"
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        if name := named(value):
            return "-" * (value < 0) + name.spelt(WORDS)
        text = shortest(value, self.digits)
        self.rounded = self.rounded or (self.digits is not None and float(text) != value)
        return text


def printable(name: str) -> str:
    """Return a name on one line: control characters as Python escapes them."""
    if name.isprintable():
        return name
    escaped = name.replace("\\", "\\\\")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)


def name_text(name: str) -> str:
    """Return a name in an expression: in backquotes unless it is an identifier."""
    if name.isidentifier() and name.lower() not in RESERVED:
        return name
    quote = "`" if "`" not in name else '"'
    return f"{quote}{printable(name)}{quote}"


def spoken_text(name: str) -> str:
    """Return a name in a rule: as it is, in backquotes where it could be taken for more."""
    odd = any(c in "<>=`,{}:;\"'" for c in name) or name.strip() != name or not name.isprintable()
    words = {"and", "or", "is", "in", "not", "when", "if"} & set(name.split())
    return name_text(name) if odd or words or not name else name


def word_text(label: Any) -> str:
    """Return a class or category in a rule; quoted where it could be taken for more."""
    text = str(label)
    plain = text and text.isprintable() and text.strip() == text and text[0] not in "'\"`"
    return text if plain and not set(text) & set("{},;→") else repr(label)


def label_text(label: Any) -> str:
    """Return a category in an expression."""
    return repr(label)


def _product(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    """Factors, numbers first; x·x is x^2."""
    count = Counter(zip(n.args, args, strict=True))
    order = sorted(count.items(), key=lambda item: place(item[0][0]))
    parts = [a.at(s.POWER) if k == 1 else f"{a.at(s.ATOM)}^{k}" for (_, a), k in order]
    return Written("*".join(parts), s.PRODUCT if len(parts) > 1 else s.POWER)


def _squared(base: Written) -> Written:
    return Written(f"{base.at(s.ATOM)}^2", s.POWER)


def _kth(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return call("kth_smallest")([Written(str(n.data)), *args])


def _median(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    number = speller.language.number
    parts = [f"{a.text}: {number(w)}" for a, w in zip(args, n.data, strict=True)]
    return Written("weighted_median(" + f",{BREAK}".join(parts) + ")")


def _comparison(sign: str, turned: str) -> s.Custom:
    def spelled(_: Speller, n: Node, args: Sequence[Written]) -> Written:
        a, b = (x.at(s.COMPARE + 1) for x in args)
        swap = n.args[0].op is ops.CONST
        return Written(f"{b} {turned} {a}" if swap else f"{a} {sign} {b}", s.COMPARE)

    return spelled


def _not(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    if n.args[0].op is ops.ABSENT:
        return Written(args[0].text.removesuffix("is missing") + "is not missing", s.COMPARE)
    return Written("not " + args[0].at(s.NOT), s.NOT)


def _member(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    labels = ", ".join(speller.language.label(v) for v in n.data)
    return Written(f"{args[0].at(s.COMPARE + 1)} in {{{labels}}}", s.COMPARE)


def _where(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    if is_indicator(n):
        return Written(f"[{args[0].text}]")
    return CHOICE(args)


def _truth(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    """An indicator in an expression that can be pasted: a comparison counts as 1 or 0."""
    return Written(f"({args[0].text})") if is_indicator(n) else CHOICE(args)


def _named_only(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    """A tree, table or curve, which is written in a form of its own, under its name."""
    return call(n.op.name)(args)


CHOICE = Spelling("{1} if {0} else {2}", s.CHOICE, (s.OR, s.OR, s.CHOICE))

SPELL: dict[str, Spelling | s.Custom] = {
    "lin": sums("…"),
    "squared_distance": distances(_squared),
    "sum32": singles("…", Spelling("sum32({})", join=f",{BREAK}")),
    "kth": _kth,
    "weighted_median": _median,
    "mul": _product,
    "div": infix("/", s.PRODUCT, s.POWER),  # y/-2*x would be (y/-2)*x
    "pow": Spelling("{0}^{1}", s.POWER, (s.ATOM, s.ATOM)),  # x^2^3 would be x^(2^3)
    **{name: call(name) for name in FUNCTIONS},
    "round32": call("float32"),
    "min": call("min"),
    "max": call("max"),
    "less": _comparison("<", ">"),
    "less_equal": _comparison("<=", ">="),
    "equal": infix(" = ", s.COMPARE, s.COMPARE + 1),
    "member": _member,
    "missing": Spelling("{0} is missing", s.COMPARE, (s.SUM,)),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=" and "),
    "or": Spelling(level=s.OR, needs=(s.OR + 1,), join=" or "),
    "not": _not,
    "where": _where,
    "tree": _named_only,
    "table": _named_only,
    "piecewise": _named_only,
}

UNPASTED = frozenset({"tree", "table", "piecewise", "member", "kth", "sum32",
                      "weighted_median"})  # fmt: skip
PASTED = {
    **{k: v for k, v in SPELL.items() if k not in UNPASTED},
    "missing": call("missing"),
    "not": Spelling("not {0}", s.NOT, (s.NOT,)),
    "where": _truth,
}
"""The same for one line, which `compare` reads back: no words that it does not know."""

SIGNS = {
    **{sign: sign for sign in ("<", "<=", ">", ">=", "=", "≠", "in", "not in", "{", "}")},
    **{
        "x": "x",
        "W": "W",
        "b": "b",
        "g": "g",
        "class": "class",
        "dot": "·",
        "dots": "…",
        "space": " ",
        "always": "always",
        "that is": "that is",
        "any two classes a": "any two classes a",
    },
    **{word: word for word in ("is missing", "is not missing", "missing", "other")},
    "or missing": "(or missing)",
}


def _share(function: str, words: Sequence[str], g: str) -> str:
    if len(words) > 6:
        return f"{function}({g}(c)) / (the sum of {function}({g}(k)) over all classes k)"
    total = f"{BREAK}+ ".join(f"{function}({g}({w}))" for w in words)
    return f"{function}({g}(c)) / ({total})"


def scribe(number: Numerals, *, pasted: bool = False) -> Scribe:
    """Return how plain text is written; `pasted` so that `compare` can read it back."""
    language = Language("text", number, label_text, PASTED if pasted else SPELL, times="*")
    return Scribe(
        language=language,
        digits=number.digits,
        name=name_text,
        spoken=spoken_text,
        word=word_text,
        applied=lambda function, x: f"{function}({x})",
        indexed=lambda name, i: (name + str(i).translate(SUBSCRIPTS) if len(name) == 1
                                 else f"{name}_{i}"),
        tree=lambda i: f"tree {i}",
        vector=lambda parts: "(" + f",{BREAK}".join(parts) + ")",
        function=lambda name, x: f"{name}({x})",
        greatest=lambda score: f"the class c with the greatest {score}",
        share=_share,
        signs=SIGNS,
    )  # fmt: skip
