"""The constants of useful formulas fitted to y: nearer to what was observed than the model allows.

A model that was stopped early, or that averages trees, shrinks what it has learned; its formula
shrinks with it. With few constants there is nothing to be feared from fitting them to y itself: on
Friedman's first data a sum of 18 symbols explains 83 % when it is fitted to a forest that explains
82 %, and 89 % when it is fitted to y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from closedform.frontiers.judging import Judge
from closedform.frontiers.words import LEGIBLE
from closedform.ir import Array
from closedform.shorten.clock import Clock
from closedform.shorten.fitted_to_y import fitted_to_y

if TYPE_CHECKING:
    from closedform.formula import Formula
    from closedform.frontiers.front import Entry

REFITTED = ", refitted to y"
"""What the method of such a formula ends in."""
FAR = 0.5
"""A formula that leaves more of the error of a constant is another one, and not the model's."""
LONGER = 1.2
"""Other constants may have more digits, but no more than this."""
MADE = ("constant", "exact", "digits")


def refits(
    entries: Sequence[Entry], judge: Judge, clock: Clock
) -> Iterator[tuple[Formula, str]]:  # fmt: skip
    """Yield formulas with constants fitted to y, and their method, where that is a sure gain.

    On the rows to choose by the error against y must be less than that of all formulas that are
    no longer, by two standard errors of the differences row by row, and that against the model no
    more than half of a constant's.

    Args:
        entries: the useful formulas, a constant first.
        judge: of the model and y.
        clock: how much time there is.
    """
    teacher = judge.subject.teacher
    if teacher.y is None:
        return
    shorter: list[Array] = []
    for e in entries:
        if clock.out() or e.length > LEGIBLE:
            return
        shorter.append(judge.losses(e.formula))
        made = None if e.method in MADE else fitted_to_y(e.formula, teacher, clock)
        if made is None or made.length > LONGER * e.length:
            continue
        if judge(made).chosen_by > max(e.judged.chosen_by, FAR * entries[0].judged.chosen_by):
            continue
        own = judge.losses(made)
        if all(_surely_less(own, other) for other in shorter):
            shorter.append(own)
            yield made, e.method + REFITTED


def _surely_less(losses: Array, others: Array) -> bool:
    less = others - losses
    less = less[np.isfinite(less)]
    sure = 2 * float(less.std()) / math.sqrt(max(len(less), 1))
    return len(less) > 1 and float(less.mean()) > sure
