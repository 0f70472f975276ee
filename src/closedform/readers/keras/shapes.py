"""Layers that only move elements about: reshaping, cropping, padding, repeating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.keras.layer import Layer
from closedform.readers.keras.windows import channels_first, each, to_back, to_front
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import pooling
from closedform.readers.torch.elements import NoFormula


def flatten(layer: Layer, x: Tensor) -> Tensor:
    """Flatten; with channels first, they go last before."""
    if channels_first(layer) and x.ndim > 1:
        x = np.moveaxis(x, 1, -1)
    return x.reshape(len(x), -1)


def reshape(layer: Layer, x: Tensor) -> Tensor:
    """Reshape, all but the rows."""
    return x.reshape(len(x), *layer.option("target_shape"))


def permute(layer: Layer, x: Tensor) -> Tensor:
    """Permute: axes in another order, counted from 1."""
    return x.transpose(0, *layer.option("dims"))


def repeat_vector(layer: Layer, x: Tensor) -> Tensor:
    """RepeatVector: (rows, k) to (rows, n, k)."""
    return np.repeat(x[:, None, :], int(layer.option("n")), axis=1)


def pairs(value: Any, axes: int) -> list[tuple[int, int]]:
    """Return (before, after) for each axis, from one number, one for each, or pairs."""
    values = [value] * axes if isinstance(value, int) else list(value)
    if axes == 1 and len(values) == 2:
        values = [tuple(values)]
    made = [(v, v) if isinstance(v, int) else (int(v[0]), int(v[1])) for v in values]
    if len(made) != axes or min(min(p) for p in made) < 0:
        raise ValueError(f"{value!r} for {axes} axes")
    return made


def cropping(layer: Layer, x: Tensor) -> Tensor:
    """Cropping1D … 3D."""
    first = channels_first(layer)
    moved = to_front(x, first)
    axes = moved.ndim - 2
    sides = pairs(layer.option("cropping"), axes)
    at: list[Any] = [slice(a, n - b) for (a, b), n in zip(sides, moved.shape[2:], strict=True)]
    return to_back(moved[(..., *at)], first)


def zero_padding(layer: Layer, x: Tensor) -> Tensor:
    """ZeroPadding1D … 3D."""
    first = channels_first(layer)
    moved = to_front(t.as_tensor(x), first)
    sides = pairs(layer.option("padding"), moved.ndim - 2)
    return to_back(np.pad(moved, [(0, 0), (0, 0), *sides], constant_values=0.0), first)


def up_sampling(layer: Layer, x: Tensor) -> Tensor:
    """UpSampling1D … 3D: each place several times, or what lies between (2D)."""
    first = channels_first(layer)
    moved = to_front(t.as_tensor(x), first)
    axes = moved.ndim - 2
    size = each(layer.option("size", 2), axes)
    how = layer.option("interpolation", "nearest")
    if how == "bilinear":
        lengths = [n * k for n, k in zip(moved.shape[2:], size, strict=True)]
        return to_back(pooling.linear(moved, lengths, False), first)
    if how != "nearest":
        raise NoFormula(f"{layer.told} with interpolation={how!r}")
    for axis, count in enumerate(size, 2):
        moved = np.repeat(moved, count, axis=axis)
    return to_back(moved, first)


def resizing(layer: Layer, x: Tensor) -> Tensor:
    """Resizing: what lies at, or between, the places of an image."""
    size = [int(layer.option("height")), int(layer.option("width"))]
    how = layer.option("interpolation", "bilinear")
    odd = ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias")
    used = [key for key in odd if layer.option(key, False)]
    if used or how not in ("bilinear", "nearest"):
        raise NoFormula(f"{layer.told} with {used[0] if used else f'interpolation={how!r}'}")
    first = channels_first(layer)
    moved = to_front(t.as_tensor(x), first)
    if how == "bilinear":
        return to_back(pooling.linear(moved, size, False), first)
    for axis, length in zip((2, 3), size, strict=True):
        count = moved.shape[axis]
        at = np.floor((np.arange(length) + 0.5) * (count / length)).astype(int)
        moved = np.take(moved, np.minimum(at, count - 1), axis=axis)
    return to_back(moved, first)


def center_crop(layer: Layer, x: Tensor) -> Tensor:
    """CenterCrop: the middle of an image."""
    first = channels_first(layer)
    moved = to_front(x, first)
    at: list[Any] = [...]
    for count, key in zip(moved.shape[2:], ("height", "width"), strict=True):
        size = int(layer.option(key))
        if size > count:
            raise NoFormula(f"{layer.told} of an image that is smaller: it is resized")
        start = (count - size) // 2
        at.append(slice(start, start + size))
    return to_back(moved[tuple(at)], first)


def identity(layer: Layer, x: Tensor) -> Tensor:
    """Layers that do something in training alone."""
    return x


def masking(layer: Layer, x: Tensor) -> Tensor:
    """Masking: steps whose values are all the masked one become 0."""
    mask = masking_mask(layer, x)
    return elementwise(t.choice, mask[..., None], x, 0.0)


def masking_mask(layer: Layer, x: Tensor) -> Tensor:
    """Return which steps hold another value than the masked one."""
    value = float(layer.option("mask_value", 0.0))
    other = elementwise(lambda v: t.negation(t.equal(v, value)), x)
    return t.reduced(other, [x.ndim - 1], False, _any)


def _any(xs: Sequence[Any]) -> Any:
    made = xs[0]
    for v in xs[1:]:
        made = t.either(made, v)
    return made


# --- merging ------------------------------------------------------------------------------------


def raised(parts: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors with as many axes as the one with most, by axes of length 1 after the rows."""
    most = max(x.ndim for x in parts)
    return [x.reshape(len(x), *[1] * (most - x.ndim), *x.shape[1:]) for x in parts]


def total(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Add."""
    return summed(parts)


def summed(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors, one node for each element."""
    return elementwise(lambda *xs: t.total(xs), *raised(parts))


def average(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Average."""
    return elementwise(lambda *xs: t.mean(xs), *raised(parts))


def subtract(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Subtract the second from the first."""
    if len(parts) != 2:
        raise NoFormula(f"{layer.told} of {len(parts)} tensors")
    return elementwise(lambda a, b: t.add(a, b, -1.0), *raised(parts))


def multiply(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Multiply."""
    made, *rest = raised(parts)
    for x in rest:
        made = elementwise(t.multiply, made, x)
    return made


def extreme(pick: Any) -> Any:
    """Return Maximum or Minimum."""
    return lambda layer, parts: elementwise(pick, *raised(parts))


def concatenate(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Concatenate along an axis."""
    return np.concatenate([t.as_tensor(x) for x in parts], axis=int(layer.option("axis", -1)))


def dot(layer: Layer, parts: Sequence[Tensor]) -> Tensor:
    """Dot: the inner product of two tensors along an axis of each, row by row."""
    from closedform.readers.keras.dense import product
    from closedform.readers.keras.norms import unit

    a, b = parts
    axes = layer.option("axes")
    axes = [axes, axes] if isinstance(axes, int) else list(axes)
    axes = [axis % x.ndim for axis, x in zip(axes, (a, b), strict=True)]
    if layer.option("normalize", False):
        a, b = unit(a, axes[0]), unit(b, axes[1])
    a, b = np.moveaxis(a, axes[0], -1), np.moveaxis(b, axes[1], 1)
    left, right = a[0], b[0]
    flat = product(left.reshape(-1, left.shape[-1]), right.reshape(len(right), -1))
    made = flat.reshape(1, *left.shape[:-1], *right.shape[1:])
    return made.reshape(1, 1) if made.ndim == 1 else made


def size_after(layer: Layer, x: Tensor) -> int:
    """Return how many elements a layer that makes x larger will give."""
    if layer.kind == "RepeatVector":
        return x.size * int(layer.option("n"))
    if layer.kind == "Resizing":
        return int(layer.option("height")) * int(layer.option("width")) * 4
    axes = x.ndim - 2
    if layer.kind.startswith("UpSampling"):
        return x.size * math.prod(each(layer.option("size", 2), axes))
    if layer.kind.startswith("ZeroPadding"):
        lengths = to_front(x, channels_first(layer)).shape
        sides = pairs(layer.option("padding"), axes)
        grown = [n + a + b for n, (a, b) in zip(lengths[2:], sides, strict=True)]
        return int(lengths[1] * math.prod(grown))
    return x.size
