"""ONNX's own reference implementation, with some operators that it computes too coarsely.

It runs a graph in float64 where onnxruntime has no such kernels. Its Erf rounds to float32, its
dilated convolutions and means let a missing number reach places that do not see it, its layer
norm knows no float64, and its batch norm takes older graphs for ones in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array


def evaluator_of(raw: bytes) -> Any:
    """Return what runs a graph: `evaluator.run(None, {name: array})` gives a list of arrays."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.load_from_string(raw), new_ops=_finer())


def _finer() -> list[Any]:
    from onnx.reference.op_run import OpRun

    def run(function: Callable[..., Array]) -> Callable[..., tuple[Array]]:
        def _run(self: Any, *args: Any, **options: Any) -> tuple[Array]:
            return (function(*args, **options),)

        return _run

    return [type(name, (OpRun,), {"_run": run(function)}) for name, function in FINER.items()]


_ERF = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: Array) -> Array:
    """Erf."""
    return np.asarray(_ERF(x)).astype(x.dtype)


def gelu(x: Array, approximate: str = "none") -> Array:
    """Gelu."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    share = np.tanh(inner) if approximate == "tanh" else erf(x / math.sqrt(2))
    return np.asarray(0.5 * x * (1 + share)).astype(x.dtype)


def layer_norm(
    x: Array, weight: Array, bias: Array | None = None, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Array:  # fmt: skip
    """LayerNormalization, in the type of its input."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    away = x - x.mean(axis=axes, keepdims=True)
    made = away / np.sqrt((away * away).mean(axis=axes, keepdims=True) + epsilon) * weight
    return np.asarray(made if bias is None else made + bias).astype(x.dtype)


def batch_norm(
    x: Array, weight: Array, bias: Array, mean: Array, variance: Array, epsilon: float = 1e-5,
    **options: Any,
) -> Array:  # fmt: skip
    """BatchNormalization by the statistics of the training."""
    if options.get("training_mode"):
        raise NotImplementedError
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale = (weight / np.sqrt(variance + epsilon)).reshape(shape)
    made = (x - mean.reshape(shape)) * scale + bias.reshape(shape)
    return np.asarray(made).astype(x.dtype)


def _sides(
    auto: str | None, pads: Sequence[int] | None, lengths: Sequence[int], reach: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:  # fmt: skip
    axes = len(reach)
    if auto in (None, "NOTSET", "VALID"):
        pads = [0] * (2 * axes) if pads is None or auto == "VALID" else pads
        return [(pads[i], pads[axes + i]) for i in range(axes)]
    made = []
    for n, r, s in zip(lengths, reach, strides, strict=True):
        over = max(0, (-(-n // s) - 1) * s + r - n)
        half = over // 2
        made.append((half, over - half) if auto == "SAME_UPPER" else (over - half, half))
    return made


def _windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """Return the windows of x, shape (rows, channels, *places, *kernel)."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, x.ndim)))
    places = [slice(None, None, s) for s in strides]
    inner = [slice(None, None, d) for d in dilations]
    return np.asarray(seen[(slice(None), slice(None), *places, *inner)])


def convolution(
    x: Array, weight: Array, bias: Array | None = None, auto_pad: str | None = None,
    dilations: Any = None, group: int | None = 1, kernel_shape: Any = None, pads: Any = None,
    strides: Any = None,
) -> Array:  # fmt: skip
    """Conv, window by window."""
    axes, group = weight.ndim - 2, group or 1
    strides, dilations = strides or [1] * axes, dilations or [1] * axes
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    sides = _sides(auto_pad, pads, x.shape[2:], reach, strides)
    x = np.pad(x, [(0, 0), (0, 0), *sides])
    seen = _windows(x, weight.shape[2:], strides, dilations)
    parts = []
    over = [1, *range(2 + axes, 2 + 2 * axes)]
    for part, w in zip(np.split(seen, group, axis=1), np.split(weight, group), strict=True):
        made = np.tensordot(part, w, axes=(over, list(range(1, w.ndim))))
        parts.append(np.moveaxis(made, -1, 1))
    whole = np.concatenate(parts, axis=1)
    return whole if bias is None else whole + bias.reshape(1, -1, *[1] * axes)


def average_pool(
    x: Array, auto_pad: str | None = None, ceil_mode: int | None = 0,
    count_include_pad: int | None = 0, dilations: Any = None, kernel_shape: Any = None,
    pads: Any = None, strides: Any = None,
) -> Array:  # fmt: skip
    """AveragePool, window by window; what lies behind the padding is never counted."""
    axes = len(kernel_shape)
    strides, dilations = strides or [1] * axes, dilations or [1] * axes
    reach = [d * (k - 1) + 1 for k, d in zip(kernel_shape, dilations, strict=True)]
    sides = _sides(auto_pad, pads, x.shape[2:], reach, strides)
    counted = np.ones_like(x)
    pad = [(0, 0), (0, 0), *sides]
    x, counted = np.pad(x, pad), np.pad(counted, pad, constant_values=float(count_include_pad or 0))
    if ceil_mode and auto_pad in (None, "NOTSET"):
        over = [(0, 0), (0, 0)]
        for n, r, s, (_, side) in zip(x.shape[2:], reach, strides, sides, strict=True):
            last = -(-(n - r) // s) * s
            last -= s if last >= n - side else 0
            over.append((0, max(0, last + r - n)))
        x, counted = np.pad(x, over), np.pad(counted, over)
    inner = tuple(range(-axes, 0))
    sums = _windows(x, kernel_shape, strides, dilations).sum(axis=inner)
    return np.asarray(sums / _windows(counted, kernel_shape, strides, dilations).sum(axis=inner))


FINER: dict[str, Callable[..., Array]] = {
    "Erf": erf,
    "Gelu": gelu,
    "LayerNormalization": layer_norm,
    "BatchNormalization": batch_norm,
    "Conv": convolution,
    "AveragePool": average_pool,
}
"""Operators in the place of ONNX's own."""
