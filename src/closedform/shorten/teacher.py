"""The teacher: a model as a function that a short formula is fitted to, asked wherever needed.

A student is fitted to what its teacher says, not to the data (Buciluă, Caruana and
Niculescu-Mizil, Model compression, 2006): for a class, to log-odds, never to the label itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Feature, Formula, Step, Task, label_above, label_of
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import chance_names
from closedform.shorten.finish import finished
from closedform.shorten.made_up import made_up
from closedform.shorten.options import observed, seed_of
from closedform.shorten.scores import score_nodes, with_own_task
from closedform.shorten.views import View, views_of

CLIP = 6.0
"""Log-odds beyond ±6 (a chance of 99.75 %) are taken for these: what is certain is certain."""

ENDLESS = 1e30
"""Numbers from here on stand for no end, and trees in float32 cannot be grown on them."""

Ask = Callable[[Sequence[Array], int], Array]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model, the rows that it may be asked about, and how its scores become a prediction.

    Scores are what methods fit: the prediction itself of a regression, one column an output; the
    log-odds of a classifier, one column for two classes, and for more of them one for each class
    but the first, against the first, clipped at ±`CLIP`.

    Attributes:
        features: the inputs, as of the formulas to be made.
        task: what is predicted, and the names of the outputs.
        ask: input columns as `columns_of` gives them, and their number → scores, shape (rows,
            scores), unclipped.
        inputs: the rows to fit on, one column an input.
        formula: the model as an exact formula, where it could be read.
        y: what was observed on these rows, shape (rows,), or None.
        source: the model in a few words.
        seed: of everything random.
        most: so many rows are asked at a time, at most: a model without a formula may be slow.
    """

    features: tuple[Feature, ...]
    task: Task
    ask: Ask
    inputs: tuple[Array, ...]
    formula: Formula | None = None
    y: Array | None = None
    source: str = ""
    seed: int = 0
    most: int | None = None

    @classmethod
    def of(
        cls, formula: Formula, X: Any, y: Any = None, *, seed: int = 0, endless: float = ENDLESS
    ) -> Teacher:
        """Return a formula as a teacher.

        Args:
            formula: the exact formula of a model.
            X: rows to fit on; those that the model refuses are left out.
            y: what was observed on them.
            seed: of everything random.
            endless: as of `answered`.

        Raises:
            BadInput: the rows do not fit the formula, none is left, or an output has no number;
                y has another length, or the seed is no whole number.
        """
        formula = with_own_task(formula)
        seed, roots = seed_of(seed), score_nodes(formula)
        inputs, rows = columns_of(formula.inputs, X, formula.needed)
        y = observed(y, rows)

        def ask(columns: Sequence[Array], count: int) -> Array:
            return np.column_stack(compute(roots, columns, count))

        task = formula.task
        if task.kind != "classification" and not task.primary:
            task = replace(task, primary=formula.answer)
        made = cls(formula.inputs, task, ask, tuple(inputs), formula,
                   y, formula.source, seed)  # fmt: skip
        return made.answered(rows, endless)

    def answered(self, rows: int, endless: float = ENDLESS) -> Teacher:
        """Return the same without the rows that the model gives no number for.

        And without those where an input that it reads is infinite: no sum can be fitted there.

        Args:
            rows: how many there are.
            endless: what stands for infinite.

        Raises:
            BadInput: fewer than `FEWEST` are left.
        """
        with np.errstate(all="ignore"):
            said = np.abs(self.ask(self.inputs, rows))
        fine = (said < endless).all(axis=1)
        for i in self._used:
            if self.features[i].type is Type.REAL:
                fine &= ~(np.abs(self.inputs[i]) >= endless)
        if self.formula is not None and self.formula.refused is not None:
            fine &= ~compute([self.formula.refused], self.inputs, rows)[0]
        if fine.sum() < FEWEST:
            great = f"; from {endless:g} on they count as none" if np.isfinite(said).any() else ""
            raise BadInput(
                f"Only {int(fine.sum())} of {rows} rows have an answer of the model: too few to "
                "fit a formula to.",
                hint=f"Give at least {FEWEST} rows that the model answers with a number{great}.",
            )
        return self if fine.all() else self.part(np.flatnonzero(fine))

    @property
    def rows(self) -> int:
        """How many rows there are to fit on."""
        return len(self.inputs[0])

    @property
    def classifies(self) -> bool:
        """Whether the model gives classes."""
        return self.task.kind == "classification"

    def part(self, picked: Array) -> Teacher:
        """Return the same teacher with some of the rows."""
        y = None if self.y is None else self.y[picked]
        return replace(self, inputs=tuple(c[picked] for c in self.inputs), y=y)

    @cached_property
    def scores(self) -> Array:
        """The scores on the rows to fit on, shape (rows, scores), clipped."""
        return self.clipped(self.ask(self.inputs, self.rows))

    def clipped(self, scores: Array) -> Array:
        """Return the scores of a classifier with no class further than `CLIP` below the best.

        Those of a regression are returned as they are.
        """
        if not self.classifies:
            return scores
        full = np.maximum(against_best(scores), -CLIP)
        return np.asarray(full[:, 1:] - full[:, :1])

    def weights(self, scores: Array) -> Array:
        """Return how much each row counts, shape (rows,): near a boundary, more.

        p(1 − p) + 0.02 of the greatest chance p: the curvature of the cross entropy, and a little
        for all rows.
        """
        if not self.classifies:
            return np.ones(len(scores))
        chance = np.exp(against_best(scores))
        p = chance.max(axis=1) / chance.sum(axis=1)
        return np.asarray(p * (1 - p) + 0.02)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The inputs as numbers: gaps filled, categories as indicators."""
        return views_of(self.features, self.inputs, self._used)

    @cached_property
    def _used(self) -> tuple[int, ...]:
        return tuple(range(len(self.features))) if self.formula is None else self.formula.used

    def design(self, inputs: Sequence[Array] | None = None) -> Array:
        """Return the views of rows, shape (rows, views); default: of the rows to fit on."""
        inputs = self.inputs if inputs is None else inputs
        rows = len(inputs[0])
        columns = compute([v.node for v in self.views], inputs, rows)
        return np.column_stack(columns) if columns else np.empty((rows, 0))

    def sample(self, count: int, *, seed: int = 0) -> tuple[tuple[Array, ...], Array]:
        """Return rows like those to fit on, and the clipped scores there.

        Args:
            count: how many; up to the number of rows given, these are drawn from, without
                repetition; the rest is made up by a smoothed bootstrap.
            seed: added to the teacher's own.
        """
        random = np.random.default_rng([self.seed, seed])
        count = count if self.most is None else min(count, self.most)
        inputs = made_up(self.inputs, self.features, count, random)
        scores = self.ask(inputs, count)
        fine = np.isfinite(scores).all(axis=1)
        if not fine.all():
            inputs = tuple(c[fine] for c in inputs)
        return inputs, self.clipped(scores[fine])

    def formula_of(self, scores: Sequence[Node], step: Step) -> Formula:
        """Return scores, as a person would write them, as a formula with the model's outputs.

        Args:
            scores: one node a score, over the raw inputs.
            step: what made them, for the trail.
        """
        task, outputs = outputs_of(self.task, finished(scores, self.inputs))
        read = () if self.formula is None else self.formula.trail[:1]
        return Formula(outputs, self.features, task, trail=(*read, step), source=self.source)


FEWEST = 10
"""Rows: with fewer, nothing that is fitted can be checked on others."""


def against_best(scores: Array) -> Array:
    """Return the log-odds of every class against the likeliest, shape (rows, classes).

    Args:
        scores: those against the first class, shape (rows, classes − 1).
    """
    full = np.column_stack([np.zeros(len(scores)), scores])
    return np.asarray(full - full.max(axis=1, keepdims=True))


def outputs_of(task: Task, scores: list[Node]) -> tuple[Task, dict[str, Node]]:
    """Return the task and outputs of a formula whose scores are given."""
    if task.kind != "classification":
        names = task.primary or task.outputs
        return replace(task, link="identity"), dict(zip(names, scores, strict=True))
    name = task.primary[0] if task.primary else "label"
    if len(scores) == 1:
        chance = ops.sigmoid(scores[0])
        chances = [ops.lin(1, (-1, chance)), chance]
        outputs = {name: label_above(scores[0], 0.0, task.classes)}
        link, decision = "logit", scores
    else:
        decision = [ops.const(0.0), *scores]
        best = ops.maximum(*decision)
        parts = [ops.exp(ops.lin(0, (1, s), (-1, best))) for s in decision]
        total = ops.lin(0, *((1, p) for p in parts))
        chances = [ops.div(p, total) for p in parts]
        outputs = {name: label_of(decision, task.classes)}
        link = "softmax"
    names = task.probability or chance_names(task.classes)
    outputs |= dict(zip(names, chances, strict=True))
    told = tuple(f"decision({c})" for c in task.classes) if len(decision) > 1 else ("decision",)
    outputs |= dict(zip(told, decision, strict=True))
    kept = Task("classification", task.classes, link, (name,), names, told)
    return kept, outputs
