"""Every node of a graph as a box, and every use of a node as an arrow."""

from __future__ import annotations

import math
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers.picture import Picture
from closedform.printers.scribe import shortest

SIGNS = {
    **{"mul": "×", "div": "÷", "pow": "power", "abs": "|x|", "sqrt": "√", "round32": "to float32"},
    **{"less": "<", "less_equal": "≤", "equal": "=", "missing": "is missing", "where": "if"},
    **{"sum32": "Σ in float32", "squared_distance": "Σ w·(x − c)²", "weighted_median": "median"},
    **{"min": "least", "max": "greatest"},
}
"""What an operation is called where its own name would not do."""

PLACES = {
    "div": ("above", "below"),
    "pow": ("base", "exponent"),
    "less": ("left", "right"),
    "less_equal": ("left", "right"),
    "where": ("if", "then", "else"),
}
"""What is said on the arrows into an operation whose arguments have places."""

FEW_ROWS = 8
"""Rows of a table, and signs of a set, that are shown in a box."""


def graph(formula: Formula) -> Picture:
    """Return the picture of a formula: one box for each node, one more for each output."""
    made = Picture()
    place: dict[Node, int] = {}
    for n in formula.nodes:
        place[n] = made.add(kind_of(n), *_lines(formula, n))
        for i, x in enumerate(n.args):
            made.join(place[x], place[n], _said(n, i))
    for name, n in formula.outputs.items():
        made.join(place[n], made.add("output", name))
    return made


def kind_of(n: Node) -> str:
    """Return what a node is drawn as."""
    if n.op in (ops.CONST, ops.LABEL):
        return "constant"
    return "input" if n.op is ops.INPUT else "value"


def number(value: float) -> str:
    """Return a number as it reads back: as short as can be."""
    if value != value:
        return "missing"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return shortest(value, None)


def _lines(formula: Formula, n: Node) -> tuple[str, ...]:
    name = formula.names.get(n, "")
    return (f"{name} =" if name else "", *_content(formula, n))


def _content(formula: Formula, n: Node) -> tuple[str, ...]:
    if n.op is ops.INPUT:
        return (formula.inputs[n.data].name or "(no name)",)
    if n.op is ops.CONST:
        return (str(n.data) if n.type is Type.BOOL else number(n.data),)
    if n.op is ops.LABEL:
        return (word(n.data[0]),)
    if n.op is ops.LIN:
        return (f"{number(n.data.bias)} + Σ" if n.data.bias else "Σ",)
    return _payload(n)


def word(label: Any) -> str:
    """Return a class or category; the missing one is called that."""
    return "missing" if label is None else str(label)


def _payload(n: Node) -> tuple[str, ...]:
    if n.op is ops.TREE:
        splits = n.data.splits
        return ("tree", f"{int(splits.leaf.sum())} leaves, depth {splits.depth}")
    if n.op is ops.TABLE:
        pairs = zip(n.data.labels, n.data.values.tolist(), strict=True)
        rows = [f"{word(k)}: {number(v)}" for k, v in pairs]
        rest = (f"other: {number(n.data.default)}", f"missing: {number(n.data.missing)}")
        return ("table", *_few(rows), *rest)
    if n.op is ops.PIECEWISE:
        count, degree = len(n.data.coefs), n.data.coefs.shape[1] - 1
        return ("curve", f"{count} pieces of degree {degree}")
    if n.op is ops.MEMBER:
        return ("is one of", *_few([word(v) for v in n.data]))
    if n.op is ops.KTH:
        return (f"number {n.data} from below",)
    return (SIGNS.get(n.op.name, n.op.name),)


def _few(rows: list[str]) -> list[str]:
    left = len(rows) - FEW_ROWS
    return rows if left <= 0 else [*rows[:FEW_ROWS], f"… {left} more"]


def _said(n: Node, i: int) -> str:
    """Return what is said on the arrow from argument number i."""
    if n.op is ops.LIN:
        weight = float(n.data.weights[i])
        return "" if weight == 1 else number(weight)
    if n.op is ops.SQUARED_DISTANCE:
        return f"w = {number(float(n.data.weights[i]))}, c = {number(float(n.data.point[i]))}"
    if n.op is ops.WEIGHTED_MEDIAN:
        return number(n.data[i])
    return PLACES[n.op.name][i] if n.op.name in PLACES else ""
