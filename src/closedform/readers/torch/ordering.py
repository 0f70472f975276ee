"""What puts values in order, and where they stood: sort, topk, median, buckets, running extremes.

A missing value counts as the greatest, as in PyTorch and NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, fold
from closedform.readers import tensors as t
from closedform.readers.reading import spoilers
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import Absent, Deferred, NoFormula


def in_order(xs: Sequence[Element], count: int, *, greatest: bool) -> list[Node]:
    """Return the `count` smallest or greatest of some numbers, in order."""
    found = [t.node_of(t.number(x)) for x in xs]
    ranks = [len(found) - i if greatest else i + 1 for i in range(count)]
    return [_ranked(found, rank) for rank in ranks]


def _ranked(xs: list[Node], rank: int) -> Node:
    """Return the one that stands at a rank, counted from the smallest, from 1 on."""
    if rank == len(xs):
        return ops.maximum(*xs)
    if _missing_together(xs):
        return ops.minimum(*xs) if rank == 1 else ops.kth(rank, *xs)
    gone = [ops.missing(x) for x in xs]
    known = [ops.where(g, ops.const(math.inf), x) for g, x in zip(gone, xs, strict=True)]
    marks = [ops.where(g, ops.const(1.0), ops.const(0.0)) for g in gone]
    too_few = ops.less(ops.const(0.0), ops.kth(rank, *marks))
    return ops.where(too_few, ops.const(math.nan), ops.kth(rank, *known))


def _missing_together(xs: Sequence[Node]) -> bool:
    """Tell whether the same missing inputs make all of them missing, as the units of a layer."""
    found = set(fold(list(xs), spoilers))
    return len(found) == 1 and found != {0}


def places(xs: Sequence[Element], count: int, *, greatest: bool) -> list[Node]:
    """Return where the `count` smallest or greatest stood; of equal ones, the first comes first."""
    found = [t.node_of(t.number(x)) for x in xs]
    if count == 1 and greatest:
        return [t.first_greatest(found)]
    ahead: list[list[Node]] = [[] for _ in found]
    for j, y in enumerate(found):
        for i, x in enumerate(found[:j]):
            low, high = (y, x) if greatest else (x, y)
            first = ops.either(ops.less_equal(low, high), ops.missing(high))
            ahead[j].append(first)
            ahead[i].append(ops.negate(first))
    ranks = [t.total([t.number(c) for c in before]) for before in ahead]
    return [_place_of(ranks, k) for k in range(count)]


def _place_of(ranks: Sequence[Node], rank: int) -> Node:
    at = ops.const(float(len(ranks) - 1))
    for i in range(len(ranks) - 2, -1, -1):
        at = ops.where(ops.equal(ranks[i], ops.const(float(rank))), ops.const(float(i)), at)
    return at


def _some(
    x: Tensor, axis: int, count: int, function: Callable[[list[Node]], Sequence[Element]]
) -> Tensor:
    """Return `count` elements for each line along an axis."""
    made = t.along(x, axis, lambda xs: [*function(xs), *[math.nan] * (len(xs) - count)])
    return np.moveaxis(np.moveaxis(made, axis, -1)[..., :count], -1, axis)


def ranked(x: Tensor, count: int, axis: int, greatest: bool) -> tuple[Any, Any]:
    """Return the first `count` along an axis, and where they stood."""
    values = _some(x, axis, count, lambda xs: in_order(xs, count, greatest=greatest))
    return values, Deferred(
        lambda: _some(x, axis, count, lambda xs: places(xs, count, greatest=greatest))
    )


def topk(
    x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Any, Any]:
    """aten.topk."""
    return ranked(x, int(k), dim, largest)


def sort(x: Tensor, *given: Any, **named: Any) -> tuple[Any, Any]:
    """aten.sort: (dim, descending), or (stable, dim, descending) by keyword."""
    axis = int(named.get("dim", given[0] if given else -1))
    greatest = bool(named.get("descending", given[1] if len(given) > 1 else False))
    return ranked(x, x.shape[axis], axis, greatest)


def kthvalue(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Any, Any]:
    """aten.kthvalue."""
    values = t.reduced(x, [dim], keepdim, lambda xs: in_order(xs, int(k), greatest=False)[-1])
    return values, Absent("the position that kthvalue gives")


def median(x: Tensor, *where: Any, **named: Any) -> Any:
    """aten.median: the lower one of two; missing if any is."""
    if not where and "dim" not in named:
        raise NoFormula("the median of all rows")
    axis = int(named.get("dim", where[0] if where else 0))
    keep = bool(named.get("keepdim", where[1] if len(where) > 1 else False))
    found = t.reduced(
        x,
        [axis],
        keep,
        lambda xs: ops.kth((len(xs) + 1) // 2, *[t.node_of(t.number(v)) for v in xs]),
    )
    return found, Absent("the position that median gives")


def bucket(x: Tensor, edges: Array, *, right: bool = False, **_: Any) -> Tensor:
    """aten.bucketize: how many edges lie below x, or at it (`right`)."""
    if edges.dtype == object or edges.ndim != 1:
        raise NoFormula("sorting into buckets whose edges depend on the inputs")
    inside = t.less if right else t.less_equal

    def place(v: Element) -> Element:
        at: Element = float(len(edges))
        for i in range(len(edges) - 1, -1, -1):
            at = t.choice(inside(v, float(edges[i])), float(i), at)
        return at

    return t.elementwise(place, x)


def searched(
    edges: Array, x: Tensor, *, right: bool = False, side: Any = None, **given: Any
) -> Tensor:
    """aten.searchsorted, of edges that are known and in order."""
    if given.get("sorter") is not None:
        raise NoFormula("searchsorted with a sorter")
    return bucket(x, edges, right=right or side == "right")


def running(join: Callable[[Node, Node], Node]) -> Callable[[list[Node]], list[Node]]:
    """Return a function of a list as x₁, join(x₁, x₂) …"""

    def made(xs: list[Node]) -> list[Node]:
        found = [xs[0]]
        for x in xs[1:]:
            found.append(join(found[-1], x))
        return found

    return made


def running_extreme(pick: Callable[..., Node]) -> Callable[..., tuple[Any, Any]]:
    """aten.cummax, aten.cummin."""

    def made(x: Tensor, dim: int) -> tuple[Any, Any]:
        return t.along(x, int(dim), running(pick)), Absent("the position of a running extreme")

    return made
