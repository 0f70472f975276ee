"""Batches of rows as engines hand them out: the same kind again, with the outputs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedform.columns import decoded
from closedform.errors import BadInput
from closedform.evaluate import evaluate
from closedform.formula import Formula
from closedform.ir import Array, Type


def with_outputs(formula: Formula, batch: Any, prefix: str = "") -> Any:
    """Return a batch of rows with a column for each output, for engines that map functions.

    Args:
        formula: what to evaluate; it can be pickled, as its method `map_batches` can.
        batch: a DataFrame of pandas or Polars, a table of PyArrow, or a dict of arrays.
        prefix: what the names of the new columns begin with.

    Returns:
        The same kind as the batch.

    Raises:
        BadInput: the batch is none of these, or a column is absent or not of the right type.
    """
    if isinstance(batch, Mapping):
        return {**batch, **_named(formula, dict(batch), prefix)}
    library = type(batch).__module__.partition(".")[0]
    if library not in _KINDS:
        raise BadInput(
            f"A batch of type {type(batch).__name__} is not known.",
            hint="Give a DataFrame of pandas or Polars, a table of PyArrow, or a dict of columns.",
        )
    return _KINDS[library](formula, batch, prefix)


def _named(formula: Formula, X: Any, prefix: str) -> dict[str, Array]:
    return {f"{prefix}{name}": column for name, column in evaluate(formula, X).items()}


def _kinds(formula: Formula, prefix: str) -> dict[str, type]:
    """Return the type of each output that is a label; of one batch alone it may not be known.

    A batch without rows, or of rows that the model refuses, must have the columns of the others.
    """
    found = {}
    for name, n in formula.outputs.items():
        if n.type is Type.LABEL:
            kinds = {type(label) for label in formula.task.of(name).classes}
            found[f"{prefix}{name}"] = kinds.pop() if len(kinds) == 1 else type(None)
    return found


def _pandas(formula: Formula, batch: Any, prefix: str) -> Any:
    return batch.assign(**_named(formula, batch, prefix))


def _polars(formula: Formula, batch: Any, prefix: str) -> Any:
    import polars as pl

    frame = batch.collect() if hasattr(batch, "collect") else batch
    # Columns as arrays, and those alone that are read: lists of a million rows took 1.5 s a column.
    X = {f.name: frame[f.name].to_numpy() for f in formula.inputs if f.name in frame.columns}
    types = {str: pl.String, bool: pl.Boolean, int: pl.Int64, float: pl.Float64}
    kinds = _kinds(formula, prefix)
    return frame.with_columns(
        [
            pl.Series(k, v, nan_to_null=True) if k not in kinds
            else pl.Series(k, v.tolist(), types.get(kinds[k]), strict=False)
            for k, v in _named(formula, X, prefix).items()
        ]
    )  # fmt: skip


def _pyarrow(formula: Formula, batch: Any, prefix: str) -> Any:
    import pyarrow as pa

    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    kinds = _kinds(formula, prefix)
    names = [f.name for f in formula.inputs if f.name in batch.schema.names]
    columns = {name: decoded(batch.column(name)) for name in names}
    X = {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items()}
    for name, column in _named(formula, X, prefix).items():
        kind = types.get(kinds.get(name, float))
        made = pa.array(column.tolist() if name in kinds else column, kind, from_pandas=True)
        at = batch.schema.get_field_index(name)
        batch = batch.append_column(name, made) if at < 0 else batch.set_column(at, name, made)
    return batch


_KINDS = {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}
"""Library → how its tables are read, and how columns are added to them."""
