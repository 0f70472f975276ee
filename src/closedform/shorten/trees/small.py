"""A small tree in the place of a model: a few tests that lead to its prediction.

It is grown on many rows that the model itself has answered, so that it imitates the model and not
the noise of the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from closedform.formula import Formula, Step
from closedform.ir import Array
from closedform.progress import Wanted
from closedform.shorten.asked import MOST_CELLS, Answers, answers
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import whole
from closedform.shorten.teacher import Teacher
from closedform.shorten.trees.ahead import grown_ahead
from closedform.shorten.trees.grown import Grown, grown, plain, prunings

MOST_LEAVES = 64
"""A tree of more is no explanation."""
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64)
"""Of all prunings, the largest up to each of these sizes is given."""
NOTHING = 1e-8
"""Splits that explain less of the spread follow the rounding of equal numbers."""
ROUNDS = ((10_000, 1.0), (100_000, 6.0))
"""Rows that the model is asked about, and seconds for it: first results soon, then better ones."""
AHEAD = 4.0
"""Seconds for a tree that is grown two levels at a time."""
CHANCES, FEW_LEAVES = 20_000, 24
"""Rows, and leaves at most, of trees that part chances."""


def small_tree(
    formula: Formula, X: Any, *, y: Any = None, leaves: int = MOST_LEAVES, seed: int = 0,
    time_limit: float | None = 15.0, progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return small trees that imitate a model, the smallest first.

    Args:
        formula: the exact formula of a model.
        X: rows, shape (rows, inputs); more like them are made up, and the model answers them all.
        y: not needed; what was observed.
        leaves: so many at most.
        seed: of the rows that are made up.
        time_limit: seconds.
        progress: as of `frontier`.

    Raises:
        BadInput: the rows do not fit the formula, or are too few, or an option has no meaning.
        MissingExtra: scikit-learn is not installed.
    """
    leaves, clock = whole("leaves", leaves, 1), Clock(time_limit)
    teacher = Teacher.of(formula, X, y, seed=seed)
    return gathered(trees(teacher, clock, leaves, ROUNDS[1:]), clock, "small trees", progress)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield trees of 1 to 64 leaves, first those grown on few answers, then on many."""
    yield from trees(teacher, clock, MOST_LEAVES, ROUNDS)
    if teacher.classifies and teacher.views and not clock.out():
        yield from _by_chance(teacher, clock)


def trees(
    teacher: Teacher, clock: Clock, leaves: int, rounds: tuple[tuple[int, float], ...]
) -> Iterator[Formula]:
    """Yield the prunings of one tree for each round of (rows, seconds)."""
    if not teacher.views:
        return
    given, args = teacher.design(), tuple(v.node for v in teacher.views)
    each = 0.0
    for seed, (most, seconds) in enumerate(rounds):
        if clock.out():
            return
        if each * min(most, MOST_CELLS // len(args)) > clock.left / 2:
            return
        found = answers(teacher, clock, most=most, seconds=seconds, seed=seed)
        before = clock.left
        least = max(5, len(found.y) // 2000)
        growths = [grown(found, leaves=2 * leaves, least=least)]
        each = (before - clock.left) / len(found.y) if clock.left < math.inf else 0.0
        ahead = grown_ahead(found, leaves=leaves, least=least, clock=clock.at_most(AHEAD))
        growths += [] if ahead is None else [ahead]
        candidates = [t for growth in growths for t in prunings(plain(growth, found))]
        for tree in _chosen(candidates, leaves):
            yield _formula(teacher, tree, found, given)


def _by_chance(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield trees whose splits part chances, not log-odds: those between 5 and 9 are all one.

    Few leaves then say the class more often: three on breast cancer 93.7 % instead of 92.3 %, 16 on
    a booster of eight inputs 80 % instead of 75 %; on others, 16 leaves say it 1 % less often.
    """
    found = answers(teacher, clock, most=CHANCES, seconds=2.0)
    soft = np.tanh(found.y / 2)
    made = replace(found, y=soft, spread=np.maximum(soft.std(axis=0), 1e-6))
    growth = grown(made, leaves=2 * FEW_LEAVES, least=max(5, len(soft) // 2000))
    given = teacher.design()
    for tree in _chosen(prunings(plain(growth, found)), FEW_LEAVES):
        yield _formula(teacher, tree, found, given)


def _formula(teacher: Teacher, tree: Grown, found: Answers, given: Array) -> Formula:
    step = Step("tree", "approx", {"rows": len(found.y)}, {"leaves": len(tree.leaves)})
    return teacher.formula_of(tree.nodes(given, tuple(v.node for v in teacher.views)), step)


def _chosen(found: list[Grown], most: int) -> list[Grown]:
    """Return the best tree up to each size, of those that each explain more than the last."""
    nearest: dict[int, tuple[float, Grown]] = {}
    for tree in found:
        leaves = tree.leaves
        left = float(tree.spread[leaves].sum())
        if left < nearest.get(len(leaves), (math.inf, tree))[0]:
            nearest[len(leaves)] = left, tree
    kept: list[tuple[int, float, Grown]] = []
    for size, (left, tree) in sorted(nearest.items()):
        if not kept or kept[-1][1] - left > NOTHING * kept[0][1]:
            kept.append((size, left, tree))
    best = {max((n for n, _, _ in kept if n <= size), default=0) for size in SIZES if size <= most}
    return [tree for n, _, tree in kept if n in best]
