"""Data without a model: formulas are fitted to y itself, and errors are measured against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task, output_names
from closedform.frontiers.black_box import features_of
from closedform.frontiers.observed import known, observed_of
from closedform.frontiers.splitting import MOST, split
from closedform.frontiers.subject import FEWEST, Part, Subject
from closedform.ir import Array
from closedform.probes.containers import take
from closedform.readers.reading import unique_names
from closedform.shorten.teacher import Teacher

LEAST = 5
"""Rows: with fewer, a line through some of them says nothing of the others."""


@dataclass(frozen=True, eq=False)
class Recorded(Teacher):
    """What was observed, as a teacher that cannot be asked anything else."""

    @property
    def scores(self) -> Array:
        """What was observed, shape (rows, outputs)."""
        assert self.y is not None
        return self.y if self.y.ndim == 2 else self.y[:, None]


def data_alone(X: Any, y: Any, seed: int) -> Subject:
    """Return data as what laws are looked for in: y stands for what a model would say.

    Where there are fewer than `FEWEST` rows, all of them are fitted to, chosen by and measured on,
    and a note says so.

    Args:
        X: rows, as a DataFrame, an array of shape (rows, inputs) or a dict of columns.
        y: shape (rows,), or (rows, outputs).
        seed: of everything random.

    Raises:
        BadInput: fewer than `LEAST` rows with a value of y, or y holds no numbers.
    """
    X = X.tocsr() if hasattr(X, "tocsr") else X
    inputs = features_of(X)
    names, y = _named(y, [f.name for f in inputs])
    stub = _stub(inputs, names, y)
    columns, rows = columns_of(inputs, X)
    values, _ = observed_of(y, rows, stub)
    assert values is not None
    there = np.flatnonzero(known(values))
    if len(there) < LEAST:
        raise BadInput(
            f"There is only {len(there)} sample." if len(there) == 1
            else f"{len(there)} rows are too few.",
            hint=f"Give at least {LEAST} rows with a value of y.",
        )  # fmt: skip
    X, values = take(X, there), values[there]
    columns = [c[there] for c in columns]
    picked, notes = _picked(columns, len(there), seed)
    teacher = Recorded(
        inputs, stub.task, _unasked, tuple(c[picked["fit"]] for c in columns), None,
        values[picked["fit"]], stub.source, seed,
    )  # fmt: skip
    select, check = (_part(stub, X, values, picked[name]) for name in ("select", "check"))
    return Subject(None, stub, False, teacher, select, check, None, tuple(notes), "y")


def _stub(inputs: Sequence[Feature], names: Sequence[str], y: Any) -> Formula:
    made = np.asarray(y)
    if made.dtype.kind == "c":
        raise BadInput("y holds complex numbers.", hint="Give its real part, or both in columns.")
    outputs = {name: ops.const(0) for name in names}
    return Formula(outputs, tuple(inputs), Task(primary=tuple(names)), source="the data")


def _named(y: Any, inputs: Sequence[str]) -> tuple[Sequence[str], Any]:
    """Return the names of the outputs, which no input has, and y as it can be made an array."""
    if isinstance(y, Mapping):
        own = [str(name) for name in y]
        y = np.column_stack([np.asarray(c) for c in y.values()])
    elif hasattr(y, "columns"):
        own = [str(name) for name in y.columns]
    else:
        name, shape = getattr(y, "name", None), np.shape(y)
        if len(shape) == 2 and shape[1] > 1:
            return output_names(inputs, [str(i) for i in range(shape[1])]), y
        if not isinstance(name, str) or not name:
            return output_names(inputs), y
        own = [name]
    taken = set(inputs)
    return unique_names([f"{name}_law" if name in taken else name for name in own]), y


def _picked(columns: Sequence[Array], rows: int, seed: int) -> tuple[dict[str, Array], list[str]]:
    if rows >= FEWEST:
        return split(columns, rows, seed, max(MOST.values()))
    every = np.arange(rows)
    note = f"{rows} rows are few: errors are measured on those that were fitted to"
    return dict.fromkeys(("fit", "select", "check"), every), [note]


def _part(stub: Formula, X: Any, values: Array, picked: Array) -> Part:
    table = values[picked] if values.ndim == 2 else values[picked][:, None]
    said = dict(zip(stub.answer, np.ascontiguousarray(table.T), strict=True))
    return Part(take(X, picked), said, None, len(picked))


def _unasked(columns: Sequence[Array], rows: int) -> Array:
    """Say nothing: there is no model to ask."""
    return np.full((rows, 1), np.nan)
