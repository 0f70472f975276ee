"""Python functions of a table's columns, as those of a FunctionTransformer: called with nodes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.evaluate import compute
from closedform.formula import Feature
from closedform.ir import Array, Node, Type, substitute, toposort
from closedform.readers import tensors as t
from closedform.readers.reading import Columns
from closedform.readers.sklearn.table import FUNCTIONS, Table
from closedform.readers.sklearn.ufuncs import REDUCED, Untraced
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
    if not _may_be_called(func):
        raise Untraced("it is none of NumPy's functions that are known")
    inputs = [ops.input_(i, n.type) for i, n in enumerate(columns.nodes)]
    given = Table(inputs, names=columns.names if frame else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = func(given, **arguments)
        except Untraced:
            raise
        except (Exception, SystemExit) as problem:  # it was written for numbers
            raise Untraced(f"called with columns, it raises {type(problem).__name__}") from None
    if not isinstance(found, Table) or not found.cells:
        raise Untraced("what it gives does not hang on its columns")
    made = [_plain(c) for c in found.cells]
    _tried(func, arguments, columns, frame, made)
    names = found.names if frame and found.names is not None and not found.flat else None
    nodes = substitute(made, dict(zip(inputs, columns.nodes, strict=True)))
    return Columns(tuple(map(str, names or [""] * len(nodes))), tuple(nodes))


LIBRARIES = {"numpy", "scipy", "sklearn", "pandas", "joblib", *sys.stdlib_module_names}


def _may_be_called(func: Any) -> bool:
    """Tell a user's own function, or one that is known, from another of a library.

    A file that needs no trust (skops) may hold any function of these libraries, and some write
    files.
    """
    while isinstance(func, partial):
        func = func.func
    if isinstance(func, FunctionType) and func.__module__.partition(".")[0] not in LIBRARIES:
        return True
    name = str(getattr(func, "__name__", ""))
    known = (name in FUNCTIONS or name in REDUCED) and getattr(np, name, None) is func
    return known or isinstance(func, np.ufunc)


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
    numbers = [i for i, n in enumerate(made) if n.type is not Type.LABEL]
    inputs = [Feature(str(i), n.type) for i, n in enumerate(columns.nodes)]
    answered = False
    for rows in _samples([n.type for n in columns.nodes], _texts_in(made)):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                said = np.asarray(func(_contained(rows, columns.names, frame), **arguments))
            except Exception:  # as log of a negative number in somebody's own function
                continue
        size = len(rows[0])
        if len(said) != size or said.size != size * len(made):
            raise Untraced("it gives another table than a formula of its columns can")
        coded, _ = columns_of(inputs, {str(i): column for i, column in enumerate(rows)})
        ours = np.column_stack(compute([made[i] for i in numbers], coded, size) or [np.ones(size)])
        theirs = said.reshape(size, -1)[:, numbers] if numbers else np.ones((size, 1))
        if not _same(theirs, ours):
            raise Untraced("tried on numbers, it gives others than a formula of one row")
        answered = True
    if not answered:
        raise Untraced("it refuses every row that it is tried on")


def _same(theirs: Array, ours: Array) -> bool:
    try:
        given = theirs.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.isclose(given, ours, rtol=1e-9, atol=1e-12, equal_nan=True).all())


def _texts_in(made: Sequence[Node]) -> list[str]:
    """Return the texts that a formula knows, and another one."""
    found: list[str] = ["something else"]
    for n in toposort(made):
        if n.op in (ops.MEMBER, ops.TABLE):
            known = n.data if n.op is ops.MEMBER else n.data.labels
            found += [v for v in known if isinstance(v, str)]
    return found


def _samples(types: Sequence[Type], texts: Sequence[str]) -> Iterator[list[Array]]:
    """Yield columns of numbers of several sizes and signs, and of texts."""
    chance, width = np.random.default_rng(0), len(types)
    plain = chance.normal(size=(40, width))
    holes = np.where(chance.random((40, width)) < 0.2, np.nan, plain)
    whole = np.round(plain * 10)
    each = [plain, np.abs(plain) + 0.1, plain / 10 + 0.5, whole, np.abs(whole), holes, plain[:1]]
    for numbers in each:
        words = chance.choice(np.array(texts, dtype=object), numbers.shape)
        yield [words[:, i] if kind is Type.LABEL else numbers[:, i] for i, kind in enumerate(types)]


def _contained(rows: Sequence[Array], names: Sequence[str], frame: bool) -> Any:
    if not frame:
        return np.column_stack(rows)
    import pandas as pd

    return pd.DataFrame(dict(enumerate(rows))).set_axis(list(names), axis=1)
