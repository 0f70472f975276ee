"""Components of a direction: x·g(x² + y², rest), as a force has along x.

x is in the direction and in the distance, so neither a factor nor a merged input is seen in f. But
where (x, y) is turned, f changes as x does. Turned as far as can be, since a model's error is
smooth; and g is averaged over directions, each with the weight of its x: what is said where x is
near 0 tells nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.structure.powers import agree
from closedform.discover.structure.split import (
    REFERENCES,
    ROWS,
    Places,
    Split,
    along,
    drawn,
    foreseen,
    inputs_at,
    part_of,
    renumbered,
    told,
    unsure,
)
from closedform.ir import Array, Node

TURNS = 600
"""So many are tried; most of a box is left by some."""
FEWEST = 30
SEEN = 5.0
"""What the other input does to f at a given x, as a multiple of the error: less is not seen."""


def directed(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem of f/x over x² + y² and the rest, for each x and y for which f is such."""
    for i, j in permutations(range(problem.inputs), 2):
        if _turns(problem, i, j, rng):
            yield _split(problem, i, j, rng)


def _turns(problem: Problem, i: int, j: int, rng: np.random.Generator) -> bool:
    """Tell whether f changes as x does where (x, y) is turned."""
    rows = drawn(problem, TURNS, rng)
    to, only = rows.copy(), rows.copy()
    which = [i, j]
    to[:, which] = _as_far(rows[:, which], drawn(problem, TURNS, rng)[:, which])
    only[:, j] = to[:, j]
    lo, hi = problem.box.T
    inside = ((to >= lo) & (to <= hi)).all(axis=1)
    rows, to, only = rows[inside], to[inside], only[inside]
    before, after = told(problem, rows), told(problem, to)
    x, new = rows[:, i], to[:, i]
    off = np.hypot(unsure(problem, after) * x, unsure(problem, before) * new)
    away = after * x - before * new
    fine = np.isfinite(away)
    if fine.sum() < FEWEST or not agree(away[fine], off[fine]):
        return False
    moved = np.abs(told(problem, only) - before) / unsure(problem, before)
    return bool(np.isfinite(moved).any() and np.nanmedian(moved) > SEEN)


def _as_far(places: Array, directions: Array) -> Array:
    """Return places that are as far from 0, and in the directions of others."""
    size = np.linalg.norm(places, axis=1) / np.linalg.norm(directions, axis=1)
    return np.asarray(directions * size[:, None])


def _places(i: int, j: int) -> Places:
    """Return where the inputs are: in the direction of the reference, as far away as asked."""

    def places(rows: Array, references: Array) -> Array:
        rest = [k for k in range(references.shape[1]) if k not in (i, j)]
        out = np.repeat(references[:, None, :], len(rows), axis=1)
        out[:, :, rest] = rows[None, :, 1:]
        r = np.hypot(references[:, i], references[:, j])
        out[:, :, [i, j]] *= (np.sqrt(rows[None, :, 0]) / r[:, None])[:, :, None]
        return np.asarray(np.where(np.isfinite(out), out, np.inf))

    return places


def _split(problem: Problem, i: int, j: int, rng: np.random.Generator) -> Split:
    """Return the problem of f/x over x² + y² and the other inputs."""
    rest = [k for k in range(problem.inputs) if k not in (i, j)]
    places = drawn(problem, 4 * REFERENCES, rng)
    share = np.abs(places[:, i]) / np.hypot(places[:, i], places[:, j])
    references = places[np.argsort(-share)][: 2 * REFERENCES]
    ask = along(
        problem, _places(i, j), rng.permutation(references), lambda rows: np.asarray(rows[..., i])
    )
    r = np.hypot(problem.rows[:, i], problem.rows[:, j])
    lo, hi = np.quantile(r, [0.01, 0.99])
    new = drawn(problem, ROWS, rng)[:, rest]
    new = np.column_stack([(lo + (hi - lo) * rng.random(ROWS)) ** 2, new])
    part = part_of(problem, ask, new, foreseen(problem, 1 / float(np.median(r))))

    def join(laws: Sequence[Node]) -> Node:
        x, y = inputs_at([i, j])
        squares = ops.lin(0.0, (1.0, ops.power(x, 2.0)), (1.0, ops.power(y, 2.0)))
        return ops.mul(x, renumbered(laws[0], [squares, *inputs_at(rest)]))

    return Split((part,), join, "a component of a direction")
