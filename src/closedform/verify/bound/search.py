"""Branch and bound: the greatest value over a box, from both sides.

The boxes with the greatest bounds are halved first, thousands at a time, each along the input that
adds most to its bound; where trees or steps are involved, at one of their own thresholds, so that
they end as constants. Whenever it stops, the greatest bound of all boxes, open and closed, holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.progress import Best, present
from closedform.verify.bound.rounded import LARGEST, centre

MOST = 4096
"""Boxes in one batch."""
MEMORY = 1 << 20
"""Numbers that the slopes of a batch may take together: 8 MB. A quarter of it is as fast, twice it
a fifth slower."""


@dataclass
class Halves:
    """What a bounder says of a batch of boxes.

    Attributes:
        upper: a bound of the value over each box, shape (boxes,).
        blame: what each input adds to it, shape (inputs, boxes).
        points: where the value may be great, shape (inputs, boxes).
    """

    upper: Array
    blame: Array
    points: Array


@dataclass
class Found:
    """What a search knows when it stops.

    Attributes:
        upper: no value over the box is greater.
        lower: a value that occurs.
        point: where, shape (inputs,); None where it is so everywhere.
        boxes: how many boxes were bounded.
        seconds: how long it took.
        done: whether it stopped by itself, not by the clock.
    """

    upper: float
    lower: float
    point: Any
    boxes: int = 0
    seconds: float = 0.0
    done: bool = False


@dataclass
class Search:
    """A search for the greatest value over some boxes.

    Attributes:
        bounder: boxes (inputs, boxes) twice -> Halves.
        values: points (inputs, points) -> values.
        lo, hi: the boxes to start from.
        cuts: for some inputs, the greatest numbers below their thresholds, ascending.
        batch: how many boxes at once.
        enough: (upper, lower) -> whether a box whose bound is `upper` need not be halved.
        hopeless: (lower) -> whether to stop, since a value is greater than what was asked for.
        deadline: when to stop, by `time.perf_counter`.
    """

    bounder: Callable[[Array, Array], Halves]
    values: Callable[[Array], Array]
    lo: Array
    hi: Array
    cuts: Mapping[int, Array]
    batch: int
    enough: Callable[[Array, float], Array]
    hopeless: Callable[[float], bool]
    deadline: float
    found: Found = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing known."""
        self.found = Found(np.inf, -np.inf, self.lo[:, 0])
        wide = np.where(self.hi > self.lo, self.hi - self.lo, 1.0).max(axis=1, initial=0)
        self.spread = np.minimum(wide, LARGEST)
        self.closed = -np.inf

    def try_points(self, points: Array) -> None:
        """Take the best of some points as the lower bound."""
        values = self.values(points)
        best = int(np.argmax(np.where(np.isnan(values), -np.inf, values)))
        if values[best] > self.found.lower:
            self.found.lower, self.found.point = float(values[best]), points[:, best].copy()

    def run(self) -> Found:
        """Search until it is decided, or the time is over, or Ctrl-C; the best so far holds."""
        start = time.perf_counter()
        try:
            self.found.done = self._run()
        except KeyboardInterrupt:
            present().interrupted = True  # what the same proof would search for next, too
        self.found.seconds = time.perf_counter() - start
        return self.found

    def _run(self) -> bool:
        pool, watch = Pool(self.lo.shape[0]), present()
        self._bound(pool, self.lo, self.hi, np.full(self.lo.shape[1], np.inf))
        size = 32
        while pool.size:
            if self.hopeless(self.found.lower):
                return True
            if time.perf_counter() > self.deadline or watch.interrupted:
                return False
            lo, hi, upper, at = pool.take(min(size, self.batch))
            halves = self._halved(lo, hi, at)
            self._bound(pool, *halves, np.tile(upper, 2))
            if pool.size > 50 * self.batch or size < self.batch:
                self._close(pool)
            size = min(2 * size, self.batch)
            self.found.upper = max(self.closed, pool.greatest())
            watch.offer(self._best)
        self.found.upper = self.closed
        return True

    def _best(self) -> Best:
        """Return what is known so far: a value that occurs, and what none exceeds."""
        known = f"between {self.found.lower:.4g} and {self.found.upper:.4g}"
        return Best(f"{known}, {self.found.boxes:,} boxes")

    def _bound(self, pool: Pool, lo: Array, hi: Array, above: Array) -> None:
        for first in range(0, lo.shape[1], self.batch):
            part = slice(first, first + self.batch)
            self._bound_part(pool, lo[:, part], hi[:, part], above[part])
        self._close(pool)
        self.found.upper = max(self.closed, pool.greatest())

    def _bound_part(self, pool: Pool, lo: Array, hi: Array, above: Array) -> None:
        told = self.bounder(lo, hi)
        self.found.boxes += lo.shape[1]
        upper = np.fmin(above, told.upper)
        self.try_points(told.points)
        at = self._inputs(lo, hi, told.blame)
        done = (at < 0) | self.enough(upper, self.found.lower)
        self.closed = max(self.closed, upper[done].max(initial=-np.inf))
        keep = ~done
        pool.add(lo[:, keep], hi[:, keep], upper[keep], at[keep])

    def _close(self, pool: Pool) -> None:
        """Take out of the pool what the lower bound has caught up with."""
        done = self.enough(pool.upper, self.found.lower)
        self.closed = max(self.closed, pool.upper[done].max(initial=-np.inf))
        pool.keep(~done)

    def _inputs(self, lo: Array, hi: Array, blame: Array) -> Array:
        """Return along which input each box is halved; -1 where it is a point."""
        able = np.nextafter(lo, np.inf) < hi
        for i, cuts in self.cuts.items():
            able[i] |= np.searchsorted(cuts, lo[i]) < np.searchsorted(cuts, hi[i])
        width = np.minimum(hi - lo, LARGEST) / self.spread[:, None]
        blame = np.where(np.isfinite(blame), blame, 0.0)
        total = blame.sum(axis=0)
        # Where nobody is to blame, the widest; a thousandth of that everywhere, against starving.
        share = np.where(total > 0, blame / np.where(total > 0, total, 1.0), width)
        if not able.any():
            return np.full(lo.shape[1], -1)
        score = np.where(able, share + 1e-3 * width, -1.0)
        return np.where(able.any(axis=0), score.argmax(axis=0), -1)

    def _halved(self, lo: Array, hi: Array, at: Array) -> tuple[Array, Array]:
        """Return both halves of each box: first all lower ones, then all upper ones."""
        boxes = np.arange(len(at))
        a, b = lo[at, boxes], hi[at, boxes]
        left = np.minimum(centre(a, b), np.nextafter(b, -np.inf))
        right = left.copy()
        for i in np.unique(at):
            cuts = self.cuts.get(int(i))
            if cuts is None:
                continue
            mine = np.flatnonzero(at == i)
            first, last = np.searchsorted(cuts, a[mine]), np.searchsorted(cuts, b[mine])
            some = last > first
            cut = cuts[((first + last) // 2)[some]]
            left[mine[some]], right[mine[some]] = cut, np.nextafter(cut, np.inf)
        high, low = hi.copy(), lo.copy()
        high[at, boxes], low[at, boxes] = left, right
        return np.hstack([lo, low]), np.hstack([high, hi])


class Pool:
    """The open boxes."""

    def __init__(self, inputs: int) -> None:
        """Start empty."""
        self.lo, self.hi = np.zeros((2, inputs, 0))
        self.upper, self.at = np.zeros(0), np.zeros(0, np.int64)

    @property
    def size(self) -> int:
        """How many boxes are open."""
        return len(self.upper)

    def greatest(self) -> float:
        """Return the greatest bound."""
        return float(self.upper.max(initial=-np.inf))

    def add(self, lo: Array, hi: Array, upper: Array, at: Array) -> None:
        """Add boxes."""
        self.lo, self.hi = np.hstack([self.lo, lo]), np.hstack([self.hi, hi])
        self.upper, self.at = np.append(self.upper, upper), np.append(self.at, at)

    def keep(self, which: Array) -> None:
        """Drop all others."""
        if not which.all():
            self.lo, self.hi = self.lo[:, which], self.hi[:, which]
            self.upper, self.at = self.upper[which], self.at[which]

    def take(self, count: int) -> tuple[Array, Array, Array, Array]:
        """Take out those with the greatest bounds."""
        picked = np.zeros(self.size, bool)
        if count >= self.size:
            picked[:] = True
        else:
            picked[np.argpartition(-self.upper, count)[:count]] = True
        taken = self.lo[:, picked], self.hi[:, picked], self.upper[picked], self.at[picked]
        self.keep(~picked)
        return taken
