"""Additive scores of binned columns: a number for each bin, or for each cell of several columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.ops.payloads import Label, Pieces

MISSING = 0
"""The bin of a missing value; the last bin is that of an unseen category."""


@dataclass(frozen=True, eq=False)
class Cuts:
    """The bins of a number: 0 for none, 1 below the first cut, 2 from there on, and so forth.

    One bin more, the last, is that of what is no number at all.
    """

    edges: Array

    @property
    def count(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 3

    def look_up(self, x: Node, values: Array) -> Node:
        """Return the number of the bin that x lies in; shape of `values`: (bins,)."""
        inner = values[1:-1]
        # Neighbouring bins of one value are one stretch: of 600 bins of an EBM, 60 are left.
        kept = np.flatnonzero(np.concatenate([[True], inner[1:] != inner[:-1]]))
        missing = float(values[MISSING])
        # Where what is no number has another value, the column is kept, and so refuses it.
        if (values == missing).all():
            return ops.const(missing)
        return ops.piecewise(x, Pieces.of(self.edges[kept[1:] - 1], inner[kept], missing=missing))


@dataclass(frozen=True, eq=False)
class Groups:
    """The bins of a category: 0 for none, those of `bins` for the known, and the last for others.

    Attributes:
        bins: the bin of each category.
        count: how many bins there are.
    """

    bins: Mapping[Label, int]
    count: int

    def look_up(self, x: Node, values: Array) -> Node:
        """Return the number of the bin that x lies in; shape of `values`: (bins,)."""
        default = float(values[-1])
        entries = {label: float(values[i]) for label, i in self.bins.items()}
        return ops.table(x, entries, default, float(values[MISSING]))


Bins = Cuts | Groups


def cell_score(columns: Sequence[Node], bins: Sequence[Bins], values: Array) -> Node:
    """Return the number that stands in the cell of some columns.

    Args:
        columns: the columns.
        bins: those of each column.
        values: a number for each cell, shape (bins of the first column, …).
    """
    if len(columns) == 1:
        return bins[0].look_up(columns[0], values)
    numbers = []
    for axis, (x, own) in enumerate(zip(columns, bins, strict=True)):
        values, group = _merged(values, axis)
        numbers.append(own.look_up(x, group.astype(np.float64)))
    strides = [float(prod(values.shape[i + 1 :])) for i in range(values.ndim)]
    cell = ops.linear(0.0, strides, numbers)
    found, counts = np.unique(values, return_counts=True)
    usual = float(found[counts.argmax()])
    entries = {i: v for i, v in enumerate(values.ravel().tolist()) if v != usual}
    return ops.table(cell, entries, usual, usual) if entries else ops.const(usual)


def _merged(values: Array, axis: int) -> tuple[Array, Array]:
    """Return the values with bins of one column merged that differ nowhere, and the new numbers.

    Half of the bins of a pair that a machine has learned are their neighbours' twins.
    """
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return values.take(first[order], axis=axis), np.argsort(order)[inverse.ravel()]
