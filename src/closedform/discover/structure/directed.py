"""Components of a direction: x·g(x² + y², rest), as a force has along x.

x is in the direction and in the distance, so neither a factor nor a merged input is seen in f; in
f/x they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.structure.merging import SQUARED, merges
from closedform.discover.structure.split import Part, Split, each_of, foreseen, part_of, told
from closedform.ir import Array, Node

NEAR = 0.15
"""Nearer to 0 than this share of the greatest |x|, f/x says more of the error than of the law."""


def directed(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem of f/x with x² and the square of another input made one, for each x."""
    if problem.inputs < 2:
        return
    for i in range(problem.inputs):
        divided = _divided(problem, i)
        if len(divided.rows) < len(problem.rows) // 4:
            continue
        for split in merges(divided, rng, ((SQUARED, SQUARED),), i):
            yield replace(split, join=_times(i, split), made="a component of a direction")


def _divided(problem: Problem, i: int) -> Problem:
    """Return the problem of f/x, without the rows where x is near 0."""
    least = NEAR * float(np.abs(problem.box[i]).max())

    def far(rows: Array) -> Array:
        return np.asarray(np.where(np.abs(rows[:, i]) >= least, rows[:, i], np.nan))

    def asked(rows: Array) -> tuple[Array, Array]:
        return told(problem, rows) / far(rows), np.zeros(len(rows))

    off = foreseen(problem, 1 / far(problem.rows))
    return part_of(problem, Part(asked, each_of(problem)), problem.rows, off)


def _times(i: int, split: Split) -> Callable[[Sequence[Node]], Node | Split]:
    def join(laws: Sequence[Node]) -> Node | Split:
        made = split.join(laws)
        return made if isinstance(made, Split) else ops.mul(ops.input_(i), made)

    return join
