"""Normalising layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array
from closedform.readers import tensors as t
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula
from closedform.readers.torch.layers import affine, normed


def axes_of(x: Tensor, axis: Any) -> list[int]:
    """Return axes, counted from the front; a number is one axis, none all of them."""
    given = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return sorted({int(i) % x.ndim for i in given})


def along_axes(x: Tensor, axes: Sequence[int], function: Any) -> Tensor:
    """Return a function of all elements along some axes, of as many elements."""
    rest = [i for i in range(x.ndim) if i not in axes]
    moved = x.transpose([*rest, *axes])
    flat = moved.reshape(*moved.shape[: len(rest)], math.prod(x.shape[i] for i in axes))
    made = t.along(t.as_tensor(flat), -1, function).reshape(moved.shape)
    return made.transpose(np.argsort([*rest, *axes]))


def spread(values: Array, x: Tensor, axes: Sequence[int]) -> Array:
    """Return weights, one for each place along some axes, in a shape that goes with x."""
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    return values.reshape(shape)


def batch_normalization(layer: Layer, x: Tensor) -> Tensor:
    """BatchNormalization by the statistics of the training: a factor and a term for each place."""
    axes = axes_of(x, layer.option("axis", -1))
    at = 0
    gamma: Any = 1.0
    beta: Any = 0.0
    if layer.option("scale", True):
        gamma, at = layer.number(at), at + 1
    if layer.option("center", True):
        beta, at = layer.number(at), at + 1
    mean, variance = layer.number(at), layer.number(at + 1)
    scale = gamma / np.sqrt(variance + layer.option("epsilon", 1e-3))
    shift = beta - mean * scale
    return affine(x, spread(scale, x, axes), spread(shift, x, axes))


def layer_normalization(layer: Layer, x: Tensor) -> Tensor:
    """LayerNormalization: (x − mean) / √(variance + ε) along some axes."""
    axes, eps = axes_of(x, layer.option("axis", -1)), float(layer.option("epsilon", 1e-3))
    rms = bool(layer.option("rms_scaling", False))
    if rms:
        made = along_axes(x, axes, lambda xs: _by_deviation(xs, eps))
    else:
        made = along_axes(x, axes, lambda xs: normed(xs, eps))
    at = 0
    gamma = beta = None
    if rms or layer.option("scale", True):
        gamma, at = spread(layer.number(at), x, axes), at + 1
    if not rms and layer.option("center", True):
        beta = spread(layer.number(at), x, axes)
    return affine(made, gamma, beta)


def _by_deviation(xs: list[Any], eps: float) -> list[Element]:
    """Return x / √(variance + ε), as `rms_scaling` of Keras does; the mean stays."""
    size = ops.sqrt(ops.lin(eps, (1, t.node_of(t.variance(xs)))))
    return [ops.div(v, size) for v in xs]


def rms_normalization(layer: Layer, x: Tensor) -> Tensor:
    """RMSNormalization: x / √(mean of x² + ε), times a weight."""
    axes, eps = axes_of(x, layer.option("axis", -1)), float(layer.option("epsilon", 1e-6))
    return affine(root_mean_square(x, axes, eps), spread(layer.number(0), x, axes), None)


def root_mean_square(x: Tensor, axes: Sequence[int], eps: float) -> Tensor:
    """Return x / √(mean of x² + ε) along some axes."""

    def line(xs: list[Any]) -> list[Element]:
        squares = [t.multiply(v, v) for v in xs]
        size = ops.sqrt(t.weighted([1 / len(xs)] * len(xs), squares, eps))
        return [ops.div(v, size) for v in xs]

    return along_axes(x, axes, line)


def unit_normalization(layer: Layer, x: Tensor) -> Tensor:
    """UnitNormalization: x / |x| along some axes."""
    return unit(x, layer.option("axis", -1))


def unit(x: Tensor, axis: Any, order: float = 2, epsilon: float = 1e-12) -> Tensor:
    """Return x / max(|x|, ε), with the Euclidean size along some axes."""
    if order != 2:
        raise NoFormula(f"normalize of order {order}")

    def line(xs: list[Any]) -> list[Element]:
        squares = t.total([t.multiply(v, v) for v in xs])
        size = ops.sqrt(ops.maximum(squares, ops.const(epsilon * epsilon)))
        return [ops.div(v, size) for v in xs]

    return along_axes(x, axes_of(x, axis), line)


def group_normalization(layer: Layer, x: Tensor) -> Tensor:
    """GroupNormalization: normed within groups of channels, over all other axes."""
    axis = int(layer.option("axis", -1)) % x.ndim
    groups, eps = int(layer.option("groups", 32)), float(layer.option("epsilon", 1e-3))
    channels = x.shape[axis]
    groups = channels if groups == -1 else groups
    moved = np.moveaxis(x, axis, 1)
    flat = moved.reshape(len(x), groups, -1)
    made = t.along(t.as_tensor(flat), -1, lambda xs: normed(xs, eps)).reshape(moved.shape)
    made = np.moveaxis(made, 1, axis)
    at = 0
    gamma = beta = None
    if layer.option("scale", True):
        gamma, at = spread(layer.number(at), x, [axis]), at + 1
    if layer.option("center", True):
        beta = spread(layer.number(at), x, [axis])
    return affine(made, gamma, beta)


SMALLEST = 1e-7
"""Keras' `epsilon()`, which a deviation is at least."""


def normalization(layer: Layer, x: Tensor) -> Tensor:
    """Normalization: (x − mean) / deviation, or back, by given or adapted statistics."""
    axis = layer.option("axis", -1)
    keep = [] if axis is None else axes_of(x, axis)
    given = layer.option("mean")
    if given is None:
        mean, variance = layer.number(0), layer.number(1)
        mean, variance = (spread(v, x, keep) for v in (mean, variance))
    else:
        mean, variance = (_aligned(layer.option(k), x, keep) for k in ("mean", "variance"))
    size = np.maximum(np.sqrt(variance), SMALLEST)
    if layer.option("invert", False):
        return affine(x, size, mean)
    return elementwise(t.divide, e.sub(x, mean), size.astype(object))


def _aligned(values: Any, x: Tensor, keep: Sequence[int]) -> Array:
    """Return given statistics, their axes being the last of those that are kept."""
    found = np.asarray(values, dtype=np.float64)
    shape = [1] * x.ndim
    for i in range(1, found.ndim + 1):
        shape[keep[-i]] = found.shape[-i]
    return found.reshape(shape)
