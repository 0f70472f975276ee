"""Rows as users hold them (DataFrame, array, dict) as the columns that a formula reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Feature
from closedform.ir import Array, Type
from closedform.payloads import label_codes


def columns_of(inputs: Sequence[Feature], X: Any) -> tuple[list[Array], int]:  # noqa: N803
    """Return one array for each input, and the number of rows.

    Args:
        inputs: the features of the formula.
        X: a DataFrame (pandas, Polars …), a dict of columns or single values, or anything that
            is an array of shape (rows, inputs).

    Returns:
        float64 columns (NaN is missing) for numbers, integer codes for labels.

    Raises:
        BadInput: every absent column, wrong length and value of a wrong type, all at once.
    """
    raw, problems = _raw_columns(inputs, X)
    made: list[Array] = []
    for feature, column in zip(inputs, raw, strict=False):
        try:
            made.append(_column(feature, column))
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    if problems:
        raise BadInput(
            "These rows do not fit the formula: " + "; ".join(problems) + ".",
            hint="Its inputs are: " + ", ".join(f.name for f in inputs) + ".",
        )
    lengths = {len(c) for c in made}
    if len(lengths) > 1:
        raise BadInput(
            f"The columns have different lengths: {sorted(lengths)}.",
            hint="Give as many values for each input.",
        )
    return made, lengths.pop() if lengths else len(X)


def _raw_columns(inputs: Sequence[Feature], X: Any) -> tuple[list[Any], list[str]]:  # noqa: N803
    if isinstance(X, Mapping) or hasattr(X, "columns"):
        names = list(X.keys() if isinstance(X, Mapping) else X.columns)
        have: dict[Any, Any] = {str(name): name for name in names}
        absent = [f"column {f.name!r} is absent" for f in inputs if f.name not in have]
        return [X[have[f.name]] for f in inputs if f.name in have], absent
    if hasattr(X, "toarray"):
        X = X.toarray()  # noqa: N806
    array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=_array_type(inputs))
    if array.ndim != 2 or array.shape[1] != len(inputs):
        return [], [f"an array of shape {array.shape} is not (rows, {len(inputs)})"]
    return list(array.T), []


def _array_type(inputs: Sequence[Feature]) -> Any:
    return object if any(f.type is Type.LABEL for f in inputs) else None


def _column(feature: Feature, values: Any) -> Array:
    if np.ndim(values) == 0 or isinstance(values, str):
        values = np.array([values], dtype=object)
    if feature.type is Type.LABEL:
        return label_codes(_plain(v) for v in _objects(values))
    return _numbers(feature.name, values)


def _objects(values: Any) -> Sequence[Any]:
    # A pandas categorical hands out its labels, an Arrow column Python objects.
    array = values.to_numpy(dtype=object) if hasattr(values, "dtype") and hasattr(
        values, "to_numpy") and not hasattr(values, "to_arrow") else values  # fmt: skip
    listed: list[Any] = np.asarray(array, dtype=object).tolist()
    return listed


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    # pandas' NA is neither equal nor unequal to itself: it has no truth.
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _numbers(name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind in "mMc":
        raise TypeError(f"column {name!r} holds {array.dtype}, not numbers")
    return np.array([_number(name, i, v) for i, v in enumerate(_objects(values))], np.float64)


def _number(name: str, row: int, value: Any) -> float:
    value = _plain(value)
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"column {name!r}, row {row}: {value!r} is not a number") from None
