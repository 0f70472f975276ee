"""Rows of every kind that has fooled a reader, in the layout of the training rows."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

UNSEEN = "never seen"


def package(model: Any) -> str:
    """Return the package of a model's class."""
    return type(model).__module__.partition(".")[0]


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
    # The members of a chain also test what others have predicted.
    found = [(i, t) for i, t in thresholds_of(model) if i < X.shape[1]]
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
    members = getattr(model, "estimators_", [])
    for tree in members.ravel() if isinstance(members, np.ndarray) else members:
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
