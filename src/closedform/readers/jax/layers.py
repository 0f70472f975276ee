"""Products, convolutions, windows and reductions of lax."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.jax.elements import Function, greatest_first, ordered
from closedform.readers.jax.moving import pad
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import Absent, NoFormula


def reduction(function: Callable[[list[Element]], Element]) -> Function:
    """Return an operation over some axes from a function of a list."""
    return lambda x, axes: t.reduced(x, list(axes), False, function)


def joined(join: Callable[..., Node]) -> Callable[[list[Element]], Element]:
    """Return a function of a list of conditions."""
    return lambda xs: join(*[t.node_of(t.truth(x)) for x in xs])


def best(xs: list[Element]) -> Element:
    """Return the greatest of a list; −∞ of none."""
    return t.greatest(*xs) if xs else -math.inf


def least(xs: list[Element]) -> Element:
    """Return the smallest of a list; ∞ of none."""
    return t.smallest(*xs) if xs else math.inf


def product(xs: list[Element]) -> Element:
    """Return the product of a list."""
    return ops.mul(*[t.node_of(t.number(x)) for x in xs])


def argument(sign: float) -> Function:
    """lax.argmax (sign 1), lax.argmin (sign −1)."""

    def place(xs: list[Element]) -> Element:
        return t.first_greatest([t.multiply(x, sign) for x in xs])

    return reduction(place)


def along(function: Callable[[list[Node]], Sequence[Element]]) -> Function:
    """Return an operation along one axis that keeps its length, forwards or backwards."""

    def made(x: Tensor, axis: int, reverse: bool = False) -> Tensor:
        turned = np.flip(x, axis) if reverse else x
        found = t.along(turned, axis, function)
        return np.flip(found, axis) if reverse else found

    return made


def sort(*xs: Tensor, dimension: int, num_keys: int = 1) -> list[Tensor]:
    """lax.sort of one array."""
    if len(xs) > 1:
        raise NoFormula("the order of one array has no formula for another, as argsort asks for")
    return [t.along(xs[0], dimension, ordered)]


def top_k(x: Tensor, k: int, axis: int = -1) -> list[Any]:
    """lax.top_k: the greatest elements along an axis; where they stood has no formula."""
    found = np.moveaxis(t.along(x, axis, greatest_first), axis, -1)[..., :k]
    return [np.moveaxis(found, -1, axis), Absent("the positions that top_k gives")]


def dot_general(a: Tensor, b: Tensor, dimension_numbers: Any) -> Tensor:
    """lax.dot_general: sums of products over some axes, apart for others."""
    (left, right), (left_apart, right_apart) = dimension_numbers
    left_free = [i for i in range(a.ndim) if i not in (*left, *left_apart)]
    right_free = [i for i in range(b.ndim) if i not in (*right, *right_apart)]
    a = a.transpose([*left_apart, *left_free, *left])
    b = b.transpose([*right_apart, *right, *right_free])
    apart, inner = len(left_apart), len(left)
    shape = (*a.shape[: a.ndim - inner], *b.shape[apart + inner :])
    a, b = _narrowed(a, b, apart, inner)
    places = a.shape[:apart]
    rows, columns = a.shape[apart : a.ndim - inner], b.shape[apart + inner :]
    count = math.prod(a.shape[a.ndim - inner :])
    flat_a = a.reshape(math.prod(places), math.prod(rows), count)
    flat_b = b.reshape(math.prod(places), count, math.prod(columns))
    made = [t.matmul(x, y) for x, y in zip(flat_a, flat_b, strict=True)]
    found = np.array(made, dtype=object).reshape(*places, *rows, *columns)
    return np.broadcast_to(found, shape)


def _narrowed(a: Tensor, b: Tensor, apart: int, inner: int) -> tuple[Tensor, Tensor]:
    """Return both without the places that repeat the same elements in memory."""
    for i in range(apart):
        if not a.strides[i] and not b.strides[i]:
            a, b = t.distinct(a, i), t.distinct(b, i)
    for i in range(apart, a.ndim - inner):
        a = t.distinct(a, i)
    for i in range(apart + inner, b.ndim):
        b = t.distinct(b, i)
    return a, b


def convolution(
    x: Tensor, weight: Array, window_strides: Sequence[int], padding: Any,
    lhs_dilation: Sequence[int], rhs_dilation: Sequence[int], dimension_numbers: Any,
    feature_group_count: int, batch_group_count: int,
) -> Tensor:  # fmt: skip
    """lax.conv_general_dilated with constant weights."""
    if weight.dtype == object:
        raise NoFormula("a convolution whose weights depend on the inputs")
    if batch_group_count != 1:
        raise NoFormula("a convolution with batch_group_count")
    order = dimension_numbers
    x = x.transpose(order.lhs_spec)
    grown = [(0, 0, 0)] * 2 + [
        (lo, hi, apart - 1) for (lo, hi), apart in zip(padding, lhs_dilation, strict=True)
    ]
    x = pad(x, 0.0, grown)
    made = t.convolution(
        x, weight.transpose(order.rhs_spec), None, window_strides, [0] * len(window_strides),
        rhs_dilation, feature_group_count,
    )  # fmt: skip
    return made.transpose(np.argsort(order.out_spec))


def window(function: Callable[[list[Element]], Element]) -> Function:
    """Return an operation over windows; what stands in the padding is left out."""

    def made(
        x: Tensor, window_dimensions: Sequence[int], window_strides: Sequence[int], padding: Any,
        base_dilation: Sequence[int] | None = None, window_dilation: Sequence[int] | None = None,
    ) -> Tensor:  # fmt: skip
        grown = base_dilation or [1] * x.ndim
        sides = [(lo, hi, g - 1) for (lo, hi), g in zip(padding, grown, strict=True)]
        inside = pad(x, None, sides)
        seen = t.windows(
            inside, window_dimensions, window_strides, [0] * x.ndim,
            window_dilation or [1] * x.ndim, 0.0,
        )  # fmt: skip
        axes = list(range(x.ndim, 2 * x.ndim))
        return t.reduced(
            seen, axes, False, lambda xs: function([v for v in xs if v is not None])
        )  # fmt: skip

    return made


def triangular_solve(
    a: Array, b: Tensor, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
    unit_diagonal: bool,
) -> Tensor:  # fmt: skip
    """lax.linalg.triangular_solve with a known matrix: its inverse times b."""
    if a.dtype == object:
        raise NoFormula("solving by a matrix that depends on the inputs")
    flat_a = a.reshape(-1, *a.shape[-2:])
    flat_b = b.reshape(-1, *b.shape[-2:])
    made = []
    for matrix, given in zip(flat_a, flat_b, strict=True):
        whole = np.tril(matrix) if lower else np.triu(matrix)
        if unit_diagonal:
            np.fill_diagonal(whole, 1.0)
        inverse = np.linalg.inv(whole.T if transpose_a else whole)
        made.append(t.matmul(inverse, given) if left_side else t.matmul(given, inverse))
    return np.array(made, dtype=object).reshape(b.shape)
