"""Preprocessing layers that compute on numbers: scaling, bins and codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.readers import tensors as t
from closedform.readers.keras.graph import plain
from closedform.readers.keras.layer import Layer
from closedform.readers.keras.norms import normalization
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.elements import NoFormula
from closedform.readers.torch.layers import affine

__all__ = ["category_encoding", "discretization", "normalization", "rescaling"]


def rescaling(layer: Layer, x: Tensor) -> Tensor:
    """Rescaling: x·scale + offset."""
    scale, offset = (np.asarray(plain(layer.option(k)), float) for k in ("scale", "offset"))
    return affine(x, scale, offset)


def discretization(layer: Layer, x: Tensor) -> Tensor:
    """Discretization: the number of the bin that holds x, or a code of it."""
    bounds = layer.option("bin_boundaries")
    if not bounds:
        raise NoFormula(f"{layer.told} has no bins: it has not been adapted")
    edges = [_least_at(np.float32(b)) for b in bounds]

    def place(v: Element) -> Element:
        reached = [t.choice(t.less_equal(b, v), 1.0, 0.0) for b in edges]
        return t.total(reached)

    return encoded(layer, elementwise(place, x), len(edges) + 1)


def _least_at(edge: np.float32) -> float:
    """Return the least number that becomes a boundary, or more, as a float32.

    The layer holds its boundaries in float32, and takes float32: 0.1 is as much as its 0.1.
    """
    below = np.nextafter(edge, np.float32(-np.inf))
    middle = (float(below) + float(edge)) / 2
    return middle if np.float32(middle) >= edge else math.nextafter(middle, math.inf)


def category_encoding(layer: Layer, x: Tensor, count_weights: Tensor | None = None) -> Tensor:
    """CategoryEncoding: a number as one of several columns, many of them, or counts."""
    return encoded(layer, x, int(layer.option("num_tokens")), count_weights)


def encoded(layer: Layer, x: Tensor, depth: int, weights: Tensor | None = None) -> Tensor:
    """Return whole numbers as Keras encodes them by `output_mode`."""
    mode = layer.option("output_mode", "int")
    if mode == "int":
        return x
    if mode == "one_hot":
        wide = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x
        return one_hot(wide, depth)
    if x.ndim == 1:
        x = x[:, None]
    marks = one_hot(x, depth)
    if mode == "multi_hot":
        return t.reduced(marks, [1], False, lambda xs: t.greatest(*xs))
    if mode == "count":
        if weights is not None:
            marks = elementwise(t.multiply, marks, weights[..., None])
        return t.reduced(marks, [1], False, t.total)
    raise NoFormula(f"{layer.told} with output_mode={mode!r}")


def one_hot(x: Tensor, depth: int, axis: int = -1) -> Tensor:
    """Return 1 in the column of each number, 0 in the others, and all 0 for other numbers."""

    def columns(v: Element) -> Sequence[Any]:
        return [t.choice(t.equal(v, float(i)), 1.0, 0.0) for i in range(depth)]

    made = np.empty((*x.shape, depth), dtype=object)
    for at in np.ndindex(*x.shape):
        made[at] = columns(_element(x, at))
    return np.moveaxis(made, -1, axis)


def _element(x: Tensor, at: tuple[int, ...]) -> Element:
    found = x.item(*at)
    return t.number(found) if not isinstance(found, str) else ops.label(found)
