"""Nodes and operations: one immutable, hash-consed graph of scalar expressions.

Equal nodes are the same object, so that sharing *is* the let-binding. Graphs are walked by
`toposort`, `fold` and `rewrite`, never by recursion: depth is no limit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

import numpy as np

Array = np.ndarray[Any, Any]
T = TypeVar("T")


class Type(Enum):
    """What a node's value is.

    REAL: a float64, NaN meaning missing. BOOL: true or false; a comparison with a missing side is
    false. LABEL: a category or class, None meaning missing.
    """

    REAL = "real"
    BOOL = "bool"
    LABEL = "label"


@dataclass(frozen=True)
class Interval:
    """All values that a node may take: lo ≤ value ≤ hi, and missing too where `missing`.

    Bounds carry missingness, since a missing value takes its own branch however narrow the
    interval is. An empty interval (never a number, only missing) has lo > hi.
    """

    lo: float
    hi: float
    missing: bool = False

    def __or__(self, other: Interval) -> Interval:
        """Return the smallest interval that holds both."""
        return Interval(
            min(self.lo, other.lo), max(self.hi, other.hi), self.missing or other.missing
        )

    def __contains__(self, value: float) -> bool:
        """Tell whether a value lies inside; NaN does where the interval may be missing."""
        return self.missing if math.isnan(value) else self.lo <= value <= self.hi

    @property
    def empty(self) -> bool:
        """Whether no number is possible."""
        return self.lo > self.hi


EVERYTHING = Interval(-math.inf, math.inf, missing=True)
NOTHING = Interval(math.inf, -math.inf)


@dataclass(frozen=True, eq=False)
class Op:
    """All that must be true of one operation everywhere.

    Attributes:
        name: the operation's name, as printers and files know it.
        result: the type of its value.
        numpy: `(data, *arrays) -> array`, the reference meaning on float64 columns, bool columns,
            and label columns of integer codes.
        bounds: `(data, *intervals) -> Interval`, sound: it holds every value that `numpy` gives.
        partials: `node -> [∂node/∂arg, …]` as nodes; None where the value is not REAL.
        lower: `node -> node` in smaller operations, or None where there is nothing smaller.
        strict: whether one missing argument makes the value missing.
    """

    name: str
    result: Type
    numpy: Callable[..., Array]
    bounds: Callable[..., Interval]
    partials: Callable[[Node], Sequence[Node]] | None = None
    lower: Callable[[Node], Node] | None = None
    strict: bool = True

    def __repr__(self) -> str:
        """Return the name, in capitals as the op table spells it."""
        return self.name.upper()


class Node:
    """One expression: an operation, its arguments, and its frozen data.

    Made by the builders of `ops`, never directly. Equality is identity.
    """

    __slots__ = ("__weakref__", "args", "data", "op", "type")

    op: Op
    args: tuple[Node, ...]
    data: Any
    type: Type

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: nodes are immutable."""
        raise AttributeError(f"a Node is immutable: cannot set {name!r}")

    def __bool__(self) -> NoReturn:
        """Refuse: a symbolic value has no truth."""
        raise TypeError("a Node has no truth value: build a `where` node, or compare with `is`")

    def __reduce__(self) -> tuple[Callable[..., Node], tuple[Any, ...]]:
        """Pickle as a flat list, so that depth is no limit here either."""
        order = toposort([self])
        index = {node: i for i, node in enumerate(order)}
        rows = [(n.op.name, tuple(index[a] for a in n.args), n.data, n.type) for n in order]
        return _unflatten, (rows,)

    def __repr__(self) -> str:
        """Return a short sketch, never the whole graph."""
        data = "" if self.data is None else f" {self.data!r}"
        inner = ", ".join(a.op.name for a in self.args[:4]) + (", …" if len(self.args) > 4 else "")
        return f"<{self.op.name}{data}({inner})>"


_INTERNED: WeakValueDictionary[Any, Node] = WeakValueDictionary()
OPS: dict[str, Op] = {}


def _unflatten(rows: list[tuple[str, tuple[int, ...], Any, Type]]) -> Node:
    made: list[Node] = []
    for name, args, data, type_ in rows:
        made.append(node(OPS[name], tuple(made[i] for i in args), data, type_))
    return made[-1]


def float_key(value: float) -> str:
    """Return a key under which 0.0 ≠ -0.0 and NaN is itself."""
    return value.hex()


def _data_key(data: Any) -> Any:
    if isinstance(data, float):
        return float_key(data)
    if isinstance(data, bool | int | str) or data is None:
        return (type(data).__name__, data)
    if isinstance(data, tuple):
        return tuple(_data_key(x) for x in data)
    return data.key


def node(op: Op, args: tuple[Node, ...] = (), data: Any = None, type_: Type | None = None) -> Node:
    """Return the one node with this operation, these arguments and this data."""
    type_ = op.result if type_ is None else type_
    key = (op.name, args, _data_key(data), type_)
    found = _INTERNED.get(key)
    if found is not None:
        return found
    made = object.__new__(Node)
    for name, value in (("op", op), ("args", args), ("data", data), ("type", type_)):
        object.__setattr__(made, name, value)
    return _INTERNED.setdefault(key, made)


def frozen(values: Any, dtype: Any = np.float64) -> Array:
    """Return a read-only, contiguous copy as an array, every NaN being the same NaN."""
    made = np.array(values, dtype=dtype, order="C")
    if made.dtype.kind == "f":
        made[np.isnan(made)] = np.nan
    made.setflags(write=False)
    return made


def array_key(*arrays: Array) -> tuple[Any, ...]:
    """Return a key that tells arrays apart bit for bit."""
    return tuple((a.dtype.str, a.shape, _digest(a)) for a in arrays)


def _digest(array: Array) -> bytes:
    raw = array.tobytes()
    if len(raw) <= 64:
        return raw
    from hashlib import blake2b

    return blake2b(raw, digest_size=20).digest()


def ulps(value: float, count: int) -> float:
    """Return the float that lies `count` representable steps above (below, if negative)."""
    if math.isnan(value) or math.isinf(value):
        return value
    bits = struct.unpack("<q", struct.pack("<d", value))[0]
    ordered = bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)
    moved = ordered + count
    limit = 0x7FF0000000000000
    moved = max(-limit, min(limit, moved))
    raw = moved if moved >= 0 else (-moved) | -0x8000000000000000
    return float(struct.unpack("<d", struct.pack("<q", raw))[0])


def toposort(roots: Iterable[Node]) -> list[Node]:
    """Return every node under `roots` once, arguments before those who use them."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, Iterator[Node]]] = []
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack.append((root, iter(root.args)))
        while stack:
            current, rest = stack[-1]
            below = next((a for a in rest if a not in seen), None)
            if below is None:
                order.append(current)
                stack.pop()
            else:
                seen.add(below)
                stack.append((below, iter(below.args)))
    return order


def fold(roots: Sequence[Node], step: Callable[..., T]) -> list[T]:
    """Return `step(node, *values_of_args)` of each root, computed once for each node below.

    `depth` is `fold([root], lambda n, *below: 1 + max(below, default=0))[0]`.
    """
    values: dict[Node, T] = {}
    for current in toposort(roots):
        values[current] = step(current, *[values[a] for a in current.args])
    return [values[root] for root in roots]


def rewrite(roots: Sequence[Node], rule: Callable[[Node], Node | None]) -> dict[Node, Node]:
    """Return what each node under `roots` becomes when `rule` is applied from the leaves up.

    `rule` sees a node whose arguments are already rewritten and returns its successor, or None
    to keep it. It is applied once to each node: what it returns is taken as finished.
    """
    became: dict[Node, Node] = {}
    for current in toposort(roots):
        rebuilt = with_args(current, tuple(became[a] for a in current.args))
        replaced = rule(rebuilt)
        became[current] = rebuilt if replaced is None else replaced
    return became


def with_args(current: Node, args: tuple[Node, ...]) -> Node:
    """Return the same operation on other arguments."""
    return current if args == current.args else node(current.op, args, current.data, current.type)


def substitute(roots: Sequence[Node], new: Mapping[Node, Node]) -> list[Node]:
    """Return the roots with every node of `new` replaced by its value there."""
    became = {}
    for current in toposort(roots):
        if current in new:
            became[current] = new[current]
        else:
            became[current] = with_args(current, tuple(became[a] for a in current.args))
    return [became[root] for root in roots]
