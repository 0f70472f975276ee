"""Reading and writing at places that depend on the inputs: one choice for each place there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import NoFormula

BEYOND_INT64 = -(2.0**63)
"""What PyTorch makes of a number without an int64, missing ones too (on x86)."""


def whole(x: Element) -> Element:
    """Return x as an int64: towards 0, the least of them where there is none."""
    made = t.truncated(x)
    if not isinstance(made, Node) or t.is_whole(made):
        return made
    fits = t.less(t.function("abs")(x), 2.0**63)
    return t.choice(fits, made, BEYOND_INT64)


def place_of(x: Element) -> Element:
    """Return a place without the case that there is no int64: that is no place either."""
    node = x if isinstance(x, Node) else None
    if node is not None and node.op is ops.WHERE and node.args[2] is ops.const(BEYOND_INT64):
        return node.args[1]
    return x


def values_of(x: Node) -> set[int] | None:
    """Return the whole numbers among which a place chooses; None where it may be any."""
    found, todo = set(), [x]
    while todo:
        n = todo.pop()
        if n.op is ops.WHERE:
            todo += n.args[1:]
        elif n.op is ops.CONST and float(n.data).is_integer():
            found.add(int(n.data))
        else:
            return None
    return found


def picked(place: Element, options: Mapping[int, Element]) -> Element:
    """Return the option at a place; what is no place is missing, where PyTorch raises."""
    at = place_of(place)
    if not isinstance(at, Node):
        return options[int(at)]
    numbers = [t.number(v) for v in options.values()]
    if not any(isinstance(v, Node) for v in numbers):
        keys = map(float, options)
        return ops.table(at, dict(zip(keys, numbers, strict=True)))  # type: ignore[arg-type]
    known = values_of(at)
    wanted = [k for k in options if known is None or k in known]
    made = math.nan if known is None or not known <= set(options) else options[wanted.pop()]
    for k in reversed(wanted):
        made = t.choice(t.equal(at, float(k)), options[k], made)
    return made


def is_open(index: Any) -> bool:
    """Tell whether an index depends on the inputs."""
    return index is not None and index.dtype == object


def index_by_input(x: Tensor, indices: Sequence[Any]) -> Tensor:
    """aten.index where one of the indices depends on the inputs."""
    axes = [i for i, index in enumerate(indices) if is_open(index)]
    if len(axes) != 1:
        raise NoFormula("indexing by several values that depend on the inputs")
    axis, places = axes[0], indices[axes[0]]
    if any(
        isinstance(v, bool) or (isinstance(v, Node) and v.op.name in TRUTHS) for v in places.flat
    ):
        raise NoFormula("indexing by conditions, which gives as many values as hold,")
    count = x.shape[axis]
    by_place = {v: _at(x, indices, axis, np.full(places.shape, v % count)) for v in
                [*range(count), *range(-count, 0)]}  # fmt: skip
    # Which place stands behind each element of the result: NumPy says so of their numbers.
    shape = [1] * x.ndim
    shape[axis] = places.size
    marks = np.broadcast_to(
        np.arange(places.size).reshape(shape), [*x.shape[:axis], places.size, *x.shape[axis + 1 :]]
    )
    behind = _at(marks, indices, axis, np.arange(places.size).reshape(places.shape))
    flat = places.ravel()
    made = np.empty(behind.shape, dtype=object)
    for at in np.ndindex(*made.shape):
        made[at] = picked(flat[behind[at]], {v: found[at] for v, found in by_place.items()})
    return made


TRUTHS = frozenset({"less", "less_equal", "equal", "member", "missing", "and", "or", "not"})


def _at(x: Any, indices: Sequence[Any], axis: int, places: Any) -> Any:
    given = [places if i == axis else index for i, index in enumerate(indices)]
    return x[tuple(slice(None) if g is None else g for g in given)]


def gather_by_input(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """aten.gather by positions that depend on the inputs."""
    axis = dim % x.ndim
    made = np.empty(index.shape, dtype=object)
    for at in np.ndindex(*index.shape):
        line = x[(*at[:axis], slice(None), *at[axis + 1 :])]
        made[at] = picked(index.item(*at), dict(enumerate(line.tolist())))
    return made


def scatter_by_input(
    x: Tensor, dim: int, index: Tensor, source: Any, join: Callable[..., Element]
) -> Tensor:
    """aten.scatter, aten.scatter_add to places that depend on the inputs."""
    axis = dim % x.ndim
    made = t.as_tensor(x).copy()
    for at in np.ndindex(*index.shape):
        new = source[at] if isinstance(source, np.ndarray) else float(source)
        place = place_of(index.item(*at))
        known = values_of(place) if isinstance(place, Node) else {int(place)}
        for k in range(x.shape[axis]) if known is None else sorted(known):
            to = (*at[:axis], k, *at[axis + 1 :])
            made[to] = t.choice(t.equal(place, float(k)), join(made[to], new), made[to])
    return made


def put_where(x: Tensor, indices: Sequence[Any], values: Tensor) -> Tensor:
    """aten.index_put at the places where a condition holds, of one value for all of them."""
    mask, *more = indices
    if more or mask is None:
        raise NoFormula("writing to a place that depends on the inputs")
    trail = x.ndim - mask.ndim
    if values.ndim == trail + 1 and values.shape[0] == 1:
        values = values[0]
    conditions = all(isinstance(v, bool) or v.op.name in TRUTHS for v in mask.flat)
    if not conditions or values.ndim > trail:
        raise NoFormula("writing to a place that depends on the inputs")
    return t.elementwise(t.choice, mask.reshape([*mask.shape, *[1] * trail]), values, x)
