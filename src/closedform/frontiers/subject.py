"""What a frontier is made for: a model, its formula where there is one, and rows of three kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput, ClosedformError, UnsupportedModel
from closedform.formula import Formula
from closedform.frontiers.black_box import features_of, seconds_asked, stub_of, teacher_of
from closedform.frontiers.observed import observed_of
from closedform.frontiers.splitting import MOST, split
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of
from closedform.probes.containers import first_rows, take
from closedform.readers import read
from closedform.shorten.asked import seconds_a_row
from closedform.shorten.made_up import made_up
from closedform.shorten.scores import with_own_task
from closedform.shorten.teacher import ENDLESS, Teacher
from closedform.verify.oracle import predictions

FEWEST = 30
"""Rows: with fewer, a third of them tells nothing about an error."""
ENOUGH = 2000
"""Rows to choose by: where there are fewer, more are made up, and the formula is asked there."""
SHARE = 0.05
"""The share of the time that asking about the rows to fit on may take."""
LEAST = 500
"""Rows: so many are used for each purpose, however slow the model is."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the rows, with what the model and the world say about them.

    Attributes:
        X: the rows as they were given.
        said: the model's own answers by the names of outputs, each of shape (rows,).
        y: what was observed, shape (rows,) or (rows, outputs); None where it was not given.
        rows: how many there are.
    """

    X: Any
    said: Mapping[str, Array]
    y: Array | None
    rows: int


@dataclass(frozen=True, eq=False)
class Subject:
    """A model ready to be shortened.

    Attributes:
        model: as it was given.
        formula: the exact formula; of a model that has none, one with its inputs and outputs alone.
        exact: whether it is the former.
        teacher: the model as what short formulas are fitted to, with the rows to fit on.
        select, check: rows to choose by, and rows that nothing but the final errors see.
        more: rows made up from those to choose by, where these are few; None where there are
            enough, or where the model has no formula to ask, or gives one answer alone.
        notes: what the user should know of the rows and of y.
        against: what errors are measured against: "y" where there is no model.
    """

    model: Any
    formula: Formula
    exact: bool
    teacher: Teacher
    select: Part
    check: Part
    more: Part | None
    notes: tuple[str, ...] = ()
    against: str = "the model"

    @classmethod
    def of(
        cls, model: Any, X: Any, y: Any, seed: int, read_as: Formula | None = None,
        seconds: float = 60.0, endless: float = ENDLESS,
    ) -> Subject:  # fmt: skip
        """Read a model, unless it has been read, and split the rows.

        Args:
            model, X, y, seed: as of `frontier`.
            read_as: the formula of the model.
            seconds: for the whole search; of a slow model, fewer rows are used.
            endless: as of `Teacher.answered`.

        Raises:
            BadInput: too few rows, or rows that do not fit the model or y.
        """
        X = X.tocsr() if hasattr(X, "tocsr") else X  # of a COO matrix, no rows can be taken
        formula, exact = formula_of(model, X) if read_as is None else (read_as, True)
        columns, rows = columns_of(formula.inputs, X, formula.needed)
        if rows < FEWEST:
            raise BadInput(
                f"{rows} rows are too few: some are fitted to, some chosen by, and the errors are "
                "measured on others.",
                hint=f"Give at least {FEWEST} rows; those that the model was trained on will do.",
            )
        formula = with_own_task(formula)
        _refuse_one_class(formula)
        observed, notes = observed_of(y, rows, formula)
        each = seconds_a_row(formula) if exact else seconds_asked(model, first_rows(X, LEAST))
        most = int(np.clip(SHARE * seconds / each, LEAST, max(MOST.values())))
        read_columns = [columns[i] for i in formula.used] if exact else columns
        picked, told = split(read_columns, rows, seed, most)
        fit = take(X, picked["fit"])
        known = None if observed is None else observed[picked["fit"]]
        if exact:
            teacher = Teacher.of(formula, fit, known, seed=seed, endless=endless)
        else:
            asked = teacher_of(model, formula, fit, known, seed=seed, endless=endless)
            teacher = replace(asked, most=most)
        select, check = (_part(model, formula, X, observed, picked[n]) for n in ("select", "check"))
        more = _made_up(formula, select, seed) if exact else None
        return cls(model, formula, exact, teacher, select, check, more, (*notes, *told))


def _refuse_one_class(formula: Formula) -> None:
    task = formula.task
    if task.kind == "classification" and len(task.classes) == 1 and not task.parts:
        raise BadInput(
            f"The model gives a single class, {task.classes[0]!r}: there is nothing to shorten.",
            hint="Give a model that tells several classes apart, or rows on which it does.",
        )


def formula_of(model: Any, X: Any) -> tuple[Formula, bool]:
    """Return the formula of a model and True; of one that has none, its inputs and outputs.

    Raises:
        BadInput: a class instead of an object, or a model that answers no row.
        UnsupportedModel: it can be neither read nor asked.
    """
    if isinstance(model, Formula):
        return model, True
    if isinstance(model, type):
        raise BadInput(
            f"{model.__name__} is a class, and no trained model.",
            hint="Give the object that fit() was called on.",
        )
    try:
        return named_as(X, _read(model, X)), True
    except UnsupportedModel:
        if not (callable(model) or hasattr(model, "predict")):
            raise
        return stub_of(model, features_of(X), X), False


def _read(model: Any, X: Any) -> Formula:
    """Return the formula of a model; one that needs to see rows is shown some."""
    try:
        return read(model)
    except ClosedformError as problem:
        try:
            return read(model, example=first_rows(X, 100))
        except ClosedformError:
            raise problem from None


def named_as(X: Any, formula: Formula) -> Formula:
    """Return a formula with the names of a DataFrame's columns, where its model keeps no names.

    Such a model, as a network, takes columns by their order. A DataFrame that has one of the
    names x0, x1 … is not renamed: somebody has named its columns for this model.
    """
    made_up = [f"x{i}" for i in range(len(formula.inputs))]
    columns = list(getattr(X, "columns", ()))
    wanted = len(columns) == len(made_up) and all(isinstance(c, str) for c in columns)
    if not wanted or [f.name for f in formula.inputs] != made_up or {*columns} & {*made_up}:
        return formula
    named = zip(formula.inputs, columns, strict=True)
    return replace(formula, inputs=tuple(replace(f, name=name) for f, name in named))


def _part(model: Any, formula: Formula, X: Any, y: Array | None, picked: Array) -> Part:
    rows = take(X, picked)
    if isinstance(model, Formula):
        said: Mapping[str, Array] = model.evaluate(rows)
    else:
        said = predictions(formula, model, rows)
    return Part(rows, said, None if y is None else y[picked], len(picked))


def _made_up(formula: Formula, part: Part, seed: int) -> Part | None:
    """Return rows like those to choose by: of 114, a single one is 0.9 % of an error.

    None where the model gives one answer alone: on made-up rows, which are a little further apart,
    it may give others, and a constant that is right on every row given would look wrong.
    """
    names = [f.name for f in formula.inputs]
    count = ENOUGH - part.rows
    alike = all((part.said[n] == part.said[n][0]).all() for n in formula.answer)
    if count <= 0 or len(set(names)) < len(names) or alike:
        return None
    inputs, _ = columns_of(formula.inputs, part.X, formula.needed)
    drawn = made_up(inputs, formula.inputs, ENOUGH, np.random.default_rng([seed, 13]))
    X = {
        f.name: (labels_of(c) if f.type is Type.LABEL else c)[part.rows :]
        for f, c in zip(formula.inputs, drawn, strict=True)
    }
    return Part(X, formula.evaluate(X), None, count)


def answered(part: Part, names: Sequence[str]) -> Array:
    """Return the rows that the model answers with a class or a finite number, shape (rows,)."""
    fine = np.ones(part.rows, dtype=bool)
    for name in names:
        column = part.said[name]
        if column.dtype.kind == "f":
            fine &= np.isfinite(column)
        else:
            fine &= np.array([v is not None and v == v for v in column.tolist()], dtype=bool)
    return fine
