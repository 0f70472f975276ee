"""How far laws are from a model beyond the range of the rows, where somebody wants it asked there.

A trained model is wrong out there, and says nothing of the law; a simulation or an equation is not.
Which of the two a model is, shows by whether any law agrees with it there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.formula import Formula
from closedform.frontiers.front import Frontier
from closedform.ir import Array
from closedform.laws.sought import Asked, Sought

ROWS = 400
"""So many rows are asked about."""
FEWEST = 30
"""With fewer answers nothing is said."""
AGREES = 10.0
"""A law that is no more than so many times its own error away, out there, agrees."""
ROUNDING = 1e-6
"""And so does one that is no further away than this."""


def beyond(
    front: Frontier, sought: Sequence[Sought], share: float, seed: int
) -> tuple[tuple[float, ...], str]:
    """Return the error of each law beyond the range, and a note; no errors where none agrees.

    Args:
        front: the laws.
        sought: the outputs, as they can be asked.
        share: so far beyond each end, as a share of the range of each input.
        seed: of the rows that are drawn.
    """
    asked = [one.problem.ask for one in sought]
    plain = [ask for ask in asked if isinstance(ask, Asked)]
    if front.classifies or len(plain) < len(asked):
        return (), "beyond the range of the rows this model is not asked"
    rows = _rows(plain[0], share, seed)
    said = np.column_stack([ask.anywhere(rows) for ask in plain])
    fine = np.isfinite(said).all(axis=1)
    if fine.sum() < FEWEST:
        return (), "beyond the range of the rows the model gives no answers"
    table = plain[0].whole(rows[fine])
    errors = tuple(_error(formula, table, said[fine]) for formula in front)
    best = errors[front.choice.index]
    if best > max(AGREES * front.entries[front.choice.index].error, ROUNDING):
        return (), (
            "beyond the range of the rows the model and the best law differ; which of them is "
            "wrong there is not known here"
        )
    return errors, f"beyond the range of the rows, by {share:.0%}, the best law has {best:.2g}"


def _rows(asked: Asked, share: float, seed: int) -> Array:
    """Return rows of which at least one value lies beyond its range."""
    random, (lo, hi) = np.random.default_rng([seed, 27]), asked.box.T
    more = share * (hi - lo)
    rows = random.uniform(lo - more, hi + more, (ROWS, len(lo)))
    inside = ((rows >= lo) & (rows <= hi)).all(axis=1)
    return np.asarray(rows[~inside])


def _error(formula: Formula, rows: Array, said: Array) -> float:
    made = formula.only(*formula.answer).evaluate(rows)
    away = [(made[n] - said[:, k]) / (said[:, k].std() or 1.0) for k, n in enumerate(made)]
    error = float(np.sqrt(np.mean(np.square(away))))
    return error if np.isfinite(error) else float("inf")
