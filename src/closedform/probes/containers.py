"""Rows that are made from others, in the container and the types in which those came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.columns import column_keys
from closedform.formula import Feature
from closedform.ir import Array, Type

Edits = dict[int, Any]
"""The new values of one row: input number → value."""


def edited(
    X: Any,
    inputs: Sequence[Feature],
    picked: Array,
    edits: Sequence[Edits],
) -> Any:
    """Return rows of X with some of their values replaced.

    Args:
        X: a DataFrame, an array of shape (rows, inputs), a sparse matrix, or a dict of columns.
        inputs: the formula's inputs; where X has names, they are found by name.
        picked: which row of X each new row starts as, shape (new rows,).
        edits: what changes in each new row. NaN stands for a missing value of any type.

    Returns:
        The same kind of container. Types are kept where they can hold the new values; whole
        numbers become float64 where a value is not whole or is missing.
    """
    if hasattr(X, "iloc"):
        return _frame(X, inputs, picked, edits)
    if isinstance(X, Mapping) or hasattr(X, "columns"):
        return _columns(X, inputs, picked, edits)
    if hasattr(X, "toarray"):
        return type(X)(_matrix(X.toarray(), inputs, picked, edits))
    return _matrix(_as_array(X, inputs), inputs, picked, edits)


def recombined(X: Any, inputs: Sequence[Feature], cells: Array) -> Any:
    """Return rows that are put together from cells of X, each column from rows of its own.

    What holds is what was there: no value of a category, and no type, is made up.

    Args:
        X: as of `edited`.
        inputs: the formula's inputs; where X has names, they are found by name.
        cells: from which row each cell comes, shape (new rows, inputs). Columns of X that are no
            input come from the row of the first.
    """
    if hasattr(X, "columns") or isinstance(X, Mapping):
        names = list(X.keys() if isinstance(X, Mapping) else X.columns)
        found = column_keys(inputs, names)
        at = {found[f.name]: i for i, f in enumerate(inputs) if f.name in found}
        picked = {name: cells[:, at.get(name, 0)] for name in names}
        return _gathered(X, names, picked)
    table = X.toarray() if hasattr(X, "toarray") else _as_array(X, inputs)
    made = table[cells, np.arange(len(inputs))]
    return type(X)(made) if hasattr(X, "toarray") else made


def _gathered(X: Any, names: Sequence[Any], picked: Mapping[Any, Array]) -> Any:
    if isinstance(X, Mapping):
        rows = row_count(X)
        return {name: _listed(X[name], rows)[picked[name]] for name in names}
    if not hasattr(X, "iloc"):
        return type(X)({name: X[name][picked[name]] for name in names})
    # Most columns come from the same rows: of 300, each taken alone took 40 ms for 1,000 rows.
    most = picked[names[len(names) // 2]]
    made = X.iloc[most].reset_index(drop=True)
    for name in names:
        if picked[name] is not most and not np.array_equal(picked[name], most):
            made[name] = X[name].iloc[picked[name]].reset_index(drop=True)
    return made


def first_rows(X: Any, count: int, *, seed: int = 0) -> Any:
    """Return at most `count` rows of X, drawn at random where there are more."""
    rows = row_count(X)
    if rows <= count:
        return X
    return take(X, np.sort(np.random.default_rng(seed).choice(rows, count, replace=False)))


def take(X: Any, picked: Array) -> Any:
    """Return some rows of X, in the container in which it came."""
    if hasattr(X, "iloc"):
        return _without_idle_categories(X.iloc[picked])
    if isinstance(X, Mapping):
        return {name: _listed(c, row_count(X))[picked] for name, c in X.items()}
    if hasattr(X, "columns") or hasattr(X, "toarray") or isinstance(X, np.ndarray):
        return X[picked]
    rows = list(X)
    return [rows[i] for i in picked]


def widened(X: Any) -> Any:
    """Return rows that come in float32 or small whole numbers in 64 bits; None if none do."""
    if hasattr(X, "iloc"):
        kinds = {i: _wide_kind(kind) for i, kind in enumerate(X.dtypes)}
        return _frame_of_kinds(X, {i: kind for i, kind in kinds.items() if kind})
    if isinstance(X, Mapping) or (hasattr(X, "columns") and hasattr(X, "with_columns")):
        names: list[str] = list(X.keys() if isinstance(X, Mapping) else X.columns)
        arrays = {n: np.asarray(X[n]) for n in names}
        wide = {n: a.astype(k) for n, a in arrays.items() if (k := _wide_kind(a.dtype))}
        if not wide:
            return None
        return {**X, **wide} if isinstance(X, Mapping) else X.with_columns(**wide)
    kind = _wide_kind(X.dtype) if hasattr(X, "dtype") and hasattr(X, "astype") else None
    return X.astype(kind) if kind else None


def _wide_kind(dtype: Any) -> str | None:
    """Return the type in 64 bits of numbers that have fewer, as pandas spells it, or None."""
    plain = dtype if isinstance(dtype, np.dtype) else getattr(dtype, "numpy_dtype", None)
    if plain is None or plain.kind not in "fiu" or plain.itemsize >= 8:
        return None
    name = "float64" if plain.kind == "f" else "int64"
    return name if isinstance(dtype, np.dtype) else name.capitalize()


def _frame_of_kinds(frame: Any, kinds: Mapping[int, str]) -> Any:
    if not kinds:
        return None
    import pandas as pd

    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    made = [c.astype(kinds[i]) if i in kinds else c for i, c in enumerate(columns)]
    return pd.concat(made, axis=1)


def row_count(X: Any) -> int:
    """Return how many rows there are, in whatever container they come."""
    if isinstance(X, Mapping):
        first = next(iter(X.values()), ())
        return len(first) if np.ndim(first) else 1
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _listed(values: Any, rows: int) -> Array:
    array = np.asarray(values)
    return array if array.ndim else np.full(rows, array)


def _as_array(X: Any, inputs: Sequence[Feature]) -> Array:
    if isinstance(X, np.ndarray):
        return X
    return np.asarray(X, dtype=object if any(f.type is Type.LABEL for f in inputs) else None)


def _matrix(
    X: Array,
    inputs: Sequence[Feature],
    picked: Array,
    edits: Sequence[Edits],
) -> Array:
    values = [v for row in edits for v in row.values()]
    made = X[picked]
    if not _holds(X.dtype, values):
        numeric = all(isinstance(v, int | float) for v in values) and X.dtype.kind in "iufb"
        made = made.astype(np.float64 if numeric else object)
    for k, row in enumerate(edits):
        for i, value in row.items():
            made[k, i] = value
    return made


def _holds(dtype: Any, values: Sequence[Any]) -> bool:
    """Tell whether an array type can hold values without changing them (float32: rounded)."""
    if dtype.kind == "O":
        return True
    if dtype.kind == "f":
        return all(isinstance(v, int | float) for v in values)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return all(
            isinstance(v, int | float) and v == v and v == int(v) and limits.min <= v <= limits.max
            for v in values
        )
    if dtype.kind == "b":
        return all(isinstance(v, bool) for v in values)
    return False


def _changed(
    inputs: Sequence[Feature], edits: Sequence[Edits], names: Sequence[Any]
) -> dict[Any, dict[int, Any]]:
    """Return for each column that changes anywhere its new values by row.

    A column that is absent is one that the formula does not read, or X would have been refused.
    """
    have = column_keys(inputs, names)
    found: dict[Any, dict[int, Any]] = {}
    for k, row in enumerate(edits):
        for i, value in row.items():
            if inputs[i].name in have:
                found.setdefault(have[inputs[i].name], {})[k] = value
    return found


def _columns(
    X: Any,
    inputs: Sequence[Feature],
    picked: Array,
    edits: Sequence[Edits],
) -> Any:
    names = list(X.keys() if isinstance(X, Mapping) else X.columns)
    rows = row_count(X)
    columns = {name: _listed(X[name], rows)[picked] for name in names}
    for name, changes in _changed(inputs, edits, names).items():
        columns[name] = _with(columns[name], changes)
    if isinstance(X, Mapping):
        return columns
    # Polars takes lists of Python values; NaN in a column of text is its None.
    return type(X)({
        n: [None if v != v and c.dtype.kind == "O" else v for v in c.tolist()]
        for n, c in columns.items()
    })  # fmt: skip


def _with(column: Array, changes: Mapping[int, Any]) -> Array:
    values = list(changes.values())
    if not _holds(column.dtype, values):
        numeric = all(isinstance(v, int | float) for v in values) and column.dtype.kind in "iufb"
        column = column.astype(np.float64 if numeric else object)
    column = column.copy()
    for k, value in changes.items():
        column[k] = value
    return column


def _as_text(value: Any) -> Any:
    """Return a number as it stands in a column of text, which may hold nothing but numbers."""
    if isinstance(value, str) or value != value or value in (np.inf, -np.inf):
        return value
    return str(int(value)) if value == int(value) else repr(value)


def _without_idle_categories(frame: Any) -> Any:
    """Return a frame whose last categories of each column occur in it.

    XGBoost refuses a column for a category that is merely declared. Codes stay as they are.
    """
    import pandas as pd

    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype) and frame.columns.is_unique:
            used = int(frame[name].cat.codes.max()) + 1 if len(frame) else 0
            if 0 < used < len(dtype.categories):
                kept = frame[name].cat.set_categories(dtype.categories[:used])
                frame = frame.assign(**{name: kept}) if isinstance(name, str) else frame
    return frame


def _frame(
    X: Any,
    inputs: Sequence[Feature],
    picked: Array,
    edits: Sequence[Edits],
) -> Any:
    frame = X.iloc[picked].reset_index(drop=True)
    for name, changes in _changed(inputs, edits, list(frame.columns)).items():
        frame[name] = _series(frame[name], changes, X[name])
    return frame


def _series(column: Any, changes: Mapping[int, Any], given: Any) -> Any:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return pd.Series(_with(column.to_numpy(), changes))
    values = column.to_numpy(dtype=object).copy()
    # The whole column shows how it spells a missing value: None and NaN are two to scikit-learn.
    absent = None if any(v is None for v in given.to_numpy(dtype=object)) else np.nan
    kinds = set(map(type, getattr(dtype, "categories", given).dropna().tolist()))
    if kinds == {str}:
        changes = {k: _as_text(value) for k, value in changes.items()}
    if kinds == {bool} and isinstance(dtype, pd.CategoricalDtype):
        # Beside a number, truths are spelled otherwise: interpret takes True for "1", then "True".
        changes = {k: v for k, v in changes.items() if v != v or v in (False, True)}
    for k, value in changes.items():
        values[k] = absent if value != value else value
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _with_categories(dtype.categories, changes.values())
        return pd.Series(pd.Categorical(values, categories=categories, ordered=dtype.ordered))
    if isinstance(dtype, np.dtype):
        # Without a type, pandas would guess text, whose only missing value is NaN.
        return pd.Series(values, dtype=object)
    for kind in (dtype, "Float64") if dtype.kind in "iufb" else (dtype,):
        try:
            return pd.Series(pd.array(values, dtype=kind))
        except (TypeError, ValueError, OverflowError):  # Int64 holds neither 0.5 nor 1e300
            continue
    return pd.Series(values, dtype=object)


def _with_categories(categories: Any, values: Iterable[Any]) -> Any:
    """Return a column's categories and the new ones among some values.

    Their type stays where it can hold them: XGBoost refuses int64 where it was trained on int8.
    """
    import pandas as pd

    known = categories.tolist()
    new = [v for v in dict.fromkeys(values) if v == v and v not in known]
    if not new:
        return categories
    plain = isinstance(categories.dtype, np.dtype) and _holds(categories.dtype, new)
    return pd.Index([*known, *new], dtype=categories.dtype if plain else None)
