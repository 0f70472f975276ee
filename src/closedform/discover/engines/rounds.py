"""The same engine again and again: few rows, chosen where its formulas differ, and a refit of all.

Fewer rows are more generations: of 32 laws PyOperon found 13 on 100 rows, 9 on 1,000. Rows where
candidates disagree tell them apart, as queries by committee do (Seung, Opper and Sompolinsky,
1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from closedform import ops
from closedform.discover.engines.tidied import tidied
from closedform.discover.problem import Law, Problem
from closedform.ir import Array, Node, substitute, toposort
from closedform.shorten.clock import Clock

ROWS = 200
"""On so many an engine works; half of them are drawn, half chosen."""
NOISY = 0.02
"""From this error on, four times as many: chance would be fitted otherwise."""
POOL = 2_000
"""Among so many the rows are chosen, and on so many constants are refitted."""
SLICES = (2.0, 3.0, 5.0)
"""Seconds of the first, the second, and every further start."""
LEAST = 0.6
"""Seconds: with less no engine is started."""
COMMITTEE = 6
"""So many of the best formulas say by their differences which rows are hard."""
MOST = 12
"""So many formulas of a start are refitted: the front's, the most accurate first."""

Searched = Callable[..., list[Node]]


def rounds(
    problem: Problem, clock: Clock, searched: Searched, name: str, seeds: list[Node],
    operators: tuple[str, ...], seed: int,
) -> Iterator[Law]:  # fmt: skip
    """Yield the laws of one engine, start by start; see `engines.solve`."""
    random = np.random.default_rng([seed, 7])
    pool = drawn(problem, POOL, random)
    units, whole = units_of(pool), [_over(n, problem.inputs) for n in seeds]
    columns = [ops.input_(i) for i in range(problem.inputs)]
    nodes = [_divided(x, u) for x, u in zip(columns, units, strict=True)] + whole
    matrix = np.column_stack([Problem.said(n, pool.rows) for n in nodes])
    fine = np.isfinite(matrix).all(axis=0)
    nodes, matrix = [n for n, ok in zip(nodes, fine, strict=True) if ok], matrix[:, fine]
    scale, committee = unit_of(pool.values), list[Law]()
    for i in range(1_000):
        if clock.left < LEAST or not nodes:
            return
        rows = chosen(pool, committee, random)
        seconds = min(SLICES[min(i, len(SLICES) - 1)], clock.left)
        found = searched(matrix[rows], pool.values[rows] / scale, seconds, seed + i, operators)
        for law in _laws(found, nodes, scale, pool, name, clock):
            committee = sorted([*committee, law], key=lambda one: one.error)[:COMMITTEE]
            yield law


def _laws(
    found: Sequence[Node], nodes: Sequence[Node], scale: float, pool: Problem, name: str,
    clock: Clock,
) -> Iterator[Law]:  # fmt: skip
    """Yield formulas over the engine's columns as laws, refitted, each once."""
    back = {ops.input_(i): n for i, n in enumerate(nodes)}
    seen: set[Node] = set()
    for n in found[:MOST]:
        (law,) = substitute([n], {k: v for k, v in back.items() if k in set(toposort([n]))})
        for made in tidied(pool, ops.lin(0.0, (scale, law)) if scale != 1 else law, clock):
            if made not in seen and made.op is not ops.CONST:
                seen.add(made)
                yield Law(made, pool.error(made), name)


def drawn(problem: Problem, most: int, random: np.random.Generator) -> Problem:
    """Return the problem with at most so many of its rows, those without a number left out."""
    fine = np.flatnonzero(problem.complete)
    if len(fine) > most:
        fine = np.sort(random.choice(fine, most, replace=False))
    return Problem(problem.rows[fine], problem.values[fine], problem.ask, problem.noise)


def chosen(pool: Problem, committee: Sequence[Law], random: np.random.Generator) -> Array:
    """Return which rows an engine sees: half at random, half where its formulas differ most."""
    count = min(len(pool.rows), ROWS if pool.noise < NOISY else 4 * ROWS)
    said = [Problem.said(law.node, pool.rows) for law in committee]
    apart = np.std([s for s in said if np.isfinite(s).all()] or [pool.values * 0], axis=0)
    if not np.any(apart > 0):
        return random.choice(len(pool.rows), count, replace=False)
    half = random.choice(len(pool.rows), count // 2, replace=False)
    # Not the worst alone: they lie in one corner. By chance, in proportion to the difference.
    rest = np.setdiff1d(np.arange(len(pool.rows)), half)
    weight = np.minimum(apart[rest], np.quantile(apart, 0.95)) + 1e-9 * apart.max()
    hard = random.choice(rest, count - len(half), replace=False, p=weight / weight.sum())
    return np.concatenate([half, hard])


def units_of(problem: Problem) -> list[float]:
    """Return a power of ten for each input that brings it near 1; 1 where it is near enough."""
    return [unit_of(column) for column in problem.rows.T]


def unit_of(values: Array) -> float:
    """Return the power of ten that numbers are of; 1 between a thousandth and a thousand.

    Engines compute in float32, and their constants start near 1.
    """
    size = float(np.median(np.abs(values))) if len(values) else 1.0
    size = size or float(np.abs(values).max(initial=0.0))
    if not np.isfinite(size) or size == 0 or 1e-3 <= size <= 1e3:
        return 1.0
    return float(10.0 ** np.round(np.log10(size)))


def _divided(x: Node, unit: float) -> Node:
    return x if unit == 1 else ops.lin(0.0, (1 / unit, x))


def _over(n: Node, inputs: int) -> Node:
    """Return a seed, which may read the problem's inputs alone."""
    read = {x.data for x in toposort([n]) if x.op is ops.INPUT}
    return n if all(i < inputs for i in read) else ops.const(0.0)
