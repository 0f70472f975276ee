"""What users give, made fit for a search: rows without gaps, and enough of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput, UnsupportedModel
from closedform.formula import Feature, Formula
from closedform.frontiers.black_box import container, features_of
from closedform.frontiers.subject import FEWEST, formula_of, named_as
from closedform.ir import Array, Type
from closedform.probes.containers import take
from closedform.readers import read

ENOUGH = 300
"""So many rows there are after some were made up: 180 to fit on, and 60 to measure on."""


ROWS = "Give a DataFrame, an array of shape (rows, inputs), or a dict of columns."


@dataclass(frozen=True, eq=False)
class Given:
    """A model and rows, ready for a search.

    Attributes:
        model: something that can be read or asked; None for data alone.
        formula: its exact formula, where it has one.
        X, y: the rows.
        notes: what was done to them.
    """

    model: Any
    formula: Formula | None
    X: Any
    y: Any
    notes: tuple[str, ...] = ()


def given(model: Any, X: Any, y: Any, seed: int) -> Given:
    """Return a model and rows without gaps in what it reads.

    A model that can be asked and comes with fewer than `FEWEST` rows gets more, drawn evenly
    within the range of those given.

    Args:
        model: as of `distill`.
        X: rows.
        y: what was observed on them.
        seed: of the rows that are drawn.

    Raises:
        BadInput: no row is left, or the rows say nothing of a range.
    """
    if model is None and y is None:
        raise BadInput(
            "There is neither a model nor y.",
            hint="Give a model, as distill(model, X), or what was observed, as "
            "distill(None, X, y).",
        )
    X, y = table_of(X), None if y is None else _as_array(y)
    if model is None:
        X, y, notes = _without_gaps(features_of(X), X, y)
        return Given(None, None, X, y, notes)
    model, formula, exact = _read(model, X)
    used = formula.used if exact else range(len(formula.inputs))
    X, y, notes = _without_gaps(formula.inputs, X, y, used)
    X, y, more = _filled(formula.inputs, X, y, seed)
    return Given(model, formula if exact else None, X, y, (*notes, *more))


def table_of(X: Any) -> Any:
    """Return rows, lists and tensors as arrays.

    Raises:
        BadInput: they are no table, or have no columns.
    """
    if isinstance(X, str | bytes) or not (hasattr(X, "shape") or hasattr(X, "__len__")):
        raise BadInput(f"X={X!r:.60} is no table of rows.", hint=ROWS)
    X = _as_array(X)
    if (isinstance(X, Mapping) and not X) or np.shape(X)[1:] == (0,):
        raise BadInput("The rows have no columns.", hint=ROWS)
    return X


def _as_array(given: Any) -> Any:
    """Return a list or a tensor as an array; a table stays as it is."""
    if hasattr(given, "detach"):
        return np.asarray(given.detach().cpu())
    return np.asarray(given) if isinstance(given, list | tuple) else given


def _read(model: Any, X: Any) -> tuple[Any, Formula, bool]:
    """Return a model, its formula or its inputs and outputs alone, and whether it is the former.

    A network of PyTorch that cannot be read becomes a function of arrays.
    """
    if hasattr(model, "state_dict") and hasattr(model, "forward"):
        try:
            return model, named_as(X, read(model)), True
        except UnsupportedModel:
            model = _called(model)
        except Exception:  # it may need an example: with rows it is read again
            pass
    return model, *formula_of(model, X)


def _called(network: Any) -> Any:
    def ask(rows: Array) -> Array:
        import torch

        kind = next((p.dtype for p in network.parameters()), torch.float32)
        with torch.no_grad():
            made = network(torch.as_tensor(np.asarray(rows, dtype=float), dtype=kind))
        return np.asarray(made.detach().cpu().double())

    ask.__name__ = type(network).__name__
    return ask


def _without_gaps(
    inputs: Sequence[Feature], X: Any, y: Any, used: Sequence[int] | None = None
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return rows whose numbers are all there, and finite."""
    columns, rows = columns_of(inputs, X, used)
    at = [i for i in (range(len(inputs)) if used is None else used) if inputs[i].type is Type.REAL]
    fine = np.ones(rows, dtype=bool)
    for i in at:
        fine &= np.isfinite(columns[i])
    if fine.all():
        return X, y, ()
    lost = rows - int(fine.sum())
    if lost == rows:
        worst = max(at, key=lambda i: int((~np.isfinite(columns[i])).sum()))
        raise BadInput(
            "Every row lacks a value: a law has none where one is missing (NaN or inf).",
            hint=f"Leave out columns or fill their gaps; {inputs[worst].name!r} has most of them.",
        )
    kept = np.flatnonzero(fine)
    y = None if y is None else _some(y, kept)
    return take(X, kept), y, (f"{lost:,} of {rows:,} rows lack a value and are left out",)


def _some(y: Any, kept: Array) -> Any:
    if isinstance(y, Mapping):
        return {name: np.asarray(column)[kept] for name, column in y.items()}
    return y.iloc[kept] if hasattr(y, "iloc") else np.asarray(y)[kept]


def _filled(
    inputs: Sequence[Feature], X: Any, y: Any, seed: int
) -> tuple[Any, Any, tuple[str, ...]]:
    columns, rows = columns_of(inputs, X)
    if all((c == c[:1]).all() for c in columns):
        few = "There is 1 sample" if rows == 1 else f"There are {rows} samples, all the same"
        raise BadInput(
            f"{few}: that says in no way where the model is to be asked.",
            hint="Give rows from one end of each input's range to the other.",
        )
    if rows >= FEWEST:
        return X, y, ()
    random = np.random.default_rng([seed, 23])
    more = ENOUGH - rows
    drawn = [np.concatenate([c, _drawn(c, f, more, random)])
             for c, f in zip(columns, inputs, strict=True)]  # fmt: skip
    note = f"{rows} rows are few: {more} more were drawn within their range, and the model asked"
    return container(inputs, drawn, X), _and_nothing(y, more), (note,)


def _drawn(column: Array, feature: Feature, count: int, random: np.random.Generator) -> Array:
    if feature.type is not Type.REAL:
        return np.asarray(random.choice(column, count))
    return np.asarray(random.uniform(column.min(), column.max(), count))


def _and_nothing(y: Any, count: int) -> Any:
    """Return y with nothing observed on so many more rows."""
    if y is None:
        return None
    made = np.asarray(y)
    if made.dtype.kind not in "fiu":
        made = made.astype(object)
        return np.concatenate([made, np.full((count, *made.shape[1:]), None, dtype=object)])
    return np.concatenate([made.astype(float), np.full((count, *made.shape[1:]), np.nan)])
