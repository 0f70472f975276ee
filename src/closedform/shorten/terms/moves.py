"""What can be tried next: terms to add, and terms to put in the place of others, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from closedform.ir import Array
from closedform.shorten.terms.conditions import (
    Condition,
    Join,
    Scan,
    Test,
    decided,
    exchanged,
    mask,
    parts,
    shortest_between,
)
from closedform.shorten.terms.dictionary import FACTORS, ONE, SYMMETRIC, THREE, TWO
from closedform.shorten.terms.shapes import Column, Shape, product_of
from closedform.shorten.terms.sums import (
    EXACT,
    Curve,
    Indicator,
    Rows,
    Sum,
    Term,
    price_of,
    solved,
)

PER_INNER = -float(np.log(0.97))
"""What a constant inside a term costs before it is fitted."""
MOST_TRIANGLES = 12
"""So many sets of three columns that all act together are tried: 12 shapes each."""
MOST_TESTS = 4
"""A condition of more tests is no longer read at a glance."""


@dataclass(frozen=True)
class Move:
    """Terms to try, and what they are expected to cost.

    Attributes:
        terms: all terms of the sum.
        new: the term that is new.
        cost: an estimate, before any constant is fitted.
    """

    terms: tuple[Term, ...]
    new: Term
    cost: float


class Moves:
    """The dictionary over some columns, computed once."""

    def __init__(
        self, rows: Rows, pairs: Iterable[tuple[int, int]] = (), *,
        shapes: Sequence[Shape] = (*ONE, *TWO, *THREE), conditions: bool = True,
    ) -> None:  # fmt: skip
        """Compute each shape at its starting constants, over each column and each pair.

        Args:
            rows: what sums are fitted to.
            pairs: positions of columns that may stand in one term.
            shapes: what a term may be.
            conditions: whether it may be a condition, too.
        """
        self.columns, self.rows = rows.known, rows
        self.scan = Scan(rows.columns, rows.weight)
        self.near: dict[int, set[int]] = {i: set() for i in range(len(self.columns))}
        for i, j in pairs:
            self.near[i].add(j)
            self.near[j].add(i)
        self.shapes, self.conditions = shapes, conditions
        self.curves = list(self._curves())
        self.factors = [c for c in self.curves if c.shape in FACTORS]
        self.root = np.sqrt(rows.weight)[:, None]
        self.table = self._unit([c.values(rows.columns) for c in self.curves])
        self.raw = {c: c.values(rows.columns) for c in self.factors}
        self.products: dict[tuple[str, str], Shape] = {}

    def _curves(self) -> Iterator[Curve]:
        for i, x in enumerate(self.columns):
            yield from _started([s for s in self.shapes if s.arity == 1], (i,), (x,))
        for i, j in permutations(range(len(self.columns)), 2):
            if j in self.near[i]:
                shapes = [
                    s for s in self.shapes if s.arity == 2 and (i < j or s.name not in SYMMETRIC)
                ]
                yield from _started(shapes, (i, j), (self.columns[i], self.columns[j]))

        for at in self._triangles():
            for i, j, k in (at, (at[0], at[2], at[1]), (at[1], at[2], at[0])):
                shapes = [
                    s for s in self.shapes
                    if s.arity == 3 and ((i, j, k) == at or s.name == "x·y·zᵖ")
                ]  # fmt: skip
                yield from _started(shapes, (i, j, k), tuple(self.columns[m] for m in (i, j, k)))

    def _triangles(self) -> list[tuple[int, int, int]]:
        """Return the sets of three columns of which each acts together with each other one."""
        found = [
            (i, j, k)
            for i, near in self.near.items()
            for j, k in combinations(sorted(near), 2)
            if i < j and k in self.near[j]
        ]
        return found[:MOST_TRIANGLES]

    def _unit(self, values: Sequence[Array]) -> Array:
        """Return columns of weighted mean 0 and length 1; what is no number becomes 0."""
        if not values:
            return np.zeros((len(self.root), 0))
        table = np.column_stack(values)
        table = np.where(np.isfinite(table).all(axis=0), table, 0.0)
        table = (table - self.rows.weight @ table) * self.root
        length = np.sqrt((table**2).sum(axis=0))
        return np.asarray(table / np.where(length > 1e-9, length, np.inf))

    def from_(self, found: Sum, most: int) -> list[Move]:
        """Return the moves from a sum that are expected to be the best, of different forms."""
        self.variance = self.rows.variance
        moves = [
            *self._added(found),
            *self._multiplied(found),
            *(self._conditions(found) if self.conditions else ()),
        ]
        taken: set[object] = set()
        of_columns: Counter[object] = Counter()
        best: list[Move] = []
        for move in sorted(moves, key=lambda m: m.cost):
            form = (len(move.terms) > len(found.terms), move.new.key)
            columns = frozenset(move.new.at)
            if form not in taken and of_columns[columns] < 3:
                taken.add(form)
                of_columns[columns] += 1
                best.append(move)
            if len(best) == most:
                break
        return best

    def _estimate(self, left: float, new: Term, terms: Sequence[Term], inner: int) -> float:
        scores = self.rows.target.shape[1]
        constants = scores * (1 + len(terms)) + sum(t.written for t in terms)
        return float(
            np.log(max(left, EXACT))
            + price_of(scores) * constants
            + PER_INNER * inner
            + new.odd(self.columns)
        )

    # --- curves ---------------------------------------------------------------------------------

    def _added(self, found: Sum) -> Iterator[Move]:
        gains = self._gains(self.table, found.terms, found.residual)
        for i in np.argsort(-gains)[:60]:
            yield self._move(found.loss, gains[i], self.curves[i], (*found.terms, self.curves[i]))

    def _move(self, loss: float, gain: float, new: Term, terms: tuple[Term, ...]) -> Move:
        left = max(loss - gain / self.variance, 0.0)
        return Move(terms, new, self._estimate(left, new, terms, len(new.moving)))

    def _gains(self, table: Array, terms: Sequence[Term], residual: Array) -> Array:
        """Return by how much each column lowers the weighted squares, beside some terms."""
        basis = self._unit([t.values(self.rows.columns) for t in terms])
        left = np.ones(table.shape[1])
        if basis.shape[1]:
            orthogonal, _ = np.linalg.qr(basis)
            left = 1 - ((orthogonal.T @ table) ** 2).sum(axis=0)
        gained = ((table.T @ (residual * self.root)) ** 2).sum(axis=1)
        return np.where(left > 1e-3, gained / np.maximum(left, 1e-3), 0.0)

    def _multiplied(self, found: Sum) -> Iterator[Move]:
        """Yield each term times a factor of one more column, in its place and beside it."""
        for j, term in enumerate(found.terms):
            made = list(self._products(term))
            if not made:
                continue
            assert isinstance(term, Curve)
            own = term.values(self.rows.columns)
            table = self._unit([own * self.raw[factor] for _, factor in made])
            others = (*found.terms[:j], *found.terms[j + 1 :])
            without = self._without(found, j)
            for terms, residual, loss in (
                (found.terms, found.residual, found.loss),
                (others, *without),
            ):
                gains = self._gains(table, terms, residual)
                for i in np.argsort(-gains)[:10]:
                    yield self._move(loss, gains[i], made[i][0], (*terms, made[i][0]))

    def _products(self, term: Term) -> Iterator[tuple[Curve, Curve]]:
        if not isinstance(term, Curve) or len(term.at) > 2 or "·" in term.shape.name[3:]:
            return
        near = set.intersection(*(self.near[i] for i in term.at)) - set(term.at)
        for factor in self.factors:
            if factor.at[0] in near:
                names = term.shape.name, factor.shape.name
                shape = self.products.setdefault(names, product_of(term.shape, factor.shape))
                theta, held = (*term.theta, *factor.theta), (*term.held, *factor.held)
                yield Curve(shape, (*term.at, *factor.at), theta, held), factor

    def _without(self, found: Sum, j: int) -> tuple[Array, float]:
        """Return the residual and the loss without a term, the others refitted."""
        less = solved((*found.terms[:j], *found.terms[j + 1 :]), self.rows)
        return less.residual, less.loss

    # --- conditions -----------------------------------------------------------------------------

    def _conditions(self, found: Sum) -> Iterator[Move]:
        rows = len(self.rows.weight)
        never, always = np.zeros(rows, dtype=bool), np.ones(rows, dtype=bool)
        for i in range(len(self.columns)):
            made = self._test(i, found.residual, never, always)
            if made is not None:
                test, gain = made
                new = Indicator(test)
                yield self._move(found.loss, gain, new, (*found.terms, new))
        for j, term in enumerate(found.terms):
            if isinstance(term, Indicator) and term.written < MOST_TESTS:
                yield from self._grown(found, j, term.condition)

    def _grown(self, found: Sum, j: int, condition: Condition) -> Iterator[Move]:
        residual, loss = self._without(found, j)
        others = (*found.terms[:j], *found.terms[j + 1 :])
        for part in parts(condition):
            held, open_ = decided(condition, part, self.rows.columns)
            inside = mask(part, self.rows.columns)
            for both in (True, False):
                sure = held if both else held | (open_ & inside)
                asked = open_ & (inside if both else ~inside)
                for i in range(len(self.columns)):
                    made = self._test(i, residual, sure, asked)
                    if made is not None:
                        whole = exchanged(condition, part, Join(both, part, made[0]))
                        new = Indicator(whole)
                        yield self._move(loss, made[1], new, (*others, new))

    def _test(
        self, i: int, residual: Array, held: Array, open_: Array
    ) -> tuple[Test, float] | None:
        split = self.scan.best(i, residual, held, open_)
        if split is None:
            return None
        return Test(i, split.above, shortest_between(split.lo, split.hi)), split.gain

    def placed(self, found: Sum, j: int) -> Indicator:
        """Return a condition of a sum with each threshold at its best place, one after another."""
        term = found.terms[j]
        assert isinstance(term, Indicator)
        residual, _ = self._without(found, j)
        condition = term.condition
        for place in range(len(term.theta)):
            test = [p for p in parts(condition) if isinstance(p, Test)][place]
            held, open_ = decided(condition, test, self.rows.columns)
            made = self._test(test.at, residual, held, open_)
            if made is not None and made[0].above == test.above:
                condition = exchanged(condition, test, made[0])
        return Indicator(condition)


def _started(
    shapes: Iterable[Shape], at: tuple[int, ...], columns: tuple[Column, ...]
) -> Iterator[Curve]:
    for shape in shapes:
        if shape.fits(*columns):
            for theta in shape.starts(*columns):
                yield Curve.of(shape, at, theta)
