"""Rows as users hold them (DataFrame, array, dict) as the columns that a formula reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Feature
from closedform.ir import Array, Type
from closedform.ops.payloads import MISSING, label_codes

_SPELLED = (
    (
        r"[+-]?(\d{1,3}([ ,.'\u00a0\u202f]\d{3})+([.,]\d*)?|\d*,\d+)",
        "Write numbers with a decimal point and without separators of thousands, as 1234.5.",
    ),
    (r"[?.\-\u2013]|#.*|<.*>|n\.?/?a\.?|missing|unknown", "Leave a missing value empty."),
    (r"\s*(yes|no|y|n|t|f|true|false|on|off)", "Write what is true or false as 1 and 0."),
    (
        r"\d{1,4}[-/.]\d\d?[-/.]\d{2,4}.*",
        "A date is no number: give what the model was trained on.",
    ),
    (r".*[%$\u20ac\u00a3].*|.*\d\s*[A-Za-z]+", "Write the number alone, without a unit."),
)
"""How people spell what they mean as a number, and what to write instead."""


class _NoNumber(ValueError):
    """A value that is no number, in a column of them."""

    def __init__(self, name: str, row: int, value: Any) -> None:
        super().__init__(f"column {name!r}, row {row}: {value!r} is not a number")
        self.value = value


def columns_of(
    inputs: Sequence[Feature], X: Any, needed: Collection[int] | None = None
) -> tuple[list[Array], int]:
    """Return one array for each input, and the number of rows.

    Args:
        inputs: the features of the formula.
        X: a DataFrame (pandas, Polars …), a table of Arrow, a dict of columns or single values,
            anything that is an array of shape (rows, inputs), or rows as networks take them: see
            `flattened`.
        needed: the inputs whose values matter (see `Formula.needed`); the others may be absent
            or hold anything. None: all of them.

    Returns:
        float64 columns (NaN is missing) for numbers, integer codes for labels.

    Raises:
        BadInput: every absent column, wrong length and value of a wrong type, all at once.
    """
    wanted = range(len(inputs)) if needed is None else needed
    X = flattened(inputs, X)
    raw, problems = _raw_columns(inputs, X, wanted)
    hint = "Its inputs are: " + ", ".join(f.name for f in inputs) + "."
    made: dict[int, Array] = {}
    for i, column in raw.items():
        try:
            made[i] = _column(inputs[i], column) if i in wanted else _idle(inputs[i], column)
        except (TypeError, ValueError) as error:
            hint = hint if problems else _written_otherwise(error) or hint
            problems.append(str(error))
    if problems:
        told = "; ".join(problems)
        raise BadInput(f"These rows do not fit the formula: {told}.", hint=hint)
    lengths = {len(c) for c in made.values()}
    if len(lengths) > 1:
        raise BadInput(
            f"The columns have different lengths: {sorted(lengths)}.",
            hint="Give as many values for each input.",
        )
    rows = lengths.pop() if lengths else len(X)
    return [made[i] if i in made else _idle(f, np.zeros(rows)) for i, f in enumerate(inputs)], rows


def _written_otherwise(error: Exception) -> str:
    """Return how to write a value that is no number; nothing where that is not known."""
    value = error.value if isinstance(error, _NoNumber) else None
    text = value.strip()[:60] if isinstance(value, str) else ""
    found = (hint for form, hint in _SPELLED if re.fullmatch(form, text, re.IGNORECASE))
    return next(found, "")


def flattened(inputs: Sequence[Feature], X: Any) -> Any:
    """Return rows as networks take them in a form that has one column for each input.

    Args:
        inputs: the features of the formula.
        X: a tensor or an array of shape (rows, …), or several of them in a tuple or, by argument,
            in a dict, which may hold others; anything else is returned as it is.

    Returns:
        An array of shape (rows, inputs), the elements of each row in C order, one tensor after
        the other.
    """
    if isinstance(X, Mapping):
        X = dict(_leaves(X))
        deep = any(np.ndim(part) > 1 for part in map(_plain_array, X.values()))
        if not deep:
            return X
        known = {f.name for f in inputs}  # other plain values are options of the model
        wanted = {k: v for k, v in X.items() if str(k) in known or np.ndim(_plain_array(v))}
        return _by_argument(inputs, wanted)
    if isinstance(X, tuple) and any(isinstance(part, Mapping | tuple | list) for part in X):
        X = tuple(part for _, part in _leaves({str(i): part for i, part in enumerate(X)}))
    if isinstance(X, tuple) and any(np.ndim(_plain_array(part)) for part in X):
        X = tuple(part for part in X if np.ndim(_plain_array(part)))  # others are plain values
    if isinstance(X, tuple) and X and all(np.ndim(_plain_array(part)) for part in X):
        return np.hstack([_one_line(_plain_array(part)) for part in X])
    X = _plain_array(X) if _is_jax(X) else X
    if hasattr(X, "detach") or (isinstance(X, np.ndarray) and X.ndim > 2):
        return _one_line(_plain_array(X))
    return X


def _leaves(X: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arrays in an argument that holds several, as `batch.x` and `batch.more.0`.

    The keys of a dict within another go in order, as JAX takes them.
    """
    todo = [(str(name), part) for name, part in X.items()][::-1]
    while todo:
        name, part = todo.pop()
        parts: list[tuple[Any, Any]] = []
        if isinstance(part, Mapping):
            parts = [(key, part[key]) for key in sorted(part)]
        elif isinstance(part, tuple) or (
            isinstance(part, list) and any(getattr(p, "ndim", 0) for p in part)
        ):
            parts = list(enumerate(part))
        if not parts:
            yield name, part
        todo += [(f"{name}.{key}", inner) for key, inner in reversed(parts)]


def _by_argument(inputs: Sequence[Feature], X: Mapping[str, Any]) -> Any:
    """Return each element as a column of its own, called as inputs are: `x[0,1]`."""
    made: dict[str, Array] = {}
    known = {f.name for f in inputs}
    for name, part in X.items():
        array = np.asarray(_plain_array(part))
        if array[:1].size == 1 and str(name) in known:  # one element in a row has no place
            made[str(name)] = array.ravel()
            continue
        for at in np.ndindex(*array.shape[1:]):
            made[f"{name}[{','.join(map(str, at))}]" if at else str(name)] = array[(..., *at)]
    if len(X) == 1 and not any(f.name in made for f in inputs):
        return np.column_stack(list(made.values()))  # inputs of the only tensor: x0, x1 …
    return made


def _one_line(array: Array) -> Array:
    return array.reshape(len(array), -1) if array.ndim > 1 else array[:, None]


def _plain_array(values: Any) -> Any:
    """Return a tensor as an array; anything else as it is."""
    if _is_jax(values):
        array = np.asarray(values)
        return array.astype(np.float64) if array.dtype.kind == "V" else array  # bfloat16
    if not hasattr(values, "detach"):
        return values
    plain = values.detach().cpu()
    return np.asarray(plain.double() if plain.dtype.is_floating_point else plain)


def _is_jax(values: Any) -> bool:
    return hasattr(values, "addressable_shards")


def _idle(feature: Feature, values: Any) -> Array:
    """Return a column that nobody reads: its numbers if it holds any, else nothing."""
    array = np.atleast_1d(np.asarray(values))
    if feature.type is Type.LABEL:
        return np.full(len(array), MISSING)
    numbers = array if array.dtype.kind in "fiub" else np.zeros(len(array))
    return numbers.astype(np.float64, copy=False)


def _raw_columns(
    inputs: Sequence[Feature], X: Any, wanted: Collection[int]
) -> tuple[dict[int, Any], list[str]]:
    if isinstance(X, Mapping) or hasattr(X, "columns"):
        # Arrow's tables call their columns' values `columns`.
        names = list(X.keys() if isinstance(X, Mapping) else getattr(X, "column_names", X.columns))
        have = column_keys(inputs, names)
        many = Counter(names)
        twice = dict.fromkeys(f.name for f in inputs if f.name in have and many[have[f.name]] > 1)
        if twice:
            return {}, [f"there are several columns {name!r}" for name in twice]
        found = {i: decoded(X[have[f.name]]) for i, f in enumerate(inputs) if f.name in have}
        absent = [inputs[i].name for i in sorted(wanted) if i not in found]
        return found, [f"column {name!r} is absent" for name in absent]
    if hasattr(X, "toarray"):
        X = X.toarray()
    array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=_array_type(inputs))
    if array.ndim != 2 or array.shape[1] != len(inputs):
        return {}, [f"an array of shape {array.shape} is not (rows, {len(inputs)})"]
    return dict(enumerate(array.T)), []


def decoded(values: Any) -> Any:
    """Return a column of Arrow that holds places in a dictionary as what stands there.

    NumPy reads a missing one as the last of the dictionary. Any other column stays as it is.
    """
    kind: Any = getattr(values, "type", None)
    return values.cast(kind.value_type) if hasattr(kind, "index_type") else values


def column_keys(inputs: Sequence[Feature], names: Sequence[Any]) -> dict[str, Any]:
    """Return the key of each column of a frame or dict, by the name of the input it holds."""
    # LightGBM writes spaces in the names of its columns as underscores, and goes by position.
    have = {str(name).replace(" ", "_"): name for name in names}
    have |= {str(name): name for name in names}
    if any(isinstance(name, str) for name in names) or len(names) != len(inputs):
        return have
    # Columns numbered by pandas have no names for scikit-learn either: by position.
    return {f.name: n for f, n in zip(inputs, names, strict=True)} | have


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
    except (TypeError, ValueError, OverflowError):
        raise _NoNumber(name, row, value) from None
