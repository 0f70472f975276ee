"""What was observed, as errors against y read it: numbers, or classes of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Array

SHOWN = 4
"""So many strange labels are named in a message."""


def observed_of(y: Any, rows: int, formula: Formula) -> tuple[Array | None, list[str]]:
    """Return y with NaN or None where nothing was observed, and what its user should know.

    Args:
        y: as given: one value a row, or one column for each output; None.
        rows: how many there are.
        formula: the model's; for its outputs and classes.

    Raises:
        BadInput: another number of rows or columns, text where the model gives numbers, no value
            at all, or no label that is a class of the model.
    """
    if y is None:
        return None, []
    made = np.asarray(y)
    if made.ndim == 2 and made.shape[1] == 1:
        made = made[:, 0]
    if made.ndim not in (1, 2) or len(made) != rows:
        raise BadInput(
            f"y has the shape {made.shape} for {rows} rows.", hint="Give one value for each row."
        )
    _as_many(made, formula.answer)
    if formula.task.kind == "classification":
        return _labels(made, formula)
    numbers = _numbers(made, formula.answer)
    return numbers, _missing(known(numbers))


def _as_many(made: Array, names: tuple[str, ...]) -> None:
    columns = made.shape[1] if made.ndim == 2 else 1
    if columns != len(names):
        raise BadInput(
            f"y has {columns} columns, and the model predicts {len(names)}: {', '.join(names)}.",
            hint="Give one column of y for each.",
        )


def _numbers(made: Array, names: tuple[str, ...]) -> Array:
    table = made[:, None] if made.ndim == 1 else made
    features = [Feature(name) for name in names]
    try:
        columns, _ = columns_of(features, dict(zip(names, table.T, strict=True)))
    except BadInput as problem:
        told = problem.message.partition(": ")[2]
        raise BadInput(
            f"y does not fit the model, which predicts numbers: {told}",
            hint="Give y as the model was trained on it.",
        ) from None
    return columns[0] if made.ndim == 1 else np.column_stack(columns)


def _labels(made: Array, formula: Formula) -> tuple[Array, list[str]]:
    classes = formula.task.classes
    values = [None if _is_missing(v) else v for v in np.asarray(made, dtype=object).ravel()]
    strange = [v for v in values if v is not None and v not in classes]
    some = ", ".join(map(repr, list(dict.fromkeys(strange))[:SHOWN]))
    if classes and strange and len(strange) == len(values) - values.count(None):
        raise BadInput(
            f"No value of y is a class of the model: y holds {some}, and the classes are "
            f"{', '.join(map(repr, classes[:SHOWN]))}.",
            hint="Give y as the model was trained on it; of encoded labels, the codes.",
        )
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    labels = labels.reshape(made.shape)
    notes = _missing(known(labels))
    if classes and strange:
        notes.append(f"{len(strange)} values of y are no class of the model: {some}")
    return labels, notes


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _missing(there: Array) -> list[str]:
    """Return a note where something is missing.

    Raises:
        BadInput: everything is.
    """
    if not there.any():
        raise BadInput("y holds no value.", hint="Leave it out, or give what was observed.")
    if there.all():
        return []
    lost = int((~there).sum())
    return [f"y is missing on {lost:,} of {len(there):,} rows: errors on y leave these out"]


def known(y: Array) -> Array:
    """Return where something was observed, shape (rows,): of several outputs, all of them."""
    table = y[:, None] if y.ndim == 1 else y
    if table.dtype.kind == "f":
        return np.asarray(np.isfinite(table).all(axis=1))
    return np.array([all(v is not None for v in row) for row in table.tolist()], dtype=bool)
