"""Sums of B-splines as one piecewise polynomial."""

from __future__ import annotations

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Pieces


def basis(knots: Array, degree: int) -> Array:
    """Return every B-spline on every interval, as a polynomial in the distance from its left end.

    de Boor, C. (1978), A Practical Guide to Splines, ch. X: each degree from the one below it. A
    quotient of an interval that is a point counts as 0.

    Args:
        knots: shape (knots,), ascending.
        degree: of the polynomials.

    Returns:
        Shape (splines, intervals, degree + 1), the constant first.
    """
    intervals = len(knots) - 1
    found = np.zeros((intervals, intervals, degree + 1))
    found[np.arange(intervals), np.arange(intervals), 0] = 1.0
    for k in range(1, degree + 1):
        count = intervals - k
        rise = knots[k:-1] - knots[: -k - 1]
        fall = knots[k + 1 :] - knots[1:-k]
        # x − knots[i] is t + (start of the interval − knots[i]), and knots[i+k+1] − x alike.
        left = knots[None, :-1] - knots[:count, None]
        right = knots[k + 1 :, None] - knots[None, :-1]
        up = _times(found[:count], left, 1.0) * _inverse(rise)
        down = _times(found[1 : count + 1], right, -1.0) * _inverse(fall)
        found = up + down
    return found


def _times(splines: Array, constant: Array, slope: float) -> Array:
    """Return polynomials, shape (splines, intervals, powers), times constant + slope·t."""
    made: Array = splines * constant[:, :, None]
    made[:, :, 1:] += slope * splines[:, :, :-1]
    return made


def _inverse(widths: Array) -> Array:
    inverse = np.where(widths > 0, 1 / np.where(widths > 0, widths, 1.0), 0.0)
    return inverse[:, None, None]


def pieces(knots: Array, splines: Array, weights: Array) -> Pieces:
    """Return Σ weights[i]·spline i, which is 0 outside the knots.

    Args:
        knots: shape (knots,).
        splines: what `basis` gives for them.
        weights: shape (splines,).
    """
    inner = np.tensordot(weights, splines, axes=1)
    outside = np.zeros((1, inner.shape[1]))
    origins = np.concatenate([knots[:1], knots[:-1], knots[-1:]])
    return Pieces.of(knots, np.concatenate([outside, inner, outside]), origins=origins)
