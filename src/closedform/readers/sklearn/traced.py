"""Python functions of a table's columns, as those of a FunctionTransformer: called with nodes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.ir import Array, Node, Type, substitute
from closedform.readers import tensors as t
from closedform.readers.reading import Columns
from closedform.readers.sklearn.table import Table
from closedform.readers.sklearn.ufuncs import Untraced
from closedform.readers.tensors import Element


def traced(
    func: Callable[..., Any], arguments: Mapping[str, Any], columns: Columns, *, frame: bool
) -> Columns:
    """Return what a function of rows makes of some columns, under names of its own if it gives any.

    Args:
        func: a function of a table of shape (rows, columns), which gives one with as many rows.
        arguments: what else it is given.
        columns: the columns.
        frame: whether it takes a DataFrame, not an array.

    Raises:
        Untraced: it does something that has no formula, or gives something else when it is called
            with numbers.
    """
    inputs = [ops.input_(i, n.type) for i, n in enumerate(columns.nodes)]
    given = Table(inputs, names=columns.names if frame else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = func(given, **arguments)
        except Untraced:
            raise
        except Exception as problem:  # it was written for numbers, and may fail in any way
            raise Untraced(f"called with columns, it raises {type(problem).__name__}") from None
    if not isinstance(found, Table) or not found.cells:
        raise Untraced("what it gives does not hang on its columns")
    made = [_plain(c) for c in found.cells]
    _tried(func, arguments, columns, frame, made)
    names = found.names if frame and found.names is not None and not found.flat else None
    nodes = substitute(made, dict(zip(inputs, columns.nodes, strict=True)))
    return Columns(tuple(map(str, names or [""] * len(nodes))), tuple(nodes))


def _plain(cell: Element) -> Node:
    """Return an element as a number, or as the text that it is."""
    text = isinstance(cell, Node) and cell.type is Type.LABEL
    return cell if isinstance(cell, Node) and text else t.node_of(t.number(cell))


def _tried(
    func: Callable[..., Any], arguments: Mapping[str, Any], columns: Columns, frame: bool,
    made: Sequence[Node],
) -> None:  # fmt: skip
    """Compare the formula with the function itself on rows of several kinds.

    Raises:
        Untraced: they differ, or the function refuses all of them.
    """
    numbers = all(n.type is not Type.LABEL for n in (*columns.nodes, *made))
    answered = not numbers
    for rows in _samples(len(columns)) if numbers else ():
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                said = np.asarray(func(_contained(rows, columns.names, frame), **arguments))
            except Exception:  # as log of a negative number in somebody's own function
                continue
        ours = np.column_stack(compute(list(made), list(rows.T), len(rows)))
        if said.dtype.kind not in "fiub" or said.size != ours.size or len(said) != len(rows):
            raise Untraced("it gives another table than a formula of its columns can")
        apart = np.isclose(said.reshape(ours.shape), ours, rtol=1e-9, atol=1e-12, equal_nan=True)
        if not apart.all():
            raise Untraced("what it gives is no function of one row's numbers alone")
        answered = True
    if not answered:
        raise Untraced("it refuses every row that it is tried on")


def _samples(width: int) -> list[Array]:
    chance = np.random.default_rng(0)
    plain = chance.normal(size=(40, width))
    holes = np.where(chance.random((40, width)) < 0.2, np.nan, plain)
    whole = np.round(plain * 10)
    return [plain, np.abs(plain) + 0.1, plain / 10 + 0.5, whole, np.abs(whole), holes, plain[:1]]


def _contained(rows: Array, names: Sequence[str], frame: bool) -> Any:
    if not frame:
        return rows.copy()
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names))
