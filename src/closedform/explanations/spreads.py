"""How far numbers are spread: also of those whose squares no float holds."""

from __future__ import annotations

import numpy as np

from closedform.ir import Array


def size(x: Array, axis: int | None = None) -> Array:
    """Return the root mean square of what is a number; NaN where nothing is.

    Args:
        x: numbers.
        axis: along which; default: of all.
    """
    fine = np.isfinite(x)
    most = np.abs(np.where(fine, x, 0.0)).max(axis=axis, keepdims=True, initial=0.0)
    # A power of two: where nothing overflows, no digit differs from that without it.
    unit = np.ldexp(1.0, np.clip(np.frexp(most)[1], -1000, 1000))
    squares = np.where(fine, x / unit, 0.0) ** 2
    count = fine.sum(axis=axis)
    mean = squares.sum(axis=axis) / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, np.sqrt(mean) * unit.reshape(mean.shape), np.nan))


def deviation(x: Array, axis: int | None = None) -> Array:
    """Return the standard deviation of what is a number; NaN where nothing is."""
    fine = np.isfinite(x)
    count = np.maximum(fine.sum(axis=axis, keepdims=True), 1)
    mean = np.where(fine, x, 0.0).sum(axis=axis, keepdims=True) / count
    return size(np.where(fine, x - mean, np.nan), axis)
