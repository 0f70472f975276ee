"""Sums of shapes with corners and jumps: the greater of two, |x|, what holds beyond a threshold.

Nothing that is asked about structure sees these; `shorten.terms` has them in its dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from closedform.discover.constants import cleaned
from closedform.discover.problem import Law, Problem
from closedform.formula import Feature, Task
from closedform.ir import Array
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import FEWEST, Teacher
from closedform.shorten.terms.method import formulas

NAME = "y"


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield sums of shapes, as they are found.

    Args:
        problem: one that can be asked; of another nothing is yielded.
        clock: how much time there is.
        seed: of everything random.
    """
    ask = problem.ask
    fine = problem.complete
    if ask is None or fine.sum() < FEWEST or not np.ptp(problem.values[fine]):
        return

    def asked(columns: Sequence[Array], rows: int) -> Array:
        return ask(np.column_stack(columns))[:, None]

    features = tuple(Feature(f"x{i}") for i in range(problem.inputs))
    teacher = Teacher(
        features, Task(primary=(NAME,)), asked, tuple(problem.rows[fine].T), seed=seed
    )
    for formula in formulas(teacher, clock):
        node = formula.outputs[NAME]
        if not clock.out():
            node = cleaned(problem, node)
        yield Law(node, problem.error(node), "shapes")
