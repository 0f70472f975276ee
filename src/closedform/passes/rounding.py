"""Fewer digits: every number of a formula to some significant digits, and what that moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, Type, frozen, node, rewrite
from closedform.ops.named import named
from closedform.ops.payloads import Centre, Pieces, Table, Tree, Weights


def rounding(formula: Formula, digits: int, X: Any = None, *, names: bool = False) -> Formula:
    """Return the formula with every number rounded to `digits` significant decimal digits.

    Weights, thresholds, leaf values, tables and pieces are rounded; what decides which category
    or code a value is (`x = 3`) is not.

    Args:
        formula: any formula.
        digits: at least 1; from 17 on, nothing changes.
        X: rows on which to measure how far the outputs move, or None.
        names: whether numbers that have a name, as 1/3 and π/2, stay as they are.

    Returns:
        The formula, with a Step "rounding" of kind "approx". Its `found` is {"rows": None} where
        no rows were given, otherwise the number of rows, and under "moved" for each REAL output
        `{"absolute", "relative", "appeared"}`: the largest difference, the same as a share of the
        output's range on X, and the rows where only one of both is missing; under "labels" for
        each LABEL output the number of rows whose label changed.

    Raises:
        BadInput: `digits` is not a whole number from 1 on, or the rows do not fit the inputs.
    """
    if isinstance(digits, bool) or not isinstance(digits, int | np.integer) or digits < 1:
        raise BadInput(
            f"Cannot round to {digits!r} significant digits.", hint="Give a whole number from 1 on."
        )
    digits = int(digits)
    fewer = _Rounder(digits, names)
    became = rewrite(formula.roots, fewer.node)
    became |= {n: fewer.const(n) for n in formula.roots if n.op is ops.CONST}
    rounded = formula.with_outputs(became)
    found = {"rows": None} if X is None else moved(formula, rounded, X)
    step = Step("rounding", "approx", {"digits": digits}, found)
    return replace(rounded, trail=(*rounded.trail, step))


def moved(before: Formula, after: Formula, X: Any) -> dict[str, Any]:
    """Return how far each output of `after` is from that of `before` on some rows."""
    inputs, rows = columns_of(before.inputs, X, before.needed)
    # Each by itself, as `evaluate` does: sums that are computed together with others may differ
    # from the same sums alone in their last bit.
    first, second = (compute(formula.roots, inputs, rows) for formula in (before, after))
    reals: dict[str, dict[str, float]] = {}
    labels: dict[str, int] = {}
    for (name, root), a, b in zip(before.outputs.items(), first, second, strict=True):
        if root.type is Type.REAL:
            reals[name] = _distance(a, b)
        else:
            labels[name] = int((a != b).sum())
    return {"rows": rows, "moved": reals, "labels": labels}


def _distance(a: Array, b: Array) -> dict[str, float]:
    appeared = int((np.isnan(a) != np.isnan(b)).sum())
    known = ~(np.isnan(a) | np.isnan(b)) & (a != b)
    finite = a[np.isfinite(a)]
    with np.errstate(over="ignore"):
        absolute = float(np.abs(a[known] - b[known]).max(initial=0.0))
        span = float(np.ptp(finite)) if len(finite) else 0.0
    # An output that is the same on all rows has no range: its own size stands for it.
    span = span or float(np.abs(finite).max(initial=0.0))
    # A range that no double can hold is taken for the largest one.
    span = min(span, float(np.finfo(float).max))
    relative = absolute / span if span else (0.0 if absolute == 0 else np.inf)
    return {"absolute": absolute, "relative": float(relative), "appeared": appeared}


def significant(values: Sequence[float], digits: int) -> list[float]:
    """Return numbers rounded to significant decimal digits, as a reader would write them."""
    spell = f"{{:.{min(digits, 17) - 1}e}}".format
    return [float(spell(v)) for v in values]


class _Rounder:
    def __init__(self, digits: int, names: bool) -> None:
        self.digits, self.names = digits, names

    def number(self, value: float) -> float:
        return self.numbers([value])[0]

    def numbers(self, values: list[float]) -> list[float]:
        short = significant(values, self.digits)
        if not self.names:
            return short
        return [v if named(v) else s for v, s in zip(values, short, strict=True)]

    def array(self, values: Array) -> Array:
        flat = self.numbers(values.ravel().tolist())
        return frozen(np.reshape(flat, values.shape))

    def const(self, n: Node) -> Node:
        if n.op is not ops.CONST or n.type is not Type.REAL:
            return n
        return ops.const(self.number(n.data))

    def node(self, n: Node) -> Node | None:
        # Constants are rounded where they are used: `x = 3.14159` must go on meaning that number.
        if n.op is ops.EQUAL:
            return None
        args = tuple(self.const(a) for a in n.args)
        rule = _PAYLOADS.get(type(n.data))
        return node(n.op, args, n.data if rule is None else rule(self, n.data), n.type)


def _weights(fewer: _Rounder, data: Weights) -> Weights:
    return Weights(fewer.number(data.bias), fewer.array(data.weights))


def _centre(fewer: _Rounder, data: Centre) -> Centre:
    return Centre(fewer.array(data.point), fewer.array(data.weights))


def _tree(fewer: _Rounder, data: Tree) -> Tree:
    splits = replace(data.splits, threshold=fewer.array(data.splits.threshold))
    return Tree(splits, fewer.array(data.values))


def _table(fewer: _Rounder, data: Table) -> Table:
    default, missing = fewer.number(data.default), fewer.number(data.missing)
    return Table(data.labels, fewer.array(data.values), default, missing)


def _pieces(fewer: _Rounder, data: Pieces) -> Pieces:
    return replace(
        data,
        edges=fewer.array(data.edges),
        origins=fewer.array(data.origins),
        coefs=fewer.array(data.coefs),
        missing=fewer.number(data.missing),
    )


_PAYLOADS: dict[type, Callable[[_Rounder, Any], Any]] = {
    Weights: _weights,
    Centre: _centre,
    Tree: _tree,
    Table: _table,
    Pieces: _pieces,
}
