"""Rows that an expression is fitted to or judged on: a few of a problem's own, or new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.discover.problem import Problem
from closedform.evaluate import compute
from closedform.ir import Array, Node


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows with what the function says of them, all of it finite.

    Attributes:
        columns: the inputs, one array of shape (rows,) each.
        values: shape (rows,).
        scale: what errors are a share of.
    """

    columns: list[Array]
    values: Array
    scale: float

    @staticmethod
    def of(problem: Problem, most: int, seed: int = 0) -> Sample:
        """Return some of a problem's rows, all of them where there are no more than `most`."""
        rows, values = problem.rows, problem.values
        at = np.flatnonzero(problem.complete)
        if len(at) > most:
            at = np.sort(np.random.default_rng(seed).choice(at, most, replace=False))
        return Sample(list(rows[at].T.copy()), values[at], scale_of(problem, values[at]))

    @staticmethod
    def fresh(problem: Problem, most: int, seed: int = 1) -> Sample:
        """Return rows that the problem does not have, where it can be asked; else some that it has.

        They lie between two rows that it has, so that they stay where the function is known.
        """
        if problem.ask is None or len(problem.rows) < 2:
            return Sample.of(problem, most, seed)
        random = np.random.default_rng(seed)
        a, b = random.integers(len(problem.rows), size=(2, most))
        share = random.random((most, problem.inputs))
        rows = problem.rows[a] * share + problem.rows[b] * (1 - share)
        made = Sample.asked(problem, rows)
        return made if len(made) >= min(10, most) else Sample.of(problem, most, seed)

    @staticmethod
    def asked(problem: Problem, rows: Array) -> Sample:
        """Return what the problem says of rows, without those where that is no number."""
        assert problem.ask is not None
        with np.errstate(all="ignore"):
            values = np.asarray(problem.ask(rows), dtype=float).ravel()
        fine = np.isfinite(values)
        return Sample(list(rows[fine].T.copy()), values[fine], scale_of(problem, values[fine]))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.values)

    def said(self, nodes: Sequence[Node]) -> list[Array]:
        """Return what each expression says of the rows."""
        with np.errstate(all="ignore"):
            return compute(nodes, self.columns, len(self))

    def error(self, law: Node) -> float:
        """Return how far an expression is from the function; see `Problem.error`."""
        return self.away(self.said([law])[0])

    def away(self, values: Array) -> float:
        """Return how far some values are from the function's, as a share of its deviation."""
        with np.errstate(all="ignore"):
            away = (values - self.values) / self.scale
            error = float(np.sqrt(np.mean(away * away))) if len(away) else float("inf")
        return error if np.isfinite(error) else float("inf")


def scale_of(problem: Problem, values: Array) -> float:
    """Return the deviation of a problem's values, of those of them that are numbers."""
    if np.isfinite(problem.scale):
        return problem.scale
    with np.errstate(all="ignore"):
        size = float(values.std() or np.abs(values).max(initial=0.0)) if len(values) else 1.0
    return size if np.isfinite(size) and size > 0 else 1.0
