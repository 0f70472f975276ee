"""Inputs that go together: where one of them moves alone, rows come out that cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.explain.sides import Sides
from closedform.ir import Array, Type

TOGETHER = 0.64
"""The share of the variance of one input that another explains: a rank correlation of 0.8."""
ROWS = 2000
MOST_LABELS = 50
"""Labels: a column of more is a name rather than a category."""


def groups(sides: Sides, picked: Sequence[int] | None = None) -> tuple[tuple[int, ...], ...]:
    """Return the groups of inputs that are strongly related, each by ascending positions.

    Numbers are compared by rank (Spearman 1904), a category with anything by the share of the
    variance that its labels explain (of another category: Goodman and Kruskal's τ, 1954), adjusted
    for their number. Whoever is related to one of a group belongs to it.

    Args:
        sides: the rows.
        picked: the inputs that are compared; default: all.
    """
    few = sides.some(ROWS)
    chosen = range(len(few.features)) if picked is None else picked
    views = {i: view for i in chosen if (view := _view(few, i)) is not None}
    found = list(views)
    near = _shares([views[i] for i in found], [few.features[i].type for i in found])
    group = np.arange(len(found))
    for a, b in np.argwhere(near >= TOGETHER):
        group[group == group[b]] = group[a]
    parts = [tuple(sorted(found[k] for k in np.flatnonzero(group == g))) for g in np.unique(group)]
    return tuple(sorted(part for part in parts if len(part) > 1))


def _view(sides: Sides, i: int) -> Array | None:
    """Return an input as columns of mean 0, shape (rows, columns); None where it never varies.

    A number is its rank, a category one column a label.
    """
    column = sides.columns[i]
    if sides.features[i].type is Type.LABEL:
        labels = np.unique(column)
        if not 1 < len(labels) <= MOST_LABELS:
            return None
        made = (column[:, None] == labels).astype(float)
    else:
        known = np.isfinite(column)
        if not known.any() or np.ptp(column[known]) == 0:
            return None
        made = _ranks(np.where(known, column, np.median(column[known])))[:, None]
    return np.asarray(made - made.mean(axis=0))


def _ranks(column: Array) -> Array:
    """Return the rank of each value, equal ones sharing theirs."""
    _, place, count = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=float)


def _shares(views: Sequence[Array], types: Sequence[Type]) -> Array:
    """Return what each input explains of each other, shape (inputs, inputs), 0 on the diagonal."""
    size = len(views)
    near = np.zeros((size, size))
    numbers = [k for k, kind in enumerate(types) if kind is Type.REAL]
    if len(numbers) > 1:
        near[np.ix_(numbers, numbers)] = np.corrcoef(np.hstack([views[k] for k in numbers]).T) ** 2
    for a in (k for k, kind in enumerate(types) if kind is Type.LABEL):
        for b in range(size):
            near[a, b] = near[b, a] = max(near[a, b], _explained(views[a], views[b]))
    np.fill_diagonal(near, 0.0)
    return near


def _explained(labels: Array, other: Array) -> float:
    """Return the share of the variance of columns that labels explain, adjusted."""
    rows, count = labels.shape
    within = np.linalg.lstsq(labels, other, rcond=None)[0]
    left = ((other - labels @ within) ** 2).sum() / (other**2).sum()
    return float(1 - left * (rows - 1) / max(rows - count, 1))
