"""A sum of few simple terms in the place of a model: lines, hinges, steps, products of them.

What a functional analysis of variance of the model finds: main effects, and pairs where they
matter. Terms are found forwards, exchanged and left out backwards (Friedman, Multivariate adaptive
regression splines, 1991), on many rows that the model has answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.progress import Wanted
from closedform.shorten.additive.curves import BENT, Basis, Factor, Term, plain, term_node
from closedform.shorten.additive.fitted import Target, lines, polished, without_least
from closedform.shorten.additive.forward import chosen_terms
from closedform.shorten.asked import Answers, answers
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import some_of, whole
from closedform.shorten.short import shortest
from closedform.shorten.teacher import CLIP, Teacher

MOST_TERMS = 20
ASKED = 24_000
"""Rows that the model is asked about; of a classifier, most of them are far from any boundary."""
ROWS = 8000
"""Rows that terms are fitted to; with 20,000 a booster's agreement rose by less than 0.3 points."""
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 25, 30)
"""Numbers of terms of which a formula is given."""
KNOTS, FINE_KNOTS = 15, 30
"""Places where a curve may bend, at first and when it is exchanged."""
MOST_VIEWS = 25
"""Views among which terms are sought: those that explain most alone."""
MOST_LINES = 10
"""Views whose products with others are tried before they are terms themselves."""
ROUGH = 0.02
"""A weight is rounded by as much as moves the sum by this share of its error."""


def additive(
    formula: Formula, X: Any, *, y: Any = None, terms: int = MOST_TERMS, factors: int = 3,
    curves: Sequence[str] = BENT, seed: int = 0, time_limit: float | None = 15.0,
    progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return sums of few simple terms that imitate a model, the longest first.

    Args:
        formula: the exact formula of a model.
        X: rows, shape (rows, inputs); more like them are made up, and the model answers them all.
        y: not needed; what was observed.
        terms: so many at most.
        factors: so many in a term: 1 for main effects alone, 2 for pairs.
        curves: which may bend: "above", max(0, x − t); "below", max(0, t − x); "step", 1 where
            x > t. Lines are always among them.
        seed: of the rows that are made up.
        time_limit: seconds.
        progress: as of `frontier`.

    Raises:
        BadInput: the rows do not fit the formula, or are too few, or an option has no meaning.
    """
    terms, factors = whole("terms", terms, 1), whole("factors", factors, 1)
    curves = some_of("curves", curves, BENT)
    teacher, clock = Teacher.of(formula, X, y, seed=seed), Clock(time_limit)
    sums = Additive.of(teacher, clock, curves).sums(terms, factors)
    return gathered(sums, clock, "additive", progress)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield sums of 1 to 20 terms: products of up to three curves, then main effects alone."""
    if teacher.views:
        search = Additive.of(teacher, clock)
        yield from search.sums(MOST_TERMS, 3)
        yield from search.sums(MOST_TERMS // 2, 1)


@dataclass(frozen=True, eq=False)
class Additive:
    """The search for terms.

    Attributes:
        teacher: the model.
        clock: how much time there is.
        found: what it said.
        target: the same, to be fitted.
        basis: the curves that terms are made of.
        half: every second row of the target.
        fine: the curves with more knots, on these.
    """

    teacher: Teacher
    clock: Clock
    found: Answers
    target: Target
    basis: Basis
    half: Target
    fine: Basis

    @classmethod
    def of(
        cls, teacher: Teacher, clock: Clock, curves: Sequence[str] = BENT, line: bool = True
    ) -> Additive:
        """Ask the teacher, and lay out the curves of the views that explain most."""
        most = ASKED if teacher.classifies else ROWS
        found = answers(teacher, clock, most=most, seconds=2.0)
        found, weight = _thinned(found, teacher.weights(found.y), teacher.seed)
        root = np.sqrt(weight / weight.sum())
        y = (found.y - root**2 @ found.y) / found.spread
        clipped = teacher.classifies and found.y.shape[1] == 1
        ends = np.sign(found.y) * (np.abs(found.y) >= CLIP) * clipped
        target = Target(found.x, y, root, ends)
        flat = frozenset(i for i, v in enumerate(teacher.views) if v.indicator)
        kept = _strongest(target, flat)
        basis = Basis.of(found.x, kept, flat, KNOTS, curves, line)
        half = target.part(slice(None, None, 2))
        fine = Basis.of(half.x, kept, flat, FINE_KNOTS, curves, line)
        return cls(teacher, clock, found, target, basis, half, fine)

    def sums(self, most: int, factors: int) -> Iterator[Formula]:
        """Yield a formula for each of some numbers of terms, the longest first."""
        target = self.target
        if target.open.any():
            first: list[Term] = []
            for term in self._chosen(target, most // 2, factors):
                first.append(term)
                if len(first) == 2:
                    yield self.formula(first)
            target = target.eased(first)
        found: list[Term] = []
        for term in self._chosen(target, most * 5 // 4, factors):
            found.append(term)
            # Some as they are found: what comes next may take the rest of the time.
            if len(found) in (2, 4, 8, 16):
                yield self.formula(found)
        terms = list(found)
        while terms:
            if len(terms) in SIZES and len(terms) <= most:
                terms = min(terms, found[: len(terms)], key=lambda t: self.target.eased(t).loss(t))
                half = self.half.eased(terms)
                terms = polished(half, terms, self.fine, stop=self.clock.out)
                yield self.formula(terms)
            terms = without_least(self.target.eased(terms), terms)

    def _chosen(self, target: Target, most: int, factors: int) -> Iterator[Term]:
        return chosen_terms(
            target.x, target.y, self.basis, most=most, factors=factors,
            parents=lines(self.basis.factors)[:MOST_LINES], stop=self.clock.out,
            weight=target.root**2,
        )  # fmt: skip

    def formula(self, terms: Sequence[Term]) -> Formula:
        """Return a sum of terms as a formula, with few digits in its weights."""
        terms = [plain(t) for t in terms]
        weights, biases = self._rounded(terms)
        step = Step("additive", "approx", {"rows": len(self.found.y)}, {"terms": len(terms)})
        nodes = [term_node(t, self.teacher.views) for t in terms]
        sums = [
            _sum(bias, column, nodes)
            for bias, column in zip(biases, weights.T.tolist(), strict=True)
        ]
        return self.teacher.formula_of(sums, step)

    def _rounded(self, terms: Sequence[Term]) -> tuple[Array, list[float]]:
        """Return the weights, shape (terms, scores), and the biases, in the scores' own units."""
        columns = self.target.matrix(terms)[:, 1:]
        spread, root = self.found.spread, self.target.root
        target = self.target.eased(terms)
        error = np.sqrt(target.loss(terms) / len(spread)) * spread
        error = np.maximum(error, 1e-9 * spread)
        weights = target.weights(terms)[1:] * spread
        size = np.linalg.norm(columns, axis=0)
        for k in range(len(spread)):
            for i in np.argsort(-np.abs(weights[:, k]) * size):
                slack = ROUGH * error[k] / max(size[i], 1e-300)
                weights[i, k] = shortest(weights[i, k] - slack, weights[i, k] + slack)
        offset = root**2 @ self.found.y
        rest = target.y * spread + offset - (columns / root[:, None]) @ weights
        bias = (root**2 @ rest).tolist()
        slack = (ROUGH * error).tolist()
        return weights, [shortest(b - s, b + s) for b, s in zip(bias, slack, strict=True)]


def _sum(bias: float, weights: Sequence[float], nodes: Sequence[Node]) -> Node:
    terms = [(w, n) for w, n in zip(weights, nodes, strict=True) if w]
    return ops.lin(bias, *terms) if terms else ops.const(bias)


def _thinned(found: Answers, weight: Array, seed: int) -> tuple[Answers, Array]:
    """Return some of the rows, those that count more with a greater chance, and their weights.

    A row is kept with a chance in proportion to the root of its weight, and weighs as much more as
    it was less likely to be kept: sums over the rows stay what they are on average.
    """
    if len(weight) <= ROWS:
        return found, weight
    chance = np.sqrt(weight)
    chance = np.minimum(1.0, chance * ROWS / chance.sum())
    kept = np.random.default_rng([seed, 5]).random(len(weight)) < chance
    return replace(found, x=found.x[kept], y=found.y[kept]), weight[kept] / chance[kept]


def _strongest(target: Target, flat: frozenset[int]) -> list[int]:
    """Return the views with a curve that explains most of the scores, the strongest first."""
    worth = []
    target = target.part(slice(None, None, max(1, len(target.x) // 2000)))
    for j in range(target.x.shape[1]):
        basis = Basis.of(target.x, [j], flat, 5)
        columns = basis.values * target.root[:, None]
        columns = columns - np.outer(target.root, target.root @ columns)
        size = np.maximum((columns**2).sum(axis=0), 1e-300)
        along = ((columns.T @ target.weighted) ** 2).sum(axis=1)
        worth.append(float((along / size).max(initial=0.0)))
    return [int(j) for j in np.argsort(-np.array(worth), kind="stable")[:MOST_VIEWS]]


__all__ = ["Additive", "Factor", "additive", "formulas"]
