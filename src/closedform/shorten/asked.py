"""As many answers of a teacher as there is time for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher

FEWEST_ASKED = 2000
"""Made-up rows below which the trees that are grown on them change from seed to seed."""
TRIED = 500
"""Rows that are asked to see how long an answer takes."""
PER_TEST, PER_TERM, PER_NODE = 18e-9, 1e-9, 5e-9
"""Seconds a row for each level of a tree, each term of a sum, and any other node.

Measured: 500 trees of depth 3 take 23 µs, of depth 6 56 µs, 300 of a forest 88 µs.
"""
MOST_CELLS = 3_000_000
"""Rows times views: a tree over 100,000 rows of 500 views takes minutes to grow."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Rows, the views of them, and what the teacher says there.

    Attributes:
        x: the views, shape (rows, views).
        y: the scores, clipped, shape (rows, scores).
        spread: the deviation of each score; 1 of one that never varies.
    """

    x: Array
    y: Array
    spread: Array

    @property
    def scaled(self) -> Array:
        """The scores in units of their deviations, so that each of several counts the same."""
        scaled: Array = self.y / self.spread
        return scaled


def answers(
    teacher: Teacher, clock: Clock, *, most: int, seconds: float = 3.0, seed: int = 0
) -> Answers:
    """Return up to `most` answers of a teacher, fewer where they would take too long.

    How many is told by the size of the model, not by a watch: the same seed gives the same rows.

    Args:
        teacher: the model.
        clock: with less left than asking takes, fewer rows are asked.
        most: so many rows.
        seconds: spent on asking, at most, on a machine like that of `PER_TEST`.
        seed: of the rows that are made up.
    """
    each = _seconds_a_row(teacher)
    count = min(most, int(seconds / each), MOST_CELLS // max(1, len(teacher.views)))
    if count * each > clock.left:
        count = int(clock.left / each)
    inputs, scores = teacher.sample(max(FEWEST_ASKED, count), seed=seed)
    spread = scores.std(axis=0)
    spread = np.where(spread > 1e-12 * np.abs(scores).max(axis=0), spread, 1.0)
    return Answers(teacher.design(inputs), scores, spread)


def _seconds_a_row(teacher: Teacher) -> float:
    """Return about how long a teacher takes for a row, among many."""
    if teacher.formula is not None:
        return seconds_a_row(teacher.formula)
    return seconds_each(
        lambda rows: teacher.ask([c[:rows] for c in teacher.inputs], rows),
        min(TRIED, teacher.rows),
    )


def seconds_each(ask: Callable[[int], object], count: int) -> float:
    """Return about how long a row takes among many: what a call costs by itself is no row's.

    Args:
        ask: asks about so many rows: about one, about `count`, and maybe about one again.
        count: how many it can be asked about.
    """
    one, many = _timed(ask, 1), _timed(ask, count)
    if one > many:  # the first call of all may have loaded, or compiled, what stays
        one = _timed(ask, 1)
    each = max(many - one, 1e-6) / max(count - 1, 1)
    return float(2.0 ** np.ceil(np.log2(each)))  # so that it is mostly the same another time


def _timed(ask: Callable[[int], object], rows: int) -> float:
    start = time.perf_counter()
    ask(rows)
    return time.perf_counter() - start


def seconds_a_row(formula: Formula) -> float:
    """Return about how long a formula takes for a row, among many, by its size."""
    nodes = formula.nodes
    # Trees of one shape, as those of several classes, are walked once.
    shapes = {id(n.data.splits): n.data.splits for n in nodes if n.op is ops.TREE}
    walked: float = PER_TEST * sum(splits.depth for splits in shapes.values())
    return 1e-7 + walked + sum(_cost(n) for n in nodes if n.op is not ops.TREE)


def _cost(n: Node) -> float:
    return PER_TERM * len(n.args) if n.op is ops.LIN else PER_NODE
