"""Arrays of nodes: what frameworks compute on tensors, element by element.

A tensor that depends on the inputs is a NumPy array of dtype object that holds nodes, and plain
numbers where an element is known; all functions here take both. Sums over a constant matrix become
`lin` nodes over one shared tuple of arguments, which the interpreter computes as one product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import softmax as shares
from closedform.ir import Array, Node, Type

Element = Node | float
Tensor = Array
"""An array of dtype object with nodes and numbers, or an ordinary array of numbers."""


def as_tensor(values: Any) -> Tensor:
    """Return numbers as an array whose elements are Python's own floats."""
    array = np.asarray(values)
    return array if array.dtype == object else array.astype(np.float64).astype(object)


def node_of(x: Element) -> Node:
    """Return an element as a node."""
    if isinstance(x, Node):
        return x
    return ops.boolean(x) if isinstance(x, bool) else ops.const(float(x))


def nodes_of(tensor: Tensor) -> list[Node]:
    """Return the elements of a tensor as nodes, in C order."""
    return [node_of(x) for x in tensor.ravel().tolist()]


def number(x: Element) -> Element:
    """Return a condition as 1 or 0; a number as it is."""
    if isinstance(x, Node) and is_condition(x):
        return ops.where(x, ops.const(1.0), ops.const(0.0))
    return x if isinstance(x, Node) else float(x)


def is_condition(x: Element) -> bool:
    """Tell a condition from a number."""
    return isinstance(x, Node) and x.type is Type.BOOL


def truth(x: Element) -> Element:
    """Return a number as the condition that it is not 0; a condition as it is."""
    if isinstance(x, Node):
        return x if x.type is Type.BOOL else ops.negate(ops.equal(x, ops.const(0.0)))
    return bool(x)


def elementwise(function: Callable[..., Element], *tensors: Any) -> Tensor:
    """Return a function of single elements applied to broadcast tensors."""
    arrays = [t if isinstance(t, np.ndarray) else as_tensor(t) for t in tensors]
    whole = np.broadcast_arrays(*arrays)
    different = tuple(map(_different, zip(*(a.strides for a in whole), strict=True)))
    with np.errstate(all="ignore"):  # an element may be NaN, and comparing it is no mistake
        made = np.frompyfunc(function, len(arrays), 1)(*(a[different] for a in whole))
    return np.broadcast_to(boxed(made), whole[0].shape)


def _different(strides: Iterable[int]) -> slice:
    """Return what to compute along an axis: one place, where all are the same element in memory."""
    return slice(None) if any(strides) else slice(0, 1)


def distinct(tensor: Tensor, axis: int) -> Tensor:
    """Return a tensor with one place along an axis, where all are the same elements in memory.

    Rows that are traced together are one row: each operation need be done for it alone.
    """
    if tensor.strides[axis] or not tensor.shape[axis]:
        return tensor
    return np.take(tensor, [0], axis=axis)


def boxed(made: Any) -> Tensor:
    """Return what NumPy gives for one element as an array again."""
    if isinstance(made, np.ndarray):
        return made
    box = np.empty((), dtype=object)
    box[()] = made
    return box


# --- arithmetic of elements ---------------------------------------------------------------------


def add(a: Element, b: Element, weight: float = 1.0) -> Element:
    """Return a + weight·b."""
    a, b = number(a), number(b)
    if not isinstance(b, Node):
        return ops.lin(weight * b, (1, a)) if isinstance(a, Node) else a + weight * b
    if not isinstance(a, Node):
        return ops.lin(a, (weight, b))
    return ops.lin(0, (1, a), (weight, b))


def multiply(a: Element, b: Element) -> Element:
    """Return a·b."""
    a, b = number(a), number(b)
    if isinstance(a, Node) and isinstance(b, Node):
        return ops.mul(a, b)
    if isinstance(a, Node):
        return _scaled(a, float(b))  # type: ignore[arg-type]
    return _scaled(b, a) if isinstance(b, Node) else a * b


def _scaled(x: Node, factor: float) -> Node:
    return x if factor == 1 else ops.lin(0, (factor, x))


def divide(a: Element, b: Element) -> Element:
    """Return a / b."""
    return ops.div(node_of(number(a)), node_of(number(b)))


def power(a: Element, b: Element) -> Element:
    """Return a to the power of b."""
    if not isinstance(b, Node) and b == 1:
        return a
    return ops.power(node_of(number(a)), node_of(number(b)))


def function(name: str) -> Callable[[Element], Node]:
    """Return an elementary function by the name of its operation."""
    return lambda x: ops.unary(name, node_of(number(x)))


def choice(c: Element, a: Element, b: Element) -> Element:
    """Return a where c holds, else b."""
    c = truth(c)
    if not isinstance(c, Node):
        return a if c else b
    if isinstance(a, Node) and isinstance(b, Node) and a.type is b.type:
        return ops.where(c, a, b)
    return ops.where(c, node_of(number(a)), node_of(number(b)))


def smallest(*xs: Element) -> Element:
    """Return the smallest."""
    return ops.minimum(*[node_of(number(x)) for x in xs])


def greatest(*xs: Element) -> Element:
    """Return the greatest."""
    return ops.maximum(*[node_of(number(x)) for x in xs])


def less(a: Element, b: Element) -> Element:
    """Return a < b."""
    return ops.less(node_of(number(a)), node_of(number(b)))


def less_equal(a: Element, b: Element) -> Element:
    """Return a ≤ b."""
    return ops.less_equal(node_of(number(a)), node_of(number(b)))


def equal(a: Element, b: Element) -> Element:
    """Return a = b."""
    return ops.equal(node_of(number(a)), node_of(number(b)))


def negation(x: Element) -> Element:
    """Return whether a condition does not hold."""
    x = truth(x)
    return ops.negate(x) if isinstance(x, Node) else not x


def both(a: Element, b: Element) -> Element:
    """Return whether both conditions hold."""
    return ops.both(node_of(truth(a)), node_of(truth(b)))


def either(a: Element, b: Element) -> Element:
    """Return whether one of two conditions holds."""
    return ops.either(node_of(truth(a)), node_of(truth(b)))


def is_whole(n: Node) -> bool:
    """Tell a whole number, or a choice among some, from what may be another number."""
    while n.op is ops.WHERE:
        if n.args[1].op is not ops.CONST or not float(n.args[1].data).is_integer():
            return False
        n = n.args[2]
    return n.op is ops.CONST and float(n.data).is_integer()


def truncated(x: Element) -> Element:
    """Return x without what stands behind the point."""
    n = node_of(number(x))
    if is_whole(n):
        return n
    down = ops.unary("floor", n)
    up = ops.lin(0, (-1, ops.unary("floor", ops.lin(0, (-1, n)))))
    return ops.where(ops.less(n, ops.const(0.0)), up, down)


# --- sums ---------------------------------------------------------------------------------------


def weighted(weights: Iterable[float], xs: Sequence[Element], bias: float = 0.0) -> Node:
    """Return bias + Σ weights[i]·xs[i]; what is known of it goes into the bias."""
    weights = list(weights)
    if all(isinstance(x, Node) for x in xs):
        return ops.linear(bias, weights, xs)  # type: ignore[arg-type]
    pairs = [(w, number(x)) for w, x in zip(weights, xs, strict=True)]
    known = math.fsum([bias, *(w * x for w, x in pairs if not isinstance(x, Node))])
    terms = [(w, x) for w, x in pairs if isinstance(x, Node)]
    return ops.linear(known, [w for w, _ in terms], [x for _, x in terms])


def total(xs: Sequence[Element]) -> Node:
    """Return the sum of some elements."""
    return weighted([1.0] * len(xs), [number(x) for x in xs])


def matmul(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a @ b + bias, shapes (n, k), (k, m) and what broadcasts to (n, m)."""
    if a.dtype != object and b.dtype == object:
        return matmul(b.T, a.T, None if bias is None else bias.T).T
    shape = (a.shape[0], b.shape[1])
    known = None if bias is None else np.broadcast_to(bias, shape)
    if known is None or not known.strides[0]:
        a = distinct(a, 0)
    made = np.empty((a.shape[0], b.shape[1]), dtype=object)
    plain = b.dtype != object and (known is None or known.dtype != object)
    for i in range(made.shape[0]):
        row = tuple(a[i].tolist())
        for j in range(made.shape[1]):
            extra = 0.0 if known is None else known[i, j]
            made[i, j] = (
                weighted(b[:, j].tolist(), row, float(extra))
                if plain
                else _inner(row, b[:, j].tolist(), extra)
            )
    return np.broadcast_to(made, shape)


def _inner(xs: Sequence[Element], ys: Sequence[Element], bias: Element) -> Element:
    if not any(isinstance(y, Node) for y in ys):
        sum_: Element = weighted([float(y) for y in ys], xs)  # type: ignore[arg-type]
    else:
        sum_ = total([multiply(x, y) for x, y in zip(xs, ys, strict=True)])
    return sum_ if not isinstance(bias, Node) and bias == 0 else add(sum_, bias)


# --- reductions ---------------------------------------------------------------------------------


def reduced(
    tensor: Tensor, axes: Sequence[int], keep: bool, function: Callable[[list[Element]], Element]
) -> Tensor:
    """Return a function of all elements along some axes."""
    axes = sorted({a % tensor.ndim for a in axes}) if tensor.ndim else []
    rest = [a for a in range(tensor.ndim) if a not in axes]
    full = [tensor.shape[a] for a in rest]
    for a in rest:
        tensor = distinct(tensor, a)
    moved = tensor.transpose([*rest, *axes])
    shape = moved.shape[: len(rest)]
    flat = moved.reshape(math.prod(shape), -1) if tensor.size else moved
    made = np.empty(len(flat), dtype=object)
    for i, row in enumerate(flat):
        made[i] = function(row.tolist())
    made = np.broadcast_to(made.reshape(shape), full)
    return np.expand_dims(made, tuple(axes)) if keep else made


def mean(xs: Sequence[Element]) -> Node:
    """Return the mean."""
    return weighted([1 / len(xs)] * len(xs), [number(x) for x in xs])


def variance(xs: Sequence[Element], correction: float = 0.0) -> Node:
    """Return Σ (x − mean)² / (n − correction)."""
    middle = mean(xs)
    away = [add(x, middle, -1.0) for x in xs]
    return weighted([1 / (len(xs) - correction)] * len(xs), [power(d, 2.0) for d in away])


def along(tensor: Tensor, axis: int, function: Callable[[list[Node]], Sequence[Element]]) -> Tensor:
    """Return a function of each line along an axis, of as many elements."""
    moved = np.moveaxis(tensor, axis, -1)
    full = moved.shape
    for a in range(moved.ndim - 1):
        moved = distinct(moved, a)
    made = np.empty(moved.shape, dtype=object)
    for at in np.ndindex(*moved.shape[:-1]):
        made[at] = function([node_of(number(x)) for x in moved[at].tolist()])
    return np.moveaxis(np.broadcast_to(made, full), -1, axis)


def softmax(scores: list[Node]) -> list[Node]:
    """Return exp(sᵢ) / Σ exp(sⱼ)."""
    return shares(scores)


def log_softmax(scores: list[Node]) -> list[Node]:
    """Return sᵢ − max s − log Σ exp(sⱼ − max s)."""
    top = ops.maximum(*scores)
    away = [ops.lin(0, (1, s), (-1, top)) for s in scores]
    size = ops.log(total([ops.exp(a) for a in away]))
    return [ops.lin(0, (1, a), (-1, size)) for a in away]


def running_sums(xs: list[Node]) -> list[Node]:
    """Return x₁, x₁ + x₂, x₁ + x₂ + x₃ …"""
    made = [xs[0]]
    for x in xs[1:]:
        made.append(ops.lin(0, (1, made[-1]), (1, x)))
    return made


def first_greatest(xs: Sequence[Element]) -> Node:
    """Return the position of the greatest element, the first among equals.

    A missing one counts as the greatest, in PyTorch as in NumPy.
    """
    found = [node_of(number(x)) for x in xs]
    best = ops.maximum(*found)
    at = ops.const(float(len(found) - 1))
    for i in range(len(found) - 2, -1, -1):
        here = ops.either(ops.equal(found[i], best), ops.missing(found[i]))
        at = ops.where(here, ops.const(float(i)), at)
    return at


# --- windows ------------------------------------------------------------------------------------


def windows(
    tensor: Tensor, size: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], fill: float,
) -> Tensor:  # fmt: skip
    """Return the windows of a tensor over its last axes.

    Args:
        tensor: shape (…, *spatial).
        size, stride, padding, dilation: one number for each spatial axis; padding on both sides.
        fill: what stands in the padding.

    Returns:
        Shape (…, *places, *size).
    """
    axes = len(size)
    outer = tensor.ndim - axes
    padded = np.pad(
        tensor, [(0, 0)] * outer + [(p, p) for p in padding], constant_values=fill
    )  # fmt: skip
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    last = tuple(range(outer, tensor.ndim))
    seen: Tensor = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=last)
    steps = [slice(None)] * outer + [slice(None, None, s) for s in stride]
    return seen[(*steps, *[slice(None, None, d) for d in dilation])]


def convolution(
    x: Tensor, weight: Array, bias: Array | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], groups: int,
) -> Tensor:  # fmt: skip
    """Return the cross-correlation of x, (batch, channels, *spatial), with constant weights.

    Args:
        weight: shape (out, channels / groups, *size).
        bias: shape (out,), or None.
    """
    rows, x = len(x), distinct(x, 0)
    seen = windows(x, weight.shape[2:], stride, padding, dilation, 0.0)
    axes = weight.ndim - 2
    places = seen.shape[2 : 2 + axes]
    made = np.empty((len(x), len(weight), *places), dtype=object)
    start = np.zeros(len(weight)) if bias is None else bias
    inner, outer = weight.shape[1], len(weight) // groups
    flat = weight.reshape(len(weight), -1).tolist()
    for b, g, *at in np.ndindex(len(x), groups, *places):
        part = seen[b, g * inner : (g + 1) * inner]
        patch = tuple(part[(slice(None), *at)].ravel().tolist())
        for o in range(g * outer, (g + 1) * outer):
            made[(b, o, *at)] = weighted(flat[o], patch, float(start[o]))
    return np.broadcast_to(made, (rows, *made.shape[1:]))


def spread(x: Tensor, stride: Sequence[int]) -> Tensor:
    """Return x with stride − 1 zeros between its elements along the last axes."""
    axes = len(stride)
    shape = [(n - 1) * s + 1 for n, s in zip(x.shape[-axes:], stride, strict=True)]
    made = np.zeros((*x.shape[:-axes], *shape), dtype=object)
    places: list[Any] = [..., *[slice(None, None, s) for s in stride]]
    made[tuple(places)] = x
    return made
