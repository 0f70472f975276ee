"""The search among all small expressions, and sums, products and quotients of two or three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.front import Front
from closedform.discover.outputs import View, views_of
from closedform.discover.problem import Law, Problem
from closedform.discover.ratios import ratios
from closedform.discover.sample import Sample
from closedform.discover.small.library import Library
from closedform.discover.subsets import Columns, Subset
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock

ROWS = 100
"""Rows on which expressions are compared."""
PAIRED, MOST = (300, 900), (3_000, 20_000)
"""So many expressions are tried in pairs, and one by one: at first, and at last."""
TRIED = 16


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
    search = _Search.of(sample, front, clock)
    for _ in search.stages():
        if clock.out() or front.good():
            break
    yield from front.written()


@dataclass(eq=False)
class _Search:
    """What the stages share."""

    sample: Sample
    front: Front
    clock: Clock
    sign: float
    views: list[View]
    library: Library

    @staticmethod
    def of(sample: Sample, front: Front, clock: Clock) -> _Search:
        y = sample.values
        sign = -1.0 if (y < 0).all() else 1.0
        library = Library(np.column_stack(sample.columns), MOST[1])
        return _Search(sample, front, clock, sign, views_of(sign * y), library)

    def stages(self) -> Iterator[None]:
        """Do one stage after another."""
        self._constant()
        yield
        for paired, most in zip(PAIRED, MOST, strict=True):
            while len(self.library) < most and self.library.grow(self.clock):
                self._singles()
                yield
            self._products()
            yield
            self._pairs(paired)
            yield
            self._ratios(paired)
            yield
            self._triples(paired)
            yield

    def _constant(self) -> None:
        self.front.add(ops.const(float(self.sample.values.mean())), "constant")

    def _columns(self, view: View, count: int | None = None) -> Columns:
        return Columns(self.library.values[:count], view.target, view.weight, self.sample.scale)

    def _singles(self) -> None:
        starts = []
        kinds = np.arange(len(self.library))
        for view in self.views:
            columns = self._columns(view)
            starts += [
                (view, columns, f) for b in (False, True) for f in columns.singles(b, kinds)[:3]
            ]
        self._try(starts, "a small expression")

    def _pairs(self, count: int) -> None:
        starts = []
        for view in self.views:
            if view.output.mixed and not self.clock.out():
                columns = self._columns(view, count)
                starts += [(view, columns, f) for b in (False, True) for f in columns.pairs(b, 8)]
        self._try(starts, "two small expressions")

    def _triples(self, count: int) -> None:
        view = self.views[0]
        columns = self._columns(view, count)
        starts = [
            (view, columns, more)
            for bias in (False, True)
            for found in columns.pairs(bias, 12)
            for more in columns.more(found, 4)
        ]
        self._try(starts, "three small expressions")

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
        table = self.library.values[:count]
        y, kinds = self.sample.values, np.arange(len(table))
        for found in ratios(table, y, self.sample.scale, kinds, TRIED):
            top = ops.lin(found.bias, (found.top, self.library.node(found.g)))
            bottom = ops.lin(1.0, (found.bottom, self.library.node(found.h)))
            self.front.add(ops.div(top, bottom), "a quotient of two small expressions")
            if self.front.sure() or self.clock.out():
                return

    def _try(self, starts: list[tuple[View, Columns, Subset]], made: str) -> None:
        """Refit the best of some starts."""
        starts.sort(key=lambda one: (self.front.about(one[2].error), one[0].output.rank))
        for view, columns, found in starts[:TRIED]:
            bias, weights = columns.weights(found)
            nodes = [self.library.node(i) for i in found.which]
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
