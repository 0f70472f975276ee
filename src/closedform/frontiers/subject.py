"""What a frontier is made for: a model, its formula where there is one, and rows of three kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput, ClosedformError, UnsupportedModel
from closedform.formula import Formula
from closedform.frontiers.black_box import features_of, stub_of, teacher_of
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of
from closedform.probes.containers import first_rows, take
from closedform.readers import read
from closedform.shorten.made_up import made_up
from closedform.shorten.teacher import Teacher
from closedform.verify.oracle import predictions

FEWEST = 30
"""Rows: with fewer, a third of them tells nothing about an error."""
ENOUGH = 2000
"""Rows to choose by: where there are fewer, more are made up, and the formula is asked there."""
MOST = {"fit": 50_000, "select": 20_000, "check": 50_000}
"""So many rows are used for each purpose, at most."""


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
            enough, or where the model has no formula to ask.
    """

    model: Any
    formula: Formula
    exact: bool
    teacher: Teacher
    select: Part
    check: Part
    more: Part | None

    @classmethod
    def of(cls, model: Any, X: Any, y: Any, seed: int, read_as: Formula | None = None) -> Subject:
        """Read a model, unless it has been read, and split the rows.

        Raises:
            BadInput: too few rows, or rows that do not fit the model or y.
        """
        formula, exact = _formula(model, X) if read_as is None else (read_as, True)
        rows = columns_of(formula.inputs, X, formula.needed)[1]
        if rows < FEWEST:
            raise BadInput(
                f"{rows} rows are too few: some are fitted to, some chosen by, and the errors are "
                "measured on others.",
                hint=f"Give at least {FEWEST} rows; those that the model was trained on will do.",
            )
        observed = _observed(y, rows)
        picked = _split(rows, seed)
        fit = take(X, picked["fit"])
        known = None if observed is None else observed[picked["fit"]]
        if exact:
            teacher = Teacher.of(formula, fit, known, seed=seed)
        else:
            teacher = teacher_of(model, formula, fit, known, seed=seed)
        parts = [_part(model, formula, X, observed, picked[name]) for name in ("select", "check")]
        more = _made_up(formula, parts[0], seed) if exact else None
        return cls(model, formula, exact, teacher, parts[0], parts[1], more)


def _formula(model: Any, X: Any) -> tuple[Formula, bool]:
    if isinstance(model, Formula):
        return model, True
    try:
        return _read(model, X), True
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


def _observed(y: Any, rows: int) -> Array | None:
    if y is None:
        return None
    made = np.asarray(y)
    if made.ndim == 2 and made.shape[1] == 1:
        made = made[:, 0]
    if made.ndim not in (1, 2) or len(made) != rows:
        raise BadInput(
            f"y has the shape {made.shape} for {rows} rows.", hint="Give one value for each row."
        )
    return made


def _split(rows: int, seed: int) -> dict[str, Array]:
    """Return the positions of the rows to fit on, to choose by and to measure on: 60, 20, 20 %."""
    order = np.random.default_rng([seed, 11]).permutation(rows)
    ends = np.cumsum([int(0.6 * rows), int(0.2 * rows)])
    parts = np.split(order, ends)
    return {k: np.sort(p[: MOST[k]]) for k, p in zip(MOST, parts, strict=True)}


def _part(model: Any, formula: Formula, X: Any, y: Array | None, picked: Array) -> Part:
    rows = take(X, picked)
    if isinstance(model, Formula):
        said: Mapping[str, Array] = model.evaluate(rows)
    else:
        said = predictions(formula, model, rows)
    return Part(rows, said, None if y is None else y[picked], len(picked))


def _made_up(formula: Formula, part: Part, seed: int) -> Part | None:
    """Return rows like those to choose by: of 114, a single one is 0.9 % of an error."""
    names = [f.name for f in formula.inputs]
    count = ENOUGH - part.rows
    if count <= 0 or len(set(names)) < len(names):
        return None
    inputs, _ = columns_of(formula.inputs, part.X, formula.needed)
    drawn = made_up(inputs, formula.inputs, ENOUGH, np.random.default_rng([seed, 13]))
    X = {
        f.name: (labels_of(c) if f.type is Type.LABEL else c)[part.rows :]
        for f, c in zip(formula.inputs, drawn, strict=True)
    }
    return Part(X, formula.evaluate(X), None, count)


def answered(part: Part, names: Sequence[str]) -> Array:
    """Return the rows that the model answers with something, shape (rows,)."""
    fine = np.ones(part.rows, dtype=bool)
    for name in names:
        column = part.said[name]
        lost = [v is None or v != v for v in column.tolist()]
        fine &= ~np.array(lost, dtype=bool)
    return fine
