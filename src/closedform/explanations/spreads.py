"""How far numbers are spread: also of those whose squares no float holds."""

from __future__ import annotations

import numpy as np

from closedform.ir import Array

ROUNDING = 16 * float(np.finfo(float).eps)
"""A share of the answers: what is a sum or a difference of them is known no better."""


def size(x: Array, axis: int | None = None) -> Array:
    """Return the root mean square of what is a number; NaN where nothing is.

    Args:
        x: numbers.
        axis: along which; default: of all.
    """
    fine, unit = np.isfinite(x), _unit(x, axis)
    squares = np.where(fine, x / unit, 0.0) ** 2
    count = fine.sum(axis=axis)
    mean = squares.sum(axis=axis) / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, np.sqrt(mean) * unit.reshape(mean.shape), np.nan))


def deviation(x: Array, axis: int | None = None) -> Array:
    """Return the standard deviation of what is a number; NaN where nothing is."""
    fine = np.isfinite(x)
    count = np.maximum(fine.sum(axis=axis, keepdims=True), 1)
    unit = _unit(x, axis)
    scaled = np.where(fine, x / unit, 0.0)
    mean = scaled.sum(axis=axis, keepdims=True) / count
    found = size(np.where(fine, scaled - mean, np.nan), axis)
    return np.asarray(found * unit.reshape(found.shape))


def _unit(x: Array, axis: int | None) -> Array:
    """Return about the greatest number, as a power of two: dividing by it changes no digit."""
    most = np.abs(np.where(np.isfinite(x), x, 0.0)).max(axis=axis, keepdims=True, initial=0.0)
    return np.asarray(np.ldexp(1.0, np.clip(np.frexp(most)[1], -1000, 1000)))
