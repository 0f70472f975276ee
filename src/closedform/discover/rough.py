"""Laws at once: something, however little time there is.

Each sum is the best step from the one before: orthogonal matching pursuit (Pati, Rezaiifar and
Krishnaprasad, 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from closedform import ops
from closedform.discover.constants import cleaned
from closedform.discover.front import enough
from closedform.discover.problem import Law, Problem
from closedform.ir import Node

MOST = 6
"""Columns of a sum: more make no law."""
ROWS = 1_000
"""So many rows are enough for a sketch."""
PAIRED = 12
"""Of more inputs no products and ratios are tried: there are hundreds."""
DIGITS = 2
"""Digits of the powers of a product."""


def lines(problem: Problem) -> Iterator[Law]:
    """Yield sums of few inputs, cleaned, until one is as near as the noise allows."""
    nodes = [ops.input_(i) for i in range(problem.inputs)]
    for node in _sums(problem, nodes):
        less = cleaned(problem, node)
        yield Law(less, problem.error(less), "line")
        if problem.error(less) <= enough(problem):
            return


def nearest(problem: Problem) -> Law | None:
    """Return the nearest of sums of squares, products, ratios and so on, and a product of powers.

    In hundredths of a second; None where nothing is nearer than a constant.
    """
    return _best(problem, lambda few: (*_sums(few, _columns(few)), *_product(few)), "sketch")


def straight(problem: Problem) -> Law | None:
    """Return the nearest of sums of few inputs, in hundredths of a second; None as of `nearest`."""
    inputs = [ops.input_(i) for i in range(problem.inputs)]
    return _best(problem, lambda few: _sums(few, inputs), "line")


def _best(problem: Problem, nodes: Callable[[Problem], Iterable[Node]], made: str) -> Law | None:
    """Return the nearest of the laws that are made of some of the rows."""
    fine = np.flatnonzero(problem.complete)
    picked = fine[np.linspace(0, len(fine) - 1, min(ROWS, len(fine))).astype(int)]
    few = Problem(problem.rows[picked], problem.values[picked], None, problem.noise)
    if len(picked) < MOST or not np.ptp(few.values):
        return None
    found = [Law(node, few.error(node), made) for node in nodes(few)]
    best = min(found, key=lambda law: law.error, default=None)
    return best if best is not None and best.error < 1 else None


def _columns(problem: Problem) -> list[Node]:
    """Return what a sum is made of: each input, bent in some ways, products and ratios."""
    lo, hi = problem.box.T
    moving = np.flatnonzero(hi > lo).tolist()
    x = {i: ops.input_(i) for i in moving}
    one = ops.const(1.0)
    free = [i for i in moving if lo[i] > 0 or hi[i] < 0]
    made = [*x.values(), *(ops.power(x[i], 2) for i in moving), *(ops.div(one, x[i]) for i in free)]
    made += [f(x[i]) for i in moving if lo[i] > 0 for f in (ops.sqrt, ops.log)]
    if len(moving) <= PAIRED:
        made += [ops.mul(x[i], x[k]) for i, k in combinations(moving, 2)]
        made += [ops.div(x[i], x[k]) for i, k in permutations(moving, 2) if k in free]
    return made


def _sums(problem: Problem, nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield sums of one, two … columns with a constant."""
    rows, values = problem.rows[problem.complete], problem.values[problem.complete]
    table = np.column_stack([problem.said(node, rows) for node in nodes] or [values])
    spread = table.std(axis=0)
    at = [i for i in np.flatnonzero(spread > 0).tolist() if nodes and np.isfinite(spread[i])]
    units = (table[:, at] - table[:, at].mean(axis=0)) / spread[at]
    left, chosen = values - values.mean(), list[int]()
    for _ in range(min(MOST, len(at), len(left) - 2)):
        told = np.abs(units.T @ left)
        told[[at.index(i) for i in chosen]] = -1.0
        chosen.append(at[int(np.argmax(told))])
        design = np.column_stack([np.ones(len(left)), table[:, chosen]])
        found = np.linalg.lstsq(design, values, rcond=None)[0]
        left = values - design @ found
        terms = zip(found[1:].tolist(), (nodes[i] for i in chosen), strict=True)
        yield ops.lin(float(found[0]), *terms)


def _product(problem: Problem) -> Iterator[Node]:
    """Yield c·x^p·y^q…, where all are of one sign."""
    sign = np.sign(problem.values[:1])
    moving = np.flatnonzero(problem.box[:, 1] > problem.box[:, 0]).tolist()
    if (np.sign(problem.values) != sign).any() or not sign.all() or not moving:
        return
    if (problem.box[moving, 0] <= 0).any():
        return
    logs = np.log(problem.rows[:, moving])
    design = np.column_stack([np.ones(len(logs)), logs])
    found = np.linalg.lstsq(design, np.log(np.abs(problem.values)), rcond=None)[0]
    powers = np.round(found[1:], DIGITS)
    size = float(np.median(np.abs(problem.values) / np.exp(logs @ powers)))
    node: Node = ops.const(float(sign[0]) * size)
    for i, p in zip(moving, powers.tolist(), strict=True):
        node = ops.mul(node, ops.power(ops.input_(i), p)) if p else node
    yield node
