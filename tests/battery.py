"""The reader battery: a formula against its model on every kind of row that has fooled a reader.

`check_reader(model, X)` reads a fitted scikit-learn model and compares every output with what the
model itself returns. `Case` is one line of a test module's list; `tests/test_reader_tables.py`
makes sure that every estimator that has a reader stands in such a list.
"""

import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

import closedform as cf

UNSEEN = "never seen"
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
    compare_predictions(formula, model, X, rtol, kind)


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
        decided = ~ties(model, X, apart, task.classes) if apart else np.ones(len(X), dtype=bool)
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


def package(model: Any) -> str:
    """Return the package of a model's class."""
    return type(model).__module__.partition(".")[0]


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


def ties(model: Any, X: Any, rtol: float, classes: tuple[Any, ...]) -> np.ndarray:
    """Return the rows on which the model's own best scores are equal within rounding.

    There another order of additions may give another label, and neither is wrong.
    """
    method = next((m for m in ("decision_function", "predict_proba") if has(model, m)), None)
    if method is None or len(classes) < 2:
        return np.zeros(len(X), dtype=bool)
    scores = as_columns(ask(model, method, X)).astype(np.float64)
    scale = np.abs(scores).max(initial=0.0)
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0]) <= rtol * scale
    best = np.sort(scores, axis=1)
    return best[:, -1] - best[:, -2] <= rtol * scale


# --- rows ---------------------------------------------------------------------------------------


def kinds_of_rows(model: Any, X: Any) -> Iterator[tuple[str, Any]]:
    """Yield rows of each kind, in the layout of the training rows."""
    numeric = numeric_positions(X)
    yield "training rows", X
    yield "one row", X[:1]
    for digits in (0, 2):
        yield f"rounded to {digits} digits", changed(X, numeric, partial(np.round, decimals=digits))
    yield "float32 rows", changed(X, numeric, lambda x: x.astype(np.float32).astype(np.float64))
    yield "corners", corners(X, numeric)
    yield "far outside", changed(X[:20], numeric, lambda x: x * 1e4 - 3e3)
    edges = rows_at_thresholds(model, X)
    if edges is not None:
        yield "rows at every threshold and beside it", edges
    yield "missing values", with_missing(X)
    if len(numeric) < X.shape[1]:
        yield "unseen labels", with_unseen(X, numeric)


def numeric_positions(X: Any) -> list[int]:
    """Return the positions of the columns that hold numbers."""
    if isinstance(X, np.ndarray):
        return list(range(X.shape[1])) if X.dtype.kind in "fiub" else []
    return [i for i, kind in enumerate(X.dtypes) if getattr(kind, "kind", "O") in "fiub"]


def column(X: Any, i: int) -> np.ndarray:
    """Return one column as an array."""
    return X[:, i] if isinstance(X, np.ndarray) else X.iloc[:, i].to_numpy()


def with_columns(X: Any, new: dict[int, Any]) -> Any:
    """Return the rows with some columns replaced."""
    if isinstance(X, np.ndarray):
        kind = np.result_type(X, np.float64) if X.dtype.kind in "fiub" else object
        made = X.astype(kind)
        for i, values in new.items():
            made[:, i] = values
        return made
    made = X.reset_index(drop=True)
    return made.assign(**{made.columns[i]: values for i, values in new.items()})


def changed(X: Any, positions: list[int], rule: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return the rows with a rule applied to their numbers."""
    return with_columns(X, {i: rule(column(X, i).astype(np.float64)) for i in positions})


def corners(X: Any, positions: list[int]) -> Any:
    """Return 40 rows whose numbers are all at the least or the greatest value of their column."""
    draw = np.random.default_rng(3)
    rows = repeated(X, draw.integers(0, len(X), 40))
    ends = {i: (np.nanmin(column(X, i)), np.nanmax(column(X, i))) for i in positions}
    return with_columns(rows, {i: draw.choice(pair, 40) for i, pair in ends.items()})


def repeated(X: Any, at: np.ndarray) -> Any:
    """Return the rows at some positions."""
    return X[at] if isinstance(X, np.ndarray) else X.iloc[at].reset_index(drop=True)


def with_missing(X: Any) -> Any:
    """Return rows in which one column after the other is missing, then all, then a fifth."""
    draw = np.random.default_rng(4)
    width = X.shape[1]
    holes = np.vstack([np.eye(width, dtype=bool), np.ones((1, width), dtype=bool),
                       draw.random((12, width)) < 0.2])  # fmt: skip
    rows = repeated(X, draw.integers(0, len(X), len(holes)))
    return with_columns(rows, {i: masked(rows, i, holes[:, i]) for i in range(width)})


def masked(X: Any, i: int, hole: np.ndarray) -> Any:
    """Return a column with some of its values missing, in the manner of its type."""
    if not isinstance(X, np.ndarray) and not isinstance(X.dtypes.iloc[i], np.dtype):
        return X.iloc[:, i].mask(hole)  # a pandas type has a missing value of its own
    values = column(X, i)
    if values.dtype.kind in "fiub":
        return np.where(hole, np.nan, values.astype(np.float64))
    return np.array([None if h else v for h, v in zip(hole, values, strict=True)], dtype=object)


def with_unseen(X: Any, numeric: list[int]) -> Any:
    """Return rows in which one column of labels after the other holds an unknown one."""
    labels = [i for i in range(X.shape[1]) if i not in numeric]
    rows = repeated(X, np.arange(len(labels)) % len(X))
    new = {}
    for at, i in enumerate(labels):
        values = column(rows, i).astype(object)
        values[at] = UNSEEN
        categorical = not isinstance(X, np.ndarray) and isinstance(
            X.dtypes.iloc[i], pd.CategoricalDtype
        )
        new[i] = pd.Categorical(values) if categorical else values
    return with_columns(rows, new)


def rows_at_thresholds(model: Any, X: Any) -> Any:
    """Return rows that stand at each threshold, and 1 ulp beside it, in float64 and float32."""
    found = list(thresholds_of(model))
    if not found:
        return None
    draw = np.random.default_rng(5)
    # These models raise on what float32 cannot hold.
    wanted = sorted({(i, v) for i, t in found for v in beside(t) if abs(v) < 3e38})
    if len(wanted) > 4000:
        wanted = [wanted[i] for i in draw.choice(len(wanted), 4000, replace=False)]
    rows = repeated(X, draw.integers(0, len(X), len(wanted)))
    new = {}
    for i in {i for i, _ in wanted}:
        values = column(rows, i).astype(np.float64)
        for at, (j, v) in enumerate(wanted):
            if i == j:
                values[at] = v
        new[i] = values
    return with_columns(rows, new)


def beside(t: float) -> list[float]:
    """Return a threshold and the floats around it and around its float32 neighbours."""
    near = np.float32(t)
    with np.errstate(over="ignore"):
        singles = [
            near,
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, np.float32(-np.inf)),
        ]
    middles = [(float(near) + float(s)) / 2 for s in singles[1:]]
    around = [t, *map(float, singles), *middles]
    return [
        float(v) for a in around for v in (a, np.nextafter(a, np.inf), np.nextafter(a, -np.inf))
    ]


def thresholds_of(model: Any) -> Iterator[tuple[int, float]]:
    """Yield (column, threshold) of every test of a fitted tree, forest or booster."""
    yield from thresholds_of_booster(model)
    if hasattr(model, "tree_"):
        inner = model.tree_.children_left >= 0
        yield from zip(model.tree_.feature[inner], model.tree_.threshold[inner], strict=True)
    for tree in np.ravel(getattr(model, "estimators_", [])) if hasattr(model, "estimator_") or (
        hasattr(model, "init_")) else []:  # fmt: skip
        yield from thresholds_of(tree)
    for tree in (t for trees in getattr(model, "_predictors", ()) for t in trees):
        tests = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)]
        order = column_order(model)
        yield from ((order[i], t) for i, t in zip(tests["feature_idx"], tests["num_threshold"],
                                                  strict=True))  # fmt: skip


def thresholds_of_booster(model: Any) -> Iterator[tuple[int, float]]:
    """Yield the same of a fitted model of XGBoost, LightGBM or CatBoost."""
    if package(model) == "catboost":
        for i, borders in model.get_borders().items():
            yield from ((i, t) for t in borders)
    elif package(model) == "lightgbm":
        names, table = model.booster_.feature_name(), model.booster_.trees_to_dataframe()
        numeric = table[table["decision_type"] == "<="]
        for name, t in zip(numeric["split_feature"], numeric["threshold"], strict=True):
            yield names.index(name), float(t)
    elif package(model) == "xgboost":
        booster = json.loads(model.get_booster().save_raw("json"))["learner"]["gradient_booster"]
        for tree in booster.get("gbtree", booster)["model"].get("trees", []):
            tests = zip(*(tree[k] for k in ("split_indices", "split_conditions", "left_children",
                                            "split_type")), strict=True)  # fmt: skip
            yield from ((i, t) for i, t, left, kind in tests if left != -1 and kind == 0)


def column_order(model: Any) -> list[int]:
    """Return where HistGradientBoosting's own columns stand among the inputs."""
    chosen = model.is_categorical_
    chosen = np.zeros(model.n_features_in_, dtype=bool) if chosen is None else chosen
    return [*np.flatnonzero(chosen), *np.flatnonzero(~chosen)]


# --- layouts ------------------------------------------------------------------------------------


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
