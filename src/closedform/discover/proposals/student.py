"""A smooth stand-in for a function that cannot be asked: rows alone say nothing between them.

A polynomial, of the inputs or of their logarithms, whose degree is chosen by its error on rows that
it was not fitted to. It need not be a law, only smooth and near: symmetries are then looked for as
in a network, and what is proposed is fitted to the rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closedform.discover.problem import Problem
from closedform.ir import Array

ROWS = 4_000
DEGREES = range(1, 9)
NEAR = 0.06
"""A share of the deviation: a stand-in that is farther off shows no symmetry."""
PARTS = 3
"""So many coefficients to a row at most: one for three."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A polynomial of columns that are made of the inputs, and what its value is turned into."""

    columns: Callable[[Array], Array]
    back: Callable[[Array], Array]
    middle: Array
    spread: Array
    degree: int
    coefs: Array

    def __call__(self, rows: Array) -> Array:
        table = (self.columns(rows) - self.middle) / self.spread
        made = polynomials(table, self.degree, len(self.coefs))
        assert made is not None
        with np.errstate(all="ignore"):
            return np.asarray(self.back(made @ self.coefs))


def student(problem: Problem, seed: int = 0) -> Problem | None:
    """Return a problem that can be asked instead of one that cannot; None where none is near.

    Args:
        problem: rows and values alone.
        seed: of which rows are fitted, and which judge.
    """
    at = np.random.default_rng([seed, 19]).permutation(np.flatnonzero(problem.complete))[:ROWS]
    if len(at) < 20 or not np.ptp(problem.values[at]):
        return None
    rows, values = problem.rows[at], problem.values[at]
    best: tuple[float, _Fit] | None = None
    for columns, forth, back in _turns(rows, values):
        for degree in DEGREES:
            found = _fitted(rows, values, columns, forth, back, degree)
            if found is None:
                break
            if best is None or found[0] < best[0]:
                best = found
    if best is None or best[0] / problem.scale > NEAR:
        return None
    said = best[1](rows)
    kept = np.isfinite(said)
    return Problem(rows[kept], said[kept], best[1], best[0] / problem.scale)


Turned = tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Array], Array]]


def _same(x: Array) -> Array:
    return x


def _turns(rows: Array, values: Array) -> list[Turned]:
    """Return columns that may be taken, and functions of f that may be fitted, with inverses."""
    columns: list[Callable[[Array], Array]] = [_same]
    if (rows > 0).all():
        columns.append(lambda x: np.asarray(np.log(x)))
    pairs: list[tuple[Callable[[Array], Array], Callable[[Array], Array]]] = [(_same, _same)]
    if (values > 0).all():
        pairs.append((np.log, np.exp))
    return [(c, forth, back) for c in columns for forth, back in pairs]


def _fitted(
    rows: Array, values: Array, columns: Callable[[Array], Array],
    forth: Callable[[Array], Array], back: Callable[[Array], Array], degree: int,
) -> tuple[float, _Fit] | None:  # fmt: skip
    """Return a fit to three quarters of the rows with its error on the last one."""
    cut = 3 * len(rows) // 4
    table = columns(rows)
    middle, spread = table.mean(axis=0), table.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    made = polynomials((table - middle) / spread, degree, cut // PARTS)
    if made is None:
        return None
    goal = forth(values)
    coefs = np.linalg.lstsq(made[:cut], goal[:cut], rcond=1e-10)[0]
    with np.errstate(all="ignore"):
        away = back(made[cut:] @ coefs) - values[cut:]
        error = float(np.sqrt(np.mean(away**2)))
    if not np.isfinite(error):
        return None
    return error, _Fit(columns, back, middle, spread, degree, coefs)


def polynomials(rows: Array, degree: int, most: int) -> Array | None:
    """Return all products of inputs up to a degree as columns; None where they are too many."""
    columns, last = [np.ones(len(rows))], [(0, np.ones(len(rows)))]
    for _ in range(degree):
        last = [(i, c * rows[:, i]) for first, c in last for i in range(first, rows.shape[1])]
        columns += [c for _, c in last]
        if len(columns) > most:
            return None
    return np.column_stack(columns)
