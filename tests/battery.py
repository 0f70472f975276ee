"""The reader battery: a formula against its model on every kind of row that has fooled a reader.

`check_reader(model, X)` reads a fitted scikit-learn model and compares every output with what the
model itself returns. `Case` is one line of a test module's list; `tests/test_reader_tables.py`
makes sure that every estimator that has a reader stands in such a list.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

import closedform as cf
from battery_rows import kinds_of_rows, package
from closedform.formula import Task

METHODS = {"probability": "predict_proba", "decision": "decision_function"}
"""From a role in `Task` to the model's method that it stands for."""
RAW = {
    "xgboost": {"output_margin": True},
    "lightgbm": {"raw_score": True},
    "catboost": {"prediction_type": "RawFormulaVal"},
}
"""How `predict` of a package without a decision_function is asked for the scores."""
REFUSALS = ("CatBoostError", "LightGBMError")
"""Errors with which a package refuses rows, besides ValueError."""


def told(value: object) -> str:
    """Return what names a test: on one line, and the same in every process."""
    name = getattr(value, "__name__", None) or repr(value)
    if package(value) in RAW:  # these show every option
        given = {k: v for k, v in value.get_params().items() if v is not None and v == v}
        name = f"{type(value).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(name.split()))


@dataclass(frozen=True)
class Case:
    """One model to try: an unfitted estimator, how to make its data, and how close it must be.

    `rtol` is relative to the largest value of an output among the rows tried together (a sum's
    rounding grows with its terms, not with its result); 0 asks for the same bits.
    """

    model: Any
    data: Callable[[], tuple[Any, Any]]
    rtol: float = 1e-9
    note: str = ""

    def __str__(self) -> str:
        """Return the options that differ from the default, as scikit-learn shows them."""
        shown = told(self.model)
        return f"{shown}-{self.data.__name__}" + (f"-{self.note}" if self.note else "")

    @cached_property
    def fitted(self) -> tuple[Any, Any]:
        """The fitted model and its training rows."""
        rows, y = self.data()
        return fit(self.model, rows, y), rows


def fit(model: Any, X: Any, y: Any) -> Any:
    """Return the model, fitted; deprecations and convergence are not ours to judge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def installed(kind: Any, **options: Any) -> Any:
    """Return an estimator, deprecated or not, with those options that this version still has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = kind().get_params()
        return kind(**{name: value for name, value in options.items() if name in known})


def check_reader(model: Any, X: Any, *, rtol: float = 1e-9, names: Any = None) -> cf.Formula:
    """Compare a fitted model and its formula on rows of every kind, and return the formula.

    Args:
        model: a fitted estimator or pipeline.
        X: its training rows, a DataFrame or an array; thresholds are taken from trees that see
            them unchanged.
        rtol: see `Case`.
        names: passed on to `read`.
    """
    names = names or own_names(model, X)
    formula = cf.read(model, names=names)
    compare(cf.read(model, names=names, fold=False), model, X, rtol, "steps as the model has them")
    for kind, rows in kinds_of_rows(model, X):
        compare(formula, model, rows, rtol, kind)
    check_layouts(formula, X)
    return formula


def own_names(model: Any, X: Any) -> list[str] | None:
    """Return names for a model that does not even know how many inputs it has (old dummies)."""
    names = getattr(X, "columns", [f"x{i}" for i in range(X.shape[1])])
    return None if hasattr(model, "n_features_in_") else list(names)


def compare(formula: cf.Formula, model: Any, X: Any, rtol: float, kind: str) -> None:
    """Compare every output on some rows; where the model raises, the formula gives nothing."""
    if refuses(model, "predict" if formula.task.kind != "transform" else "transform", X):
        return compare_row_by_row(formula, model, X, rtol, kind)
    task = formula.task
    for role, method in METHODS.items():
        names = getattr(task, role)
        assert bool(names) == (task.kind == "classification" and has(model, method)), role
        if names:
            expected = as_columns(ask(model, method, X))
            for i, name in enumerate(names):
                near = max(rtol, allowed(formula, name))
                close(formula(X, name), expected[:, i], near, f"{kind}: {name}")
    if task.deviation:
        spread = as_columns(deviations(model, X))
        for i, name in enumerate(task.deviation):
            close(
                formula(X, name), spread[:, i], max(rtol, allowed(formula, name)), f"{kind}: {name}"
            )
    compare_predictions(formula, model, X, rtol, kind)


def deviations(model: Any, X: Any) -> Any:
    """Return the standard deviations that a model gives beside its prediction."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.predict(X, return_std=True)[1]


def compare_predictions(formula: cf.Formula, model: Any, X: Any, rtol: float, kind: str) -> None:
    """Compare what `predict` (or `transform`) returns."""
    task = formula.task
    expected = as_columns(
        ask(model, "transform" if task.kind == "transform" else "predict", X), len(X)
    )
    ours = as_columns(formula(X), len(X))
    assert ours.shape == expected.shape
    if task.kind == "classification":
        # Where the scores are the same bits, so is the label, ties included.
        # Behind a softmax in float32, two scores that are nearly the same give one probability.
        apart = max([rtol, *(p.relative for p in formula.precision.values())])
        decided = np.ones(ours.shape, dtype=bool)
        for i, part in enumerate(task.parts or [task] if apart else []):
            decided[:, i] = ~ties(model, X, apart, part, task)
        assert (ours[decided] == expected[decided]).all(), f"{kind}: another label"
        texts = {ours.dtype.kind, expected.dtype.kind} <= {"U", "O"}  # CatBoost's are objects
        assert texts or ours.dtype.kind == expected.dtype.kind, f"{kind}: labels of another type"
    else:
        for i in range(expected.shape[1]):
            near = max(rtol, allowed(formula, formula.primary[i]))
            close(ours[:, i], expected[:, i], near, f"{kind}: output {i}")


def compare_row_by_row(formula: cf.Formula, model: Any, X: Any, rtol: float, kind: str) -> None:
    """Compare rows of which some make the model raise: there every output is missing."""
    outputs = formula.evaluate(X)
    for i in range(len(X)):
        row = X[i : i + 1]
        if refuses(model, "predict" if formula.task.kind != "transform" else "transform", row):
            for name, values in outputs.items():
                assert pd.isna(values[i]), f"{kind}: {name} is {values[i]} where the model raises"
        else:
            compare(formula, model, row, rtol, kind)


def ask(model: Any, method: str, X: Any) -> Any:
    """Return what the model says, without its remarks about unknown categories."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "decision_function" and package(model) in RAW:
            return model.predict(X, **RAW[package(model)])
        return getattr(model, method)(X)


def has(model: Any, method: str) -> bool:
    """Tell whether a model can be asked for something."""
    return hasattr(model, method) or (method == "decision_function" and package(model) in RAW)


def refuses(model: Any, method: str, X: Any) -> bool:
    """Tell whether a model raises on some rows."""
    try:
        ask(model, method, X)
    except Exception as error:
        if isinstance(error, ValueError | TypeError) or type(error).__name__ in REFUSALS:
            return True
        raise
    return False


def allowed(formula: cf.Formula, name: str) -> float:
    """Return what the model's own rounding allows, where it computes in float32."""
    return formula.precision[name].relative if name in formula.precision else 0.0


def as_columns(values: Any, rows: int | None = None) -> np.ndarray:
    """Return predictions as (rows, outputs); SparsePCA gives a single row without its axis."""
    if isinstance(values, list) and np.ndim(values[0]) == 2:
        values = np.hstack(values)  # several labels: the probabilities of each of them
    array = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return array.reshape(len(array) if rows is None else rows, -1)


def close(ours: np.ndarray, expected: np.ndarray, rtol: float, what: str) -> None:
    """Fail unless two outputs are as near as asked, and missing on the same rows."""
    expected = expected.astype(np.float64)
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max(initial=0.0)
    with np.errstate(invalid="ignore"):
        away = np.where(ours == expected, 0.0, np.abs(ours - expected))
    away[np.isnan(ours) & np.isnan(expected)] = 0.0
    # A subnormal number has no relative precision left: 1e-300 stands for it.
    near = away <= rtol * (scale + np.abs(expected)) + (rtol > 0) * 1e-300
    bad = np.flatnonzero(~(near | (away == 0)))
    assert not len(bad), f"{what}: row {bad[0]}: {ours[bad[0]]!r}, not {expected[bad[0]]!r}"


def ties(model: Any, X: Any, rtol: float, task: Task, whole: Task) -> np.ndarray:
    """Return the rows on which the model's own best scores are equal within rounding.

    There another order of additions may give another label, and neither is wrong. `task` is that
    of one label, `whole` that of all of them.
    """
    roles = ("decision", "probability")
    role = next((r for r in roles if getattr(task, r) and has(model, METHODS[r])), None)
    if role is None or len(task.classes) < 2:
        return np.zeros(len(X), dtype=bool)
    at = [getattr(whole, role).index(name) for name in getattr(task, role)]
    scores = as_columns(ask(model, METHODS[role], X)).astype(np.float64)[:, at]
    if role == "probability" and len(at) == 1:
        scores = np.column_stack([scores, 1 - scores])
    scale = np.abs(scores).max(initial=0.0)
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0]) <= rtol * scale
    best = np.sort(scores, axis=1)
    return best[:, -1] - best[:, -2] <= rtol * scale


def check_layouts(formula: cf.Formula, X: Any) -> None:
    """The same rows give the same values as DataFrame, array and dict, whatever the order."""
    rows = X[:7]
    expected = formula(rows)
    names = [f.name for f in formula.inputs]
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=names)
    turned = frame[frame.columns[::-1]]
    assert same(formula(turned), expected), "columns in another order"
    assert same(formula(turned.assign(unused=1.0)), expected), "a column too many"
    assert same(formula(frame.to_numpy()), expected), "an array"
    assert same(formula({n: list(frame.iloc[:, i]) for i, n in enumerate(names)}), expected), "dict"


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two predictions are equal, missing values included.

    A matrix product may add in another order when its rows lie otherwise in memory: 1e-12.
    """
    if a.dtype.kind == "f":
        return bool(
            np.allclose(a, b, rtol=1e-12, atol=1e-12 * np.nanmax(np.abs(b)), equal_nan=True)
        )
    return bool(((a == b) | (pd.isna(a) & pd.isna(b))).all())
