"""Sums and products in new coordinates: F(x − y) + G(x), F(x·y)·G(x)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from closedform.discover.problem import Problem
from closedform.discover.structure.merging import LOG, PLAIN, Merge
from closedform.discover.structure.separable import sums_and_products
from closedform.discover.structure.split import (
    ROWS,
    Part,
    Split,
    drawn,
    each_of,
    foreseen,
    inputs_at,
    part_of,
    renumbered,
    told,
)
from closedform.ir import Array, Node

SHARE = 0.5
"""What of its range the input that is kept has: the new one has the rest, so that all is inside."""


def turned(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield sums and products over x − y, x + y, x·y or x/y and one of the two."""
    lo = problem.box[:, 0]
    for i, j in permutations(range(problem.inputs), 2):
        for scale, ratio in ((PLAIN, -1.0), (PLAIN, 1.0), (LOG, 1.0), (LOG, -1.0)):
            if scale is LOG and (min(lo[i], lo[j]) <= 0):
                continue
            made = _within(problem, Merge(i, j, scale, scale, ratio), rng)
            if made is not None:
                yield from _splits(made, Merge(i, j, scale, scale, ratio), problem, rng)


def _within(problem: Problem, merge: Merge, rng: np.random.Generator) -> Problem | None:
    """Return the problem over the new input and all but i, on a box that is inside the old one."""
    i, j = merge.i, merge.j
    box = problem.box
    with np.errstate(all="ignore"):
        y = merge.second.of(box[j])
        x = merge.first.of(box[i])
    edge = (1 - SHARE) / 2 * (y[1] - y[0])
    kept = np.array([y[0] + edge, y[1] - edge])
    ends = np.sort(merge.ratio * kept)
    lo, hi = x[0] + ends[1], x[1] + ends[0]
    if not hi - lo > 0.1 * (x[1] - x[0]):
        return None
    others = [k for k in range(problem.inputs) if k != i]

    def back(rows: Array) -> Array:
        full = np.empty((len(rows), problem.inputs))
        full[:, others] = rows[:, 1:]
        full[:, i] = merge.back(rows[:, 0], full)
        return full

    def asked(rows: Array) -> tuple[Array, Array]:
        return told(problem, back(rows)), np.zeros(len(rows))

    rows = drawn(problem, ROWS, rng)[:, others]
    y_new = kept[0] + (kept[1] - kept[0]) * rng.random(ROWS)
    rows[:, others.index(j)] = np.exp(y_new) if merge.product else y_new
    u = lo + (hi - lo) * rng.random(ROWS)
    new = np.column_stack([np.exp(u) if merge.product else u, rows])
    return part_of(problem, Part(asked, each_of(problem)), new, foreseen(problem))


def _splits(
    made: Problem, merge: Merge, problem: Problem, rng: np.random.Generator
) -> Iterator[Split]:
    others = [k for k in range(problem.inputs) if k != merge.i]
    for split in sums_and_products(made, rng):

        def join(laws: Sequence[Node], split: Split = split) -> Node:
            whole = split.join(laws)
            assert isinstance(whole, Node)
            return renumbered(whole, [merge.node(), *inputs_at(others)])

        yield Split(split.parts, join, f"{split.made}, turned")
