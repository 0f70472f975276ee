"""Models that have no formula: any object with `predict`, or any function of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput, first_line
from closedform.formula import Feature, Formula, Task, output_names
from closedform.ir import Array, Type
from closedform.ops.payloads import know_labels, labels_of
from closedform.probes.containers import first_rows, row_count, take
from closedform.shorten.asked import seconds_each
from closedform.shorten.scores import CERTAIN, TINY
from closedform.shorten.teacher import ENDLESS, Teacher
from closedform.verify.oracle import predictions

ROWS = 50
"""So many rows are shown to a model to see what it answers."""


def features_of(X: Any) -> tuple[Feature, ...]:
    """Return the inputs that rows have: a column of texts holds categories.

    Raises:
        BadInput: the rows are no table, or a column holds neither numbers nor categories.
    """
    if hasattr(X, "columns"):
        return tuple(_feature(str(name), np.asarray(X[name])) for name in X.columns)
    if hasattr(X, "toarray"):
        return tuple(Feature(f"x{i}") for i in range(X.shape[1]))
    if isinstance(X, dict):
        return tuple(_feature(str(name), np.asarray(column)) for name, column in X.items())
    table = np.asarray(X)
    if table.ndim != 2:
        raise BadInput(
            f"The rows have the shape {table.shape}.", hint="Give an array of shape (rows, inputs)."
        )
    return tuple(_feature(f"x{i}", column) for i, column in enumerate(table.T))


def _feature(name: str, column: Array) -> Feature:
    if column.dtype.kind in "fiub":
        return Feature(name)
    if column.dtype.kind in "mMcV":
        raise BadInput(
            f"Column {name!r} holds {column.dtype}: neither numbers nor categories.",
            hint="Give a number instead, as the days since some day.",
        )
    # pandas' NA is neither equal nor unequal to itself: it has no truth.
    listed = (v for v in column.tolist() if type(v).__name__ not in ("NAType", "NaTType"))
    seen = tuple(dict.fromkeys(v for v in listed if v is not None and v == v))
    if all(isinstance(v, int | float) for v in seen):
        return Feature(name)
    know_labels(seen)  # no node of a stub does
    return Feature(name, Type.LABEL, seen)


def stub_of(model: Any, inputs: tuple[Feature, ...], X: Any) -> Formula:
    """Return a formula with the inputs and outputs of a model, and nothing else.

    Raises:
        BadInput: the model answers no row.
    """
    few = first_rows(X, ROWS)
    classes = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    if classes and hasattr(model, "predict_proba"):
        chances = tuple(f"P({c})" for c in classes)
        outputs = {"label": ops.label(classes[0])} | {name: ops.const(0) for name in chances}
        task = Task("classification", classes, "none", ("label",), chances)
        return Formula(outputs, inputs, task, source=type(model).__name__)
    made = _asked(model, few)
    if made.dtype.kind == "c":
        raise BadInput(
            f"{_name(model)} gives complex numbers.",
            hint="Give the part that is wanted, as lambda X: f(X).real.",
        )
    if made.dtype.kind in "fiu" and not classes:
        ends = [""] if made.ndim == 1 else [str(i) for i in range(made.shape[1])]
        names = output_names((f.name for f in inputs), ends)
        task = Task(primary=names)
        return Formula({n: ops.const(0) for n in names}, inputs, task, source=_name(model))
    known = classes or tuple(sorted(set(_asked(model, X).tolist()), key=str))
    task = Task("classification", known, "none", ("label",))
    return Formula({"label": ops.label(known[0])}, inputs, task, source=_name(model))


def _asked(model: Any, X: Any) -> Array:
    """Return what a model says about rows; where it raises, about those that it takes alone."""
    ask = model.predict if hasattr(model, "predict") else model
    try:
        made = _as_long(model, ask(X), row_count(X))
    except BadInput:
        raise
    except Exception as problem:
        single = [
            _alone(model, ask, take(X, np.array([i]))) for i in range(min(ROWS, row_count(X)))
        ]
        answers = [answer for answer in single if answer is not None]
        if not answers:
            raise BadInput(
                f"{_name(model)} raises on these rows: {type(problem).__name__}: "
                f"{first_line(problem)}",
                hint="It is called with all rows at once, in the container that they come in here. "
                "One that takes a single row can be given as lambda X: [f(row) for row in X].",
            ) from problem
        made = np.concatenate(answers)
    return made[:, 0] if made.ndim == 2 and made.shape[1] == 1 else made


def _as_long(model: Any, said: Any, rows: int) -> Array:
    """Return answers as an array.

    Raises:
        BadInput: there is not one for each row.
    """
    made = _as_numbers(np.asarray(said))
    if made.ndim in (1, 2) and len(made) == rows:
        return made
    what = type(said).__name__ if made.ndim == 0 else f"an array of shape {made.shape}"
    raise BadInput(
        f"{_name(model)} gives {what} for {rows} rows.",
        hint="It is called with all rows at once: return one value for each of them.",
    )


def _as_numbers(made: Array) -> Array:
    """Return an array of objects that are all numbers, or None, as one of numbers."""
    if made.dtype.kind != "O":
        return made
    known = [v for v in made.ravel().tolist() if v is not None]
    plain = all(isinstance(v, Real) and not isinstance(v, bool) for v in known)
    return made.astype(float) if known and plain else made


def _alone(model: Any, ask: Callable[[Any], Any], row: Any) -> Array | None:
    try:
        return _as_long(model, ask(row), 1)
    except Exception:
        return None


def seconds_asked(model: Any, X: Any) -> float:
    """Return about how long a model takes for a row, among many; to a factor of two.

    Args:
        model: the model.
        X: some rows; it is asked about one, and then about `ROWS`.
    """
    few = first_rows(X, ROWS)
    return seconds_each(
        lambda rows: _answers_something(model, first_rows(few, rows)), row_count(few)
    )


def _answers_something(model: Any, X: Any) -> bool:
    try:
        _asked(model, X)
    except BadInput:
        return False
    return True


def _name(model: Any) -> str:
    return str(getattr(model, "__name__", type(model).__name__))


def teacher_of(
    model: Any, stub: Formula, X: Any, y: Any, *, seed: int, endless: float = ENDLESS
) -> Teacher:
    """Return a model without a formula as a teacher; rows that it refuses have no score.

    Args:
        model: the model.
        stub: its inputs and outputs.
        X: rows to fit on.
        y: what was observed on them.
        seed: of everything random.
        endless: as of `Teacher.answered`.
    """
    inputs, rows = columns_of(stub.inputs, X)

    def ask(columns: Sequence[Array], count: int) -> Array:
        return _scores(stub, predictions(stub, model, container(stub.inputs, columns, X)))

    made = Teacher(stub.inputs, stub.task, ask, tuple(inputs), None,
                   None if y is None else np.asarray(y), stub.source, seed)  # fmt: skip
    return made.answered(rows, endless)


def container(inputs: Sequence[Feature], columns: Sequence[Array], like: Any) -> Any:
    """Return columns as rows in the container in which rows were given."""
    shown = [
        labels_of(c) if f.type is Type.LABEL else c for f, c in zip(inputs, columns, strict=True)
    ]
    if hasattr(like, "iloc"):
        import pandas

        made = pandas.DataFrame(dict(zip(like.columns, shown, strict=True)))
        return made.astype({c: like[c].dtype for c in like.columns if like[c].dtype.kind in "OfS"})
    if hasattr(like, "columns"):
        return type(like)(dict(zip(like.columns, shown, strict=True)))
    if isinstance(like, dict):
        return dict(zip(like, shown, strict=True))
    return np.column_stack(shown)


def _scores(stub: Formula, said: dict[str, Array]) -> Array:
    task = stub.task
    if task.probability:
        chances = np.column_stack([said[n] for n in task.probability])
        logs = np.log(np.maximum(chances, TINY))
        return np.asarray(logs[:, 1:] - logs[:, :1])
    if task.classes:
        labels = np.array(said[task.primary[0]], dtype=object)
        hits = [[CERTAIN if v == c else -CERTAIN for v in labels.tolist()] for c in task.classes]
        return np.array(hits[1:], dtype=float).T
    return np.column_stack([np.asarray(said[n], dtype=float) for n in task.primary])
