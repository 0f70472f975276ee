"""What operations mean on NumPy columns, where NumPy has no function of its own for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Centre, Label, Table, Tree, Weights, label_code, leaves_of


def const(value: float) -> Array:
    """Return a number, for every row."""
    return np.array(value)


def lin(data: Weights, *xs: Array) -> Array:
    """Return bias + Σ wᵢxᵢ, added from left to right."""
    total: Array = np.asarray(data.bias)
    for w, x in zip(data.weights.tolist(), xs, strict=True):
        total = total + (x if w == 1.0 else w * x)
    return total


def squared_distance(data: Centre, *xs: Array) -> Array:
    """Return Σ wᵢ(xᵢ − cᵢ)², added from left to right."""
    total: Array = np.asarray(0.0)
    for w, c, x in zip(data.weights.tolist(), data.point.tolist(), xs, strict=True):
        away = x - c
        total = total + w * (away * away)
    return total


def sum32(_: Any, *xs: Array) -> Array:
    """Return a sum whose every term and partial sum is rounded to float32."""
    total = round32(xs[0]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for x in xs[1:]:
            total = total + x.astype(np.float32)
    return total.astype(np.float64)


def kth(k: int, *xs: Array) -> Array:
    """Return the k-th smallest of some numbers, missing where one of them is."""
    values = np.stack(np.broadcast_arrays(*xs))
    return np.where(np.isnan(values).any(axis=0), np.nan, np.sort(values, axis=0)[k - 1])


def weighted_median(weights: tuple[float, ...], *xs: Array) -> Array:
    """Return the least number at or below which half of all weight lies.

    Weights are added in the order of the numbers, so that the last sum is the whole.
    """
    values = np.stack(np.broadcast_arrays(*xs), axis=-1)
    order = np.argsort(values, axis=-1)
    reached = np.cumsum(np.asarray(weights)[order], axis=-1)
    first = (reached >= 0.5 * reached[..., -1:]).argmax(axis=-1)[..., None]
    found = np.take_along_axis(values, np.take_along_axis(order, first, axis=-1), axis=-1)
    return np.where(np.isnan(values).any(axis=-1), np.nan, found[..., 0])


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(−x)), computed so that neither tail overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small / (1 + small), 1 / (1 + small))


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)), computed so that neither tail overflows."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def round32(x: Array) -> Array:
    """Return the nearest float32."""
    with np.errstate(over="ignore"):
        return x.astype(np.float32).astype(np.float64)


def absent(x: Array) -> Array:
    """Return where a number or a label is missing."""
    return x == -1 if x.dtype.kind == "i" else np.isnan(x)


def equal(_: Any, a: Array, b: Array) -> Array:
    """Return where two numbers or labels are equal."""
    # Two unknown labels are not known to be the same one.
    return (a == b) & (a >= 0) if a.dtype.kind == "i" else np.equal(a, b)


def member(labels: tuple[Label, ...], x: Array) -> Array:
    """Return where a number or a label is one of some."""
    if x.dtype.kind == "i":
        return np.isin(x, [label_code(v) for v in labels])
    return np.isin(x, [float(v) for v in labels])


def where(_: Any, c: Array, a: Array, b: Array) -> Array:
    """Return a where c holds, else b."""
    return np.where(c, a, b)


def tree(data: Tree, *xs: Array) -> Array:
    """Return the value of the leaf that each row reaches."""
    x = np.ascontiguousarray(np.stack(np.broadcast_arrays(*[np.atleast_1d(x) for x in xs])))
    return data.values[leaves_of(data.splits, x)]


def table(data: Table, x: Array) -> Array:
    """Return the number that stands beside each label."""
    return data.of_codes(x) if x.dtype.kind == "i" else data.of_numbers(x)
