"""A tree that is grown two levels at a time: each split is the root of the best tree of depth two.

A greedy tree sees nothing where two inputs decide together and neither alone. The best tree of
depth two is found by counting: for all pairs of tests at once, how many rows pass both, and the sum
of their scores (Demirović et al., MurTree, 2022; van der Linden, de Weerdt and Demirović, STreeD,
2023).
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from closedform.ir import Array
from closedform.shorten.asked import Answers
from closedform.shorten.clock import Clock
from closedform.shorten.trees.grown import Grown

CUTS = 16
"""Places where a view may be cut, at its quantiles among the rows of a node."""
MOST_TESTS = 160
"""Of all views together; those with the best single tests are kept."""
ROWS = 10_000
"""Rows that are counted: 10,000 and 160 tests take 0.05 s for the root."""


class Pair(NamedTuple):
    """The first test of a tree of depth two, and how far the squared distance falls by it all."""

    gain: float
    view: int
    cut: float


def grown_ahead(found: Answers, *, leaves: int, least: int, clock: Clock) -> Grown | None:
    """Return a tree each split of which is the best with the best splits behind it.

    Args:
        found: rows and scores.
        leaves: so many at most.
        least: so many rows in each leaf.
        clock: a tree that is not done in time is given as far as it is.

    Returns:
        The tree, without the values of its nodes; None where no two tests explain anything.
    """
    x, y = found.x[:ROWS], found.scaled[:ROWS]
    tests: dict[int, tuple[Pair, int]] = {}
    rows = [np.arange(len(x))]
    queue: list[tuple[float, int, Pair]] = []

    def offer(i: int) -> None:
        pair = best_pair(x[rows[i]], y[rows[i]], least)
        if pair is not None:
            heapq.heappush(queue, (-pair.gain, i, pair))

    offer(0)
    while queue and len(tests) + 1 < leaves and not (tests and clock.out()):
        _, i, pair = heapq.heappop(queue)
        goes = x[rows[i], pair.view] <= pair.cut
        tests[i] = pair, len(rows)
        rows += [rows[i][goes], rows[i][~goes]]
        offer(len(rows) - 2)
        offer(len(rows) - 1)
    return _tree(tests, len(rows), y.shape[1]) if tests else None


def _tree(tests: dict[int, tuple[Pair, int]], nodes: int, scores: int) -> Grown:
    left, right = np.full(nodes, -1), np.full(nodes, -1)
    feature, cut = np.zeros(nodes, dtype=int), np.zeros(nodes)
    for i, (pair, child) in tests.items():
        left[i], right[i], feature[i], cut[i] = child, child + 1, pair.view, pair.cut
    return Grown(
        left, right, feature, cut, np.zeros((nodes, scores)), np.zeros(nodes), np.zeros(nodes)
    )


def best_pair(x: Array, y: Array, least: int) -> Pair | None:
    """Return the first test of the best tree of depth two, or None where none explains anything.

    Args:
        x: rows, shape (rows, views).
        y: scores, shape (rows, scores).
        least: rows in each leaf.
    """
    if len(x) < 2 * least:
        return None
    y = y - y.mean(axis=0)
    view, cut = _tests(x, y)
    if not len(view):
        return None
    passed = (x[:, view] <= cut).astype(np.float32)
    count = _Sums(
        passed.T @ passed,
        np.stack([passed.T @ (passed * s[:, None].astype(np.float32)) for s in y.T]),
    )
    one = _Sums(passed.sum(axis=0), passed.T.astype(float) @ y)
    total = _best(count, one, len(y), least)
    i = int(total.argmax())
    return Pair(float(total[i]), int(view[i]), float(cut[i])) if total[i] > 0 else None


class _Sums(NamedTuple):
    """How many rows, and the sums of their scores."""

    rows: Array
    scores: Array


def _best(both: _Sums, one: _Sums, rows: int, least: int) -> Array:
    """Return what each first test explains with the best second tests on its sides.

    Args:
        both: of the rows that pass the first test and the second, shapes (tests, tests) and
            (scores, tests, tests).
        one: of those that pass one, shapes (tests,) and (tests, scores). The scores of all rows
            add up to 0.
        rows: how many there are.
        least: rows in each leaf.
    """
    alone = one.scores.T
    first, second = alone[:, :, None], alone[:, None, :]
    n, m = one.rows[:, None], one.rows[None, :]
    inside = _split(both.rows, both.scores, n, first, least)
    outside = _split(m - both.rows, second - both.scores, rows - n, -first, least)
    total: Array = inside.max(axis=1) + outside.max(axis=1)
    return np.where((one.rows >= least) & (rows - one.rows >= least), total, 0.0)


def _split(n: Array, s: Array, rows: Array, scores: Array, least: int) -> Array:
    """Return Σ|sum|²/rows of both parts of some rows, or of all where a part is too small."""
    parted = (s**2).sum(axis=0) / np.maximum(n, 1)
    parted = parted + ((scores - s) ** 2).sum(axis=0) / np.maximum(rows - n, 1)
    whole = (scores**2).sum(axis=0) / np.maximum(rows, 1)
    found: Array = np.where((n >= least) & (rows - n >= least), parted, whole)
    return found


def _tests(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the views and cuts of tests, those of views that explain most alone."""
    at = np.linspace(0, 1, CUTS + 2)[1:-1]
    found = []
    for j, column in enumerate(x.T):
        order = np.sort(column)
        cuts = np.unique(order[(at * (len(order) - 1)).astype(int)])
        cuts = cuts[cuts < order[-1]]
        if len(cuts):
            found.append((_alone(column, y, cuts), j, cuts))
    found.sort(key=lambda f: -f[0])
    kept = found[: max(2, MOST_TESTS // CUTS)]
    if not kept:
        return np.zeros(0, dtype=int), np.zeros(0)
    view = np.concatenate([np.full(len(cuts), j) for _, j, cuts in kept])
    return view, np.concatenate([cuts for _, _, cuts in kept])


def _alone(column: Array, y: Array, cuts: Array) -> float:
    """Return what the best of some cuts of a view explains alone."""
    bins = np.searchsorted(cuts, column)
    rows = np.bincount(bins, minlength=len(cuts) + 1).cumsum()[:-1]
    sums = np.stack(
        [np.bincount(bins, weights=s, minlength=len(cuts) + 1).cumsum()[:-1] for s in y.T]
    )
    worth = (sums**2).sum(axis=0) * len(y) / np.maximum(rows * (len(y) - rows), 1)
    return float(worth.max())
