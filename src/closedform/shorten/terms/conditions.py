"""Terms that are 1 where a condition holds: tests of columns, joined by "and" and "or"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.rounding import significant

LEAST = 0.004
"""A condition must hold, and fail, for so much of the weight: fewer rows are an accident."""


@dataclass(frozen=True)
class Test:
    """Whether a column lies above a threshold, or at most there.

    Attributes:
        at: the position of the column.
        above: whether it holds above.
        threshold: in the units of the column less its centre.
    """

    at: int
    above: bool
    threshold: float


@dataclass(frozen=True)
class Join:
    """Two conditions of which both must hold, or one."""

    both: bool
    left: Condition
    right: Condition


Condition = Test | Join


def mask(condition: Condition, columns: Sequence[Array]) -> Array:
    """Return where a condition holds, shape (rows,)."""
    if isinstance(condition, Test):
        return np.asarray((columns[condition.at] > condition.threshold) == condition.above)
    left, right = mask(condition.left, columns), mask(condition.right, columns)
    return left & right if condition.both else left | right


def spelt(condition: Condition, columns: Sequence[Node]) -> Node:
    """Return a condition as a node."""
    if isinstance(condition, Test):
        at, x = condition.threshold, columns[condition.at]
        if x.op is ops.LIN and x.data.weights.tolist() == [1]:  # x - 100 > 40 is x > 140
            at, x = significant([at - x.data.bias], 12)[0], x.args[0]
        threshold = ops.const(at)
        return ops.less(threshold, x) if condition.above else ops.less_equal(x, threshold)
    join = ops.both if condition.both else ops.either
    return join(spelt(condition.left, columns), spelt(condition.right, columns))


def tests(condition: Condition) -> list[Test]:
    """Return all tests of a condition, from left to right."""
    if isinstance(condition, Test):
        return [condition]
    return [*tests(condition.left), *tests(condition.right)]


def negated(condition: Condition) -> Condition:
    """Return what holds where a condition does not."""
    if isinstance(condition, Test):
        return replace(condition, above=not condition.above)
    return Join(not condition.both, negated(condition.left), negated(condition.right))


def parts(condition: Condition) -> Iterator[Condition]:
    """Yield a condition and all that it consists of."""
    yield condition
    if isinstance(condition, Join):
        yield from parts(condition.left)
        yield from parts(condition.right)


def exchanged(condition: Condition, old: Condition, new: Condition) -> Condition:
    """Return a condition with one of its parts, by identity, in another form."""
    if condition is old:
        return new
    if isinstance(condition, Test):
        return condition
    left, right = (exchanged(c, old, new) for c in (condition.left, condition.right))
    return replace(condition, left=left, right=right)


def decided(condition: Condition, part: Condition, columns: Sequence[Array]) -> tuple[Array, Array]:
    """Return where a condition holds whatever a part says, and where the part decides it."""
    if condition is part:
        rows = len(columns[0])
        return np.zeros(rows, dtype=bool), np.ones(rows, dtype=bool)
    if isinstance(condition, Test):
        return mask(condition, columns), np.zeros(len(columns[0]), dtype=bool)
    held, open_ = decided(condition.left, part, columns)
    held_too, open_too = decided(condition.right, part, columns)
    if condition.both:
        decides = (open_ & (held_too | open_too)) | (open_too & (held | open_))
        return held & held_too, decides
    held = held | held_too
    return held, (open_ | open_too) & ~held


@dataclass(frozen=True)
class Split:
    """The best test of a column, where a condition is open.

    Attributes:
        gain: how much a term of this condition explains of the weighted squares.
        above: whether the test holds above the gap.
        lo, hi: the values between which the threshold lies.
    """

    gain: float
    above: bool
    lo: float
    hi: float


class Scan:
    """Finds thresholds by running sums over each sorted column."""

    def __init__(self, columns: Sequence[Array], weight: Array) -> None:
        """Sort every column once; the weights add up to 1."""
        self.columns = columns
        self.weight = weight
        self.order = [np.argsort(c, kind="stable") for c in columns]

    def best(self, at: int, residual: Array, held: Array, open_: Array) -> Split | None:
        """Return the best test of a column.

        Args:
            at: the position of the column.
            residual: shape (rows, scores), of weighted mean 0.
            held: where the condition holds in any case.
            open_: where the test decides.
        """
        order = self.order[at]
        x = self.columns[at][order]
        weight = np.where(open_, self.weight, 0.0)[order]
        moment = residual[order] * weight[:, None]
        below = np.cumsum(np.column_stack([weight, moment]), axis=0)
        fixed = np.concatenate([[self.weight[held].sum()], self.weight[held] @ residual[held]])
        splits = np.flatnonzero(x[:-1] < x[1:])
        found = [
            _best(fixed + side, splits, above)
            for side, above in ((below, False), (below[-1] - below, True))
        ]
        gain, above, i = max(found)
        return Split(gain, above, float(x[i]), float(x[i + 1])) if gain > 0 else None


def _best(sums: Array, splits: Array, above: bool) -> tuple[float, bool, int]:
    if not len(splits):
        return 0.0, above, 0
    share = sums[splits, 0]
    inside = (share > LEAST) & (share < 1 - LEAST)
    spread = np.where(inside, share * (1 - share), 1.0)
    gains = np.where(inside, (sums[splits, 1:] ** 2).sum(axis=1) / spread, 0.0)
    i = int(np.argmax(gains))
    return float(gains[i]), above, int(splits[i])


def shortest_between(lo: float, hi: float) -> float:
    """Return the number with the fewest digits in lo ≤ number < hi."""
    middle = lo + (hi - lo) / 2
    for digits in range(1, 18):
        number = significant([middle], digits)[0]
        if lo <= number < hi:
            return number
    return lo
