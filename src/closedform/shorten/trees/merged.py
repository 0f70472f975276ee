"""The model's own trees, made smaller without another prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Type
from closedform.passes.merge_trees import merge_trees
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher
from closedform.shorten.trees.born import born_again

SECONDS = 5.0
"""Time for one tree in the place of all."""
MOST_TESTS = 300
"""Tests of an ensemble up to which one tree is tried: of more it would be longer than the model."""


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield the model itself, its trees merged, and one tree in their place, where shorter."""
    if teacher.formula is None or clock.out():
        return
    shortest = teacher.formula
    made = merge_trees(shortest)
    if made.length < shortest.length:
        shortest = made
        yield made
    if _few_tests(teacher.formula) and not _gaps(teacher):
        with suppress(BadInput):
            tree = born_again(teacher.formula, time_limit=min(SECONDS, clock.left))
            if tree.trail[-1].kind == "exact" and tree.length < shortest.length:
                yield tree


def _few_tests(formula: Formula) -> bool:
    shapes = {id(n.data.splits): n.data.splits for n in formula.nodes if n.op is ops.TREE}
    return 0 < sum(int((~splits.leaf).sum()) for splits in shapes.values()) <= MOST_TESTS


def _gaps(teacher: Teacher) -> bool:
    """Tell whether a value is missing in some row: a tree that is right there too is longer."""
    pairs = zip(teacher.features, teacher.inputs, strict=True)
    return any(np.isnan(c).any() for f, c in pairs if f.type is Type.REAL)
