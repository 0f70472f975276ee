"""A table of nodes, which a Python function takes for an array or a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from closedform import ops
from closedform.ir import Node, Type
from closedform.readers import tensors as t
from closedform.readers.sklearn.ufuncs import (
    REDUCED,
    REDUCED_FRAMES,
    UFUNCS,
    TextWanted,
    Untraced,
    filled,
)
from closedform.readers.sklearn.ufuncs import TRUTHS as OF_TRUTHS
from closedform.readers.tensors import Element
from closedform.readers.torch import elements as e


class Table(NDArrayOperatorsMixin):
    """Columns of nodes that stand for rows without number, as a function takes them.

    What asks for values, for how many rows there are, or for more than one row at a time, raises.

    Attributes:
        cells: the columns.
        flat: whether it has one axis, as a column that is taken from a table.
        names: the columns' names, of a frame or one of its columns.
    """

    __array_priority__ = 1e6

    def __init__(
        self, cells: Sequence[Element], flat: bool = False, names: Sequence[Any] | None = None
    ) -> None:
        self.cells = list(cells)
        self.flat = flat
        self.names = None if names is None else list(names)

    # what cannot be known

    def __bool__(self) -> bool:
        raise Untraced("it branches on a value")

    def __len__(self) -> int:
        raise Untraced("it counts the rows")

    def __iter__(self) -> Any:
        raise Untraced("it goes through the rows one by one")

    def __array__(self, *given: Any, **options: Any) -> Any:
        raise Untraced("it turns the rows into an array of numbers")

    def __getattr__(self, name: str) -> Any:
        if self.names is not None and not self.flat and name in self.names:
            return self[name]
        raise _Unknown(f"it calls {name}")

    # its parts

    @property
    def shape(self) -> tuple[Any, ...]:
        """How many columns there are; how many rows, nobody knows."""
        return (_Rows(),) if self.flat else (_Rows(), len(self.cells))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def columns(self) -> list[Any]:
        """The names of a frame's columns."""
        if self.names is None or self.flat:
            raise Untraced("it asks an array for its columns' names")
        return list(self.names)

    @property
    def values(self) -> Table:
        """The same as an array."""
        return Table(self.cells, self.flat)

    def __getitem__(self, key: Any) -> Table:
        if self.names is not None:
            return self._named(key)
        if self.flat:
            return self._stood(key)
        if not isinstance(key, tuple) or len(key) != 2 or key[0] not in (slice(None), Ellipsis):
            raise Untraced("it picks rows")
        picked = np.arange(len(self.cells))[key[1]]
        return Table([self.cells[i] for i in picked.ravel().tolist()], flat=picked.ndim == 0)

    def _stood(self, key: Any) -> Table:
        if key in ((slice(None), None), (Ellipsis, None)):
            return Table(self.cells)
        raise Untraced("it picks rows")

    def _named(self, key: Any) -> Table:
        if self.flat:
            raise Untraced("it picks rows")
        several = isinstance(key, list)
        at = [self.names.index(k) for k in (key if several else [key])]  # type: ignore[union-attr]
        names = [self.names[i] for i in at]  # type: ignore[index]
        return Table([self.cells[i] for i in at], not several, names)

    def __setitem__(self, key: Any, value: Any) -> None:
        made = value.cells if isinstance(value, Table) else [float(value)]
        if len(made) != 1:
            raise Untraced("it sets several columns at once")
        if self.names is None or self.flat:
            if self.flat or not isinstance(key, tuple) or key[0] != slice(None):
                raise Untraced("it sets some rows")
            self.cells[int(key[1])] = made[0]
        elif key in self.names:
            self.cells[self.names.index(key)] = made[0]
        else:
            self.names.append(key)
            self.cells.append(made[0])

    # arithmetic

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        function = UFUNCS.get(ufunc.__name__)
        if method == "reduce" and ufunc.__name__ in ("add", "maximum", "minimum", "multiply"):
            names = {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}
            return inputs[0].gathered(names[ufunc.__name__], **options)
        if options.pop("out", None) == (self,) and inputs[0] is self and method == "__call__":
            return self._become(self.__array_ufunc__(ufunc, method, *inputs, **options))
        text = next((x for x in inputs if isinstance(x, str)), None)
        if text is not None and ufunc.__name__ in ("equal", "not_equal") and not options:
            found = next(x for x in inputs if isinstance(x, Table)).isin([text])
            return found if ufunc.__name__ == "equal" else _each(t.negation, found)
        if method != "__call__" or function is None or options:
            raise Untraced(f"it calls {ufunc.__name__}" + (" with options" if options else ""))
        if ufunc.__name__ in OF_TRUTHS and not all(map(_holds_truths, inputs)):
            raise Untraced(f"it calls {ufunc.__name__} on numbers")
        return _each(function, *inputs)

    def _become(self, other: Table) -> Table:
        """Return the same table, whose columns are now those of another: `x += 1`."""
        if len(other.cells) != len(self.cells) or other.flat != self.flat:
            raise Untraced("it changes the shape of a table in place")
        self.cells = other.cells
        return self

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = func.__name__
        if name in REDUCED and isinstance(args[0], Table):
            return args[0].gathered(name, *args[1:], **kwargs)
        if name not in FUNCTIONS:
            raise Untraced(f"it calls {name}")
        return FUNCTIONS[name](*args, **kwargs)

    def gathered(self, name: str, axis: Any = None, **options: Any) -> Table:
        """Return one number for each row, from all of its columns."""
        if axis not in (1, -1) or self.flat:
            raise Untraced(f"it takes the {name} of all rows")
        keep = options.pop("keepdims", False)
        kept = {"dtype": None, "out": None}
        if any(v is not kept.get(k, v) for k, v in options.items()) or set(options) - set(kept):
            raise Untraced(f"it calls {name} with options")
        rules = REDUCED if self.names is None else REDUCED_FRAMES
        if name not in rules:
            raise Untraced(f"it takes the {name} of a frame")
        return Table([rules[name](self.cells)], flat=not keep)

    def sum(self, axis: Any = None, **options: Any) -> Table:
        """Return the sum of each row."""
        return self.gathered("sum", axis, **options)

    def mean(self, axis: Any = None, **options: Any) -> Table:
        """Return the mean of each row."""
        return self.gathered("mean", axis, **options)

    def max(self, axis: Any = None, **options: Any) -> Table:
        """Return the greatest number of each row."""
        return self.gathered("max", axis, **options)

    def min(self, axis: Any = None, **options: Any) -> Table:
        """Return the smallest number of each row."""
        return self.gathered("min", axis, **options)

    def isin(self, values: Sequence[Any]) -> Table:
        """Return where the columns hold one of some texts or numbers."""
        if all(isinstance(v, str) for v in values):
            return Table([ops.member(_text(c), values) for c in self.cells], self.flat, self.names)
        each = [_each(t.equal, self, v) for v in values]
        return reduce(lambda a, b: _each(t.either, a, b), each)

    def map(self, numbers: Any) -> Table:
        """Return the numbers that stand beside a column's texts; missing beside others."""
        texts = isinstance(numbers, dict) and all(isinstance(v, str) for v in numbers)
        if not texts or not self.flat:
            raise Untraced("it maps values by a function")
        entries = {k: float(v) for k, v in numbers.items()}
        return Table([ops.table(_text(c), entries) for c in self.cells], True, self.names)

    def astype(self, kind: Any, **options: Any) -> Table:
        """Return the same in float64, and whole numbers for conditions."""
        truths = _holds_truths(self)
        if kind not in (float, np.float64, "float64", "float") and not (
            truths and kind in (int, "int", np.int64, "int64", "int32", np.int32, "int8", np.int8)
        ):
            raise Untraced(f"it casts to {kind}")
        return _each(t.number, self)

    def copy(self, **options: Any) -> Table:
        """Return a table of its own."""
        return Table(self.cells, self.flat, self.names)

    def reshape(self, *shape: Any, **options: Any) -> Table:
        """Return one column with two axes, or with one."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if len(self.cells) == 1 and tuple(wanted) in ((-1, 1), (-1,)):
            return Table(self.cells, flat=len(wanted) == 1)
        raise Untraced("it reshapes")

    def ravel(self) -> Table:
        """Return one column with one axis."""
        return self.reshape(-1)

    flatten = ravel

    def to_numpy(self, **options: Any) -> Table:
        """Return the same as an array."""
        return self.values

    def clip(self, *ends: Any, **options: Any) -> Table:
        """Return the same between two ends."""
        return _clip(self, *ends, **options)

    def abs(self) -> Table:
        """Return absolute values."""
        return _each(UFUNCS["absolute"], self)

    def fillna(self, value: Any) -> Table:
        """Return the same with a number for what is missing."""
        return _each(lambda x: t.choice(UFUNCS["isnan"](x), float(value), x), self)

    def isna(self) -> Table:
        """Return what is missing."""
        return _each(UFUNCS["isnan"], self)

    isnull = isna

    def apply(self, func: Callable[..., Any], axis: Any = 0) -> Table:
        """Return a function of each column of a frame."""
        if axis not in (0, "index") or self.names is None or self.flat:
            raise Untraced("it applies a function to each row")
        made = [func(self[name]) for name in self.names]
        if not all(isinstance(x, Table) and x.flat for x in made):
            raise Untraced("it applies a function that gives no column")
        return Table([x.cells[0] for x in made], False, self.names)

    def assign(self, **new: Any) -> Table:
        """Return a frame with some columns more, or with other values."""
        made = self.copy()
        for name, value in new.items():
            made[name] = value(made) if callable(value) else value
        return made

    def drop(self, labels: Any = None, axis: Any = 0, columns: Any = None) -> Table:
        """Return a frame without some columns."""
        gone = columns if columns is not None else labels if axis in (1, "columns") else None
        if gone is None or self.names is None:
            raise Untraced("it drops rows")
        gone = gone if isinstance(gone, list) else [gone]
        return self[[name for name in self.names if name not in gone]]

    def to_frame(self, name: Any = None) -> Table:
        """Return a column as a frame."""
        return Table(self.cells, False, self.names if name is None else [name])


class _Unknown(Untraced, AttributeError):
    """Somebody asks whether there is an attribute."""


class _Rows:
    """How many rows there are, which nobody knows."""


def _text(cell: Element) -> Node:
    if isinstance(cell, Node) and cell.type is Type.LABEL:
        return cell
    raise TextWanted(cell)


def _holds_truths(x: Any) -> bool:
    if isinstance(x, Table):
        return all(isinstance(c, Node) and c.type is Type.BOOL for c in x.cells)
    return isinstance(x, bool | np.bool_)


def _each(function: Callable[..., Element], *inputs: Any) -> Table:
    """Return a function of the elements of tables, of columns beside them, and of numbers."""
    tables = [x for x in inputs if isinstance(x, Table)]
    wide = [x for x in tables if not x.flat]
    if wide and len(wide) < len(tables):
        raise Untraced("it puts a column with one axis beside a table with two")
    if len({tuple(x.names) for x in wide if x.names is not None}) > 1:
        raise Untraced("it puts frames with other columns side by side")
    width = max(len(x.cells) for x in tables)
    found = [_spread(x, width, bool(wide)) for x in inputs]
    width = max(map(len, found))
    found = [x * width if len(x) == 1 else x for x in found]
    names = next((x.names for x in tables if x.names is not None and len(x.cells) == width), None)
    return Table([function(*xs) for xs in zip(*found, strict=True)], not wide, names)


def _spread(x: Any, width: int, two_axes: bool) -> list[Element]:
    if isinstance(x, Table):
        if any(isinstance(c, Node) and c.type is Type.LABEL for c in x.cells):
            raise Untraced("it computes with text")
        return x.cells
    array = np.asarray(x)
    row = array.ndim == 1 or (array.ndim == 2 and len(array) == 1)
    if array.dtype.kind not in "fiub" or not (array.ndim == 0 or (two_axes and row)):
        raise Untraced("it computes with what is no number")
    if array.size not in (1, width) and width != 1:
        raise Untraced("it computes with an array of another width")
    return [bool(v) if array.dtype.kind == "b" else float(v) for v in array.ravel().tolist()]


# --- NumPy's functions of whole tables ----------------------------------------------------------


def _where(condition: Any, *both: Any) -> Table:
    if len(both) != 2:
        raise Untraced("it picks rows")
    return _each(t.choice, condition, *both)


def _clip(
    x: Any, lo: Any = None, hi: Any = None, *, a_min: Any = None, a_max: Any = None,
    min: Any = None, max: Any = None, lower: Any = None, upper: Any = None,
) -> Table:  # fmt: skip
    low = next((v for v in (lo, a_min, min, lower) if v is not None), None)
    high = next((v for v in (hi, a_max, max, upper) if v is not None), None)
    made = x if low is None else _each(t.greatest, x, low)
    return made if high is None else _each(t.smallest, made, high)


def _beside(parts: Sequence[Any]) -> Table:
    if not all(isinstance(p, Table) for p in parts):
        raise Untraced("it puts numbers beside columns")
    return Table([c for part in parts for c in part.cells])


def _hstack(parts: Sequence[Any]) -> Table:
    if any(isinstance(p, Table) and p.flat for p in parts):
        raise Untraced("it puts columns under one another")
    return _beside(parts)


def _concatenate(parts: Sequence[Any], axis: int = 0) -> Table:
    if axis not in (1, -1):
        raise Untraced("it puts rows under one another")
    return _hstack(parts)


def _stack(parts: Sequence[Any], axis: int = 0) -> Table:
    if axis not in (1, -1) or not all(isinstance(p, Table) and p.flat for p in parts):
        raise Untraced("it stacks tables")
    return _beside(parts)


def _round(x: Any, decimals: int = 0) -> Table:
    if decimals == 0:
        return _each(e.nearest, x)
    size = 10.0 ** abs(decimals)
    there, back = (t.multiply, t.divide) if decimals > 0 else (t.divide, t.multiply)
    return _each(lambda v: back(e.nearest(there(v, size)), size), x)


FUNCTIONS: dict[str, Callable[..., Table]] = {
    "where": _where,
    "clip": _clip,
    "hstack": _hstack,
    "column_stack": _beside,
    "concatenate": _concatenate,
    "stack": _stack,
    "round": _round,
    "around": _round,
    "nan_to_num": lambda x: _each(filled, x),
    "copy": lambda x: x.copy(),
    "ravel": lambda x: x.ravel(),
}
"""NumPy's functions that are no ufuncs, by their names."""
