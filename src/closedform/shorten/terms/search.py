"""The search: terms are added greedily, and all constants refitted each time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform.shorten.clock import Clock
from closedform.shorten.terms.conditions import Test
from closedform.shorten.terms.dictionary import LINE, ONE, SIMPLER
from closedform.shorten.terms.moves import Moves
from closedform.shorten.terms.shapes import Column
from closedform.shorten.terms.sums import Curve, Indicator, Rows, Sum, Term, fit, solved

TRIED = 6
"""So many moves of different form are fitted in each round."""
FIRST_STEPS, LAST_STEPS = 12, 25
STEEP = 4.0
"""A bend that is passed within so small a part of a deviation may be a step."""
BEND = next(shape for shape in ONE if shape.name == "tanh")
ALIKE = (("x²", "|x|", "bell", "1/(1+x²)"), ("x³", "tanh"), ("exp", "1/(x+c)", "tanh", "log(x+c)"))
"""Shapes that differ little until all constants are fitted."""
PATIENCE = 1
"""So many rounds in a row may bring too little: two steps can show what one does not."""
ODD = 0.1
"""A term that pays more than this for its shape is tried as a simpler one in every round."""
DONE = 1e-9
"""A loss of less of the variance is the model itself."""


@dataclass(frozen=True)
class Search:
    """A greedy search for sums of terms.

    Attributes:
        moves: what can be tried.
        rows: what sums are fitted to.
        clock: the time there is.
        rounds: at most so many times a term is added.
        least: what a term must bring, beyond what its constants cost.
    """

    moves: Moves
    rows: Rows
    clock: Clock
    rounds: int = 12
    least: float = 0.02

    def sums(self, start: Sequence[Term] = ()) -> Iterator[Sum]:
        """Yield the best sum of each size, shorter ones first, from some terms on."""
        found = solved(start, self.rows)
        yield found
        least, idle = found.cost, 0
        for _ in range(self.rounds):
            if self.clock.out() or found.loss < DONE:
                return
            better = self._next(found)
            if better is None or _same(better, found):
                return
            found = better
            helps = found.cost < least - self.least
            idle = 0 if helps else idle + 1
            if idle > PATIENCE:
                return
            if helps:
                least = found.cost
                yield found

    def _next(self, found: Sum) -> Sum | None:
        best: Sum | None = None
        for move in self.moves.from_(found, TRIED):
            if self.clock.out():
                break
            made = self._fit(move.terms, FIRST_STEPS)
            if np.isfinite(made.loss) and (best is None or made.cost < best.cost):
                best = made
        if best is None:
            return None
        return self.shorter(self._likewise(self._fit(best.terms, LAST_STEPS), found), found)

    def _likewise(self, found: Sum, before: Sum) -> Sum:
        """Return a sum whose new term has the best of the shapes that look like its own."""
        old = {t.key for t in before.terms}
        for j, term in enumerate(found.terms):
            if isinstance(term, Curve) and term.key not in old:
                for other in _alike(term, self.moves.columns):
                    made = self._fit(_with(found.terms, j, other), FIRST_STEPS)
                    found = made if made.cost < found.cost else found
        return found

    def _fit(self, terms: Sequence[Term], steps: int) -> Sum:
        made = fit(terms, self.rows, steps=steps, stop=self.clock.out)
        for j, term in enumerate(made.terms):
            if isinstance(term, Indicator) and steps >= FIRST_STEPS:
                moved = self.moves.placed(made, j)
                other = solved(_with(made.terms, j, moved), self.rows)
                made = other if other.loss < made.loss else made
            if isinstance(term, Curve) and term.shape.jumps and steps >= FIRST_STEPS:
                made = self._cut(made, j)
        return _plain(made, self.rows)

    def _cut(self, found: Sum, j: int) -> Sum:
        """Return a sum with the threshold of one of its terms at the best place nearby."""
        term = found.terms[j]
        column = self.moves.columns[term.at[-1]]
        for i in term.shape.jumps if isinstance(term, Curve) else ():
            step = (column.hi - column.lo) / 12
            while step > (column.hi - column.lo) / 1000:
                here = found.terms[j]
                near = (here.put(i, here.theta[i] + sign * step) for sign in (1, -1))
                tried = [solved(_with(found.terms, j, term), self.rows) for term in near]
                best = min(tried, key=lambda s: s.loss)
                found, step = (best, step) if best.loss < found.loss else (found, step / 2)
        return found

    def shorter(self, found: Sum, before: Sum) -> Sum:
        """Return a sum without what costs more than it brings: terms, constants, odd shapes.

        Args:
            found: the sum.
            before: one whose terms need not be made simpler again.
        """
        old = {t.key for t in before.terms}
        while not self.clock.out():
            for terms in _shorter(found.terms, old, self.moves.columns):
                made = self._fit(terms, 6)
                if made.cost <= found.cost:
                    found = made
                    break
            else:
                break
        return found


def _plain(found: Sum, rows: Rows) -> Sum:
    terms = [t.plain if isinstance(t, Curve) else t for t in found.terms]
    return found if terms == list(found.terms) else solved(terms, rows)


def _same(first: Sum, second: Sum) -> bool:
    return sorted(t.key for t in first.terms) == sorted(t.key for t in second.terms)


def _alike(term: Curve, columns: Sequence[Column]) -> Iterator[Curve]:
    for names in ALIKE:
        if term.shape.name in names:
            x = columns[term.at[0]]
            shapes = [s for s in ONE if s.name in names and s is not term.shape and s.fits(x)]
            for shape in shapes:
                starts = shape.starts(x)
                yield Curve.of(shape, term.at, starts[len(starts) // 2])


def _with(terms: Sequence[Term], j: int, term: Term) -> tuple[Term, ...]:
    return (*terms[:j], term, *terms[j + 1 :])


def _shorter(
    terms: tuple[Term, ...], old: Collection[object], columns: Sequence[Column]
) -> Iterator[tuple[Term, ...]]:
    """Yield terms with one of them left out, simpler, or a constant at its neutral value."""
    for j, term in enumerate(terms):
        if len(terms) > 1:
            yield (*terms[:j], *terms[j + 1 :])
        if isinstance(term, Curve) and (term.key not in old or term.odd(columns) > ODD):
            yield from (_with(terms, j, other) for other in _simpler(term, columns))


def _simpler(term: Curve, columns: Sequence[Column]) -> Iterator[Term]:
    for i in term.moving:
        for value in term.shape.neutral[i]:
            if abs(term.theta[i] - value) < 0.5:
                yield term.put(i, value)
    if term.moving:
        for shape in SIMPLER.get(len(term.at), ()):
            if shape.count < len(term.moving):
                yield Curve.of(shape, term.at, term.theta[: shape.count])
    if term.shape.jumps and len(term.at) == 2:
        yield Curve.of(LINE, term.at[:1])
    if term.shape.name.startswith("tanh"):
        yield from _steps(term, columns)


def _steps(term: Curve, columns: Sequence[Column]) -> Iterator[Term]:
    """Yield what a bend is of one column alone, and as a step where it is steep."""
    *slopes, offset = term.theta
    for i, slope in zip(term.at, slopes, strict=False):
        if len(term.at) > 1:
            yield Curve.of(BEND, (i,), (slope, offset))
        if abs(slope) * columns[i].deviation > STEEP:
            yield Indicator(Test(i, True, -offset / slope))
