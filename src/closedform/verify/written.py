"""A corrected expression, written so that `parse` reads it back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.ir import Node, Op, Type, fold, toposort
from closedform.passes.simplify import simplified
from closedform.verify.case import Case
from closedform.verify.vocabulary import CONSTANTS, FUNCTIONS, KEYWORDS

SHORT = 800  # characters
MOST_NODES = 200

CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, POWER, ATOM = range(9)


@dataclass(frozen=True)
class _Text:
    text: str
    level: int

    def at(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"


def written(case: Case, mine: Node) -> str:
    """Return a corrected expression with its numbers filled in, or "" where it is long."""
    closed = case.expression.closed(mine)
    short = simplified([closed])[closed]
    names = [_quoted(f.name) for f in case.formula.inputs]
    if len(toposort([short])) > MOST_NODES or any(n.op not in SPELL for n in toposort([short])):
        return ""

    def step(n: Node, *below: _Text) -> _Text:
        # Shared parts are written out each time; beyond what is shown, nobody needs them.
        text = _Text(names[n.data], ATOM) if n.op is ops.INPUT else SPELL[n.op](n, below)
        return text if len(text.text) <= SHORT else _Text("?" * (SHORT + 1), ATOM)

    text = fold([short], step)[0].text
    return text if len(text) <= SHORT else ""


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)
    taken = name.lower() in (*KEYWORDS, *FUNCTIONS, *CONSTANTS)
    return name if plain and not taken else f"`{name}`"


def _number(value: float) -> _Text:
    text = "nan" if value != value else "inf" if math.isinf(value) else repr(abs(value))
    text = text.removesuffix(".0")
    return _Text(f"-{text}", SUM) if value < 0 else _Text(text, ATOM)


def _constant(n: Node, below: Sequence[_Text]) -> _Text:
    return (
        _Text("1 < 2" if n.data else "2 < 1", COMPARE) if n.type is Type.BOOL else _number(n.data)
    )


def _sum(n: Node, below: Sequence[_Text]) -> _Text:
    terms = []
    for w, x in zip(n.data.weights.tolist(), below, strict=True):
        if w != 0:
            size = "" if abs(w) == 1 else _number(abs(w)).text + "*"
            terms.append((w < 0, size + x.at(POWER if size else PRODUCT)))
    bias = n.data.bias
    if bias != 0 or not terms:
        terms.append((bias < 0, _number(abs(bias)).text))
    first = ("-" if terms[0][0] else "") + terms[0][1]
    rest = [f" {'-' if negative else '+'} {text}" for negative, text in terms[1:]]
    level = SUM if rest or terms[0][0] else PRODUCT
    return _Text("".join([first, *rest]), level)


def _infix(sign: str, level: int, right: int) -> Spelling:
    def spell(n: Node, below: Sequence[_Text]) -> _Text:
        first, *rest = below
        left = right if level == COMPARE else level  # a < b < c is not understood
        return _Text(sign.join([first.at(left), *(x.at(right) for x in rest)]), level)

    return spell


def _power(n: Node, below: Sequence[_Text]) -> _Text:
    return _Text(f"{below[0].at(ATOM)}**{below[1].at(ATOM)}", POWER)


def _call(name: str) -> Spelling:
    return lambda n, below: _Text(f"{name}({', '.join(x.text for x in below)})", ATOM)


def _where(n: Node, below: Sequence[_Text]) -> _Text:
    condition, a, b = below
    return _Text(f"{a.at(OR)} if {condition.at(OR)} else {b.at(CHOICE)}", CHOICE)


def _label(n: Node, below: Sequence[_Text]) -> _Text:
    value = n.data[0]
    return _Text(f"'{value}'" if isinstance(value, str) else str(value), ATOM)


Spelling = Callable[[Node, Sequence[_Text]], _Text]

SPELL: dict[Op, Spelling] = {
    ops.INPUT: _label,
    ops.CONST: _constant,
    ops.LABEL: _label,
    ops.LIN: _sum,
    ops.MUL: _infix("*", PRODUCT, POWER),
    ops.DIV: _infix("/", PRODUCT, POWER),
    ops.POW: _power,
    ops.MIN: _call("min"),
    ops.MAX: _call("max"),
    ops.LESS: _infix(" < ", COMPARE, SUM),
    ops.LESS_EQUAL: _infix(" <= ", COMPARE, SUM),
    ops.EQUAL: _infix(" == ", COMPARE, SUM),
    ops.ABSENT: _call("missing"),
    ops.AND: _infix(" and ", AND, COMPARE),
    ops.OR: _infix(" or ", OR, AND),
    ops.NOT: lambda n, below: _Text(f"not {below[0].at(COMPARE)}", NOT),
    ops.WHERE: _where,
    **{op: _call(name) for name, op in ops.UNARY.items() if name in FUNCTIONS},
}
"""How each operation that `parse` knows is written."""
