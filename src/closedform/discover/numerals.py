"""Numbers that stand in laws: 2, 1/3, 3/(4π), √2, and how surprising each of them is."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from closedform.ir import Array

MARGIN = 3.0
"""A number must be known by so many bits more than it takes to say: else one in eight is chance."""

BASES = {
    0.0: 1.0, 2.5: math.pi, 3.0: math.sqrt(2), 4.5: math.pi**2, 4.0: math.sqrt(3),
    4.6: math.sqrt(math.pi), 5.0: math.sqrt(2 * math.pi), 6.0: math.pi**3, 6.1: math.e,
    6.2: math.sqrt(5), 5.5: math.log(2), 6.3: math.log(10), 7.0: math.pi**4, 7.1: math.sqrt(6),
}  # fmt: skip
"""What fractions are multiplied with or divided by, by the bits that it takes to say so."""
MOST = 60
"""Whole numbers in fractions."""


def _bits(n: int) -> float:
    return 0.5 + 1.6 * math.log2(n)


@cache
def _table() -> tuple[Array, Array]:
    """Return numbers from 0 on, in order, and how many bits each of them takes."""
    found: dict[float, float] = {}
    for extra, of in BASES.items():
        for p in range(1, MOST + 1):
            for q in range(1, MOST + 1):
                bits = _bits(p) + (_bits(q) if q > 1 else 0.0) + extra
                if math.gcd(p, q) == 1 and bits < 20:
                    for value in (p / q * of, p / q / of):
                        found[value] = min(bits, found.get(value, 99.0))
    values = np.array(sorted(found))
    return values, np.array([found[v] for v in values.tolist()])


def numeral(value: float, spread: float, *, decimals: bool = True) -> tuple[float, float] | None:
    """Return the number that a value is likely to be, and by how many bits that is no chance.

    Args:
        value: what was fitted.
        spread: how far from it the truth may lie, to either side.
        decimals: whether numbers as 0.37 are meant, too.
    """
    size = abs(value)
    if not (math.isfinite(size) and size > 0) or not spread < size:
        return None
    known = math.log2(size / max(spread, 2e-16 * size)) - 1
    best: tuple[float, float] | None = None
    for number, bits in _near(size, spread) + (_decimals(size, spread) if decimals else []):
        sure = known - bits - MARGIN
        if sure >= 0 and (best is None or sure > best[1]):
            best = math.copysign(number, value), sure
    return best


def _near(size: float, spread: float) -> list[tuple[float, float]]:
    values, bits = _table()
    lo, hi = np.searchsorted(values, [size - spread, size + spread])
    return list(zip(values[lo:hi].tolist(), bits[lo:hi].tolist(), strict=True))


def _decimals(size: float, spread: float) -> list[tuple[float, float]]:
    """Return the shortest decimal that is near enough, and the bits that it takes."""
    for digits in range(1, 7):
        short = float(f"{size:.{digits - 1}e}")
        if abs(short - size) <= spread:
            exponent = abs(math.floor(math.log10(size)))
            return [(short, 3.4 * digits + 2.0 + 0.7 * exponent)]
    return []


def shortened(value: float, spread: float) -> float:
    """Return a number without the digits that say nothing: it moves by a tenth of its spread."""
    for digits in range(2, 16):
        short = float(f"{value:.{digits - 1}e}")
        if abs(short - value) <= 0.1 * spread:
            return short
    return value
