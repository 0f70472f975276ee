"""Numbers that have a name: 1/3, π/2, √2, e. A float is taken for one where all its bits are its.

A printer that knows them writes `pi/2` for 1.5707963267948966 and nothing else, so that what is
evaluated stays the same float. By chance hardly a number is met: there are a thousand of them
among the 2⁶³ positive floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from closedform.ir import Array

FRACTIONS = (3, 6, 7, 9, 11, 12)
"""Denominators of fractions that no short decimal is; 1/2, 1/4, 1/5, 1/8, 1/10 are decimals."""
LARGEST_FRACTION = 10
TURNS = (1, 2, 3, 4, 6, 12)
"""What π is divided by."""
LARGEST_TURN = 100
ROOTS = (2, 3, 5, 6, 7, 10)
"""Of these the square root has a name, and half of it: √2/2."""


@dataclass(frozen=True)
class Named:
    """A number as `times`·`of`/`over`: 2π/3 is 2, "pi", 3; and 1/3 is 1, "", 3.

    Attributes:
        times, over: whole numbers from 1 on.
        of: "pi", "e", "sqrt 2" …, or "" of a fraction.
    """

    times: int
    of: str
    over: int

    @property
    def symbols(self) -> int:
        """How many symbols a person reads: 1/3 is three, π one, 2π/3 five, √2 two."""
        above = 2 * (self.times > 1) + 1 + self.of.startswith("sqrt") if self.of else 1
        return above + 2 * (self.over > 1)

    def spelt(self, words: Mapping[str, str]) -> str:
        """Return it as an expression, its base by the words of a language: `2*pi/3`.

        Worked out in floats from left to right it is the very float, which need not be the one
        that is nearest to 2π/3.
        """
        times = [str(self.times)] if self.times > 1 or not self.of else []
        above = "*".join([*times, *([words[self.of]] if self.of else [])])
        return above if self.over == 1 else f"{above}/{self.over}"


def named(value: float) -> Named | None:
    """Return the name of a number, its sign left out; None of one that has none."""
    return _named().get(abs(value))


def named_numbers() -> Mapping[float, Named]:
    """Return every number that has a name, and its name."""
    return _named()


def symbols_named(sizes: Array) -> Array:
    """Return how many symbols the names of numbers have, shape as given; 0 where there is none."""
    values, symbols = _table()
    at = np.minimum(np.searchsorted(values, sizes), len(values) - 1)
    return np.where(values[at] == sizes, symbols[at], 0)


@cache
def _table() -> tuple[Array, Array]:
    pairs = sorted((value, name.symbols) for value, name in _named().items())
    return np.array([value for value, _ in pairs]), np.array([count for _, count in pairs])


@cache
def _named() -> dict[float, Named]:
    bases = {"": 1.0, "pi": math.pi, "e": math.e} | {f"sqrt {n}": math.sqrt(n) for n in ROOTS}
    return {bases[name.of] * name.times / name.over: name for name in _names()}


def _names() -> Iterator[Named]:
    for of, over, most in (("", FRACTIONS, LARGEST_FRACTION), ("pi", TURNS, LARGEST_TURN)):
        size = math.pi if of else 1.0
        for q in over:
            times = range(1, math.ceil(most * q / size))
            yield from (Named(p, of, q) for p in times if math.gcd(p, q) == 1)
    for of in ("e", *(f"sqrt {n}" for n in ROOTS)):
        yield from (Named(1, of, q) for q in (1, 2))
