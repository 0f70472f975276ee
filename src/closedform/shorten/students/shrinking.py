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
    enough,
    fit,
    weights_and_biases,
)
from closedform.shorten.students.large import LARGE, laid_out, refitted, thinned
from closedform.shorten.surgeon import Surgery

AT_ONCE = ((2000, 0.35), (200, 0.2), (60, 0.1), (0, 0.07))
"""Which share of the constants goes in one round, while there are more than so many."""
TRIED = 30
"""From so many constants on they go singly, after trials of the cheapest."""
HURRY = 0.5
"""The greatest share that goes in one round where time is short."""
ADAM = 300
"""Steps after each round of a large network."""
TRIALS = 3
LEAP = 3
"""A removal that saves more constants than this, a whole unit, passes over sizes in between."""

Rows = Callable[[int], Goal]
After = Callable[[list[Node]], list[Node]]


def shrink(
    start: Fit, rows: Rows, given: Collection[Node], clock: Clock, after: After | None = None
) -> Iterator[Fit]:
    """Yield the student and its successors, each with fewer constants and fitted again.

    Args:
        start: the fitted student.
        rows: round → rows to fit on: new ones each round, so that none is learned by heart.
        given: nodes that stay as they are.
        clock: when to stop.
        after: scores → the same scores, with what a removal has made simpler.
    """
    now, took = start, 0.0
    while True:
        yield now
        began = clock.spent
        if len(now.theta) < 2 or clock.out():
            return
        count = len(now.theta)
        wanted = max(4000, min(6000, 6 * count))
        # A large network is pruned without a whole Jacobian.
        goal = rows(wanted if count > LARGE else enough(wanted, count, len(now.roots)))
        shorter = _next(now, goal, given, clock, took)
        if not shorter:
            return
        # A leap is shown, and passed over: between 14 constants and 5 there are others.
        *leaps, now = shorter
        yield from leaps
        simpler = now.roots if after is None else after(now.roots)
        if simpler != now.roots:
            now = _again(simpler, goal, given, clock)
        took = clock.spent - began


def _again(roots: list[Node], goal: Goal, given: Collection[Node], clock: Clock) -> Fit:
    large = laid_out(goal, roots, given)
    if large is not None and len(large.theta) > LARGE:
        return large
    return fit(goal, roots, given, steps=3, stop=clock.out)


def _next(now: Fit, goal: Goal, given: Collection[Node], clock: Clock, took: float) -> list[Fit]:
    """Return leaps, and last the student with fewer constants; nothing where none can go."""
    if len(now.theta) > LARGE:
        return _next_large(now, goal, given, clock)
    again = fit(goal, now.roots, given, steps=2, stop=clock.out)
    count = len(again.theta)
    if count < 2:
        return []
    if count > TRIED:
        share = max(_share(count), _hurried(count, clock.left / 2, took))
        roots = _without(again, max(1, int(share * count)), given)
        if not _shorter(roots, again, given):
            return []
        return [fit(goal, roots, given, steps=12, stop=clock.out)]
    return _best_trial(again, goal, given, clock)


def _share(count: int) -> float:
    return next(part for more, part in AT_ONCE if count > more)


def _hurried(count: int, seconds: float, took: float) -> float:
    """Return which share must go in each round, if few constants are to be reached in time.

    Ten classes over 40 inputs took 2 s a round, and the time was over at 400 constants.
    """
    rounds = seconds / took if took else np.inf
    return min(HURRY, 1 - float((TRIED / count) ** (1 / max(rounds, 1e-3))))


def _next_large(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> list[Fit]:
    roots = thinned(now, goal, int(_share(len(now.theta)) * len(now.theta)))
    seed = len(now.theta)
    made = refitted(goal, roots, given, steps=ADAM, seed=seed, stop=clock.out)
    return [] if made is None else [made]


def _shorter(roots: list[Node], than: Fit, given: Collection[Node]) -> bool:
    return count_of(roots, weights_and_biases(roots, given)) < than.count


def _without(now: Fit, many: int, given: Collection[Node]) -> list[Node]:
    surgery = Surgery(now.theta, now.normal)
    for _ in range(many):
        surgery.fix(int(np.argmin(surgery.cost)))
    return cleared(now.constants.put(surgery.theta))


def _best_trial(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> list[Fit]:
    """Return the best of a few removals, each refitted: least loss for the constants it saves."""
    found: list[tuple[float, int, Fit]] = []
    for saved, roots in _trials(now, given):
        tried = fit(goal, roots, given, steps=8, stop=clock.out)
        if np.isfinite(tried.loss):
            rise = np.log(max(tried.loss, 1e-12) / max(now.loss, 1e-12))
            found.append((rise / saved, saved, tried))
    found.sort(key=lambda option: option[0])
    small = [tried for _, saved, tried in found if saved <= LEAP]
    if not found or not small or found[0][1] <= LEAP:
        return [tried for _, _, tried in found[:1]]
    return [found[0][2], small[0]]


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
    picked = options[:TRIALS]
    if all(saved > LEAP for _, saved, _ in picked):
        picked[TRIALS - 1 :] = [option for option in options if option[1] <= LEAP][:1]
    return [(saved, roots) for _, saved, roots in picked]
