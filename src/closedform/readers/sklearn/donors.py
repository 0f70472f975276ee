"""scikit-learn's KNNImputer: a missing value is the mean of the nearest rows that have one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.ir import Array, Node
from closedform.readers.reading import Columns, Reading, is_missing
from closedform.readers.sklearn.impute import with_indicator
from closedform.readers.sklearn.neighbors import FEWER_ROWS, MOST_ROWS, say_ties
from closedform.readers.sklearn.scale import indicator

MOST_CELLS = 10 * MOST_ROWS
"""Cells of the training table beyond which an imputer is refused: each is in its formula."""


@dataclass(frozen=True)
class Donors:
    """The training rows that may give values.

    Attributes:
        rows: shape (rows, columns), NaN where a value is missing.
        ranks: for each, the mean square of the differences in the columns that both have; infinite
            where they share none.
    """

    rows: Array
    ranks: list[Node]


def neighbour_imputer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Where x is missing, Σ wⱼvⱼ / Σ wⱼ over the k nearest training rows that have the value.

    The distance is that of the columns that both rows have, for each of them. Dixon, J. K. (1979),
    Pattern recognition with partly missing data, IEEE Transactions on Systems, Man, and
    Cybernetics 9(10).
    """
    kept = np.flatnonzero(model._valid_mask | bool(model.keep_empty_features)).tolist()
    if not _can_be_read(model, reading):
        return reading.placeholder([columns.names[i] for i in kept])
    if model.weights == "distance":
        reading.differs(
            "the model computes squared distances as |x|² − 2x·c + |c|², so that near a training "
            "row 1 / distance is inexact there"
        )
    rows = np.where(model._mask_fit_X, np.nan, np.asarray(model._fit_X, dtype=np.float64))
    donors = Donors(rows, _ranks(columns.nodes, rows))
    _note_ties(rows, model.n_neighbors, reading)
    made = [_imputed(model, donors, i, columns.nodes[i]) for i in kept]
    return with_indicator(model, columns.pick(kept).mapped(made), columns, reading)


def _can_be_read(model: Any, reading: Reading) -> bool:
    before = len(reading.problems)
    if model.metric != "nan_euclidean" or model.weights not in ("uniform", "distance"):
        options = f"metric={model.metric!r}, weights={model.weights!r}"
        reading.problem(
            f"KNNImputer({options}) has no formula: the code of a function is not known.",
            "Refit it with metric='nan_euclidean', and weights='uniform' or 'distance'.",
        )
    if not is_missing(model.missing_values):
        reading.problem(
            f"KNNImputer(missing_values={model.missing_values!r}) has no formula here.",
            "Refit it on NaN.",
        )
    if len(model._fit_X) > MOST_ROWS or model._fit_X.size > MOST_CELLS:
        reading.problem(
            f"This KNNImputer compares with {len(model._fit_X):,} training rows of "
            f"{model._fit_X.shape[1]} columns, and a formula would hold them all; {MOST_ROWS:,} "
            f"rows and {MOST_CELLS:,} cells are the most that are read.",
            "Use a SimpleImputer or an IterativeImputer. " + FEWER_ROWS,
        )
    return len(reading.problems) == before


def _ranks(nodes: Sequence[Node], rows: Array) -> list[Node]:
    """Return the mean square of the differences from each row, over the columns that both have.

    A missing x is replaced by the column's mean, and what that adds to the sum is taken off again:
    so all rows are measured from one set of columns.
    """
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    centre: Array = np.where(known, rows, 0.0).sum(axis=0) / count
    points = np.where(known, rows, centre)
    gone = [indicator(ops.missing(x)) for x in nodes]
    filled = [
        ops.where(ops.missing(x), ops.const(c), x)
        for x, c in zip(nodes, centre.tolist(), strict=True)
    ]
    made = []
    for point, has in zip(points, known.astype(np.float64), strict=True):
        away = ops.squared_distance(filled, point, has)
        added = ops.linear(0.0, -has * (centre - point) ** 2, gone)
        square = ops.maximum(ops.lin(0, (1, away), (1, added)), ops.const(0.0))
        both = ops.linear(has.sum(), -has, gone)
        far = ops.const(math.inf)
        shares = ops.less_equal(ops.const(1.0), both)
        made.append(ops.where(shares, ops.div(square, both), far))
    return made


def _note_ties(rows: Array, count: int, reading: Reading) -> None:
    from sklearn.metrics.pairwise import nan_euclidean_distances

    if count < len(rows):
        away = np.sort(nan_euclidean_distances(rows, rows), axis=1)
        # Half of the digits are lost where distances are small.
        tied = np.isclose(away[:, count - 1], away[:, count], rtol=1e-7, atol=0)
        say_ties(int(tied.sum()), len(rows), count, reading, "the formula counts them all")


def _imputed(model: Any, donors: Donors, i: int, x: Node) -> Node:
    values = donors.rows[:, i]
    have = np.flatnonzero(~np.isnan(values)).tolist()
    if not have:  # kept, although no row ever had a value
        return ops.const(0.0)
    ranks = [donors.ranks[j] for j in have]
    near = [ops.less(rank, ops.const(math.inf)) for rank in ranks]
    if model.n_neighbors < len(have):
        edge = ops.kth(model.n_neighbors, *ranks)
        near = [ops.both(ops.less_equal(r, edge), n) for r, n in zip(ranks, near, strict=True)]
    weights = _weights(model, ranks, near)
    total, given = total_of(weights), values[have]
    mean = ops.div(ops.linear(0.0, given, weights), total)
    nobody = ops.equal(total, ops.const(0.0))
    found = ops.where(nobody, ops.const(float(given.mean())), mean)
    return ops.where(ops.missing(x), found, x)


def _weights(model: Any, ranks: Sequence[Node], near: Sequence[Node]) -> list[Node]:
    if model.weights == "uniform":
        return [indicator(n) for n in near]
    zero = ops.const(0.0)
    here = ops.equal(ops.minimum(*ranks), zero)
    # Distances are √(columns·rank); a common factor changes no mean.
    return [
        ops.where(
            n,
            ops.where(here, indicator(ops.equal(r, zero)), ops.div(ops.const(1.0), ops.sqrt(r))),
            zero,
        )
        for r, n in zip(ranks, near, strict=True)
    ]


TRANSFORMS: dict[str, Any] = {"KNNImputer": neighbour_imputer}
ESTIMATORS: dict[str, Any] = {}
