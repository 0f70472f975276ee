"""The search among all small expressions, and sums, products and quotients of two or three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.front import Front
from closedform.discover.outputs import View, views_of
from closedform.discover.problem import Law, Problem
from closedform.discover.ratios import Ratio, ratios
from closedform.discover.sample import Sample
from closedform.discover.small.library import Library
from closedform.discover.small.rational import rational
from closedform.discover.subsets import Columns, Subset
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock

ROWS = 90
"""Rows on which expressions are compared."""
MORE_ROWS = 240
"""Rows that quotients of polynomials are fitted to, which have 70 terms at first."""
FIRST, SECOND, LAST = 300, 3_000, 60_000
"""So many expressions there are at first, then, and at last: 43 MB."""
FEW, SOME, MANY = 250, 900, 12_000
"""So many that are no stretched others are tried in pairs; the first with many at last."""
TRIED, KEPT = 16, 60
"""So many starts of a stage are refitted, from so many of each view."""
NOTHING = 0.7
"""With so much noise nothing is looked for but the shortest expressions."""
SEEN = ("itself", "inverse", "logarithm", "square", "inverse square")
"""How f is seen where pairs with many are tried, which takes 0.3 s each."""


def solve(problem: Problem, clock: Clock) -> Iterator[Law]:
    """Yield laws of one to four inputs, those first that fit as well as the noise allows.

    All expressions are made up to a size, and f is looked for as a·e, a·e + b, a·e₁ + b·e₂ + c,
    (a·e₁ + b)/(c·e₂ + d), a·e₁·e₂ and sums of three, straight and through another function; then
    all constants are refitted. f = e₁ ∘ e₂ is found in the time that the making of e₁ takes.

    Args:
        problem: with a few inputs; it may be asked or not.
        clock: when it is out, what was found is yielded.
    """
    sample = Sample.fresh(problem, ROWS, 3)
    if len(sample) < 8 or not problem.inputs:
        return
    front = Front(problem, sample, clock)
    search = _Search.of(sample, Sample.fresh(problem, MORE_ROWS, 5), front, clock)
    stages = search.stages()
    for stage in stages[:2] if problem.noise > NOTHING else stages:
        if front.after(stage):
            break
    yield from front.written()


@dataclass(eq=False)
class _Search:
    """What the stages share."""

    sample: Sample
    rows: Sample
    front: Front
    clock: Clock
    sign: float
    views: list[View]
    library: Library

    @staticmethod
    def of(sample: Sample, rows: Sample, front: Front, clock: Clock) -> _Search:
        y = sample.values
        sign = -1.0 if (y < 0).all() else 1.0
        library = Library(np.column_stack(sample.columns), LAST)
        return _Search(sample, rows, front, clock, sign, views_of(sign * y), library)

    def stages(self) -> Sequence[Callable[[], None]]:
        """Return what is tried, one after the other."""
        return (
            self._constant,
            lambda: self._grown(FIRST),
            lambda: self._pairs(FEW),
            lambda: self._grown(SECOND),
            self._products,
            self._rational,
            lambda: self._ratios(FEW),
            lambda: self._pairs(SOME),
            lambda: self._ratios(SOME),
            lambda: self._triples(FEW),
            lambda: self._grown(LAST),
            self._products,
            self._wide,
            lambda: self._triples(SOME),
        )

    def _grown(self, most: int) -> None:
        """Make expressions, and try a·e + b."""
        while len(self.library) < most and self.library.grow(self.clock):
            pass
        self._singles()

    def _constant(self) -> None:
        self.front.add(ops.const(float(self.sample.values.mean())), "constant")

    def _columns(self, view: View, which: Array | None = None) -> Columns:
        table = self.library.values if which is None else self.library.values[which]
        return Columns(table, view.target, view.weight, self.sample.scale)

    def _singles(self) -> None:
        starts = []
        kinds = np.arange(len(self.library))
        for view in self.views:
            columns = self._columns(view)
            starts += [(view, columns, f) for f in columns.singles(True, kinds, KEPT)]
        self._try(starts, "a small expression")

    def _pairs(self, count: int) -> None:
        which, starts = self.library.distinct(count), []
        for view in self.views:
            if view.output.mixed and not self.clock.out():
                columns = self._columns(view, which)
                starts += [(view, columns, f) for f in columns.pairs(True, KEPT)]
        self._try(starts, "two small expressions", which)

    def _wide(self) -> None:
        """Try one of the shortest with one of many."""
        few, many = self.library.distinct(FEW), self.library.distinct(MANY)
        which = np.concatenate([few, many])
        for view in self.views:
            if view.output.name in SEEN and not self.clock.out():
                columns = self._columns(view, which)
                starts = [(view, columns, f) for f in columns.crossed(len(few), True, KEPT)]
                self._try(starts, "two small expressions", which)
        table, y = self.library.values, self.sample.values
        found = ratios(table[few], table[many], y, self.sample.scale, TRIED)
        self._quotients(found, few, many)
        found = ratios(table[many], table[few], y, self.sample.scale, TRIED)
        self._quotients(found, many, few)

    def _triples(self, count: int) -> None:
        which, view = self.library.distinct(count), self.views[0]
        columns = self._columns(view, which)
        pairs = columns.pairs(True, 12)
        starts = [(view, columns, more) for pair in pairs for more in columns.more(pair, 4)]
        self._try(starts, "three small expressions", which)

    def _products(self) -> None:
        """Try a·e₁·e₂: what f/e₁ is, looked for among the others by its direction."""
        table, y = self.library.values, self.sample.values
        fine = (np.abs(table) > 1e-9 * np.abs(table).max(axis=1)[:, None]).all(axis=1)
        at = np.flatnonzero(fine)
        unit = _directions(table)
        for found in _meeting(_directions(y / table[at]), unit, 12):
            i, j = int(at[found[0]]), found[1]
            self.front.add(self._scaled(self.library.node(i), self.library.node(j)), "a product")

    def _scaled(self, a: Node, b: Node) -> Node:
        node = ops.mul(a, b)
        said = self.sample.said([node])[0]
        y = self.sample.values
        return ops.lin(0.0, (float(said @ y / (said @ said)), node))

    def _ratios(self, count: int) -> None:
        """Try (a·e₁ + b)/(1 + c·e₂)."""
        which = self.library.distinct(count)
        table, y = self.library.values[which], self.sample.values
        self._quotients(ratios(table, table, y, self.sample.scale, TRIED), which, which)

    def _rational(self) -> None:
        """Try quotients of polynomials, of the values and of their squares."""
        for view in views_of(self.sign * self.rows.values):
            if view.output.name in ("itself", "square") and not self.clock.out():
                for node in rational(self.rows, view, self.front.limit):
                    law = ops.lin(0.0, (self.sign, view.output.back(node)))
                    self.front.add(law, view.name("a quotient of polynomials"))

    def _quotients(self, found: list[Ratio], above: Array, below: Array) -> None:
        for one in found:
            g, h = self.library.node(int(above[one.g])), self.library.node(int(below[one.h]))
            node = ops.div(ops.lin(one.bias, (one.top, g)), ops.lin(1.0, (one.bottom, h)))
            self.front.add(node, "a quotient of two small expressions")
            if self.front.sure() or self.clock.out():
                return

    def _try(
        self, starts: list[tuple[View, Columns, Subset]], made: str, which: Array | None = None
    ) -> None:
        """Refit the best of some starts; `which` are the places of the columns."""
        costs = self.library.costs if which is None else self.library.costs[which]

        def key(one: tuple[View, Columns, Subset]) -> tuple[int, int]:
            # Of what fits as well the shorter first.
            view, _, found = one
            return self.front.about(found.error), int(costs[list(found.which)].sum()) + view.rank

        for view, columns, found in sorted(starts, key=key)[:TRIED]:
            bias, weights = columns.weights(found)
            places = found.which if which is None else which[list(found.which)].tolist()
            nodes = [self.library.node(i) for i in places]
            inner = ops.lin(bias, *zip(weights.tolist(), nodes, strict=True))
            self.front.add(ops.lin(0.0, (self.sign, view.output.back(inner))), view.name(made))
            if self.clock.out():
                return


def _directions(table: Array) -> Array:
    """Return rows of length 1, none of which points the other way."""
    with np.errstate(all="ignore"):
        unit = table / np.sqrt((table * table).sum(axis=1))[:, None]
        return np.asarray(
            np.where(np.isfinite(unit), unit, 0.0) * np.sign(unit.sum(axis=1))[:, None]
        )


def _meeting(some: Array, others: Array, most: int) -> list[tuple[int, int]]:
    """Return the pairs of rows that are most alike, by their places in a few projections."""
    random = np.random.default_rng(0).normal(size=(others.shape[1], 6))
    # Along one projection those that are alike are neighbours: 40 of them are looked at.
    found: dict[tuple[int, int], float] = {}
    for k in range(2):
        key = others @ random[:, k]
        order = np.argsort(key)
        at = np.searchsorted(key[order], some @ random[:, k])
        for step in range(-4, 4):
            j = order[np.clip(at + step, 0, len(order) - 1)]
            away = ((some - others[j]) ** 2).sum(axis=1)
            for i in np.argsort(away)[:most].tolist():
                found[i, int(j[i])] = float(away[i])
    return sorted(found, key=found.__getitem__)[:most]
