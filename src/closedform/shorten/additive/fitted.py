"""The weights of some terms, and terms changed for better ones while the others stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.ir import Array
from closedform.shorten.additive.curves import Basis, Factor, Term, term_values
from closedform.shorten.additive.forward import DEPENDENT

EASED = 5
"""Times that clipped scores are moved to where the terms put them, and the terms fitted again."""
BETTER = 0.999
"""A term is exchanged where the squared error falls to this share at least."""


@dataclass(frozen=True, eq=False)
class Target:
    """What a sum of terms is fitted to.

    Attributes:
        x: rows, shape (rows, views).
        y: scores, each in units of its deviation, shape (rows, scores).
        root: the square roots of the rows' weights, which add up to 1, shape (rows,).
        open: 1 or −1 where a score stands for any that is greater, or smaller: log-odds that were
            clipped; 0 elsewhere; shape (rows, scores).
    """

    x: Array
    y: Array
    root: Array
    open: Array

    def part(self, rows: slice) -> Target:
        """Return some of the rows."""
        root = self.root[rows]
        root = root / np.sqrt((root**2).sum())
        return Target(self.x[rows], self.y[rows], root, self.open[rows])

    def eased(self, terms: Sequence[Term]) -> Target:
        """Return the target with clipped scores as far out as the terms put them by themselves.

        A sum that says 9 where 6 stands for "at least 6" is not wrong there; least squares over
        such rows in turn with the rows themselves is Buckley and James's regression (1979),
        without its noise.
        """
        now = self
        for _ in range(EASED if self.open.any() else 0):
            said = now.matrix(terms) @ now.weights(terms) / self.root[:, None]
            beyond = (said - self.y) * self.open > 0
            now = replace(self, y=np.where(beyond, said, self.y))
        return now

    def matrix(self, terms: Sequence[Term]) -> Array:
        """Return 1 and the values of the terms, weighted, shape (rows, terms + 1)."""
        columns = [np.ones(len(self.x)), *(term_values(t, self.x) for t in terms)]
        return np.column_stack(columns) * self.root[:, None]

    @property
    def weighted(self) -> Array:
        """The scores, weighted."""
        made: Array = self.y * self.root[:, None]
        return made

    def weights(self, terms: Sequence[Term]) -> Array:
        """Return the weights of 1 and of each term, shape (terms + 1, scores)."""
        columns = self.matrix(terms)
        size = np.linalg.norm(columns, axis=0)
        size = np.where(size > 0, size, 1.0)
        found: Array = np.linalg.lstsq(columns / size, self.weighted, rcond=1e-9)[0]
        return found / size[:, None]

    def loss(self, terms: Sequence[Term]) -> float:
        """Return the mean squared error that the best weights leave."""
        away = self.weighted - self.matrix(terms) @ self.weights(terms)
        return float((away**2).sum())


def without_least(target: Target, terms: Sequence[Term]) -> list[Term]:
    """Return the terms without the one whose weight is missed least.

    The loss rises by w² / [(AᵀA)⁻¹]ᵢᵢ where the weight w of term i is set to 0 and the others
    follow.
    """
    columns = target.matrix(terms)
    weights = target.weights(terms)
    inverse = np.linalg.pinv(columns.T @ columns, hermitian=True)
    with np.errstate(over="ignore"):  # a term that varies in no row is missed least, or most
        missed = (weights**2).sum(axis=1)[1:] / np.maximum(np.diag(inverse)[1:], 1e-300)
    least = int(missed.argmin())
    return [t for i, t in enumerate(terms) if i != least]


def polished(
    target: Target, terms: Sequence[Term], basis: Basis, *, sweeps: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> list[Term]:  # fmt: skip
    """Return the terms with knots and kinds of curve that fit better together.

    Args:
        target: what is fitted.
        terms: those of a forward selection, each chosen before the later ones were there.
        basis: the curves that may stand in the place of another of the same view.
        sweeps: over all factors of all terms.
        stop: asked before each exchange.
    """
    now, columns = list(terms), target.matrix(terms)
    for _ in range(sweeps):
        before = list(now)
        for i, place in ((i, k) for i, term in enumerate(before) for k in range(len(term))):
            if stop():
                return now
            made = _exchanged(target, now, columns, i, place, basis)
            if made != now[i]:
                now[i] = made
                columns[:, i + 1] = target.root * term_values(made, target.x)
        if now == before:
            break
    return now


def _exchanged(
    target: Target, terms: list[Term], columns: Array, i: int, place: int, basis: Basis
) -> Term:
    """Return term i with the best curve in one of its places."""
    term = terms[i]
    at = np.flatnonzero(basis.view == term[place].view)
    if not len(at):
        return term
    q, _ = np.linalg.qr(np.delete(columns, i + 1, axis=1))
    left = target.weighted - q @ (q.T @ target.weighted)
    rest = target.root * term_values(term[:place] + term[place + 1 :], target.x)
    own = _explained(columns[:, i + 1 : i + 2], q, left)[0]
    found = _explained(basis.values[:, at] * rest[:, None], q, left)
    best = int(found.argmax())
    made = (*term[:place], basis.factors[at[best]], *term[place + 1 :])
    total = float((left**2).sum())
    worse = total - found[best] > BETTER * (total - own)
    return term if worse or made in terms else made


def _explained(columns: Array, q: Array, left: Array) -> Array:
    """Return how much of what is left each column explains, beside the directions q."""
    size = (columns**2).sum(axis=0)
    rest = size - ((q.T @ columns) ** 2).sum(axis=0)
    fine = rest > DEPENDENT * np.maximum(size, 1e-300)
    found: Array = ((left.T @ columns) ** 2).sum(axis=0) / np.where(fine, rest, 1.0) * fine
    return found


def lines(factors: Sequence[Factor]) -> list[Factor]:
    """Return the plain views among some curves."""
    return [f for f in factors if f.kind == "line"]
