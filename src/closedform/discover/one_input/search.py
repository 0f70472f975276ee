"""The search for a law of one input, from the shortest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.constants import written
from closedform.discover.front import Front
from closedform.discover.one_input.features import FAMILIES, PLAIN
from closedform.discover.outputs import View, views_of
from closedform.discover.problem import Law, Problem
from closedform.discover.sample import Sample
from closedform.discover.subsets import Columns, Subset
from closedform.evaluate import compute
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock

GRID = 96
"""Places where a function that can be asked is asked."""
TRIED = 14
"""So many of the best starts of a stage are refitted."""


def solve(problem: Problem, clock: Clock) -> Iterator[Law]:
    """Yield laws of one input, those first that fit as well as the noise allows, shortest first.

    Sums of at most three functions (powers, waves, exponentials, poles, roots …) and quotients of
    polynomials, of the values or of what they look like through a logarithm, a square, a sine …

    Args:
        problem: with one input; it may be asked or not.
        clock: when it is out, what was found is yielded.
    """
    sample = _grid(problem)
    if len(sample) < 3:
        return
    front = Front(problem, sample)
    for stage in _stages(_Search.of(sample, front)):
        if clock.out():
            break
        stage()
        if front.good():
            break
    for law in front.laws():
        node = written(problem, law.node)
        yield Law(node, problem.error(node), law.made)


def _grid(problem: Problem) -> Sample:
    """Return where the function is fitted: evenly over its range, where it can be asked."""
    lo, hi = problem.box[0]
    if problem.ask is None or not lo < hi:
        return Sample.of(problem, 300)
    made = Sample.asked(problem, np.linspace(lo, hi, GRID)[:, None])
    return made if len(made) >= GRID // 3 else Sample.of(problem, 300)


@dataclass(eq=False)
class _Search:
    """What the stages share: columns, and the views of the function that are defined."""

    sample: Sample
    front: Front
    sign: float
    views: list[View]
    nodes: list[Node]
    table: Array
    plain: int

    @staticmethod
    def of(sample: Sample, front: Front) -> _Search:
        y = sample.values
        sign = -1.0 if (y < 0).all() else 1.0
        views = views_of(sign * y)
        nodes, table, plain = _columns(sample)
        return _Search(sample, front, sign, views, nodes, table, plain)

    def law(self, view: View, columns: Columns, found: Subset, nodes: Sequence[Node]) -> Node:
        bias, weights = columns.weights(found)
        terms = [(float(w), nodes[i]) for w, i in zip(weights, found.which, strict=True)]
        inner = ops.lin(bias, *terms)
        return ops.lin(0.0, (self.sign, view.output.back(inner)))

    def try_best(self, starts: list[tuple[View, Columns, Subset]], made: str) -> None:
        """Refit the best of some starts."""
        starts.sort(key=lambda one: one[2].error)
        for view, columns, found in starts[:TRIED]:
            self.front.add(self.law(view, columns, found, self.nodes), view.name(made))

    def regressions(self, count: int) -> list[tuple[View, Columns]]:
        table = self.table[:count]
        return [(v, Columns(table, v.target, v.weight, self.sample.scale)) for v in self.views]


def _columns(sample: Sample) -> tuple[list[Node], Array, int]:
    """Return the functions defined on all rows, their values, and how many have no constant."""
    x, values = ops.input_(0), sample.columns[0]
    with np.errstate(all="ignore"):
        plain = [build(x) for build in PLAIN]
        more = [f.build(x, float(k)) for f in FAMILIES for k in f.grid(values)]
    table = np.array(compute([*plain, *more], sample.columns, len(sample)))
    with np.errstate(all="ignore"):
        fine = np.isfinite(table).all(axis=1) & (np.abs(table).max(axis=1) < 1e100)
    fine &= np.ptp(table, axis=1) > 0
    kept = [n for n, keep in zip([*plain, *more], fine.tolist(), strict=True) if keep]
    return kept, table[fine], int(fine[: len(plain)].sum())


def _stages(search: _Search) -> list[Callable[[], None]]:
    return [
        lambda: _constant(search),
        lambda: _singles(search, search.plain, "a function"),
        lambda: _singles(search, len(search.nodes), "a function with a constant inside"),
        lambda: _quotients(search, ((1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (3, 0))),
        lambda: _pairs(search, search.plain, "two functions"),
        lambda: _pairs(search, len(search.nodes), "two functions with constants inside"),
        lambda: _quotients(
            search, ((2, 2), (3, 1), (4, 0), (3, 2), (2, 3), (3, 3), (5, 0), (6, 0))
        ),
        lambda: _triples(search),
    ]


def _constant(search: _Search) -> None:
    search.front.add(ops.const(float(search.sample.values.mean())), "constant")
    search.front.add(ops.input_(0), "the input")


def _singles(search: _Search, count: int, made: str) -> None:
    starts = [
        (view, columns, found)
        for view, columns in search.regressions(count)
        for bias in (False, True)
        for found in columns.singles(bias, 4)
    ]
    search.try_best([s for s in starts if not s[2].bias], made)
    search.try_best([s for s in starts if s[2].bias], made)


PAIRED = (
    "itself",
    "inverse",
    "logarithm",
    "square",
    "inverse square",
    "root",
    "exponential",
    "sine",
)


def _pairs(search: _Search, count: int, made: str) -> None:
    starts = [
        (view, columns, found)
        for view, columns in search.regressions(count)
        if view.output.name in PAIRED
        for bias in (False, True)
        for found in columns.pairs(bias, 6)
    ]
    search.try_best(starts, made)


def _triples(search: _Search) -> None:
    starts = [
        (view, columns, more)
        for view, columns in search.regressions(len(search.nodes))
        if view.output.name in ("itself", "logarithm", "inverse")
        for bias in (False, True)
        for found in columns.pairs(bias, 10)
        for more in columns.more(found, 3)
    ]
    search.try_best(starts, "three functions")


def _quotients(search: _Search, degrees: Sequence[tuple[int, int]]) -> None:
    """Try quotients of polynomials, of the values and of their squares."""
    x = search.sample.columns[0]
    scale = float(np.abs(x).max() or 1.0)
    for view in search.views:
        if view.output.name not in ("itself", "square"):
            continue
        for above, below in degrees:
            made = _quotient(x / scale, view.target, view.weight, above, below)
            if made is None:
                continue
            node = _polynomials(made, above, scale)
            search.front.add(
                ops.lin(0.0, (search.sign, view.output.back(node))),
                f"quotient of polynomials ({above}, {below})",
            )


def _quotient(x: Array, y: Array, weight: Array, above: int, below: int) -> Array | None:
    """Return the coefficients of P − y·Q by linear least squares, Q's constant being 1.

    Twice over: first as it is, then weighted by 1/Q, so that errors count in y.
    """
    powers = np.vander(x, max(above, below) + 1, increasing=True)
    table = np.column_stack([powers[:, : above + 1], -y[:, None] * powers[:, 1 : below + 1]])
    size = np.abs(table).max(axis=0)
    if not size.all():
        return None
    w = weight
    for _ in range(3):
        got = np.linalg.lstsq(table / size * w[:, None], y * w, rcond=1e-14)[0] / size
        bottom = 1 + powers[:, 1 : below + 1] @ got[above + 1 :]
        if not np.isfinite(bottom).all() or not bottom.all():
            return None
        w = weight / np.abs(bottom)
    return np.asarray(got)


def _polynomials(got: Array, above: int, scale: float) -> Node:
    def polynomial(coefs: Sequence[float]) -> Node:
        x = ops.input_(0)
        terms = [(c / scale**k, x if k == 1 else ops.power(x, k)) for k, c in enumerate(coefs) if k]
        return ops.lin(coefs[0], *terms)

    top = polynomial(got[: above + 1].tolist())
    if len(got) == above + 1:
        return top
    return ops.div(top, polynomial([1.0, *got[above + 1 :].tolist()]))
