"""Pooling, and its inverse: windows that are reduced to one value, places that are interpolated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import Absent

PADDED, BEYOND = math.nan, None
"""What stands in the padding, and behind it where `ceil_mode` lets a window reach so far."""


def max_pool(
    x: Tensor, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """aten.max_pool2d_with_indices and its kin; padding is never the greatest."""

    def best(xs: list[Element]) -> Element:
        return t.greatest(*[v for v in xs if isinstance(v, Node)])

    made = _pooled(best, t.elementwise(t.node_of, x), size, stride, padding, dilation, ceil_mode)
    return made, Absent("the position of a maximum")


def avg_pool(
    x: Tensor, size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """aten.avg_pool1d … 3d; what lies behind the padding is never counted."""

    def average(xs: list[Element]) -> Node:
        known = [v for v in xs if isinstance(v, Node)]
        inside = sum(v is not BEYOND for v in xs)
        count = divisor_override or (inside if count_include_pad else len(known))
        return t.weighted([1 / count] * len(known), known)

    return _pooled(average, t.elementwise(t.node_of, x), size, stride, padding, 1, ceil_mode)


def _pooled(
    function: Callable[[list[Element]], Element], x: Tensor, size: Any, stride: Any, padding: Any,
    dilation: Any, ceil_mode: bool,
) -> Tensor:  # fmt: skip
    sizes = [size] if isinstance(size, int) else list(size)
    strides, pads, apart = (_each(v, len(sizes)) for v in (stride or sizes, padding, dilation))
    lead = [(0, 0)] * (x.ndim - len(sizes))
    x = np.pad(x, [*lead, *((p, p) for p in pads)], constant_values=PADDED)
    if ceil_mode:
        measures = zip(x.shape[-len(sizes) :], sizes, strides, pads, apart, strict=True)
        over = [(0, _overhang(*measure)) for measure in measures]
        x = np.pad(x, [*lead, *over], constant_values=BEYOND)  # type: ignore[call-overload]
    seen = t.windows(x, sizes, strides, [0] * len(sizes), apart, 0.0)
    return t.reduced(seen, list(range(-len(sizes), 0)), False, function)


def _each(value: Any, count: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * (count // len(values))


def _overhang(length: int, size: int, stride: int, pad: int, apart: int) -> int:
    """Return how far the last window reaches out, if it starts before the padding on the right."""
    reach = apart * (size - 1) + 1
    last = -(-(length - reach) // stride) * stride
    if last >= length - pad:
        last -= stride
    return max(0, last + reach - length)


def adaptive_avg_pool(x: Tensor, size: Sequence[int]) -> Tensor:
    """aten._adaptive_avg_pool2d and its kin."""
    return _adaptive(t.mean, x, size)


def adaptive_max_pool(x: Tensor, size: Sequence[int]) -> Any:
    """aten.adaptive_max_pool2d and its kin."""
    return _adaptive(lambda xs: t.greatest(*xs), x, size), Absent("the position of a maximum")


def _adaptive(
    function: Callable[[list[Element]], Element], x: Tensor, size: Sequence[int]
) -> Tensor:
    """Return a function of each place: place i of k spans floor(i·n/k) to ceil((i+1)·n/k)."""
    axes = len(size)
    made = np.empty((*x.shape[:-axes], *size), dtype=object)
    for at in np.ndindex(*made.shape):
        lead, place = at[:-axes], at[-axes:]
        part = [
            slice(i * n // k, -(-(i + 1) * n // k))
            for i, n, k in zip(place, x.shape[-axes:], size, strict=True)
        ]
        made[at] = function(x[(*lead, *part)].ravel().tolist())
    return made


def nearest(x: Tensor, size: Sequence[int] | None, *given: Any) -> Tensor:
    """aten.upsample_nearest1d … 3d."""
    for axis, length, scale in _grown(x, size, given):
        ratio = 1 / scale if scale else x.shape[axis] / length
        # PyTorch multiplies in float32.
        found = np.floor(np.arange(length, dtype=np.float32) * np.float32(ratio)).astype(int)
        x = np.take(x, np.minimum(found, x.shape[axis] - 1), axis=axis)
    return x


def linear(x: Tensor, size: Sequence[int] | None, corners: bool, *given: Any) -> Tensor:
    """aten.upsample_linear1d, upsample_bilinear2d: one axis after the other."""
    for axis, length, scale in _grown(x, size, given):
        x = _between(x, axis, length, corners, scale)
    return x


def _grown(
    x: Tensor, size: Sequence[int] | None, given: Sequence[Any]
) -> Iterator[tuple[int, int, float | None]]:
    """Yield each axis with its new length and its scale, given one by one or as a list."""
    scales = [s for part in given for s in (part if isinstance(part, list | tuple) else [part])]
    axes = x.ndim - 2
    scales = scales if len(scales) == axes else [None] * axes
    for axis, scale in zip(range(-axes, 0), scales, strict=True):
        length = int(x.shape[axis] * scale) if size is None else int(size[axis])
        yield axis, length, scale


def _between(x: Tensor, axis: int, length: int, corners: bool, scale: float | None) -> Tensor:
    count, at = x.shape[axis], np.arange(length)
    if corners:
        place = at * ((count - 1) / (length - 1) if length > 1 else 0.0)
    else:
        place = np.maximum((at + 0.5) * (1 / scale if scale else count / length) - 0.5, 0.0)
    low = np.minimum(np.floor(place).astype(int), count - 1)
    share = (place - low).reshape([-1, *[1] * (-axis - 1)])
    left, right = (np.take(x, i, axis=axis) for i in (low, np.minimum(low + 1, count - 1)))
    return t.elementwise(lambda a, b, w: t.weighted([1 - w, w], [a, b]), left, right, share)
