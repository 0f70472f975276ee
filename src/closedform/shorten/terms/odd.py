"""What is to be paid for a shape that the columns do not show: another one says the same.

A curve of which an end alone is seen is imitated by many: 500·tanh(0.001·x) is a line, the foot of
a tanh is an exponential, and 1/(1 + k·x²) with a large k is 1/x². All are shares of the loss, as
`PER_CONSTANT` is, given columns and constants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.shorten.terms.shapes import Column, Odd

PART_OF_A_WAVE = 0.4
"""So much, as a share of the loss, must a part of a wave be better than a simpler shape."""
UNSEEN = 0.3
"""… and a curve whose bend is not seen."""
POLE = 5.0
"""A pole among the values: never."""


def strange(share: float) -> Odd:
    """Return what is to be paid for a shape that readers meet seldom."""
    return lambda columns, theta: share


def part_of_a_wave(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A wave of which less than a period is seen is a bend: x² saturates into cos x."""
    return PART_OF_A_WAVE * (abs(theta[0]) * 4 * columns[0].deviation < 2 * np.pi)


def nearly_constant(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A power of nearly 0 is a logarithm that cancels a constant."""
    return 0.02 + (abs(theta[-1]) < 0.2)


def hardly_bent(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A bell that is cut off near its top is a square that cancels a constant."""
    far = max(abs(columns[-1].lo), abs(columns[-1].hi))
    return 0.02 + 0.5 * (theta[0] * far**2 < 0.5)


def damped(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """1/(1 + k·x²) has a pole where k is below 0; where k is large, it is 1/x²."""
    x = columns[-1]
    nearest = 0.0 if x.lo < 0 < x.hi else min(abs(x.lo), abs(x.hi))
    if theta[0] <= 0:
        return POLE
    return hardly_bent(columns, theta) + UNSEEN * (theta[0] * nearest**2 > 20)


def far_vertex(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A parabola far from its vertex is a line."""
    x = columns[0]
    wide = x.hi - x.lo
    return UNSEEN * (not x.lo - wide < theta[0] < x.hi + wide)


def one_sided(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A tanh whose middle is not seen is an exponential; one that is never steep, a line."""
    *slopes, offset = theta
    ends = [(a * x.lo, a * x.hi) for a, x in zip(slopes, columns, strict=False)]
    lo = offset + sum(min(pair) for pair in ends)
    hi = offset + sum(max(pair) for pair in ends)
    return UNSEEN * (hi - lo < 1 or lo > 0.5 or hi < -0.5)


def hardly_grown(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """An exponential over a small range is a line; over a large one it is a few rows' own."""
    grown = abs(theta[0]) * (columns[-1].hi - columns[-1].lo)
    return 0.02 + UNSEEN * (not 0.5 < grown < 12)


def near_pole(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """1/(x + c) has its pole outside the values, and not so far off that it is a line."""
    lo, hi = columns[-1].lo + theta[0], columns[-1].hi + theta[0]
    near, far = min(abs(lo), abs(hi)), max(abs(lo), abs(hi))
    if lo <= 0 <= hi:
        return POLE
    return 0.01 + UNSEEN * (far < 1.3 * near or near < 0.002 * far)


def never_folded(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """|x − b·y − c|, or the greater of both, of which one side alone is seen is a sum."""
    x, y = columns
    ends = (theta[0] * y.lo + theta[1], theta[0] * y.hi + theta[1])
    return 0.05 + (x.lo >= max(ends) or x.hi <= min(ends))


def beyond(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A hinge beyond the data is a line, or nothing; near their end it is a few rows' own."""
    x = columns[0]
    return float(not x.lo < theta[0] < x.hi) + 0.1 * (abs(theta[0] - x.mean) > 2.3 * x.deviation)


def cut_off(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A line above a threshold that hardly any row is below is a line."""
    y = columns[1]
    near_end = abs(theta[0] - y.mean) > 2.3 * y.deviation
    return UNSEEN * (near_end or not y.lo < theta[0] < y.hi)


def far_point(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """The distance from a point far off is a sum, and that of one column alone no distance."""
    x, y = columns
    away = [
        not c.lo - (c.hi - c.lo) < at < c.hi + (c.hi - c.lo)
        for c, at in ((x, theta[0]), (y, theta[1]))
    ]
    flat = not 0.01 < theta[2] * (y.deviation / x.deviation) ** 2 < 100
    return 0.02 + UNSEEN * (any(away) or flat)
