"""Numbers, labels and noted facts as JSON values, exactly.

JSON has no NaN and no infinity: where a number must stand they are the texts "nan", "inf" and
"-inf". Where a text may stand as well (a label, a fact), they are {"float": "nan"} and so on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from closedform.errors import BadInput
from closedform.ir import Array

SPECIAL: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def number_out(value: float) -> float | str:
    """Return a float as a JSON value."""
    return value if math.isfinite(value) else str(value)


def numbers_out(array: Array) -> list[Any]:
    """Return an array of floats, of any shape, as (nested) lists."""
    listed: list[Any] = array.tolist()
    if np.isfinite(array).all():
        return listed
    if array.ndim > 1:
        return [numbers_out(row) for row in array]
    return [number_out(x) for x in listed]


def label_out(value: Any) -> Any:
    """Return a label, or None for no label, as a JSON value.

    Raises:
        BadInput: the label is neither text, number, truth value nor None.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise BadInput(
        f"The label {value!r} is a {type(value).__name__}, which a JSON file cannot hold exactly.",
        hint="Train the model on labels that are text, numbers or truth values.",
    )


def fact_out(value: Any) -> Any:
    """Return what a pass noted as a JSON value; what JSON does not know becomes its text."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): fact_out(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [fact_out(v) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return label_out(value)
    return str(value)
