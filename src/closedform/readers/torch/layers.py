"""Layers: reductions, products, convolutions, pooling, norms, embeddings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.choosing import picked
from closedform.readers.torch.elements import Absent, Deferred, Function, NoFormula, add
from closedform.readers.torch.shapes import pad

# --- reductions


def reduction(function: Callable[..., Element]) -> Function:
    """Return an operation over some axes from a function of a list."""

    def made(x: Tensor, dim: Any = None, keepdim: bool = False, **_: Any) -> Tensor:
        return t.reduced(x, axes(x, dim), keepdim, function)

    return made


def axes(x: Tensor, dim: Any) -> list[int]:
    """Return the axes that `dim` names; all of them for none."""
    if dim is None or dim == []:
        return list(range(x.ndim))
    return [dim] if isinstance(dim, int) else list(dim)


def variance(
    x: Tensor, dim: Any = None, correction: float = 1, keepdim: bool = False, **_: Any
) -> Tensor:
    """aten.var."""
    return t.reduced(x, axes(x, dim), keepdim, lambda xs: t.variance(xs, float(correction)))


def extreme(pick: Callable[..., Element]) -> Function:
    """aten.max, aten.min: of two tensors, of all elements, or along an axis with its position."""

    def made(x: Tensor, *where: Any, **named: Any) -> Any:
        if where and isinstance(where[0], np.ndarray):
            return elementwise(pick, x, where[0])
        found = reduction(lambda xs: pick(*xs))(x, *where, **named)
        if not where and "dim" not in named:
            return found
        at = argument(1.0 if pick is t.greatest else -1.0)
        return found, Deferred(lambda: at(x, *where, **named))

    return made


def argument(sign: float) -> Function:
    """aten.argmax (sign 1), aten.argmin (sign −1)."""

    def made(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        turned = x if sign > 0 else elementwise(lambda v: t.multiply(v, -1.0), x)
        return t.reduced(turned, axes(x, dim), keepdim, t.first_greatest)

    return made


def truths(join: Callable[..., Node]) -> Function:
    """aten.any, aten.all."""
    return reduction(lambda xs: join(*[t.node_of(t.truth(x)) for x in xs]))


def along(function: Callable[[list[Node]], Sequence[Element]]) -> Function:
    """Return an operation along one axis that keeps its length."""
    return lambda x, dim, *_, **__: t.along(x, int(dim), function)


def running_log_sums(xs: list[Node]) -> list[Node]:
    """Return log Σ exp(xⱼ) of x₁, of x₁ and x₂ …: aten.logcumsumexp."""
    made = [xs[0]]
    for x in xs[1:]:
        top, low = ops.maximum(made[-1], x), ops.minimum(made[-1], x)
        made.append(ops.lin(0, (1, top), (1, ops.unary("softplus", t.add(low, top, -1.0)))))  # type: ignore[arg-type]
    return made


def product(xs: Sequence[Element]) -> Node:
    """Return the product of some elements."""
    return ops.mul(*[t.node_of(t.number(x)) for x in xs])


def norm(x: Tensor, order: float = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Tensor:
    """aten.linalg_vector_norm: (Σ |xᵢ|ᵖ)^(1/p), the greatest |xᵢ| where p is infinite."""
    return t.reduced(x, axes(x, dim), keepdim, lambda xs: size_of(xs, float(order)))


def size_of(xs: Sequence[Element], order: float) -> Element:
    """Return the norm of a list."""
    sizes = [t.function("abs")(x) for x in xs]
    if math.isinf(order):
        return t.greatest(*sizes) if order > 0 else t.smallest(*sizes)
    if order == 0:
        return t.total([t.choice(x, 1.0, 0.0) for x in xs])
    if order == 2:
        return ops.sqrt(t.total([t.multiply(x, x) for x in xs]))
    return t.power(t.total([t.power(s, order) for s in sizes]), 1 / order)


def distances(a: Tensor, b: Tensor, order: float, mode: Any = None) -> Tensor:
    """aten._cdist_forward: the norm of the difference of each two rows."""
    away = elementwise(lambda x, y: t.add(x, y, -1.0), a[..., :, None, :], b[..., None, :, :])
    return norm(away, order, -1)


def trilinear(
    a: Tensor, b: Tensor, c: Tensor, grow_a: Any, grow_b: Any, grow_c: Any, over: Any, *_: Any
) -> Tensor:
    """aten._trilinear, of bilinear layers: Σ a·b·c over some axes, after axes of length 1."""
    grown = [np.expand_dims(x, tuple(g)) for x, g in ((a, grow_a), (b, grow_b), (c, grow_c))]
    product = elementwise(t.multiply, elementwise(t.multiply, grown[0], grown[2]), grown[1])
    return t.reduced(product, list(over), False, t.total)


# --- products


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """aten.linear: x @ weightᵀ + bias."""
    flat = x.reshape(-1, x.shape[-1])
    return t.matmul(flat, weight.T, bias).reshape(*x.shape[:-1], -1)


def addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """aten.addmm: beta·bias + alpha·(a @ b)."""
    if beta == 1 and alpha == 1:
        return t.matmul(a, b, bias)
    scaled = elementwise(lambda v: t.multiply(v, float(alpha)), t.matmul(a, b))
    return add(scaled, bias, beta)


def bmm(a: Tensor, b: Tensor) -> Tensor:
    """aten.bmm: one product for each pair of matrices."""
    return np.stack([t.matmul(x, y) for x, y in zip(a, b, strict=True)])


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """aten.matmul, aten.mv, aten.dot."""
    if a.ndim <= 2 and b.ndim <= 2:
        rows = a.reshape(1, -1) if a.ndim == 1 else a
        columns = b.reshape(-1, 1) if b.ndim == 1 else b
        shape = [*a.shape[:-1], *b.shape[1:]]
        return t.matmul(rows, columns).reshape(shape)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = np.broadcast_to(a, (*lead, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
    right = np.broadcast_to(b, (*lead, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
    return bmm(left, right).reshape(*lead, a.shape[-2], b.shape[-1])


def solve_triangular(
    a: Array, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """aten.linalg_solve_triangular, of a known matrix."""
    if a.dtype == object:
        raise NoFormula("solving by a matrix that depends on the inputs")
    known = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        known = known - np.tril(np.triu(known)) + np.eye(a.shape[-1])
    inverse = np.linalg.inv(known)
    return matmul(inverse, b) if left else matmul(b, inverse)


def convolution(
    x: Tensor, weight: Array, bias: Array | None, stride: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int,
) -> Tensor:  # fmt: skip
    """aten.convolution, transposed or not, with constant weights."""
    if weight.dtype == object:
        raise NoFormula("a convolution whose weights depend on the inputs")
    if not transposed:
        return t.convolution(x, weight, bias, stride, padding, dilation, groups)
    grown = t.spread(x, stride)
    sizes = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation, strict=True)]
    sides = [(s - p, s - p + e) for s, p, e in zip(sizes, padding, output_padding, strict=True)]
    grown = pad(grown, [n for pair in reversed(sides) for n in pair])
    flipped = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    inner = len(weight) // groups
    turned = np.concatenate(
        [flipped[g * inner : (g + 1) * inner].swapaxes(0, 1) for g in range(groups)]
    )
    ones = [1] * len(stride)
    return t.convolution(grown, turned, bias, ones, [0] * len(stride), dilation, groups)


# --- norms


def normed(xs: list[Node], eps: float) -> list[Element]:
    """Return (xᵢ − mean) / √(variance + eps)."""
    middle = t.mean(xs)
    size = ops.sqrt(ops.lin(eps, (1, t.node_of(t.variance(xs)))))
    return [ops.div(ops.lin(0, (1, x), (-1, middle)), size) for x in xs]


def layer_norm(
    x: Tensor, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, ...]:
    """aten.native_layer_norm."""
    lead = x.shape[: x.ndim - len(shape)]
    flat = x.reshape(*lead, -1)
    made = t.along(flat, -1, lambda xs: normed(xs, eps)).reshape(x.shape)
    return affine(made, weight, bias), Absent("the mean"), Absent("the deviation")


def affine(x: Tensor, weight: Any, bias: Any) -> Tensor:
    """Return weight·x + bias, as far as they are given."""
    if weight is not None:
        x = elementwise(t.multiply, x, weight)
    return x if bias is None else add(x, bias)


def group_norm(
    x: Tensor, weight: Any, bias: Any, rows: int, channels: int, size: int, groups: int, eps: float
) -> tuple[Any, ...]:
    """aten.native_group_norm."""
    flat = x.reshape(x.shape[0], groups, -1)
    made = t.along(flat, -1, lambda xs: normed(xs, eps)).reshape(x.shape)
    return by_channel(made, weight, bias), Absent("the mean"), Absent("the deviation")


def by_channel(x: Tensor, weight: Any, bias: Any) -> Tensor:
    """Return weight·x + bias with one of each for a channel."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    parts = [None if p is None else p.reshape(shape) for p in (weight, bias)]
    return affine(x, *parts)


def batch_norm(
    x: Tensor, weight: Any, bias: Any, mean: Array, variance: Array, momentum: float, eps: float
) -> tuple[Any, ...]:
    """aten._native_batch_norm_legit_no_training: by the statistics of the training."""
    scale = (1.0 if weight is None else weight) / np.sqrt(variance + eps)
    shift = (0.0 if bias is None else bias) - mean * scale
    return by_channel(x, scale, shift), Absent("the mean"), Absent("the deviation")


def batch_norm_now(x: Tensor, weight: Any, bias: Any, *given: Any) -> tuple[Any, ...]:
    """aten._native_batch_norm_legit: by statistics of x itself, as instance norm does.

    Its other arguments are running mean and variance (not for the overload without them),
    training, momentum, eps. That rows get mixed shows when the formula is tried.
    """
    training, _, eps = given[-3:]
    if not training:
        return batch_norm(x, weight, bias, given[0], given[1], 0.0, eps)
    flat = x.swapaxes(0, 1).reshape(x.shape[1], -1)
    made = t.along(flat, -1, lambda xs: normed(xs, eps))
    made = made.reshape(x.shape[1], x.shape[0], *x.shape[2:]).swapaxes(0, 1)
    return by_channel(made, weight, bias), Absent("the mean"), Absent("the deviation")


BAGS: tuple[Callable[[list[Element]], Element], ...] = (t.total, t.mean, lambda xs: t.greatest(*xs))
"""What the modes 0, 1 and 2 of aten._embedding_bag make of the rows in a bag."""


def embedding_bag(
    weight: Array, index: Tensor, offsets: Array, scale: bool = False, mode: int = 0,
    sparse: bool = False, weights: Tensor | None = None, last: bool = False, padding: int = -1,
) -> tuple[Any, ...]:  # fmt: skip
    """aten._embedding_bag: rows of a table in bags of known sizes, each bag as one row."""
    if offsets.dtype == object or padding >= 0:
        raise NoFormula("an EmbeddingBag with offsets that depend on the inputs, or a padding_idx,")
    ends = offsets.tolist() if last else [*offsets.tolist(), len(index)]
    found = embedding(weight, index)
    if weights is not None:
        found = elementwise(t.multiply, found, weights[:, None])
    bags = [t.reduced(found[a:b], [0], False, BAGS[mode]) for a, b in itertools.pairwise(ends)]
    gone = Absent("what an EmbeddingBag keeps for its training")
    return np.stack(bags), gone, gone, gone


def embedding(weight: Array, index: Tensor, *_: Any, **__: Any) -> Tensor:
    """Rows of a table by their number; other numbers are missing, where PyTorch raises."""
    if weight.dtype == object:
        raise NoFormula("an embedding that depends on the inputs")
    made = np.empty((*index.shape, weight.shape[1]), dtype=object)
    columns = [dict(enumerate(column)) for column in weight.T.tolist()]
    for at in np.ndindex(*index.shape):
        for j, column in enumerate(columns):
            made[(*at, j)] = picked(index.item(*at), column)
    return made
