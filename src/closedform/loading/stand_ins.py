"""What stands in for the values of a pickle while it is scanned: nothing here can do anything.

Only what decides where the next instruction is keeps a meaning: names, short strings, whole
numbers, and of numpy's dtypes the size. Every stand-in is flat. A tuple inside a tuple inside a
tuple would cost memory without limit, and hashing it, which a real dict does, would take forever
or overflow the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from closedform.loading.stream import Stopped

_STRING_DTYPE: Final = "numpy._core._internal._convert_to_stringdtype_kwargs"
_DTYPE_CODE: Final = re.compile(r"[biufcmMOSUV]\d{1,9}")
_REFERENCES: Final = 1  # the flag of a dtype whose elements are Python objects
_KEPT_KEYS: Final = frozenset(("shape", "dtype", "numpy_array_alignment_bytes", "_sklearn_version"))


class _Unknown:
    """Any value that says nothing about imports or about where the next instruction is."""


UNKNOWN: Final = _Unknown()


@dataclass(slots=True)
class Name:
    """A class or function that the pickle names."""

    full: str


@dataclass(slots=True)
class Dtype:
    """As much of a numpy dtype as tells how many bytes an array takes."""

    kind: str
    itemsize: int
    has_objects: bool


@dataclass(slots=True)
class Fields:
    """A dict, or the state of an array wrapper: only `_KEPT_KEYS` are kept."""

    values: dict[str, Any] = field(default_factory=dict)
    wraps_array: bool = False


def leaf(value: Any) -> Any:
    """Return a value that refers to no other, since chains of references cost memory."""
    kept = isinstance(value, str | int | Name | Dtype)
    return value if kept else UNKNOWN


def keep(target: Fields, key: Any, value: Any) -> None:
    """Set an item of a dict, if it is one that matters."""
    if isinstance(key, str) and key in _KEPT_KEYS:
        kept = value if value is None or isinstance(value, tuple) else leaf(value)
        target.values[key] = kept


def _dtype(arguments: Any) -> Any:
    code = arguments[0] if isinstance(arguments, tuple) and arguments else None
    if not (isinstance(code, str) and _DTYPE_CODE.fullmatch(code)):
        return UNKNOWN
    try:
        known = np.dtype(code)
    except (TypeError, ValueError):
        return UNKNOWN
    return Dtype(known.kind, known.itemsize, known.hasobject)


def set_dtype(dtype: Dtype, state: Any) -> None:
    """Take the size and the flags from a dtype's state.

    It is `(version, order, subarray, names, fields, size, alignment, flags)`, perhaps with more.
    """
    if not (isinstance(state, tuple) and len(state) >= 8):
        raise Stopped("it has an array whose dtype cannot be told without loading it")
    size, flags = state[5], state[7]
    if dtype.kind in "USV" and type(size) is int and size >= 0:
        dtype.itemsize = size
    if dtype.kind == "V" and type(flags) is int:
        dtype.has_objects = bool(flags & _REFERENCES)


DTYPE_CALLS: Final[dict[str, Callable[[Any], Any]]] = {
    "numpy.dtype": _dtype,
    _STRING_DTYPE: lambda _: Dtype("T", 0, True),
}
