"""Numbers as a person would write them, and what it costs to read one."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from closedform.ops.named import named_numbers
from closedform.passes.rounding import significant

MOST_DIGITS = 6
"""Beyond this nothing is dropped digit by digit: six digits are enough for any fitted constant."""


@dataclass(frozen=True)
class Neat:
    """A number that a person would write.

    Attributes:
        value: the number.
        signs: how many signs it takes.
        named: whether it is a fraction or a multiple of π rather than a decimal: such a number
            must be met closely, or every constant would be one by chance.
    """

    value: float
    signs: int
    named: bool = False


def digits_of(value: float) -> int:
    """Return how many significant decimal digits a number needs; 0 needs none."""
    if value == 0 or not math.isfinite(value):
        return 0
    return max(1, len(Decimal(repr(float(abs(value)))).normalize().as_tuple().digits))


def signs_of(value: float) -> int:
    """Return how many signs a number takes on paper, its own sign left out."""
    text = repr(float(abs(value)))
    return len(text.removesuffix(".0")) if value else 0


def rounded(value: float, digits: int) -> float:
    """Return a number with so many significant decimal digits."""
    return significant([value], max(1, digits))[0]


def decimals(value: float) -> Iterator[Neat]:
    """Yield a number with one significant digit, two, … six, each once."""
    seen = set()
    for digits in range(1, MOST_DIGITS + 1):
        short = rounded(value, digits)
        if short not in seen:
            seen.add(short)
            yield Neat(short, signs_of(short))


def candidates(
    value: float, *, vanishes: bool = False, scales: bool = False, listed: Sequence[float] = ()
) -> list[Neat]:
    """Return what may stand in the place of a number.

    Args:
        value: the number.
        vanishes: whether 0 takes a term away with it.
        scales: whether ±1 need not be written.
        listed: numbers that the user expects, either sign.
    """
    sign = math.copysign(1.0, value)
    found = list(decimals(value))
    if vanishes:
        found.append(Neat(0.0, 0))
    if scales:
        found.append(Neat(sign, 0))
    return found + [Neat(sign * abs(c), 1) for c in listed]


def named(value: float, *, turns: bool = False) -> list[Neat]:
    """Return the fractions that a number nearly is, and of an angle the multiples of π.

    Of the numbers below 10, one in thirty is a fraction to two digits by chance: a fraction must
    be 3 times as near as the decimal of four digits, and a multiple of π as that of two.
    """
    found = [(4, n) for n in _near(abs(value), "")]
    found += [(2, n) for n in _near(abs(value), "pi")] if turns else []
    return [
        Neat(math.copysign(n.value, value), n.signs, named=True)
        for digits, n in found
        if 3 * abs(abs(value) - n.value) <= abs(abs(value) - rounded(abs(value), digits))
    ]


def _near(size: float, of: str) -> Iterator[Neat]:
    """Yield the fractions, or the multiples of π, on both sides of a number."""
    among = _ascending(of)
    at = bisect(among, size)
    for value in among[max(0, at - 1) : at + 1]:
        name = named_numbers()[value]
        yield Neat(value, len(name.spelt({"pi": "π"})))


@cache
def _ascending(of: str) -> list[float]:
    return sorted(value for value, name in named_numbers().items() if name.of == of)
