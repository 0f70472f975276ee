"""How far a function is from being a law: the error below which nothing is a part of one.

Three looks at it, none of which needs to know the law: how rough the function is along lines; how
far its best symmetries are from true, which a law's are and a network's approximately (of 20
networks, these were at 0.6 to 2 times the error against the truth); and, where rows alone are
known, how far a smooth fit to some of them is from the others.
"""

from __future__ import annotations

import numpy as np

from closedform.discover.problem import Problem
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
HIGH = 75
"""Percentile: an error may be the same along one symmetry, which then shows nothing of it."""


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
    """Return how far the best symmetries of a function are from true; 0 where there are none."""
    away = np.sort([move.away for move in moves(problem, seed)])
    away = np.maximum(away[np.isfinite(away)], ROUNDING)
    if len(away) < 2:
        return 0.0
    ratios = np.where(away[:-1] <= MOST / 2, away[1:] / away[:-1], 0.0)
    last = int(np.argmax(ratios))
    return float(np.percentile(away[: last + 1], HIGH)) if ratios[last] > CLEAR else 0.0


def _of_rows(problem: Problem, seed: int) -> float:
    """Return how far polynomials of low degree, fitted to a half of the rows, are from the other.

    The least of all degrees: of a law that is no polynomial it is too much, never too little.
    """
    at = np.random.default_rng([seed, 19]).permutation(np.flatnonzero(problem.complete))[:4_000]
    rows, values = problem.rows[at], problem.values[at]
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    half, least = len(at) // 2, 1.0
    for degree in range(1, 9):
        table = polynomials(rows, degree, half // 3)
        if table is None:
            break
        coefs = np.linalg.lstsq(table[:half], values[:half], rcond=1e-10)[0]
        away = table[half:] @ coefs - values[half:]
        least = min(least, float(np.sqrt(np.mean(away**2)) / problem.scale))
    return least if np.isfinite(least) else 0.0
