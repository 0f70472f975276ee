"""The rows in ranges of each input: what a page may tell of data without showing any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from closedform.formula import Feature
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of
from closedform.reports.markup import shown

RANGES = 6
"""So many ranges an input has: of as many rows each, but for equal values."""
FEWEST = 5
"""Rows: a range with fewer is told nothing about, since that would be about single rows."""
MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Ranges:
    """The ranges of one input.

    Attributes:
        index: the position of the input.
        name: its name.
        labels: each range in words.
        codes: the range of each row, shape (rows,).
        limits: of a number, the least and greatest of each range; of a category, nothing.
        ordered: whether neighbours are near each other.
    """

    index: int
    name: str
    labels: tuple[str, ...]
    codes: Array
    limits: tuple[tuple[float, float], ...] = ()
    ordered: bool = True

    @property
    def counts(self) -> Array:
        """The rows in each range."""
        return np.bincount(self.codes, minlength=len(self.labels))


def ranges_of(index: int, feature: Feature, column: Array, count: int = RANGES) -> Ranges:
    """Return the ranges of an input.

    Args:
        index: its position.
        feature: the input.
        column: its values, shape (rows,): NaN is missing; of categories, codes.
        count: how many ranges.
    """
    if feature.type is Type.LABEL:
        return _categories(index, feature.name, column, count)
    here = np.isfinite(column)
    values = np.unique(column[here])
    if len(values) <= count:
        limits = [(float(v), float(v)) for v in values]
        codes = np.searchsorted(values, column)
    else:
        cuts = np.unique(np.quantile(column[here], np.linspace(0, 1, count + 1)[1:-1]))
        cuts = cuts[cuts > values[0]]
        codes = np.searchsorted(cuts, column, side="right")
        edges = [float(values[0]), *cuts.tolist(), float(values[-1])]
        limits = list(pairwise(edges))
    labels = [_between(lo, hi) for lo, hi in limits]
    codes = np.where(here, codes, len(labels))
    if not here.all():
        labels.append(MISSING)
    return Ranges(index, feature.name, tuple(labels), codes.astype(int), tuple(limits))


def _between(lo: float, hi: float) -> str:
    return shown(lo) if lo == hi else f"{shown(lo)} to {shown(hi)}"


def _categories(index: int, name: str, column: Array, count: int) -> Ranges:
    """Return the commonest categories, and all others as one."""
    found, inverse, rows = np.unique(column, return_inverse=True, return_counts=True)
    order = np.argsort(-rows, kind="stable")
    kept = order if len(order) <= count else order[: count - 1]
    place = np.full(len(found), len(kept))
    place[kept] = np.arange(len(kept))
    said = labels_of(found).tolist()
    labels = [MISSING if said[k] is None else str(said[k]) for k in kept]
    if len(kept) < len(order):
        labels.append(f"{len(order) - len(kept)} others")
    return Ranges(index, name, tuple(labels), place[inverse], ordered=False)


def crossed(a: Ranges, b: Ranges, values: Array) -> tuple[Array, Array]:
    """Return the mean of some values over the ranges of two inputs, and the rows in each cell.

    Returns:
        Two arrays of shape (ranges of a, ranges of b); a mean of fewer than `FEWEST` rows is NaN.
    """
    shape = (len(a.labels), len(b.labels))
    fine = np.isfinite(values)
    cells = a.codes[fine] * shape[1] + b.codes[fine]
    rows = np.bincount(cells, minlength=shape[0] * shape[1])
    sums = np.bincount(cells, values[fine], minlength=shape[0] * shape[1])
    means = np.where(rows >= FEWEST, sums / np.maximum(rows, 1), np.nan)
    return means.reshape(shape), rows.reshape(shape)


def along(a: Ranges, values: Array) -> tuple[Array, Array]:
    """Return the mean of some values in each range, NaN of fewer than `FEWEST` rows; and rows."""
    whole = Ranges(-1, "", ("",), np.zeros(len(values), dtype=int))
    means, rows = crossed(a, whole, values)
    return means[:, 0], rows[:, 0]


def spread(columns: Sequence[Array]) -> Array:
    """Return the standard deviation of each column, 1 where it has none."""
    found = np.array([np.nanstd(c) if np.isfinite(c).any() else 0.0 for c in columns])
    return np.where(found > 0, found, 1.0)
