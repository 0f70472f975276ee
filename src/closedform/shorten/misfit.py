"""How far formulas are from a teacher: the weighted squares of what scores are away from its."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.shorten.scores import score_nodes
from closedform.shorten.teacher import Teacher


@dataclass(frozen=True, eq=False)
class Misfit:
    """A teacher's scores on rows of its own, and the loss of others against them.

    Attributes:
        teacher: the model.
        inputs: the rows, one column an input.
        target: its clipped scores there, shape (rows, scores).
        weight: of each row, shape (rows,), summing to 1.
        scale: what each score is divided by, shape (scores,): the deviation of each output of a
            regression, so that all count alike; 1 for log-odds.
    """

    teacher: Teacher
    inputs: tuple[Array, ...]
    target: Array
    weight: Array
    scale: Array

    @classmethod
    def of(cls, teacher: Teacher, rows: int, *, seed: int = 0) -> Misfit:
        """Return a misfit with so many rows at most, as `Teacher.sample` gives them."""
        inputs, target = teacher.sample(rows, seed=seed)
        weight = teacher.weights(target)
        spread = np.ones(target.shape[1]) if teacher.classifies else target.std(axis=0)
        spread[spread == 0] = 1.0
        return cls(teacher, inputs, target, weight / weight.sum(), spread)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.target)

    @property
    def variance(self) -> float:
        """The weighted variance of the teacher's scores over their scale, summed over them."""
        away = (self.target - self.weight @ self.target) / self.scale
        return float(self.weight @ (away * away).sum(axis=1))

    def away(self, scores: Array) -> tuple[Array, Array]:
        """Return (scores − target) / scale, shape (rows, scores), and where it was not clipped.

        Scores are clipped as the teacher's are: what is certain may be as certain as it likes.
        """
        clipped = self.teacher.clipped(scores)
        return (clipped - self.target) / self.scale, np.asarray(abs(clipped - scores) < 1e-9)

    def loss(self, scores: Array) -> float:
        """Return the weighted mean square of how far scores are away; ∞ where one is missing."""
        away, _ = self.away(scores)
        loss = float(self.weight @ (away * away).sum(axis=1))
        return loss if np.isfinite(loss) else float("inf")

    def agreement(self, scores: Array) -> float:
        """Return the share of the rows where a classifier's class is the teacher's; 1 of others."""
        if not self.teacher.classifies:
            return 1.0
        return float(np.mean(_best(scores) == _best(self.target)))

    def loss_of(self, formula: Formula) -> float:
        """Return the loss of a formula."""
        return self.loss_of_nodes(score_nodes(formula))

    def loss_of_nodes(self, scores: Sequence[Node]) -> float:
        """Return the loss of score nodes."""
        return self.loss(np.column_stack(compute(scores, self.inputs, self.rows)))


def _best(scores: Array) -> Array:
    return np.asarray(np.column_stack([np.zeros(len(scores)), scores]).argmax(axis=1))
