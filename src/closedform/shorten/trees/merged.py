"""The model's own trees, made smaller without another prediction."""

from __future__ import annotations

from collections.abc import Iterator

from closedform.formula import Formula
from closedform.passes.merge_trees import merge_trees
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield the model itself, its trees merged, where that is shorter."""
    if teacher.formula is not None and not clock.out():
        made = merge_trees(teacher.formula)
        if made.length < teacher.formula.length:
            yield made
