"""A table of cells and its parts, in each of which some cuts decide something and others nothing.

Sets of cells are whole numbers, one bit a cell: what is left of thousands of cells on one side of
a cut is one operation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property

import numpy as np

from closedform.ir import Array

Split = int
"""Which of the cuts of a part, by position: the same for all parts that hold the same."""
LOOKED_AT = 4096
"""Cells up to which parts are told to hold the same by looking at all of them."""


class Table:
    """What a model gives, cell by cell, without cuts that decide nothing.

    Attributes:
        values: whole numbers, one axis for each that matters, shape (cuts of it + 1, …).
        names: (axis, cut) of each cut as the model knows it, axis by axis.
        place: the axis of each cut here.
        start: the number of the first cut of each axis.
        below: the cells up to each cut.
        differs: the cells just below each cut that give something else than those just above it.
    """

    def __init__(self, values: Array, axes: Sequence[tuple[int, Array]]) -> None:
        """Leave out what decides nothing.

        Args:
            values: what each cell gives, shape (cuts + 1, …).
            axes: which axis of the model each is, and its cuts.
        """
        kept = []
        for place, (axis, cuts) in enumerate(axes):
            values, decides = _without(values, place)
            kept.append((axis, cuts[decides]))
        kept = [(axis, cuts) for axis, cuts in kept if len(cuts)]
        self.values = np.ascontiguousarray(values).reshape([len(c) + 1 for _, c in kept])
        self.names = [(axis, int(cut)) for axis, cuts in kept for cut in cuts]
        self.place = [p for p, (_, cuts) in enumerate(kept) for _ in cuts]
        self.start = np.cumsum([0, *(len(c) for _, c in kept)]).tolist()
        self.steps = [s // self.values.itemsize for s in self.values.strides]
        self.flat = self.values.reshape(-1)
        self.below, self.differs = list[int](), list[int]()
        for place, size in enumerate(self.values.shape):
            for i in range(size - 1):
                self._lay(place, i)

    def _lay(self, place: int, i: int) -> None:
        """Lay out the cells of a cut."""
        mask = np.zeros(self.values.shape, dtype=bool)
        slices, values = np.moveaxis(mask, place, 0), np.moveaxis(self.values, place, 0)
        slices[: i + 1] = True
        self.below.append(_bits(mask))
        slices[:] = False
        slices[i] = values[i] != values[i + 1]
        self.differs.append(_bits(mask))

    @property
    def whole(self) -> Part:
        """All cells."""
        return Part(self, (1 << self.values.size) - 1, tuple(range(len(self.names))))


def _without(values: Array, place: int) -> tuple[Array, Array]:
    """Return values without slices that are the one before them again, and which cuts are left."""
    moved = np.moveaxis(values, place, 0)
    flat = moved.reshape(len(moved), -1)
    decides = (flat[1:] != flat[:-1]).any(axis=1)
    return values.compress(np.append(True, decides), axis=place), decides


def _bits(mask: Array) -> int:
    return int.from_bytes(np.packbits(mask.reshape(-1), bitorder="little").tobytes(), "little")


class Part:
    """The cells between some cuts of a table.

    Attributes:
        table: of which it is a part.
        cells: which, one bit each.
        cuts: those that decide something here.
    """

    def __init__(self, table: Table, cells: int, cuts: tuple[int, ...]) -> None:
        """Keep them."""
        self.table, self.cells, self.cuts = table, cells, cuts

    def sides(self, split: Split) -> tuple[Part, Part]:
        """Return what lies up to one of the cuts, and what lies above it."""
        return self.side(split, False), self.side(split, True)

    def side(self, split: Split, above: bool) -> Part:
        """Return what lies up to one of the cuts, or above it.

        Cuts of its own axis that lie there decide as much as before.
        """
        table, cut = self.table, self.cuts[split]
        cells = self.cells & table.below[cut]
        cells = self.cells ^ cells if above else cells
        axis, place, differs = table.place[cut], table.place, table.differs
        kept = tuple(
            [
                c
                for c in self.cuts
                if ((c > cut if above else c < cut) if place[c] == axis else differs[c] & cells)
            ]
        )
        return Part(table, cells, kept)

    @cached_property
    def axes(self) -> tuple[range, ...]:
        """The positions of the cuts of each axis, the axis with most of them first."""
        place, found, first = self.table.place, list[range](), 0
        for i in range(1, len(self.cuts) + 1):
            if i == len(self.cuts) or place[self.cuts[i]] != place[self.cuts[first]]:
                found.append(range(first, i))
                first = i
        return tuple(sorted(found, key=len, reverse=True))

    @cached_property
    def corner(self) -> int:
        """The first cell."""
        return (self.cells & -self.cells).bit_length() - 1

    @cached_property
    def given(self) -> bytes | None:
        """What the cells give, one of those between neighbouring cuts each; None of many."""
        axes = sorted(self.axes, key=lambda r: r.start)
        size = 1
        for positions in axes:
            size *= len(positions) + 1
        if size > LOOKED_AT:
            return None
        found = np.array([self.corner])
        for positions in axes:
            found = np.add.outer(found, self._offsets(positions)).reshape(-1)
        return self.table.flat.take(found).tobytes()

    def _offsets(self, positions: range) -> list[int]:
        """Return how far from the corner the cells behind the cuts of an axis are."""
        table, cuts = self.table, self.cuts
        axis = table.place[cuts[positions.start]]
        step, start = table.steps[axis], table.start[axis]
        first = self.corner // step % table.values.shape[axis]
        return [0, *((cuts[i] - start + 1 - first) * step for i in positions)]

    @cached_property
    def key(self) -> Hashable:
        """What parts have in common that the same tree suits, by the positions of cuts."""
        if self.given is None:
            return self.cuts, self.corner
        return tuple(len(r) for r in sorted(self.axes, key=lambda r: r.start)), self.given

    @cached_property
    def least(self) -> int:
        """Leaves that any tree has: every cut is asked at least once, every value is given."""
        found = 1 + len(self.cuts)
        if self.given is None or len(self.cuts) < 2:
            return found
        kind = self.table.values.itemsize
        return max(found, len({self.given[i : i + kind] for i in range(0, len(self.given), kind)}))

    @property
    def value(self) -> int:
        """What the cells of a part without cuts give."""
        return int(self.table.flat[self.corner])

    def name(self, split: Split) -> tuple[int, int]:
        """Return (axis, cut) of a cut as the model knows it."""
        return self.table.names[self.cuts[split]]

    def purest(self) -> Split:
        """Return the cut whose sides hold most cells of one value each (Gini's index)."""
        inside = np.frombuffer(
            self.cells.to_bytes((self.table.values.size + 7) // 8, "little"), dtype=np.uint8
        )
        at = np.flatnonzero(np.unpackbits(inside, bitorder="little"))
        kinds, kind = np.unique(self.table.flat[at], return_inverse=True)
        worth = [self._purity(i, at, kind, len(kinds)) for i in range(len(self.cuts))]
        return int(np.argmax(worth))

    def _purity(self, split: Split, at: Array, kind: Array, kinds: int) -> float:
        table, cut = self.table, self.cuts[split]
        axis = table.place[cut]
        here = at // table.steps[axis] % table.values.shape[axis]
        below = here <= cut - table.start[axis]
        counts = [np.bincount(kind[side], minlength=kinds) for side in (below, ~below)]
        return float(sum((c.astype(float) ** 2).sum() / c.sum() for c in counts))

    def splits(self) -> Iterator[Split]:
        """Yield every cut, by position."""
        yield from range(len(self.cuts))
