"""What laws are looked for in: one problem for each output of a model, or of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.errors import BadInput
from closedform.frontiers.data_alone import Recorded
from closedform.frontiers.subject import Subject
from closedform.ir import Array, Node, Type, substitute
from closedform.passes.algebra import tidied
from closedform.shorten.teacher import Teacher

ROWS = 10_000
"""So many rows are looked at in a search; the errors are measured on all of them."""
SURE = 15.0
"""Log-odds beyond which a chance in float32 is 0 or 1, and its logarithm says nothing."""
FEWEST = 5
"""Rows with an answer that an output needs."""


@dataclass(frozen=True, eq=False)
class Sought:
    """One output, as a problem over columns that never are missing, constant or texts.

    Attributes:
        problem: the output over these columns.
        columns: each of them, over the raw inputs.
        name: of the output.
        factor: what the problem's law is multiplied by; None for nothing.
        y: what was observed on the problem's rows; None where that is not known.
    """

    problem: Problem
    columns: tuple[Node, ...]
    name: str
    factor: Node | None = None
    y: Array | None = None

    def law(self, node: Node) -> Node:
        """Return a law of the problem as one over the raw inputs."""
        new = {ops.input_(i): column for i, column in enumerate(self.columns)}
        (made,) = substitute([node], new)
        return tidied(made if self.factor is None else ops.mul(self.factor, made))


@dataclass(frozen=True, eq=False)
class Asked:
    """A teacher as a function of some columns, the others held; NaN outside the range of the rows.

    Attributes:
        teacher: the model.
        at: the inputs that the columns are.
        held: what the other inputs are.
        score: which of the scores is asked for.
        box: the range of each column, shape (columns, 2).
    """

    teacher: Teacher
    at: tuple[int, ...]
    held: tuple[float, ...]
    score: int
    box: Array

    def __call__(self, rows: Array) -> Array:
        """Return the score of rows, shape (rows,)."""
        out = np.full(len(rows), np.nan)
        slack = 1e-9 * np.ptp(self.box, axis=1)
        inside = ((rows >= self.box[:, 0] - slack) & (rows <= self.box[:, 1] + slack)).all(axis=1)
        if inside.any():
            out[inside] = self.anywhere(np.clip(rows[inside], *self.box.T))
        return out

    def whole(self, rows: Array) -> Array:
        """Return rows with all inputs, shape (rows, inputs)."""
        table = np.repeat(np.array(self.held)[None, :], len(rows), axis=0)
        table[:, self.at] = rows
        return table

    def anywhere(self, rows: Array) -> Array:
        """Return the score of rows that may lie outside the range, shape (rows,)."""
        table = self.whole(rows)
        with np.errstate(all="ignore"):
            said = self.teacher.ask(list(np.ascontiguousarray(table.T)), len(rows))[:, self.score]
        told = np.abs(said) < (SURE if self.teacher.classifies else np.inf)
        return np.where(told, said, np.nan)


def sought_in(subject: Subject, noise: float | None, *, still: bool = False) -> list[Sought]:
    """Return each output of a model as a problem.

    Inputs that the model does not read, and those that never vary on the rows, are no part of it.
    A model that reads texts, or rows with gaps, is not asked: its answers on the rows are all there
    is.

    Args:
        subject: the model, with the rows to fit on.
        noise: the error of what it says; see `Problem`. None: 0.
        still: whether inputs that never vary are a part all the same: they may have units.

    Raises:
        BadInput: an output has too few answers.
    """
    teacher = _some(subject.teacher)
    names = _names(teacher)
    if _plain(teacher):
        return [_asked(teacher, k, name, noise, still) for k, name in enumerate(names)]
    rows = teacher.design()
    nodes = tuple(v.node for v in teacher.views)
    return [_told(teacher, rows, nodes, k, name, noise) for k, name in enumerate(names)]


def _some(teacher: Teacher) -> Teacher:
    if teacher.rows <= ROWS:
        return teacher
    random = np.random.default_rng([teacher.seed, 21])
    return teacher.part(np.sort(random.choice(teacher.rows, ROWS, replace=False)))


def _names(teacher: Teacher) -> list[str]:
    task = teacher.task
    if not teacher.classifies:
        return list(task.primary or task.outputs)
    if len(task.classes) == 2:
        return [f"log-odds of {task.classes[1]}"]
    return [f"log-odds of {c} against {task.classes[0]}" for c in task.classes[1:]]


def _plain(teacher: Teacher) -> bool:
    """Tell whether all inputs that are read are numbers without gaps."""
    return all(
        teacher.features[i].type is Type.REAL and np.isfinite(teacher.inputs[i]).all()
        for i in _used(teacher)
    )


def _used(teacher: Teacher) -> tuple[int, ...]:
    return tuple(range(len(teacher.features))) if teacher.formula is None else teacher.formula.used


def _asked(
    teacher: Teacher, k: int, name: str, noise: float | None, still: bool
) -> Sought:  # fmt: skip
    at = tuple(i for i in _used(teacher) if still or np.ptp(teacher.inputs[i]) > 0)
    rows = np.column_stack([teacher.inputs[i] for i in at]) if at else np.empty((teacher.rows, 0))
    nodes = tuple(ops.input_(i) for i in at)
    made = _told(teacher, rows, nodes, k, name, noise)
    if isinstance(teacher, Recorded):
        return made
    held = tuple(_first(c) for c in teacher.inputs)
    ask = Asked(teacher, at, held, k, made.problem.box)
    return replace(made, problem=replace(made.problem, ask=ask))


def _first(column: Array) -> float:
    """Return a value of a column; of one that is not read, whatever it holds."""
    found = column[:1].astype(float)
    return float(found[0]) if len(found) and np.isfinite(found[0]) else 0.0


def _told(
    teacher: Teacher, rows: Array, nodes: Sequence[Node], k: int, name: str, noise: float | None
) -> Sought:
    values = _scores(teacher)[:, k]
    there = np.isfinite(values)
    if teacher.classifies and (there & (np.abs(values) < SURE)).sum() >= FEWEST:
        there &= np.abs(values) < SURE
    if there.sum() < FEWEST:
        raise BadInput(
            f"{name}: only {int(there.sum())} rows have a value.", hint=f"Give at least {FEWEST}."
        )
    observed = isinstance(teacher, Recorded)
    told = noise is not None
    problem = Problem(rows[there], values[there], None, noise or 0.0, told, observed)
    return Sought(problem, tuple(nodes), name, y=_observed(teacher, k, there))


def _observed(teacher: Teacher, k: int, there: Array) -> Array | None:
    """Return what was observed of an output, where it is known on all rows."""
    if teacher.y is None or teacher.classifies or isinstance(teacher, Recorded):
        return None
    table = np.asarray(teacher.y, dtype=float)
    column = (table if table.ndim == 2 else table[:, None])[there, k]
    return column if np.isfinite(column).all() else None


def _scores(teacher: Teacher) -> Array:
    """Return the scores, those of a classifier unclipped: a law has no ends."""
    if not teacher.classifies:
        return teacher.scores
    with np.errstate(all="ignore"):
        return teacher.ask(teacher.inputs, teacher.rows)
