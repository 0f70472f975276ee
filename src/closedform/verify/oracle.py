"""The model's own answers, and the rows that it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from typing import Any

import numpy as np

from closedform.asking import Method, is_asked, own_methods
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Formula, Task
from closedform.ir import Array
from closedform.probes.containers import first_rows, take, widened

CALLS = 1000
"""So many calls of the model are spent on finding the rows that it refuses, for one method."""


def methods_of(model: Any, formula: Formula, X: Any) -> list[Method]:
    """Return the model's methods whose answers the formula has outputs for.

    Args:
        model: the model.
        formula: the formula.
        X: the rows that it will be asked about.

    Raises:
        BadInput: the model has none of them and cannot be called.
    """
    found = _methods_of(model, formula)
    return found if is_asked(model) else in_double_too(found, model, X)


SAME_IN_SINGLE = ("xgboost", "lightgbm", "catboost")
"""Packages that compute the same whether the rows come in float32 or in float64."""


def in_double_too(methods: list[Method], model: Any, X: Any) -> list[Method]:
    """Return the methods, each beside one that is given the rows in float64 if they come in less.

    scikit-learn computes in float32 what it is given in float32, and the same numbers in float64
    give what the formula says: 0.28 beside the other at a threshold of a forest behind a scaler.
    """
    wide = widened(first_rows(X, 1))
    if type(model).__module__.partition(".")[0] in SAME_IN_SINGLE or wide is None:
        return methods
    double = [replace(m, name=f"{m.name} of the rows in float64", ask=_wide(m)) for m in methods]
    if not all(_answers(m, wide) for m in double):  # a network, which takes nothing but float32
        return methods
    own = [replace(m, twin=i, narrow=True) for i, m in enumerate(methods)]
    return [*double, *own]


def _wide(method: Method) -> Callable[[Any], Any]:
    def ask(X: Any) -> Any:
        wide = widened(X)
        return method.ask(X if wide is None else wide)

    return ask


def _answers(method: Method, X: Any) -> bool:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            method.ask(X)
    except Exception:
        return False
    return True


def _methods_of(model: Any, formula: Formula) -> list[Method]:
    found = own_methods(model, formula) or [
        Method(name, ask, outputs)
        for name, outputs in _roles(formula)
        if outputs and any(o in formula.outputs for o in outputs)
        for ask in _asked(model, name)
    ]
    spread = formula.task.deviation
    if any(o in formula.outputs for o in spread) and _gives_deviations(model):
        ask = lambda X: model.predict(X, return_std=True)[1]  # noqa: E731
        found.append(Method("predict(return_std=True)", ask, spread))
    if found:
        return found
    if callable(model) and any(o in formula.outputs for o in formula.primary):
        return [Method("call", model, formula.primary)]
    wanted = ", ".join(name for name, outputs in _roles(formula) if outputs)
    raise BadInput(
        f"A {type(model).__name__} has no method to check the formula against.",
        hint=f"Give {'a fitted model with ' * bool(wanted)}{wanted}{', or ' * bool(wanted)}any "
        "function of the rows.",
    )


OPTIONS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("xgboost", "decision_function"): ("predict", {"output_margin": True}),
    ("lightgbm", "decision_function"): ("predict", {"raw_score": True}),
    ("catboost", "decision_function"): ("predict", {"prediction_type": "RawFormulaVal"}),
}
"""What packages without a method call it: (package, method) → its other name, and options."""


def _asked(model: Any, name: str) -> list[Callable[[Any], Any]]:
    """Return the one way to ask a model for what a method of scikit-learn's gives, or none."""
    package = type(model).__module__.partition(".")[0]
    if package == "xgboost" and type(model).__name__ == "Booster":
        return [lambda X: model.predict(_matrix_of(model, X))] * (name == "predict")
    if hasattr(model, name):
        return [getattr(model, name)]
    other, options = OPTIONS.get((package, name), ("", {}))
    return [lambda X: getattr(model, other)(X, **options)] if hasattr(model, other) else []


def _matrix_of(booster: Any, X: Any) -> Any:
    """Return rows in XGBoost's own container, which a bare Booster insists on."""
    import xgboost

    names = None if hasattr(X, "columns") else booster.feature_names
    return xgboost.DMatrix(X, feature_names=names, enable_categorical=True)


def _gives_deviations(model: Any) -> bool:
    """Tell whether predict takes `return_std`, or hands on what it is given, as a pipeline does."""
    if not hasattr(model, "predict"):
        return False
    parameters = signature(model.predict).parameters
    return "return_std" in parameters or any(
        p.kind is Parameter.VAR_KEYWORD for p in parameters.values()
    )


def _roles(formula: Formula) -> list[tuple[str, tuple[str, ...]]]:
    task: Task = formula.task
    main = "transform" if task.kind == "transform" else "predict"
    return [
        (main, formula.primary),
        ("predict_proba", task.probability),
        ("decision_function", task.decision),
    ]


@dataclass(frozen=True, eq=False)
class Answers:
    """What one method answered.

    Attributes:
        columns: one column for each output, shape (rows,); object columns for labels. Rows without
            an answer hold NaN or None.
        answered: which rows have an answer, shape (rows,).
        refused: which rows the model raises on, shape (rows,).
        error: the first message.
    """

    columns: list[Array]
    answered: Array
    refused: Array
    error: str


def answers(method: Method, X: Any, rows: int, apart: Array) -> Answers:
    """Ask the model about every row; rows that it refuses are found by bisection.

    Args:
        method: how to ask.
        X: the rows.
        rows: how many there are.
        apart: a number for each row; rows with different numbers are asked separately first, so
            that those which are expected to be refused don't spoil the others.
    """
    parts: list[tuple[Array, Array]] = []
    refused = np.zeros(rows, dtype=bool)
    error, calls = "", 0
    todo = [np.flatnonzero(apart == k) for k in np.unique(apart)[::-1]]
    while todo:
        block = todo.pop()
        try:
            parts.append((block, _ask(method, X if len(block) == rows else take(X, block), block)))
        except BadInput:
            raise
        except Exception as problem:  # a model may refuse a row in any way it likes
            error = error or _message(problem)
            refused[block] = len(block) == 1
            if len(block) > 1 and calls < CALLS:
                todo += [block[len(block) // 2 :], block[: len(block) // 2]]
        calls += 1
    return _joined(method, parts, refused, error, rows)


def predictions(formula: Formula, model: Any, X: Any) -> dict[str, Array]:
    """Return what a model itself gives for the outputs of a formula, by their names.

    Args:
        formula: the formula.
        model: the model that it was read from.
        X: rows as the model takes them.

    Returns:
        One column for each output that the model has a method for; for rows that it refuses, NaN
        or None.

    Raises:
        BadInput: the rows do not fit the formula, or the model cannot be asked.
    """
    rows = columns_of(formula.inputs, X, formula.needed)[1]
    found: dict[str, Array] = {}
    for method in methods_of(model, formula, X):
        said = answers(method, X, rows, np.zeros(rows))
        for name, column in zip(method.outputs, said.columns, strict=True):
            if name in formula.outputs:
                numbers = formula.task.kind == "regression" and column.dtype.kind == "O"
                found.setdefault(name, column.astype(float) if numbers else column)
    return found


def _message(problem: Exception) -> str:
    text = (str(problem).strip() or "no message").splitlines()[0]
    return f"{type(problem).__name__}: {text}"[:300]


def _ask(method: Method, X: Any, block: Array) -> Array:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        made = method.ask(X)
    table = _table(made)
    table = table.reshape(len(block), -1) if table.ndim != 2 else table
    if method.name == "predict_proba" and (table.shape[1], len(method.outputs)) == (2, 1):
        table = table[:, :1]  # a network of one class gives the chances of two
    if table.shape != (len(block), len(method.outputs)):
        raise BadInput(
            f"{method.name} gave an array of shape {np.shape(made)} for {len(block)} rows, and the "
            f"formula has the outputs {', '.join(method.outputs)}.",
            hint="Check the formula against the model that it was read from.",
        )
    return table


def _table(made: Any) -> Array:
    """Return an answer as an array; of several labels, scikit-learn gives a list of them."""
    if isinstance(made, list) and made and all(np.ndim(part) == 2 for part in made):
        return np.hstack(made)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made)


def _joined(
    method: Method, parts: list[tuple[Array, Array]], refused: Array, error: str, rows: int
) -> Answers:
    answered = np.zeros(rows, dtype=bool)
    numeric = all(table.dtype.kind in "fiub" for _, table in parts)
    columns = [
        np.full(rows, np.nan) if numeric else np.full(rows, None, dtype=object)
        for _ in method.outputs
    ]
    for block, table in parts:
        answered[block] = True
        for column, values in zip(columns, table.T, strict=True):
            column[block] = values
    return Answers(columns, answered, refused, error)
