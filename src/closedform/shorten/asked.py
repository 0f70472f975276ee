"""As many answers of a teacher as there is time for."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from closedform.ir import Array
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher

FEWEST_ASKED = 2000
"""Made-up rows below which the trees that are grown on them change from seed to seed."""
TRIED = 500
"""Rows that are asked to see how long an answer takes."""
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

    A forest of 300 deep trees takes 90 µs a row, a booster of 500 trees 20 to 60 µs.

    Args:
        teacher: the model.
        clock: a third of what is left is spent at most.
        most: so many rows.
        seconds: spent on asking, at most.
        seed: of the rows that are made up.
    """
    tried = min(TRIED, teacher.rows)
    start = time.perf_counter()
    teacher.ask([c[:tried] for c in teacher.inputs], tried)
    each = (time.perf_counter() - start) / tried
    count = int(min(seconds, clock.left / 3) / max(each, 1e-7))
    count = min(most, count, MOST_CELLS // max(1, len(teacher.views)))
    inputs, scores = teacher.sample(max(FEWEST_ASKED, count), seed=seed)
    spread = scores.std(axis=0)
    spread = np.where(spread > 1e-12 * np.maximum(1, np.abs(scores).max(axis=0)), spread, 1.0)
    return Answers(teacher.design(inputs), scores, spread)
