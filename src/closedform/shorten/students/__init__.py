"""Students: small networks that learn what the model says, pruned to a few constants.

A model may be asked about as many rows as wanted, so that a small network learns from it what it
cannot learn from the data (Buciluă, Caruana and Niculescu-Mizil, Model compression, 2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from closedform.fitting.constants import count_constants
from closedform.formula import Formula
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.students.goal import Fit
from closedform.shorten.students.morphs import morphed
from closedform.shorten.students.school import School
from closedform.shorten.students.shrinking import shrink
from closedform.shorten.teacher import Teacher

UNITS = (5, 8, 12, 20)
"""Sizes of the students, each tried if the one before came nearer than its own predecessor."""
NEARER = 0.9
"""A size comes nearer when its loss is at most this share of the last one's."""
DONE = 1e-4
"""A student that leaves so little of the variance, 1 % of the spread, is near enough."""
MORPHED = (40, 20, 10)
"""At so many constants a student is tried with shapes in the place of its units."""


def students(
    formula: Formula, X: Any, *, y: Any = None, seed: int = 0, time_limit: float | None = 60.0,
    progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return short formulas that were fitted to a model as small networks and then pruned.

    Args:
        formula: the exact formula of the model.
        X: rows like those that it is for, at least 10; more are made up like them.
        y: what was observed on them; not used.
        seed: of everything random.
        time_limit: in seconds; None for no limit.
        progress: as of `frontier`.

    Returns:
        One formula for each length that was worth it, the shortest first.

    Raises:
        BadInput: the rows do not fit the formula, or it has nothing that a number can be fitted to.
    """
    teacher, clock = Teacher.of(formula, X, y, seed=seed), Clock(time_limit)
    found = gathered(formulas(teacher, clock), clock, "students", progress)
    return sorted(found, key=lambda made: made.length)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield students of several lengths, each when it is found to be worth it."""
    school = School.of(teacher, clock)
    if not school.columns:
        yield school.constant()
        return
    most = np.inf if teacher.formula is None else count_constants(teacher.formula) / 2
    before = np.inf
    for units in UNITS:
        start = None if clock.out() else school.taught(units, clock)
        if start is None:
            return
        yield from _shortened(school, start, clock)
        if start.loss > NEARER * before or start.loss < DONE or start.count > most:
            return
        before = start.loss


def _shortened(school: School, start: Fit, clock: Clock) -> Iterator[Formula]:
    """Yield a student's successors down to a few constants, and those with simple shapes."""
    at = list(MORPHED)
    for now in _followed(school, start, clock):
        yield from _shown(school, now)
        if not at or now.count > at[0]:
            continue
        at = [count for count in at if count < now.count]
        other = morphed(now, school.drawn(4000), school.given, clock)
        if other is not now:
            for later in _followed(school, other, clock):
                yield from _shown(school, later)


def _followed(school: School, start: Fit, clock: Clock) -> Iterator[Fit]:
    """Yield a fit and its successors, until shorter formulas have long been better."""
    late = 0
    for now in shrink(start, school.drawn, school.given, clock):
        late = late + 1 if school.behind(now) else 0
        if late > 3:
            return
        yield now


def _shown(school: School, found: Fit) -> Iterator[Formula]:
    made = school.shown(found)
    if made is not None:
        yield made
