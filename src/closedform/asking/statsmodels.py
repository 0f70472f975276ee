"""Results of statsmodels: rows of a formula's inputs become what their predict takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import column_keys, columns_of
from closedform.formula import Formula
from closedform.ir import Array, Type

ONES = -1
"""What stands for a column of ones, whatever the rows hold there."""

Takes = Mapping[str, Sequence[int]]
"""For each argument of predict, the inputs that make its columns.

"frame" is the frame that a model formula reads, "truths" its columns of truths; "logged" says that
the model takes no array as an exposure, so that its logarithm must be added to the offset.
"""


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how results are asked: by predict, with the offset and exposure that are inputs."""
    options = formula.trail[0].options if formula.trail else {}
    takes: Takes | None = options.get("takes")
    if takes is None:
        return []

    def ask(X: Any) -> Array:
        arguments, rows = _arguments(takes, formula, X)
        with _engine_of(model):
            parts = [(at, _predicted(model, arguments, at)) for at in _calls(arguments, rows)]
        made = np.empty((rows, *parts[0][1].shape[1:])) if parts else np.empty(0)
        for at, answer in parts:
            made[at] = answer
        return made

    return [Method("predict", ask, formula.primary)]


def _calls(arguments: Mapping[str, Any], rows: int) -> list[Array]:
    """Return which rows are asked about at once: those with missing values apart from the others.

    patsy looks whether the rows of a call lie within the knots of a spline, and a missing value
    among them makes it believe that they do; see `_predicted` for those that come up in between.
    """
    missing = np.zeros(rows, dtype=bool)
    if hasattr(arguments.get("exog"), "isna"):
        missing = np.asarray(arguments["exog"].isna().any(axis=1), dtype=bool)
    return [np.flatnonzero(part) for part in (missing, ~missing) if part.any()]


def _predicted(model: Any, arguments: Mapping[str, Any], at: Array) -> Array:
    """Return what predict gives for some rows; those without an answer are asked apart.

    The logarithm of −1 is missing too, and bs(np.log(x)) then looks at no row of the call.
    """
    made = _answer(model, arguments, at)
    there = ~np.isnan(made).reshape(len(made), -1).any(axis=1)
    if "exog" in arguments and there.any() and not there.all():
        made[there] = _answer(model, arguments, at[there])
    return made


def _answer(model: Any, arguments: Mapping[str, Any], at: Array) -> Array:
    given = {
        name: part.iloc[at] if hasattr(part, "iloc") else part[at] if np.ndim(part) else part
        for name, part in arguments.items()
    }
    made = model.predict(**given)
    return np.array(getattr(made, "predicted_values", made), dtype=np.float64)  # PHReg gives two


def _arguments(takes: Takes, formula: Formula, X: Any) -> tuple[dict[str, Any], int]:
    plain = [name for name in takes if name not in ("frame", "truths")]
    used = {i for name in plain for i in takes[name] if i != ONES}
    columns, rows = columns_of(formula.inputs, X, used)
    made: dict[str, Any] = {}
    for name, chosen in takes.items():
        if name == "frame":
            made["exog"] = _frame(formula, chosen, takes["truths"], X)
        elif name in ("offset", "exposure"):
            made[name] = columns[chosen[0]]
        elif name not in ("logged", "truths"):
            parts = [np.ones(rows) if i == ONES else columns[i] for i in chosen]
            made[name] = np.column_stack(parts) if parts else np.zeros((rows, 0))
    if "logged" in takes and {"offset", "exposure"} & set(made):
        with np.errstate(all="ignore"):
            made["offset"] = made.get("offset", 0.0) + np.log(made.get("exposure", np.ones(rows)))
        made["exposure"] = 0  # any other number is logged, and none is the training rows'
    return made, rows


def _frame(formula: Formula, chosen: Sequence[int], truths: Sequence[int], X: Any) -> Any:
    """Return the columns that a model formula reads as a frame, categories as plain objects.

    patsy refuses pandas categories that are not those of training, rows that have none of them too.
    """
    import pandas as pd

    inputs = [formula.inputs[i] for i in chosen]
    if not isinstance(X, Mapping) and not hasattr(X, "columns"):
        array = np.asarray(X)
        columns: dict[str, Any] = {f.name: array[:, i] for f, i in zip(inputs, chosen, strict=True)}
    else:
        names = list(X.keys() if isinstance(X, Mapping) else X.columns)
        keys = column_keys(formula.inputs, names)
        columns = {f.name: X[keys[f.name]] for f in inputs}
    made = {
        f.name: _plain(columns[f.name], f.type is Type.LABEL, isinstance(X, np.ndarray))
        for f in inputs
    }
    for name in (formula.inputs[i].name for i in truths):
        if not made[name].isin([0, 1]).all():
            raise ValueError(f"column {name!r} holds truths")
        made[name] = made[name].astype(bool)
    return pd.DataFrame(made, index=None if isinstance(X, Mapping) else range(len(X)))


def _plain(values: Any, text: bool, mixed: bool) -> Any:
    """Return a column as pandas would have read it, without an index or a categorical type."""
    import pandas as pd

    column = pd.Series(np.atleast_1d(values) if np.ndim(values) == 0 else values)
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype) or text:
        return column.astype(object)
    return pd.to_numeric(column) if mixed and column.dtype == object else column


@contextmanager
def _engine_of(model: Any) -> Iterator[None]:
    """Let statsmodels read its model formulas with the package that this model was made with.

    With another ordering than "legacy", predict takes no formula of formulaic at all (0.15).
    """
    import statsmodels.formula

    data = getattr(getattr(model, "model", None), "data", None)
    package = type(getattr(data, "model_spec", None)).__module__.partition(".")[0]
    options = getattr(statsmodels.formula, "options", None)
    if options is None or package not in ("patsy", "formulaic"):
        yield
        return
    before = options.formula_engine, options.ordering
    options.formula_engine, options.ordering = package, "legacy"
    try:
        yield
    finally:
        options.formula_engine, options.ordering = before
