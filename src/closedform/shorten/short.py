"""The number with the fewest digits in a range: what a person would write for a threshold."""

from __future__ import annotations

import math

from closedform.ir import Array

LARGEST = 290
"""Powers of ten beyond which none with 15 more digits is a float."""
FINEST = 15
"""Digits behind the first one; a range that holds no such number keeps its middle."""


def shortest(lo: float, hi: float) -> float:
    """Return the number with the fewest digits in [lo, hi]; of several, the one in the middle.

    A range around 0 gives 0.
    """
    if lo <= 0 <= hi:
        return 0.0
    middle = lo + (hi - lo) / 2
    first = math.floor(math.log10(max(abs(lo), abs(hi)))) + 1
    if abs(first) > LARGEST:
        return middle
    for place in range(-first, FINEST - first):
        step = 10.0**-place
        for value in (round(middle / step), math.ceil(lo / step)):
            clean = round(value * step, place)
            if lo <= clean <= hi:
                return float(clean)
    return middle


def shortened(value: float, slack: float) -> float:
    """Return the shortest number within `slack` of a value, of the same sign."""
    lo, hi = value - slack, value + slack
    if lo <= 0 <= hi and value != 0:
        # A leaf or weight that loses its sign would say something else.
        lo, hi = (value / 2, hi) if value > 0 else (lo, value / 2)
    return shortest(lo, hi)


def few_digits(values: Array, slack: float) -> list[float]:
    """Return each value with as few digits as some slack allows."""
    return [shortened(v, slack) for v in values.tolist()]
