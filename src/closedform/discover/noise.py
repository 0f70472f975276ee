"""How far a function is from being a law: the error below which nothing is a part of one.

Three looks at it, none of which needs to know the law: how rough the function is along lines; how
far its best symmetries are from true, which a law's are and a network's approximately (of 20
networks, these were at 0.6 to 2 times the error against the truth); and, where rows alone are
known, how far a smooth fit to some of them is from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from closedform.discover.problem import Problem
from closedform.discover.proposals.process import process
from closedform.discover.proposals.student import polynomials
from closedform.discover.proposals.symmetries import asked, moves
from closedform.ir import Array

LINES, POINTS, DEGREE = 12, 41, 20
ROUNDING = 1e-12
CLEAR = 4.0
"""The nearest move that is no symmetry is so many times as far off as the farthest that is one, or
neither can be told."""
MOST = 0.1
"""A share of the deviation; what is farther off than that is no law at all."""
CERTAIN = 1e-3
"""Less than this may be what a process misses of a function without noise."""
FEWEST = 30
"""Fewer rows say nothing of their noise."""
HIGH = 75
"""Percentile: an error may be the same along one symmetry, which then shows nothing of it."""
CORNERS, SEEN = 200, 0.1
"""So many rectangles for each two inputs, both of which move f by that share of its deviation."""
EXACTLY, FELT = 1e-9, 1e-6
"""What two inputs do together is rounding where it is such a share of what they do apart; that must
be such a share of the deviation at least."""


def estimated(problem: Problem, y: Array | None = None, seed: int = 0) -> float:
    """Return the error of a function as a law, as a share of the deviation of its values.

    Between 1e-12 and 0.1 for one that can be asked; 0 for one that nothing is to be said of.

    Args:
        problem: the function; its own `noise` is not looked at.
        y: what was observed on its rows, shape (rows,), where there is such: what the function
            says is no nearer to the law than it is to that, unless that is noisier.
        seed: of places and steps.
    """
    if problem.inputs == 0 or len(problem.rows) < 2 or not np.ptp(problem.values):
        return 0.0
    found = _of_rows(problem, seed) if problem.ask is None else _of_function(problem, seed)
    if y is None:
        return found
    away = np.asarray(y, dtype=float) - problem.values
    observed = float(np.sqrt(np.nanmean(away**2)) / problem.scale)
    return min(found, observed) if problem.ask is None else max(ROUNDING, min(found, observed))


def _of_function(problem: Problem, seed: int) -> float:
    rough = roughness(problem, seed)
    return float(np.clip(max(rough, asymmetry(problem, seed)), ROUNDING, MOST))


def roughness(problem: Problem, seed: int = 0) -> float:
    """Return how far a function is from a polynomial along lines: the median, by its deviation.

    Noise that differs from row to row shows in full; the smooth error of a network hardly does.
    """
    random = np.random.default_rng([seed, 17])
    a, b = problem.rows[random.integers(len(problem.rows), size=(2, LINES))]
    t = 0.5 - 0.5 * np.cos(np.pi * np.arange(POINTS) / (POINTS - 1))
    rows = a[:, None, :] + t[None, :, None] * (b - a)[:, None, :]
    values = asked(problem, rows.reshape(-1, problem.inputs)).reshape(LINES, POINTS)
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return 0.0
    basis = np.polynomial.chebyshev.chebvander(2 * t - 1, DEGREE)
    left = values.T - basis @ np.linalg.lstsq(basis, values.T, rcond=None)[0]
    # As many degrees of freedom are left as there are points beyond the coefficients.
    each = np.sqrt((left**2).sum(axis=0) / (POINTS - DEGREE - 1))
    return float(np.median(each) / problem.scale)


def asymmetry(problem: Problem, seed: int = 0) -> float:
    """Return how far the best symmetries of a function are from true; 0 where there are none.

    Moves that change it by a factor alone. Where none stands out, pairs of inputs that only add to
    it or multiply it: in a rectangle a slow error cancels in part, so that these say too little.
    Where they do so to the last digit there is no error: of the moves that of an input stands out
    whose part is small, but a part.
    """
    found = list(rectangles(problem, seed))
    if any(one.exact and one.effect > FELT for one in found):
        return 0.0
    for away in (_moves(problem, seed), interplay(found)):
        clear, off = _parted(np.array(away, dtype=float))
        if clear > CLEAR:
            return off
    return 0.0


def _moves(problem: Problem, seed: int) -> list[float]:
    return [move.away for move in moves(problem, seed)]


def _parted(away: Array) -> tuple[float, float]:
    """Return how far those that are true stand apart from the others, and how far off they are."""
    away = np.maximum(np.sort(away[np.isfinite(away)]), ROUNDING)
    if len(away) < 2:
        return 0.0, 0.0
    ratios = np.where(away[:-1] <= MOST / 2, away[1:] / away[:-1], 0.0)
    last = int(np.argmax(ratios))
    return float(ratios[last]), float(np.percentile(away[: last + 1], HIGH))


@dataclass(frozen=True)
class Rectangle:
    """How far two inputs are from parts of a sum and of a product: shares of f's deviation.

    Attributes:
        effect: how much the one moves f that moves it less.
        apart, factors: f(a, b) − f(a′, b) − f(a, b′) + f(a′, b′), and f(a, b)·f(a′, b′) −
            f(a′, b)·f(a, b′), over what they would be for an error of 1: root mean square.
    """

    effect: float
    apart: float
    factors: float

    @property
    def exact(self) -> bool:
        """Whether they are such parts but for rounding."""
        return min(self.apart, self.factors) <= EXACTLY * self.effect


def interplay(found: Sequence[Rectangle]) -> list[float]:
    """Return how far each two inputs are from parts of a sum, and of a product.

    Of inputs that hardly do anything nothing is told: the less they do, the less they do together.
    """
    return [away for one in found if one.effect >= SEEN for away in (one.apart, one.factors)]


def rectangles(problem: Problem, seed: int = 0) -> Iterator[Rectangle]:
    """Yield what each two inputs do together, by rectangles with corners on the rows."""
    random = np.random.default_rng([seed, 23])
    fine = np.flatnonzero(np.isfinite(problem.values))
    rows, others = problem.rows[random.choice(fine, (2, CORNERS))]

    def at(*which: int) -> Array:
        moved = rows.copy()
        moved[:, which] = others[:, which]
        return asked(problem, moved)

    base, one = at(), [at(i) for i in range(problem.inputs)]
    for i, j in combinations(range(problem.inputs), 2):
        table = np.array([base, one[i], one[j], at(i, j)])
        table = table[:, np.isfinite(table).all(axis=0)]
        a, b, c, d = table
        effect = np.minimum(np.abs(a - b), np.abs(a - c))
        if len(a) < CORNERS // 4 or not effect.any():
            continue
        with np.errstate(all="ignore"):
            ratio = (a * d - b * c) / np.sqrt((table**2).sum(axis=0))
        sizes = (_typical(part) / problem.scale for part in (effect, (a - b - c + d) / 2, ratio))
        yield Rectangle(*sizes)


def _typical(away: Array) -> float:
    return float(np.sqrt(np.nanmean(away**2)))


def _of_rows(problem: Problem, seed: int) -> float:
    """Return the noise of rows: what neither a process nor a polynomial of low degree explains.

    A polynomial is fitted to a half of the rows and judged by the other: of a law that is none its
    error is too much, never too little.
    """
    at = np.random.default_rng([seed, 19]).permutation(np.flatnonzero(problem.complete))[:4_000]
    rows, values = problem.rows[at], problem.values[at]
    if len(at) < FEWEST or not np.ptp(values):
        return 0.0
    found = process(rows, values, seed) if problem.observed else None
    noise = min(_of_polynomials(problem, rows, values), 1.0 if found is None else found.noise)
    return noise if noise > CERTAIN or not problem.observed else 0.0


def _of_polynomials(problem: Problem, rows: Array, values: Array) -> float:
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    half, least = len(rows) // 2, 1.0
    for degree in range(1, 9):
        table = polynomials(rows, degree, half // 3)
        if table is None:
            break
        coefs = np.linalg.lstsq(table[:half], values[:half], rcond=1e-10)[0]
        away = table[half:] @ coefs - values[half:]
        least = min(least, float(np.sqrt(np.mean(away**2)) / problem.scale))
    return least if np.isfinite(least) else 0.0
