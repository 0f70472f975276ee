"""Corners: a smooth law and the greater of two sums, |…|, or what holds beyond a line.

Where lines through the box bend sharply, the function has corners. Those that lie on one plane,
with the same bend everywhere, are those of k·max(w·x − c, 0); what is left without it is smooth,
and a problem as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops
from closedform.discover import ladder
from closedform.discover.constants import cleaned
from closedform.discover.problem import Law, Problem
from closedform.discover.structure.split import drawn, told
from closedform.ir import Array, Node
from closedform.length import length
from closedform.shorten.clock import Clock
from closedform.shorten.neat import rounded

LINES, POINTS = 200, 33
"""So many lines are looked along, at so many places each."""
ZOOMS, NEAR = 8, 9
"""How often the place of the sharpest bend is looked at more closely, at so many places: in the
end on a millionth of a line, where a smooth law is straight."""
EXACT = 1e-9
"""An error up to this is rounding."""
BENT = 6.0
"""A corner bends so many times as much as is usual on its line."""
TOLERATED = 5.0
"""Four times closer, a corner bends a quarter as much, and a curve a sixteenth: in all a corner
is told from both a curve and a jump by being within so many times of the former."""
ROUNDING = 1e-11
"""Bends below this share of the deviation are rounding."""
FLAT, SAME = 1e-6, 1e-4
"""Corners are on a plane within this share of the box; a bend is the same within this share."""
FEWEST = 12
TRIED = 100
"""Planes through random corners."""
DEEPEST = 3
"""So many planes a law may have."""
KEPT = 3
"""So many laws of what is left are tried in the whole."""
DIGITS = 4
"""Weights of a plane are numbers of so many digits where they are that near."""


@dataclass(frozen=True, eq=False)
class Corners:
    """Where lines bend: places, shape (corners, inputs), the lines' directions, and how much."""

    places: Array
    along: Array
    bends: Array


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield laws with corners; nothing where there are none, or more planes than `DEEPEST`.

    The noise of a problem is not asked for: corners look like it from afar, and where it is real,
    there are none from near by.

    Args:
        problem: one that can be asked.
        clock: how much time there is.
        seed: of the lines.
    """
    if problem.ask is None or not problem.inputs:
        return
    exact = replace(problem, noise=0.0)
    found = corners(exact, np.random.default_rng([seed, 51]))
    for node in _laws(exact, found, clock, seed, 1):
        law = cleaned(exact, node)
        yield Law(law, problem.error(law), "corners")


def _laws(
    problem: Problem, found: Corners, clock: Clock, seed: int, depth: int
) -> Iterator[Node]:  # fmt: skip
    plane = _plane(problem, found, np.random.default_rng([seed, 52, depth]))
    if plane is None:
        return
    for shape in _shapes(*plane):
        left = _without(problem, shape)
        more = corners(left, np.random.default_rng([seed, 53, depth]))
        half = clock.at_most(clock.left / 2)
        if len(more.places) < FEWEST:
            inner = [law.node for law in ladder.solve(left, half, seed=seed)]
        else:
            inner = [] if depth == DEEPEST else [*_laws(left, more, half, seed, depth + 1)]
        if inner:
            whole = [ops.lin(0.0, (1.0, node), (1.0, shape)) for node in inner[:KEPT]]
            made = [cleaned(problem, node) for node in whole]
            yield min(made, key=lambda node: (problem.error(node) > EXACT, length([node])))
        if clock.out() or (not inner and len(more.places) >= FEWEST):
            return


def corners(problem: Problem, rng: np.random.Generator) -> Corners:
    """Return the sharpest bend of each of some lines through the box, where it is a corner."""
    start, end = drawn(problem, LINES, rng), drawn(problem, LINES, rng)
    lo, width = np.zeros(LINES), np.ones(LINES)
    first = bend = np.zeros(LINES)
    values = places = np.empty((0, 0))
    for zoom in range(ZOOMS + 1):
        places = lo[:, None] + width[:, None] * np.linspace(0, 1, NEAR if zoom else POINTS)
        rows = start[:, None] + places[:, :, None] * (end - start)[:, None]
        values = told(problem, rows.reshape(-1, problem.inputs)).reshape(places.shape)
        bends = np.abs(np.diff(values, 2, axis=1))
        at = np.nan_to_num(bends).argmax(axis=1)
        bend = bends[np.arange(len(bends)), at]
        step = width / (places.shape[1] - 1)
        if not zoom:
            first = bend
        if zoom < ZOOMS:
            lo, width = lo + at * step, 2 * step
        expected = first / 4.0**zoom
        fine = np.isfinite(values).all(axis=1) & (bend > ROUNDING * problem.scale)
        fine &= (bend > expected / TOLERATED) & (bend < expected * 4 * TOLERATED)
        fine &= bend > BENT * np.median(bends, axis=1)
        if fine.sum() < FEWEST:
            break
        start, end, lo, width, first = (part[fine] for part in (start, end, lo, width, first))
        places, values = places[fine], values[fine]
    else:
        return _crossings(places, values, start, end - start)
    return Corners(np.empty((0, problem.inputs)), np.empty((0, problem.inputs)), np.empty(0))


def _crossings(places: Array, values: Array, start: Array, along: Array) -> Corners:
    """Return where the two straight pieces of each line meet, and by how much their slopes differ.

    Args:
        places: along each line, shape (lines, places).
        values: there.
        start, along: of the lines.
    """
    step = places[:, 1] - places[:, 0]
    left, right = ((values[:, k + 1] - values[:, k]) / step for k in (0, -2))
    bends = right - left
    met = (values[:, 0] - left * places[:, 0]) - (values[:, -1] - right * places[:, -1])
    with np.errstate(all="ignore"):
        t = met / bends
    fine = (t >= places[:, 0]) & (t <= places[:, -1])
    return Corners((start + t[:, None] * along)[fine], along[fine], bends[fine])


def _plane(
    problem: Problem, found: Corners, rng: np.random.Generator
) -> tuple[Array, float, float] | None:
    """Return the weights and the bias of the plane most corners are on, and how much it bends."""
    count = len(found.places)
    if count < max(FEWEST, 2 * problem.inputs + 2):
        return None
    lo, hi = problem.box.T
    middle, half = (lo + hi) / 2, np.where(hi > lo, (hi - lo) / 2, 1.0)
    table = np.column_stack([(found.places - middle) / half, np.ones(count)])
    best = np.zeros(count, dtype=bool)
    for _ in range(TRIED):
        some = rng.choice(count, problem.inputs, replace=False)
        near = np.abs(table @ np.linalg.svd(table[some])[2][-1]) < FLAT
        best = near if near.sum() > best.sum() else best
    if best.sum() < max(FEWEST, 2 * problem.inputs + 2):
        return None
    plane = np.linalg.svd(table[best], full_matrices=False)[2][-1]
    weights, bias = plane[:-1] / half, plane[-1] - float(plane[:-1] @ (middle / half))
    weights = np.where(np.abs(plane[:-1]) > FLAT, weights, 0.0)
    first = weights[np.flatnonzero(weights)[0]]
    weights, bias = weights / first, bias / first
    bends = found.bends[best] / np.abs(found.along[best] @ weights)
    bend = float(np.median(bends))
    if np.abs(bends - bend).max() > SAME * abs(bend):
        return None
    size = float(np.abs(weights * half).sum())
    return _neat(weights), 0.0 if abs(bias) < FLAT * size else bias, bend


def _neat(weights: Array) -> Array:
    made = np.array([rounded(v, DIGITS) for v in weights.tolist()])
    return np.where(np.abs(made - weights) <= SAME * np.abs(weights), made, weights)


def _shapes(weights: Array, bias: float, bend: float) -> Iterator[Node]:
    """Yield what may have a plane's corners: the greater or less of two, |…|, what is beyond."""
    bend = float(_neat(np.array([bend]))[0])
    terms = [(w, ops.input_(i)) for i, w in enumerate(weights.tolist()) if w]
    plus = [(w, x) for w, x in terms if w > 0]
    minus = [(-w, x) for w, x in terms if w < 0]
    sides = ops.lin(max(bias, 0.0), *plus), ops.lin(max(-bias, 0.0), *minus)
    whole = ops.lin(bias, *terms)
    # max(a, b) is a + b − min(a, b).
    yield ops.lin(0.0, (abs(bend), ops.maximum(*sides) if bend > 0 else ops.minimum(*sides)))
    yield ops.lin(0.0, (bend / 2, ops.absolute(whole)))
    yield ops.lin(0.0, (bend, ops.maximum(whole, ops.const(0.0))))


def _without(problem: Problem, shape: Node) -> Problem:
    """Return what is left of a function without some shape."""
    ask = problem.ask
    assert ask is not None

    def asked(rows: Array) -> Array:
        return np.asarray(ask(rows) - Problem.said(shape, rows))

    return replace(problem, values=problem.values - Problem.said(shape, problem.rows), ask=asked)
