"""Forward selection: the term that explains most of what is left, again and again.

Friedman, Multivariate adaptive regression splines (1991), with steps beside the hinges. Only inner
products are kept of the thousands of products that may come next: a·b·residual is a matrix product
of the single curves a with b·residual, for all a at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform.ir import Array
from closedform.shorten.additive.curves import Basis, Factor, Term, numbers_in, term_values

DEPENDENT = 1e-6
"""A curve of which so small a share is left beside the chosen ones adds nothing to them."""
PER_NUMBER = 0.98
"""A term is preferred that has one constant less and keeps this share of the gain."""
PER_FACTOR = 0.95
"""… one factor less."""


@dataclass
class Parent:
    """A term whose products with the curves of other views may come next.

    Attributes:
        term: what it is.
        values: weighted by the square root of the rows' weights, shape (rows,).
        size: the squared length of each product, shape (curves,).
        explained: how much of that the chosen terms span.
        along: the inner product of each with what is left of the scores, shape (curves, scores).
        open: which products may still come.
    """

    term: Term
    values: Array
    size: Array
    explained: Array
    along: Array
    open: Array


@dataclass
class Forward:
    """The chosen terms, and all that may come next.

    Attributes:
        x: rows, shape (rows, views).
        basis: the single curves.
        left: what is left of the scores, weighted, shape (rows, scores).
        root: the square roots of the rows' weights, shape (rows,).
        factors: so many at most in a term.
        terms: those that are chosen.
    """

    x: Array
    basis: Basis
    left: Array
    root: Array
    factors: int = 2
    terms: list[Term] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with the constant alone."""
        self.squares = self.basis.values**2
        self.ease = np.array([PER_NUMBER ** numbers_in((f,)) for f in self.basis.factors])
        self.spanned: list[Array] = []
        self.parents: list[Parent] = []
        self._span(self.root / np.linalg.norm(self.root))
        self.offer(())

    def offer(self, term: Term) -> None:
        """Let products of a term with any curve come next."""
        values = self.root * term_values(term, self.x)
        own = [f.view for f in term]
        size = self.squares.T @ values**2
        q = np.column_stack(self.spanned)
        explained = ((self.basis.values.T @ (values[:, None] * q)) ** 2).sum(axis=1)
        along = self.basis.values.T @ (values[:, None] * self.left)
        self.parents.append(
            Parent(term, values, size, explained, along, ~np.isin(self.basis.view, own))
        )

    def _span(self, q: Array) -> None:
        """Take one more direction into account."""
        self.spanned.append(q)
        share = q @ self.left
        self.left = self.left - np.outer(q, share)
        if not self.parents:
            return
        seen = self.basis.values.T @ np.column_stack([p.values * q for p in self.parents])
        for parent, column in zip(self.parents, seen.T, strict=True):
            parent.explained += column**2
            parent.along -= np.outer(column, share)

    def add(self) -> bool:
        """Choose one more term; False where none explains any more."""
        best = max(self.parents, key=lambda p: float(self._worth(p).max(initial=0.0)))
        worth = self._worth(best)
        if not len(worth) or worth.max() <= 0:
            return False
        at = int(worth.argmax())
        best.open[at] = False
        term = (*best.term, self.basis.factors[at])
        q = self._remaining(best.values * self.basis.values[:, at])
        if q is None:
            return self.add()
        self.terms.append(term)
        self._span(q)
        if len(term) < self.factors and all(p.term != term for p in self.parents):
            self.offer(term)
        return True

    def _remaining(self, a: Array) -> Array | None:
        """Return the direction of what the chosen terms do not span of a column."""
        q, length = np.column_stack(self.spanned), np.linalg.norm(a)
        for _ in range(2):  # once more, against rounding
            a = a - q @ (q.T @ a)
        rest = np.linalg.norm(a)
        return a / rest if rest > np.sqrt(DEPENDENT) * length else None

    def _worth(self, p: Parent) -> Array:
        """Return how much each product would explain, less for one that is longer to read."""
        rest = p.size - p.explained
        fine = p.open & (rest > DEPENDENT * p.size)
        gain = np.where(fine, (p.along**2).sum(axis=1) / np.where(fine, rest, 1.0), 0.0)
        worth: Array = gain * self._ease(p)
        return worth

    def _ease(self, p: Parent) -> Array:
        own = PER_NUMBER ** numbers_in(p.term) * PER_FACTOR ** len(p.term)
        ease: Array = own * self.ease
        return ease


def chosen_terms(
    x: Array, scores: Array, basis: Basis, *, most: int, factors: int = 2,
    parents: Sequence[Factor] = (), stop: Callable[[], bool] = lambda: False,
    weight: Array | None = None,
) -> Iterator[Term]:  # fmt: skip
    """Yield the terms of a sum that explains scores, the one that explains most first.

    Args:
        x: rows, shape (rows, views).
        scores: what is explained, shape (rows, scores), each in units of its deviation.
        basis: the single curves.
        most: so many terms.
        factors: so many in a term.
        parents: curves whose products may come before they are terms themselves: of a pure
            product, no factor explains anything.
        stop: asked before each term.
        weight: of each row, shape (rows,).
    """
    weight = np.ones(len(x)) if weight is None else weight
    root = np.sqrt(weight / weight.sum())
    search = Forward(x, basis, root[:, None] * scores, root, factors)
    for parent in parents if factors > 1 else ():
        search.offer((parent,))
    while len(search.terms) < most and not stop() and search.add():
        yield search.terms[-1]
