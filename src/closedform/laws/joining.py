"""Several outputs' laws as formulas with all outputs, from the shortest to the nearest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from closedform.discover.problem import Law
from closedform.length import length


def joined(fronts: Sequence[Sequence[Law]]) -> Iterator[tuple[Law, ...]]:
    """Yield one law for each output: the shortest ones first, then one step nearer at a time.

    Each step exchanges the law of the one output where a symbol buys most: the greatest fall of
    the squared error, as a share of that output's own variance, for each symbol more. So each
    formula is the best of its length among those that a line from the one before can reach (the
    lower hull of the sum of the fronts), and outputs that are hard do not keep easy ones short.

    Args:
        fronts: of each output, its laws; none may be empty.
    """
    hulls = [_hull(front) for front in fronts]
    at = [0] * len(hulls)
    yield tuple(hull[0] for hull in hulls)
    while True:
        steps = [
            (_slope(hull[i], hull[i + 1]), k)
            for k, (hull, i) in enumerate(zip(hulls, at, strict=True))
            if i + 1 < len(hull)
        ]
        if not steps:
            return
        _, k = max(steps, key=lambda step: (step[0], -step[1]))
        at[k] += 1
        yield tuple(hull[i] for hull, i in zip(hulls, at, strict=True))


def _hull(front: Sequence[Law]) -> list[Law]:
    """Return the laws from the shortest on, each the steepest step from the one before."""
    order = sorted(front, key=lambda law: (length([law.node]), law.error))
    kept = [order[0]]
    while True:
        later = [law for law in order if law.error < kept[-1].error]
        later = [law for law in later if length([law.node]) > length([kept[-1].node])]
        if not later:
            return kept
        kept.append(max(later, key=lambda law: _slope(kept[-1], law)))


def _slope(shorter: Law, longer: Law) -> float:
    more = length([longer.node]) - length([shorter.node])
    return (min(shorter.error, 1e9) ** 2 - longer.error**2) / max(more, 1)
