"""The law of a function whose error nobody knows: its structure at one level after another.

A network's error cannot be seen from outside: it is smooth. Asked at a level below it, a true
symmetry is denied; above it, much else is believed. What tells them apart is the whole: a true law,
all its constants fitted, comes far below the level at which its parts were believed; a wrong one
stays at that level. On the networks of `examples` a law within three times less than its level was
never a wrong one of few symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from closedform.discover import search
from closedform.discover.constants import cleaned, refitted
from closedform.discover.problem import Law, Problem
from closedform.length import length
from closedform.shorten.clock import Clock

LEVELS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)
"""Of noise. The great ones first, which take the less time: what is denied needs no parts."""
EXACT = 1e-9
"""A function with less noise than this is asked as an exact one first."""
BELOW = 3.0
"""A law that is so many times nearer than its level asks for was not made for that level."""
DENSE = 10.0
"""Symbols that a law may have for each power of ten that it comes nearer."""
SHARE = 0.2
"""Of the time that is left, for one level."""


class Sure(Law):
    """A law that came far nearer than the level at which it was found asks for."""


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield laws that a function may follow, until one is sure; see `search.solve`.

    Args:
        problem: one that can be asked; its `noise` is taken for a first guess.
        clock: how much time there is for all levels.
        seed: of the places where the function is asked.
    """
    first = [problem.noise] if problem.noise <= EXACT else []
    for level in (*first, *LEVELS):
        share = clock.at_most(clock.left * SHARE)
        for law in search.solve(replace(problem, noise=level), share, seed=seed):
            if sure(law, level):
                yield settled(problem, law)
                return
            yield law
        if clock.out():
            return


def sure(law: Law, level: float) -> bool:
    """Tell whether a law is short for its error, and that far below the level it was found at."""
    near = law.error <= max(level / BELOW, EXACT)
    return near and length([law.node]) <= DENSE * -math.log10(max(law.error, 1e-16))


def settled(problem: Problem, law: Law) -> Sure:
    """Return a sure law without what only the greater noise allowed: its own error is the noise."""
    at = replace(problem, noise=law.error)
    node = cleaned(at, refitted(at, law.node))
    error = at.error(node)
    return Sure(*((node, error) if error <= 1.1 * law.error + EXACT else (law.node, law.error)),
                law.made)  # fmt: skip
