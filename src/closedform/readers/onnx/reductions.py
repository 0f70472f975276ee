"""Reductions over axes, and what is done along one axis: softmax, running sums, the greatest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.shapes import axes_of
from closedform.readers.onnx.values import Value
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch import layers as la
from closedform.readers.torch.elements import NoFormula


def reduction(function: Callable[[list[Element]], Element], *, orders: bool = False) -> Function:
    """Return an operator over some axes from a function of a list.

    Args:
        function: of all elements along the axes.
        orders: whether it picks one of them: what comes of missing ones is then left open.
    """

    def made(call: Call) -> Tensor:
        x, axes = call.tensor(0), axes_of(call)
        keep = bool(call.option("keepdims", 1))
        idle = bool(call.option("noop_with_empty_axes", 0))
        if not axes and idle:
            return x
        if orders:
            call.undefined(x)
        return t.reduced(x, axes or list(range(x.ndim)), keep, function)

    return made


def log_sum_exp(xs: list[Element]) -> Element:
    """Return log Σ exp(xᵢ), by the differences from the greatest."""
    top = t.greatest(*xs)
    size = t.total([t.function("exp")(t.add(x, top, -1.0)) for x in xs])
    return t.add(top, ops.log(size))


def log_sum(xs: list[Element]) -> Element:
    """Return log Σ xᵢ."""
    return ops.log(t.total(xs))


def extreme_place(sign: float) -> Function:
    """Return ArgMax (sign 1), ArgMin (sign −1)."""

    def made(call: Call) -> Value:
        x, axis = call.tensor(0), int(call.option("axis", 0))
        keep, last = bool(call.option("keepdims", 1)), bool(call.option("select_last_index", 0))
        call.undefined(x)
        return Value(t.reduced(x, [axis], keep, lambda xs: place_of(xs, sign, last)), "int64")

    return made


def place_of(xs: Sequence[Element], sign: float, last: bool) -> Node:
    """Return the place of the greatest or smallest element, the first or last among equals."""
    found = [t.node_of(t.number(x)) for x in xs]
    best = ops.maximum(*found) if sign > 0 else ops.minimum(*found)
    order = list(range(len(found)))
    order = order if last else order[::-1]
    at = ops.const(float(order[0]))
    for i in order[1:]:
        at = ops.where(ops.equal(found[i], best), ops.const(float(i)), at)
    return at


def top(call: Call) -> tuple[Any, ...]:
    """TopK: the greatest or smallest in order, and their places."""
    x, axis = call.tensor(0), int(call.option("axis", -1))
    k = int(call.option("k")) if call.version < 10 else (call.numbers(1, "k") or [1])[0]
    sign = 1.0 if call.option("largest", 1) else -1.0
    call.option("sorted")
    call.undefined(x)
    moved = np.moveaxis(x, axis, -1)
    once = t.distinct(moved, 0) if moved.ndim > 1 else moved
    values, places = (np.empty((*once.shape[:-1], k), dtype=object) for _ in range(2))
    for at in np.ndindex(*once.shape[:-1]):
        xs = [t.node_of(v) for v in once[at]]
        found = in_order(xs, k, sign)
        values[at] = found
        places[at] = [place_of(xs, sign, False)] if k == 1 else places_of(xs, found)
    whole = (*moved.shape[:-1], k)
    made, where = (np.moveaxis(np.broadcast_to(v, whole), -1, axis) for v in (values, places))
    return made, Value(where, "int64")


def places_of(xs: Sequence[Node], found: Sequence[Node]) -> list[Node]:
    """Return where elements stand that are given in order; the first of equals comes first."""
    made: list[Node] = []
    for r, value in enumerate(found):
        at = ops.const(float(len(xs) - 1))
        for i in range(len(xs) - 2, -1, -1):
            here = ops.equal(xs[i], value)
            if r:
                later = ops.less(made[-1], ops.const(float(i)))
                other = ops.negate(ops.equal(value, found[r - 1]))
                here = ops.both(here, ops.either(other, later))
            at = ops.where(here, ops.const(float(i)), at)
        made.append(at)
    return made


def in_order(xs: Sequence[Node], k: int, sign: float) -> list[Node]:
    """Return the k greatest (sign 1) or smallest, in order."""
    if k == 1:
        return [ops.maximum(*xs) if sign > 0 else ops.minimum(*xs)]
    return [ops.kth(len(xs) - i if sign > 0 else i + 1, *xs) for i in range(k)]


# --- along one axis -------------------------------------------------------------------------------


def softmax_of(
    function: Callable[[list[Node]], Sequence[Element]], *, orders: bool = False
) -> Function:
    """Return Softmax and its kin: before opset 13, over all axes from one on.

    Args:
        function: of all elements along the axis.
        orders: whether ONNX leaves open what comes of missing ones.
    """

    def made(call: Call) -> Tensor:
        x = call.tensor(0)
        if orders:
            call.undefined(x)
        if call.version >= 13:
            return t.along(x, int(call.option("axis", -1)), function)
        axis = int(call.option("axis", 1))
        lead = int(np.prod(x.shape[:axis] if axis else (), dtype=int))
        return t.along(x.reshape(lead, -1), -1, function).reshape(x.shape)

    return made


def hardmax(xs: list[Node]) -> list[Node]:
    """Return 1 for the greatest, the first among equals, and 0 for the others."""
    place = place_of(xs, 1.0, False)
    return [
        ops.where(ops.equal(place, ops.const(float(i))), ops.const(1.0), ops.const(0.0))
        for i in range(len(xs))
    ]


def running(step: Callable[[Node, Node], Element]) -> Function:
    """Return CumSum, CumProd: along a known axis, maybe backwards, maybe without the last."""

    def made(call: Call) -> Tensor:
        x, axis = call.tensor(0), (call.numbers(1, "the axis") or [0])[0]
        apart, back = bool(call.option("exclusive", 0)), bool(call.option("reverse", 0))
        start = 0.0 if step is add_nodes else 1.0
        x = np.flip(x, axis) if back else x

        def line(xs: list[Node]) -> list[Element]:
            sums: list[Node] = []
            for v in xs:
                sums.append(t.node_of(step(sums[-1], v)) if sums else v)
            return [start, *sums[:-1]] if apart else list(sums)

        found = t.along(x, axis, line)
        return np.flip(found, axis) if back else found

    return made


def add_nodes(a: Node, b: Node) -> Element:
    """Return a + b."""
    return t.add(a, b)


def lp_norm(call: Call) -> Tensor:
    """LpNormalization: x / (Σ |xᵢ|ᵖ)^(1/p); 0 where that is 0."""
    p, axis = int(call.option("p", 2)), int(call.option("axis", -1))
    if p not in (1, 2):
        raise NoFormula(f"operator LpNormalization with p={p}")

    def line(xs: list[Node]) -> list[Element]:
        size = t.node_of(la.size_of(xs, p))
        nothing = ops.equal(size, ops.const(0.0))
        return [t.choice(nothing, 0.0, t.divide(x, size)) for x in xs]

    return t.along(call.tensor(0), axis, line)


REDUCTIONS: dict[str, Function] = {
    "ReduceSum": reduction(t.total),
    "ReduceMean": reduction(t.mean),
    "ReduceProd": reduction(la.product),
    "ReduceMax": reduction(lambda xs: t.greatest(*xs), orders=True),
    "ReduceMin": reduction(lambda xs: t.smallest(*xs), orders=True),
    "ReduceL1": reduction(lambda xs: la.size_of(xs, 1)),
    "ReduceL2": reduction(lambda xs: la.size_of(xs, 2)),
    "ReduceSumSquare": reduction(lambda xs: t.total([t.power(x, 2.0) for x in xs])),
    "ReduceLogSum": reduction(log_sum),
    "ReduceLogSumExp": reduction(log_sum_exp),
    "ArgMax": extreme_place(1.0),
    "ArgMin": extreme_place(-1.0),
    "TopK": top,
    "Softmax": softmax_of(t.softmax),
    "LogSoftmax": softmax_of(t.log_softmax, orders=True),
    "Hardmax": softmax_of(hardmax, orders=True),
    "CumSum": running(add_nodes),
    "CumProd": running(ops.mul),
    "LpNormalization": lp_norm,
}
"""Operators over axes."""
