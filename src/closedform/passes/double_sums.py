"""Sums in float32 as ordinary sums: an approximation, with a proven bound on each sum's error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closedform import ops
from closedform.evaluate import bounds
from closedform.formula import Formula, Step
from closedform.ir import Interval, Node, rewrite

UNIT = 2.0**-24
"""Half the distance of two float32 numbers, relative: what one rounding is off by at most."""
TINY = 2.0**-150
"""The same for sums too small to be normal."""


def double_sums(formula: Formula) -> Formula:
    """Return the formula with every sum in float32 (XGBoost's) as an ordinary one.

    Returns:
        The formula, with a Step "double sums" of kind "approx" where there was one to replace. Its
        `found` is {"sums": how many, "moved": how far any of them may be from what it was}. The
        bound is proven: Σ u·|sₖ| over the partial sums sₖ, and u·|xᵢ| for what is rounded before it
        is added, u = 2⁻²⁴ (Higham, Accuracy and Stability, 2002, §4.2), for the greatest partial
        sums that there can be; infinite where a sum has no bound. An output behind a link moves by
        that times the link's slope, at most a quarter for a probability.
    """
    sums = [n for n in formula.nodes if n.op is ops.SUM32]
    if not sums:
        return formula
    ranges = bounds([x for n in sums for x in n.args], {})
    worst, at = 0.0, 0
    for n in sums:
        worst = max(worst, _error(ranges[at : at + len(n.args)], n.args))
        at += len(n.args)
    became = rewrite(formula.roots, _ordinary)
    made = formula.with_outputs(became)
    step = Step("double sums", "approx", {}, {"sums": len(sums), "moved": worst})
    return replace(made, trail=(*made.trail, step))


def _ordinary(n: Node) -> Node | None:
    return ops.linear(0.0, [1.0] * len(n.args), n.args) if n.op is ops.SUM32 else None


def _error(ranges: list[Interval], args: tuple[Node, ...]) -> float:
    """Return how far a sum in float32 may be from the exact one."""
    sizes = np.array([max(abs(x.lo), abs(x.hi)) if not x.empty else 0.0 for x in ranges])
    if not np.isfinite(sizes).all():
        return float("inf")
    rounded = sum(UNIT * s + TINY for s, x in zip(sizes, args, strict=True) if not _is_single(x))
    partial = np.cumsum(sizes) * (1 + UNIT * len(sizes))
    # 1.01: for the rounding of this bound, and of the ordinary sum, in float64.
    return float(1.01 * (rounded + np.sum(UNIT * partial[1:] + TINY)))


def _is_single(x: Node) -> bool:
    """Tell whether every value of a node is a float32 already."""
    if x.op is ops.TREE:
        return bool((x.data.values == x.data.values.astype(np.float32)).all())
    return x.op is ops.CONST and float(np.float32(x.data)) == x.data
