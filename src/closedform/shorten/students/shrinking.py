"""From a fitted student down to a few constants: one formula for every size on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np

from closedform.ir import Node
from closedform.shorten.clock import Clock
from closedform.shorten.students.clearing import cleared
from closedform.shorten.students.goal import (
    Fit,
    Goal,
    count_of,
    fit,
    weights_and_biases,
)
from closedform.shorten.students.large import LARGE, refitted, thinned
from closedform.shorten.students.surgeon import Surgery

AT_ONCE = ((2000, 0.35), (200, 0.2), (60, 0.1), (0, 0.07))
"""Which share of the constants goes in one round, while there are more than so many."""
TRIED = 30
"""From so many constants on they go singly, after trials of the cheapest."""
ADAM = 300
"""Steps after each round of a large network."""
TRIALS = 3

Rows = Callable[[int], Goal]


def shrink(start: Fit, rows: Rows, given: Collection[Node], clock: Clock) -> Iterator[Fit]:
    """Yield the student and its successors, each with fewer constants and fitted again.

    Args:
        start: the fitted student.
        rows: round → rows to fit on: new ones each round, so that none is learned by heart.
        given: nodes that stay as they are.
        clock: when to stop.
    """
    now, round_ = start, 0
    while True:
        yield now
        if len(now.theta) < 2 or clock.out():
            return
        round_ += 1
        goal = rows(max(4000, min(6000, 6 * len(now.theta))))
        shorter = _next(now, goal, given, clock)
        if shorter is None:
            return
        now = shorter


def _next(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit | None:
    """Return the student with fewer constants; None where nothing more can go."""
    if len(now.theta) > LARGE:
        return _next_large(now, goal, given, clock)
    again = fit(goal, now.roots, given, steps=2, stop=clock.out)
    count = len(again.theta)
    if count < 2:
        return None
    if count > TRIED:
        roots = _without(again, max(1, int(_share(count) * count)), given)
        if not _shorter(roots, again, given):
            return None
        return fit(goal, roots, given, steps=12, stop=clock.out)
    return _best_trial(again, goal, given, clock)


def _share(count: int) -> float:
    return next(part for more, part in AT_ONCE if count > more)


def _next_large(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit | None:
    roots = thinned(now, goal, int(_share(len(now.theta)) * len(now.theta)))
    seed = len(now.theta)
    return refitted(goal, roots, given, steps=ADAM, seed=seed, stop=clock.out)


def _shorter(roots: list[Node], than: Fit, given: Collection[Node]) -> bool:
    return count_of(roots, weights_and_biases(roots, given)) < than.count


def _without(now: Fit, many: int, given: Collection[Node]) -> list[Node]:
    surgery = Surgery(now.theta, now.normal)
    for _ in range(many):
        surgery.fix(int(np.argmin(surgery.cost)))
    return cleared(now.constants.put(surgery.theta))


def _best_trial(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit | None:
    """Return the best of a few removals, each refitted: least loss for the constants it saves."""
    trials = _trials(now, given)
    found: list[tuple[float, Fit]] = []
    for saved, roots in trials:
        tried = fit(goal, roots, given, steps=8, stop=clock.out)
        if np.isfinite(tried.loss):
            found.append((np.log(max(tried.loss, 1e-12) / max(now.loss, 1e-12)) / saved, tried))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _trials(now: Fit, given: Collection[Node]) -> list[tuple[int, list[Node]]]:
    """Return the most promising removals: how many constants each saves, and what is left."""
    surgery = Surgery(now.theta, now.normal)
    count = now.count
    options: list[tuple[float, int, list[Node]]] = []
    for i, cost in enumerate(surgery.cost.tolist()):
        roots = cleared(now.constants.put(surgery.without(i)))
        saved = count - count_of(roots, weights_and_biases(roots, given))
        if saved > 0:
            options.append((np.log1p(cost / max(now.loss, 1e-12)) / saved, saved, roots))
    options.sort(key=lambda option: option[0])
    return [(saved, roots) for _, saved, roots in options[:TRIALS]]
