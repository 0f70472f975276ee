"""How far two columns are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import bounds, compute
from closedform.formula import Formula
from closedform.ir import NOTHING, Array, Interval, Node, ulps


@dataclass(frozen=True, eq=False)
class Gap:
    """The difference between two columns of numbers, row by row.

    Attributes:
        absolute, relative: shape (rows,); infinite where only one side is infinite, 0 where both
            are missing or equal, NaN where one side alone is missing.
        one_missing: where one side alone is missing, shape (rows,).
    """

    absolute: Array
    relative: Array
    one_missing: Array

    def over(self, tolerance: float, rounding: Array | None = None) -> Array:
        """Return the rows that differ by more than a relative tolerance, shape (rows,).

        Args:
            tolerance: relative.
            rounding: a difference that is explained, for each row; infinite where even a missing
                value is.
        """
        if rounding is None:
            found: Array = self.one_missing | (self.relative > tolerance)
            return found
        with np.errstate(all="ignore"):
            left = self.relative * (1 - rounding / self.absolute)
        return (self.one_missing & ~np.isinf(rounding)) | (left > tolerance)

    @property
    def badness(self) -> Array:
        """A number for each row that is greatest where the difference is worst."""
        return np.where(self.one_missing, np.inf, self.relative)


OUTLYING = 0.01
"""Of a column, so much at either end does not count towards its spread: one row of 442 with an
input of 1e12 made an intercept that was off by 0.5 "exact to 2e-12"."""
LEAST_SPREAD = 1e-4
"""But of the spread with all values so much is left: where nearly all are 0 but for rounding, that
rounding is no difference."""


def spread_of(expected: Array) -> float:
    """Return the standard deviation of the finite values of a column without its ends; 0 of none.

    Without the ends it is not greater than with them, and not less than 1e-4 of that. Where all
    are the same, as in a single row, it is their size: a probability of 0.2 there, and of 6e-9 on
    a row far out, is none to 9 digits of the latter.
    """
    finite = np.sort(expected[np.isfinite(expected)])
    ends = max(1, int(OUTLYING * len(finite))) if len(finite) >= MANY else 0
    with np.errstate(all="ignore"):
        whole = _deviation(finite)
        inner = _deviation(finite[ends : len(finite) - ends])
    made = max(min(whole, inner), LEAST_SPREAD * whole)
    return made or float(np.abs(finite).max(initial=0.0))


MANY = 10
"""With fewer values, none is an outlying one."""


def _deviation(values: Array) -> float:
    found = float(values.std()) if len(values) else 0.0
    return found if np.isfinite(found) else 0.0


def gap(expected: Array, got: Array, spread: float | Array) -> Gap:
    """Return how far two columns are apart, relative to max(|expected|, spread)."""
    with np.errstate(all="ignore"):
        both_missing = np.isnan(expected) & np.isnan(got)
        one_missing = np.isnan(expected) ^ np.isnan(got)
        same = both_missing | (expected == got)
        absolute = np.where(same, 0.0, np.abs(got - expected))
        scale = np.maximum(np.abs(np.where(np.isfinite(expected), expected, 0.0)), spread)
        relative = np.where(absolute == 0, 0.0, absolute / scale)
    return Gap(absolute, relative, one_missing)


def rounding(coarse: Array, fine: Array) -> Array:
    """Return how far a model is from itself in float64, shape (rows,).

    Infinite where one of the two overflows, to infinity or to what is missing.
    """
    found = gap(fine, coarse, 0.0)
    return np.where(found.one_missing, np.inf, found.absolute)


def worst_and_typical(values: Array) -> tuple[float, float]:
    """Return the greatest value and the median, missing ones left out; 0 of none."""
    known = values[~np.isnan(values)]
    return (float(known.max()), float(np.median(known))) if len(known) else (0.0, 0.0)


def labels_differ(expected: Any, got: Any) -> Array:
    """Return where two columns of labels differ, None and NaN being the same missing label."""
    left, right = (_labels(column) for column in (expected, got))
    return np.array([a != b for a, b in zip(left, right, strict=True)], dtype=bool)


def _labels(column: Any) -> list[Any]:
    values = np.asarray(column, dtype=object).reshape(-1).tolist()
    return [None if v is None or v != v else v for v in values]


TIE = 1e-12


def tied(scores: Array, within: float = TIE) -> Array:
    """Return where the two greatest scores are equal within rounding, shape (rows,).

    Args:
        scores: shape (rows, classes), or (rows, 1) for a score whose sign decides.
        within: what counts as rounding, of the greatest score. 1e-12: the folding of a scaler moves
            scores by 2e-13; more where the model itself computes in float32.
    """
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0]) <= within
    top = np.sort(scores, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):  # of scores that are all −inf, far from every class
        near: Array = top[:, 1] - top[:, 0] <= within * np.maximum(1.0, np.abs(top[:, 1]))
    return near


def ties_in_order(formula: Formula, columns: Sequence[Array], rows: int) -> Array:
    """Return where rounding may decide which of some numbers comes first, shape (rows,).

    Where the k-th smallest and the next are equal, a model of neighbours takes those that its
    search finds first, and a formula cannot know which; so far out that all distances are the same
    double, that is so of all training rows. Of the places of the greatest or smallest number the
    first of equals is right; but two that differ in the last bits may be equal for the model, as
    tanh(18) and tanh(19) are.

    Args:
        columns: the inputs, as `columns_of` gives them.
        rows: how many rows there are.
    """
    tests = []
    # A k-th smallest that is compared with nothing is a value, and the same for equal ones.
    compared = {a for n in formula.nodes if n.op in (ops.LESS, ops.LESS_EQUAL) for a in n.args}
    for n in formula.nodes:
        if n in compared and n.op is ops.KTH and n.data < len(n.args):
            after = ops.kth(n.data + 1, *n.args)
            tests.append(ops.less_equal(after, ops.lin(0, (1 + TIE, n))))
    for best in dict.fromkeys(_sought(n) for n in formula.nodes):
        if best is not None:
            tests.append(_nearly_even(best))
    if not tests:
        return np.zeros(rows, dtype=bool)
    found: Array = compute([ops.either(*tests)], columns, rows)[0]
    return found


def _sought(n: Node) -> Node | None:
    """Return the greatest or smallest of numbers that n compares one of them with."""
    if n.op is not ops.EQUAL or n.args[1].op not in (ops.MAX, ops.MIN):
        return None
    return n.args[1] if n.args[0] in n.args[1].args and len(n.args[1].args) > 1 else None


def _nearly_even(best: Node) -> Node:
    """Return whether the best of some numbers and the next differ, but by rounding alone."""
    place = len(best.args) - 1 if best.op is ops.MAX else 2
    away = ops.absolute(ops.lin(0, (1, best), (-1, ops.kth(place, *best.args))))
    near = ops.less_equal(away, ops.lin(0, (TIE, ops.absolute(best))))
    return ops.both(near, ops.less(ops.const(0.0), away))


def terms_of(outputs: Sequence[Node], columns: Sequence[Array], rows: int) -> list[Array]:
    """Return Σ |wᵢ·xᵢ| of each output that is a sum, shape (rows,); 0 of others, and of infinity.

    All outputs at once: what they share, the hidden layers of a network, is computed once.

    Args:
        outputs: nodes over the inputs.
        columns: the inputs, as `columns_of` gives them.
        rows: how many rows there are.
    """
    with np.errstate(all="ignore"):
        found = compute([_sizes(n) for n in outputs], columns, rows)
        return [np.nan_to_num(sizes, posinf=0.0) for sizes in found]


def _sizes(n: Node) -> Node:
    if n.op is not ops.LIN:
        return ops.const(0.0)
    terms = [ops.absolute(x) for x in n.args]
    return ops.linear(abs(n.data.bias), np.abs(n.data.weights), terms)


def within_rounding(outputs: Sequence[Node], columns: Sequence[Array], values: Array) -> Array:
    """Return whether outputs may have some values where all inputs move by 2 ulp, shape (rows,).

    At 1e30 that may be any value at all: of a wave, whose phase is lost, or of the chances of two
    densities whose difference is.

    Args:
        outputs: nodes over the inputs.
        columns: the inputs, as `columns_of` gives them.
        values: what the outputs are asked to be, shape (rows, outputs).
    """
    found = np.zeros(len(values), dtype=bool)
    for i, row in enumerate(values.tolist()):
        box = {j: _around(float(c[i])) for j, c in enumerate(columns) if c.dtype.kind == "f"}
        reach = bounds(outputs, box)
        found[i] = all(value in around for value, around in zip(row, reach, strict=True))
    return found


def _around(x: float) -> Interval:
    return replace(NOTHING, missing=True) if x != x else Interval(ulps(x, -2), ulps(x, 2))
