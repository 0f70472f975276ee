"""The smallest tree for a table: no other gives the same in all cells with fewer tests on a path.

Dynamic programming over the parts of a table, with bounds: Vidal and Schiffer, Born-again tree
ensembles (2020). Parts that hold the same are one here: cuts that decide nothing in a part are left
out, and what is left is looked up by its values.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass

from closedform.shorten.clock import Clock
from closedform.shorten.trees.parts import Part, Split

Plan = int | tuple[int, int, "Plan", "Plan"]
"""A tree: what a leaf gives, or (axis, cut, the side up to the cut, the side above it)."""
EASY = 8
"""Cuts up to which the fewest leaves are found in milliseconds."""
LARGE = 10_000_000
"""Cells times cuts from which a cut is chosen by counting what is on its sides."""


class OutOfTime(Exception):
    """The time is over."""


@dataclass
class Known:
    """What is known of a part's shallowest tree: the depth lies in lo … hi, with a split for hi."""

    lo: int
    hi: int
    split: Split


@dataclass
class Leaves:
    """What is known of its fewest leaves within a depth: at least lo, and `found` if not None."""

    lo: int = 0
    found: int | None = None
    split: Split = 0


class Smallest:
    """The search for the smallest tree of parts; what is learned of one serves all like it."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing known."""
        self.clock = clock
        self.depths: dict[Hashable, Known] = {}
        self.leaves: dict[tuple[Hashable, int], Leaves] = {}
        self.sides: dict[Hashable, list[tuple[Split, Part, Part]]] = {}

    # --- depth ---------------------------------------------------------------------------------

    def depth(self, part: Part) -> int:
        """Return how deep the shallowest tree is.

        Raises:
            OutOfTime: before it is known.
        """
        deep = math.ceil(math.log2(part.least))
        while not self.fits(part, deep):
            deep += 1
        return deep

    def fits(self, part: Part, deep: int) -> bool:
        """Tell whether a tree of some depth gives a part.

        Raises:
            OutOfTime: before it is known.
        """
        if not part.cuts or deep >= len(part.cuts):
            return True  # no path asks about a cut twice
        if deep < 0 or 1 << deep < 1 + len(part.cuts):
            return False
        known = self._known(part)
        if deep >= known.hi or deep < known.lo:
            return deep >= known.hi
        if self.clock.out():
            raise OutOfTime
        found = (self._fitting(part, positions, deep) for positions in part.axes)
        split = next((s for s in found if s is not None), None)
        if split is None:
            known.lo = deep + 1
        else:
            known.hi, known.split = deep, split
        return split is not None

    def _known(self, part: Part) -> Known:
        known = self.depths.get(part.key)
        if known is None:
            widest = part.axes[0]
            lo = math.ceil(math.log2(part.least))
            middle = widest[len(widest) // 2]
            known = self.depths[part.key] = Known(lo, len(part.cuts), middle)
        return known

    def _fitting(self, part: Part, positions: range, deep: int) -> Split | None:
        """Return the cut of an axis both sides of which fit, or None.

        What a tree gives, it gives on any part: with the last cut whose lower side fits, the upper
        side is the smallest.
        """
        lo, hi = positions.start - 1, positions.stop
        while hi - lo > 1:
            middle = (lo + hi) // 2
            if self.fits(part.side(middle, False), deep - 1):
                lo = middle
            else:
                hi = middle
        if lo < positions.start or not self.fits(part.side(lo, True), deep - 1):
            return None
        return lo

    def shallow(self, part: Part, deep: int) -> Plan:
        """Return a tree of a depth that fits."""
        if not part.cuts:
            return part.value
        known = self._known(part)
        deep = min(deep, known.hi)
        below, above = (self.shallow(half, deep - 1) for half in part.sides(known.split))
        return *part.name(known.split), below, above

    # --- leaves --------------------------------------------------------------------------------

    def fewest(self, part: Part, deep: int, most: int) -> int:
        """Return how many leaves a tree of some depth needs, or `most` + 1 if more than `most`.

        Raises:
            OutOfTime: before it is known.
        """
        if not part.cuts:
            return 1
        deep = min(deep, len(part.cuts))
        known = self.leaves.setdefault((part.key, deep), Leaves(part.least))
        if known.found is not None:
            return min(known.found, most + 1)
        if known.lo > most or not self.fits(part, deep):
            return most + 1
        if self.clock.out():
            raise OutOfTime
        best = self._searched(part, deep, most, known)
        if best <= most:
            known.found = best
        else:
            known.lo = most + 1
        return best

    def _searched(self, part: Part, deep: int, most: int, known: Leaves) -> int:
        best = most + 1
        for split, below, above in self._promising(part):
            if below.least + above.least >= best:
                break
            first = self.fewest(below, deep - 1, best - 1 - above.least)
            if first + above.least >= best:
                continue
            total = first + self.fewest(above, deep - 1, best - 1 - first)
            if total < best:
                best, known.split = total, split
            if best == known.lo:
                break
        return best

    def leanest(self, part: Part, deep: int) -> Plan:
        """Return the tree that `fewest` has found."""
        if not part.cuts:
            return part.value
        deep = min(deep, len(part.cuts))
        split = self.leaves[part.key, deep].split
        below, above = (self.leanest(half, deep - 1) for half in part.sides(split))
        return *part.name(split), below, above

    def _promising(self, part: Part) -> list[tuple[Split, Part, Part]]:
        """Return every cut with its sides, first those after which the fewest cuts are left."""
        found = self.sides.get(part.key)
        if found is None:
            found = [(split, *part.sides(split)) for split in part.splits()]
            found.sort(key=lambda f: (f[1].least + f[2].least, max(f[1].least, f[2].least)))
            self.sides[part.key] = found
        return found

    # --- without a proof -----------------------------------------------------------------------

    def greedy(self, part: Part) -> Plan:
        """Return a tree that parts the cells by the cut after which fewest are left, and so on."""
        if not part.cuts:
            return part.value
        if len(part.cuts) <= EASY:
            with suppress(OutOfTime):
                self.fewest(part, len(part.cuts), 1 << len(part.cuts))
                return self.leanest(part, len(part.cuts))
        hurry = part.table.values.size * len(part.cuts) > LARGE or self.clock.out()
        split = part.purest() if hurry else self._promising(part)[0][0]
        below, above = (self.greedy(half) for half in part.sides(split))
        return *part.name(split), below, above


def size_of(plan: Plan) -> tuple[int, int]:
    """Return how deep a tree is, and how many leaves it has."""
    if isinstance(plan, int):
        return 0, 1
    (a, x), (b, y) = size_of(plan[2]), size_of(plan[3])
    return 1 + max(a, b), x + y
