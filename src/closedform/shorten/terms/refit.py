"""Constants fitted to what was observed, instead of to what a model says of it.

A model that was stopped early, or held small, shrinks what it has learned; a formula with few
constants needs no such care. For classes the likelihood is climbed by weighted least squares on
working targets (McCullagh and Nelder, Generalized Linear Models, 1989).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closedform.errors import BadInput
from closedform.ir import Array
from closedform.shorten.teacher import Teacher
from closedform.shorten.terms.sums import Rows, Sum, fit, table_of

MOST_ROUNDS = 12
FLAT = 0.02
"""The least curvature of a row: where a class is certain, a step would be without limit."""


class Observed:
    """What constants are refitted to: labels, or labels and what the model says, on given rows."""

    def __init__(self, teacher: Teacher, rows: Rows, scale: Array, how: str) -> None:
        """Take the labels of a teacher.

        Args:
            teacher: with labels.
            rows: the columns, on the rows of the labels, and what the model says there.
            scale: what the scores of `rows` were divided by.
            how: "labels" or "both".

        Raises:
            BadInput: there are too few labels, or they are no answers of the model's kind.
        """
        self.classifies = teacher.classifies
        said = chances_of(rows.target) if self.classifies else rows.target
        seen = one_hot(teacher) if self.classifies else numbers_of(teacher) / scale
        known = np.asarray(np.isfinite(seen).all(axis=1))
        if known.sum() < FEWEST:
            raise BadInput(
                f"Only {int(known.sum())} of {len(known)} rows have a label that the model knows: "
                "too few to fit constants to.",
                hint="Give as y what the model was trained to predict, one value for each row.",
            )
        self.rows = Rows.of(
            rows.known, [c[known] for c in rows.columns], rows.target[known], np.ones(known.sum())
        )
        self.wanted = seen[known] if how == "labels" else (seen[known] + said[known]) / 2

    def refitted(self, found: Sum) -> tuple[Sum, Rows]:
        """Return a sum with constants fitted to the labels, and the rows that it is measured on."""
        made, rows = self._fitted(found, steps=3)
        if made.odd > found.odd + 0.1:
            # A shape that the labels make odd keeps the constants that the model gave it.
            made, rows = self._fitted(found, steps=0)
        return made, rows

    def _fitted(self, found: Sum, steps: int) -> tuple[Sum, Rows]:
        if not self.classifies:
            rows = replace(self.rows, target=self.wanted)
            return fit(found.terms, rows, steps=10 * steps), rows
        best, rows = found, self._working(found)
        lost = self._lost(found)
        for _ in range(MOST_ROUNDS):
            made = fit(best.terms, rows, steps=steps)
            now = self._lost(made)
            if not now < lost - 1e-7:
                break
            best, lost, rows = made, now, self._working(made)
        return best, rows

    def error(self, found: Sum) -> float:
        """Return the mean log loss, or the mean square as a share of the variance, on the labels.

        Each of them is against what constants are fitted to, which is in part the model for "both".
        """
        if self.classifies:
            return self._lost(found)
        away = self._scores(found) - self.wanted
        return float((away**2).sum() / max(self.wanted.var(axis=0).sum() * len(away), 1e-300))

    def _scores(self, found: Sum) -> Array:
        return table_of(found.terms, self.rows) @ found.outer

    def _lost(self, found: Sum) -> float:
        scores = self._scores(found)
        full = np.column_stack([np.zeros(len(scores)), scores])
        total = np.logaddexp.reduce(full, axis=1)
        wanted = np.column_stack([1 - self.wanted.sum(axis=1), self.wanted])
        return float((total - (wanted * full).sum(axis=1)).mean())

    def _working(self, found: Sum) -> Rows:
        """Return rows whose least squares has the slope of the likelihood, and no less bend."""
        scores = self._scores(found)
        chances = chances_of(scores)
        bend = np.maximum((chances * (1 - chances)).sum(axis=1), FLAT)
        target = scores + (self.wanted - chances) / bend[:, None]
        return Rows.of(self.rows.known, self.rows.columns, target, bend)


FEWEST = 10


def chances_of(scores: Array) -> Array:
    """Return the chance of each class but the first, shape (rows, scores)."""
    full = np.column_stack([np.zeros(len(scores)), scores])
    chances = np.exp(full - full.max(axis=1, keepdims=True))
    return np.asarray((chances / chances.sum(axis=1, keepdims=True))[:, 1:])


def one_hot(teacher: Teacher) -> Array:
    """Return 1 for the class that was seen, of each but the first; NaN for unknown ones."""
    known = np.array([str(c) for c in teacher.task.classes])
    seen = np.array([str(_plain(v)) for v in np.ravel(np.asarray(teacher.y))])
    hits = np.asarray(seen[:, None] == known, dtype=float)
    hits[hits.sum(axis=1) != 1] = np.nan
    return np.asarray(hits[:, 1:])


def _plain(value: object) -> object:
    """Return a label as the formula's classes are: 1.0 is 1."""
    item = value.item() if isinstance(value, np.generic) else value
    return int(item) if isinstance(item, float) and item.is_integer() else item


def numbers_of(teacher: Teacher) -> Array:
    """Return what was observed as numbers, shape (rows, outputs).

    Raises:
        BadInput: it is none.
    """
    try:
        seen = np.asarray(teacher.y, dtype=float)
    except (TypeError, ValueError) as error:
        raise BadInput(
            "The labels of a regression must be numbers.", hint="Give y as numbers."
        ) from error
    return seen.reshape(len(seen), -1)
