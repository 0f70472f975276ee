"""Arithmetic on columns that is rounded outwards: what is computed encloses what is true.

The unit of rounding is u = 2⁻⁵³; a sum of n products, in any order and with or without fused
multiplication, is within γₙ = n·u / (1 − n·u) of the sum of its terms' sizes (Higham, Accuracy and
Stability of Numerical Algorithms, 2002, §3.1).
"""

from __future__ import annotations

import numpy as np

from closedform.ir import Array

UNIT = 2.0**-53
LARGEST = 1.7976931348623157e308
"""The greatest float64."""
FUNCTION_UNITS = 16
"""Units of rounding that a function of NumPy may be off: 4 ulp are stated, 8 units, and doubled."""
TINY = 1e-300
"""Added where a product may underflow: far more than any number of lost subnormals."""


def gamma(terms: int, unit: float = UNIT) -> float:
    """Return γ for a sum of so many terms, doubled, so that computing with it may round too."""
    return 2 * terms * unit / (1 - terms * unit)


def up(x: Array) -> Array:
    """Return the next number above."""
    return np.nextafter(x, np.inf)


def down(x: Array) -> Array:
    """Return the next number below."""
    return np.nextafter(x, -np.inf)


def middle(lo: Array, hi: Array) -> Array:
    """Return a finite number between two ends, which may be infinite."""
    found = 0.5 * lo + 0.5 * hi
    far = ~np.isfinite(found)
    if far.any():
        inside = np.where(np.isfinite(lo), lo, np.where(np.isfinite(hi), hi, 0.0))
        found = np.where(far, inside, found)
    return found


def centre(lo: Array, hi: Array) -> Array:
    """Return the number midway, inside even where half of it is no number: 5e-324 / 2 is 0."""
    return np.asarray(np.clip(0.5 * lo + 0.5 * hi, lo, hi))


def radius(lo: Array, hi: Array, centre: Array) -> Array:
    """Return how far the ends lie from a number between them."""
    return up(np.maximum(hi - centre, centre - lo))


def widened(
    lo: Array, hi: Array, units: int = FUNCTION_UNITS, unit: float = 0.0
) -> tuple[Array, Array]:
    """Return an interval made wider by some units of rounding of its ends, and of `unit`."""
    return (
        lo - units * UNIT * (np.abs(lo) + unit) - TINY,
        hi + units * UNIT * (np.abs(hi) + unit) + TINY,
    )


def sum_below(a: Array, b: Array) -> Array:
    """Return a + b, or the next number below where rounding went up (Knuth's TwoSum tells)."""
    s = a + b
    part = s - a
    return np.where((a - (s - part)) + (b - part) >= 0, s, down(s))


def sum_above(a: Array, b: Array) -> Array:
    """Return a + b, or the next number above where rounding went down."""
    return -sum_below(-a, -b)


def product(alo: Array, ahi: Array, blo: Array, bhi: Array) -> tuple[Array, Array]:
    """Return the interval of a product; 0·∞ counts as 0, since ∞ is but a bound.

    An end that is 0 stays 0, so that a sign that is known is not lost.
    """
    alo, ahi, blo, bhi = np.broadcast_arrays(alo, ahi, blo, bhi)
    ends = np.stack([alo * blo, alo * bhi, ahi * blo, ahi * bhi])
    if np.isnan(ends).any():
        ends[np.isnan(ends)] = 0.0
        absent = np.isnan(alo) | np.isnan(blo)
        ends[:, absent] = np.nan
    low, high = ends.min(axis=0), ends.max(axis=0)
    sizes = np.abs(np.stack([alo, ahi, blo, bhi]))
    sure = ((sizes == 0) | (sizes > 1e-150)).all(axis=0)  # no product of these underflows to 0
    return np.where(sure & (low == 0), 0.0, down(low)), np.where(sure & (high == 0), 0.0, up(high))
