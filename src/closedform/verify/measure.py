"""How far two columns are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node


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

    Without the ends it is not greater than with them, and not less than 1e-4 of that.
    """
    finite = np.sort(expected[np.isfinite(expected)])
    ends = max(1, int(OUTLYING * len(finite))) if len(finite) >= MANY else 0
    with np.errstate(all="ignore"):
        whole = _deviation(finite)
        inner = _deviation(finite[ends : len(finite) - ends])
    return max(min(whole, inner), LEAST_SPREAD * whole)


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
    near: Array = top[:, 1] - top[:, 0] <= within * np.maximum(1.0, np.abs(top[:, 1]))
    return near


def ties_in_order(formula: Formula, columns: Sequence[Array], rows: int) -> Array:
    """Return where the k-th smallest of some numbers and the next are equal, shape (rows,).

    A model of neighbours then takes those that its search finds first, and a formula cannot know
    which; so far out that all distances are the same double, that is so of all training rows.

    Args:
        columns: the inputs, as `columns_of` gives them.
        rows: how many rows there are.
    """
    tests = []
    compared = {a for n in formula.nodes if n.op in (ops.LESS, ops.LESS_EQUAL) for a in n.args}
    for n in formula.nodes:
        if n in compared and n.op is ops.KTH and n.data < len(n.args):
            after = ops.kth(n.data + 1, *n.args)
            tests.append(ops.less_equal(after, ops.lin(0, (1 + TIE, n))))
    if not tests:
        return np.zeros(rows, dtype=bool)
    found: Array = compute([ops.either(*tests)], columns, rows)[0]
    return found


SHAKEN = 8
"""Times what 4 units of rounding in the inputs make of an output: models round at each step."""


def moves_of(output: Node, columns: Sequence[Array], rows: int) -> Array:
    """Return how far an output moves where each input moves by 4 units of rounding, shape (rows,).

    Infinite where it turns missing or infinite, or back. Of 4 draws of the signs, the greatest.
    """
    random = np.random.default_rng(0)
    before = compute([output], columns, rows)[0]
    found = np.zeros(rows)
    for _ in range(4):
        signs = random.choice([-1.0, 1.0], (len(columns), rows))
        moved = [_moved(c, s) for c, s in zip(columns, signs, strict=True)]
        apart = gap(before, compute([output], moved, rows)[0], 1.0)
        found = np.maximum(found, np.where(apart.one_missing, np.inf, apart.absolute))
    return found


def _moved(column: Array, signs: Array) -> Array:
    """Return a column with its numbers moved; whole ones may be places, and stay."""
    if column.dtype.kind != "f":
        return column
    whole = (column == np.floor(column)) & (np.abs(column) < 2.0**53)
    return np.where(whole, column, column * (1 + signs * 2.0**-50))


def terms_of(output: Node, columns: Sequence[Array], rows: int) -> Array:
    """Return Σ |wᵢ·xᵢ| of an output that is a sum, shape (rows,); 0 of any other, and of infinity.

    Args:
        output: a node over the inputs.
        columns: the inputs, as `columns_of` gives them.
        rows: how many rows there are.
    """
    if output.op is not ops.LIN:
        return np.zeros(rows)
    sizes = [ops.absolute(x) for x in output.args]
    with np.errstate(all="ignore"):
        whole = ops.linear(abs(output.data.bias), np.abs(output.data.weights), sizes)
        found: Array = np.nan_to_num(compute([whole], columns, rows)[0], posinf=0.0)
    return found
