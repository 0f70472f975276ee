"""Convolutions and pooling, on tensors with channels wherever they are said to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import NoFormula

Sides = list[tuple[int, int]]


def each(value: Any, count: int) -> list[int]:
    """Return one whole number for each axis."""
    values = [value] * count if isinstance(value, int) else list(value)
    if len(values) != count or not all(isinstance(v, int) and v >= 0 for v in values):
        raise ValueError(f"{value!r} for {count} axes")
    return values


def channels_first(layer: Layer) -> bool:
    """Tell whether channels come before the places."""
    return bool(layer.option("data_format", "channels_last") == "channels_first")


def to_front(x: Tensor, first: bool) -> Tensor:
    """Return a tensor with its channels before its places."""
    return x if first else np.moveaxis(x, -1, 1)


def to_back(x: Tensor, first: bool) -> Tensor:
    """Return it with its channels where they were."""
    return x if first else np.moveaxis(x, 1, -1)


def sides_of(
    padding: Any, lengths: Sequence[int], size: Sequence[int], stride: Sequence[int],
    dilation: Sequence[int],
) -> Sides:  # fmt: skip
    """Return how much is added on both sides of each axis: "valid", "same" or "causal"."""
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    if padding == "valid":
        return [(0, 0)] * len(size)
    if padding == "causal":
        return [(r - 1, 0) for r in reach]
    if padding != "same":
        raise NoFormula(f"padding={padding!r}")
    made = []
    for n, r, s in zip(lengths, reach, stride, strict=True):
        total = max((-(-n // s) - 1) * s + r - n, 0)
        made.append((total // 2, total - total // 2))
    return made


def padded(x: Tensor, sides: Sides, fill: float) -> Tensor:
    """Return a tensor with its last axes grown."""
    if not any(a or b for a, b in sides):
        return x
    lead = [(0, 0)] * (x.ndim - len(sides))
    return np.pad(x, [*lead, *sides], constant_values=fill)


def convolved(
    layer: Layer, x: Tensor, kernel: Array, bias: Array | None, groups: int = 1
) -> Tensor:
    """Return the convolution of x with a kernel of shape (*size, channels / groups, filters)."""
    axes, first = kernel.ndim - 2, channels_first(layer)
    stride = each(layer.option("strides", 1), axes)
    dilation = each(layer.option("dilation_rate", 1), axes)
    moved = t.as_tensor(to_front(x, first))
    sides = sides_of(layer.option("padding", "valid"), moved.shape[2:], kernel.shape[:axes],
                     stride, dilation)  # fmt: skip
    turned = np.moveaxis(kernel, (-1, -2), (0, 1))
    made = t.convolution(
        padded(moved, sides, 0.0), turned, bias, stride, [0] * axes, dilation, groups
    )
    return to_back(made, first)


def convolution(layer: Layer, x: Tensor) -> Tensor:
    """Conv1D … 3D."""
    bias = layer.number(1) if layer.option("use_bias", True) else None
    made = convolved(layer, x, layer.number(0), bias, int(layer.option("groups", 1)))
    return layer.activation()(made)


def by_channel(kernel: Array) -> Array:
    """Return a depthwise kernel, (*size, channels, multiplier), as one of a group for each."""
    *size, channels, multiplier = kernel.shape
    return kernel.reshape(*size, 1, channels * multiplier)


def depthwise(layer: Layer, x: Tensor) -> Tensor:
    """DepthwiseConv1D, 2D: each channel has kernels of its own."""
    kernel = layer.number(0)
    bias = layer.number(1) if layer.option("use_bias", True) else None
    made = convolved(layer, x, by_channel(kernel), bias, kernel.shape[-2])
    return layer.activation()(made)


def separable(layer: Layer, x: Tensor) -> Tensor:
    """SeparableConv1D, 2D: each channel by itself, then all of them at each place."""
    kernel, points = layer.number(0), layer.number(1)
    bias = layer.number(2) if layer.option("use_bias", True) else None
    made = convolved(layer, x, by_channel(kernel), None, kernel.shape[-2])
    first, axes = channels_first(layer), kernel.ndim - 2
    turned = np.moveaxis(points, (-1, -2), (0, 1))
    ones = [1] * axes
    mixed = t.convolution(to_front(made, first), turned, bias, ones, [0] * axes, ones, 1)
    return layer.activation()(to_back(mixed, first))


def transposed(layer: Layer, x: Tensor) -> Tensor:
    """Conv1DTranspose … 3D: the window that Keras keeps of the full transposed convolution."""
    kernel = layer.number(0)  # (*size, filters, channels)
    bias = layer.number(1) if layer.option("use_bias", True) else None
    axes, first = kernel.ndim - 2, channels_first(layer)
    stride = each(layer.option("strides", 1), axes)
    dilation = each(layer.option("dilation_rate", 1), axes)
    told = layer.option("output_padding")
    extra: list[Any] = [None] * axes if told is None else list(each(told, axes))
    sides = [
        _grown(k, s, d, layer.option("padding", "valid"), o)
        for k, s, d, o in zip(kernel.shape[:axes], stride, dilation, extra, strict=True)
    ]
    grown = t.spread(t.as_tensor(to_front(x, first)), stride)
    flipped = np.flip(kernel, axis=tuple(range(axes)))
    turned = np.moveaxis(flipped, (-2, -1), (0, 1))
    made = t.convolution(_cut(grown, sides), turned, bias, [1] * axes, [0] * axes, dilation, 1)
    return layer.activation()(to_back(made, first))


def _grown(
    size: int, stride: int, dilation: int, padding: Any, extra: int | None
) -> tuple[int, int]:
    """Return how much is added on both sides of an axis before a transposed convolution.

    As Keras computes it for JAX, whose sides are free; PyTorch's are cut to the same.
    """
    size = (size - 1) * dilation + 1
    if padding == "valid":
        more = max(size, stride) - size if extra is None else extra
        return size - 1, size - 1 + more
    if padding != "same":
        raise NoFormula(f"padding={padding!r}")
    total = stride + size - 2 if extra is None else size + size % 2 - 2 + extra
    left = min(total // 2 + total % 2, size - 1)
    return left, total - left


def _cut(x: Tensor, sides: Sides) -> Tensor:
    """Return a tensor with its last axes grown, or cut where a side is negative."""
    grown = padded(x, [(max(a, 0), max(b, 0)) for a, b in sides], 0.0)
    lengths = grown.shape[-len(sides) :]
    at = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, lengths, strict=True)]
    places: list[Any] = [..., *at]
    made: Tensor = grown[tuple(places)]
    return made


# --- pooling ------------------------------------------------------------------------------------


def pooling(axes: int, function: Callable[[list[Node]], Element]) -> Callable[..., Tensor]:
    """Return MaxPooling or AveragePooling over some axes; padding counts for nothing."""

    def made(layer: Layer, x: Tensor) -> Tensor:
        size = each(layer.option("pool_size", 2), axes)
        stride = each(layer.option("strides") or size, axes)
        padding = layer.option("padding", "valid")
        return pooled(x, size, stride, padding, channels_first(layer), function)

    return made


def pooled(
    x: Tensor, size: Sequence[int], stride: Sequence[int], padding: str, first: bool,
    function: Callable[[list[Node]], Element],
) -> Tensor:  # fmt: skip
    """Return a function of each window; what lies outside of x is left out."""
    axes, ones = len(size), [1] * len(size)
    moved = t.elementwise(t.node_of, t.as_tensor(to_front(x, first)))
    sides = sides_of(padding, moved.shape[2:], size, stride, ones)
    seen = t.windows(padded(moved, sides, math.nan), size, stride, [0] * axes, ones, math.nan)

    def inside(xs: list[Any]) -> Element:
        return function([v for v in xs if isinstance(v, Node)])

    return to_back(t.reduced(seen, list(range(-axes, 0)), False, inside), first)


def greatest(xs: Sequence[Node]) -> Element:
    """Return the greatest of a window."""
    return t.greatest(*xs)


def global_pooling(function: Callable[[list[Any]], Element]) -> Callable[..., Tensor]:
    """Return GlobalAveragePooling or GlobalMaxPooling: over all places."""

    def made(layer: Layer, x: Tensor, mask: Tensor | None = None) -> Tensor:
        first = channels_first(layer)
        moved = to_front(x, first)
        keep = bool(layer.option("keepdims", False))
        if mask is not None:
            return to_back(_masked_mean(moved, mask, keep), first or not keep)
        axes = list(range(2, moved.ndim))
        reduced = t.reduced(t.as_tensor(moved), axes, keep, function)
        return to_back(reduced, first) if keep else reduced

    return made


def _masked_mean(x: Tensor, mask: Tensor, keep: bool) -> Tensor:
    """Return the mean over the steps that a mask, (1, steps), lets through; x is (1, …, steps)."""
    steps = [t.truth(m) for m in mask[0].tolist()]

    def mean(xs: list[Element]) -> Element:
        kept = [t.choice(m, v, 0.0) for m, v in zip(steps, xs, strict=True)]
        return t.divide(t.total(kept), t.total([t.choice(m, 1.0, 0.0) for m in steps]))

    return t.reduced(t.as_tensor(x), [x.ndim - 1], keep, mean)


def adaptive(axes: int, function: Callable[[list[Any]], Element]) -> Callable[..., Tensor]:
    """Return AdaptiveAveragePooling or AdaptiveMaxPooling."""
    from closedform.readers.torch import pooling as po

    def made(layer: Layer, x: Tensor) -> Tensor:
        first, size = channels_first(layer), each(layer.option("output_size"), axes)
        moved = t.as_tensor(to_front(x, first))
        return to_back(po._adaptive(function, moved, size), first)

    return made
