"""The values of an input that an effect is shown at: each of them was there in some row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedform.explain.sides import Sides
from closedform.ir import Array, Type
from closedform.ops.payloads import MISSING, UNSEEN, labels_of

MOST_LABELS = 24
"""So many labels of a category are shown, the commonest."""
DECILES = np.linspace(0, 1, 11)


@dataclass(frozen=True, eq=False)
class Axis:
    """Values of one input, ascending; of a category, its labels, the commonest first.

    Attributes:
        input: its position.
        name: its name.
        values: the numbers, or the labels.
        rows: a row that holds each of them, shape (values,).
        place: to which value each row belongs, shape (all rows,): of numbers, to the least one
            that is not below; −1 where it is missing, or a label that is not shown.
        shares: the share of the rows at each value, shape (values,).
        deciles: of the numbers, from the least to the greatest, shape (11,); empty for labels.
        missing: how many rows hold no value.
    """

    input: int
    name: str
    values: tuple[float, ...] | tuple[str, ...]
    rows: Array
    place: Array
    shares: Array
    deciles: Array
    missing: int

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return len(self.deciles) > 0

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self.values)


def axis_of(sides: Sides, i: int, points: int) -> Axis:
    """Return the values of an input at which an effect is shown.

    Args:
        sides: the rows.
        i: the input's position.
        points: how many values, at quantiles of the rows.
    """
    if sides.features[i].type is Type.LABEL:
        return _of_labels(sides, i)
    column = sides.columns[i]
    known = np.flatnonzero(np.isfinite(column))
    if not len(known):
        return Axis(i, sides.names[i], (), np.zeros(0, int), np.full(sides.rows, -1), np.zeros(0),
                    np.full(11, np.nan), sides.rows)  # fmt: skip
    levels = np.linspace(0, 1, points)
    values = np.unique(np.quantile(column[known], levels, method="inverted_cdf"))
    order = known[np.argsort(column[known], kind="stable")]
    rows = order[np.searchsorted(column[order], values)]
    place = np.full(sides.rows, -1)
    place[known] = np.searchsorted(values, column[known])
    return Axis(
        i, sides.names[i], tuple(values.tolist()), rows, place,
        np.bincount(place[known], minlength=len(values)) / len(known),
        np.quantile(column[known], DECILES), int((~np.isfinite(column)).sum()),
    )  # fmt: skip


def _of_labels(sides: Sides, i: int) -> Axis:
    codes = sides.columns[i]
    there = np.flatnonzero(codes != MISSING)
    found, first, counts = np.unique(codes[there], return_index=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MOST_LABELS]
    place = np.full(sides.rows, -1)
    for k, code in enumerate(found[kept]):
        place[codes == code] = k
    names = tuple("(unknown)" if c == UNSEEN else str(labels_of(np.array([c]))[0])
                  for c in found[kept])  # fmt: skip
    return Axis(
        i, sides.names[i], names, there[first[kept]], place, counts[kept] / max(len(there), 1),
        np.zeros(0), sides.rows - len(there),
    )  # fmt: skip
