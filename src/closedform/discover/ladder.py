"""The law of a function whose error nobody knows: its structure at one level after another.

A network's error cannot be seen from outside: it is smooth. Asked at a level below it, a true
symmetry is denied; above it, much else is believed. What tells them apart is the whole: a true law,
all its constants fitted, comes far below the level at which its parts were believed; a wrong one
stays at that level. What is like a law to one in a hundred is short, too: nearer ones are looked
for. The estimate of the noise comes first: on 12 models of `examples` it was off by ten and more
for six.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from closedform.discover import search
from closedform.discover.constants import cleaned, refitted
from closedform.discover.front import short
from closedform.discover.problem import Law, Problem
from closedform.shorten.clock import Clock

LEVELS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)
"""Of noise. The great ones first, which take the less time: what is denied needs no parts."""
EXACT = 1e-9
"""Rounding."""
OVER = 3.0
"""A law may be so many times the estimated noise away."""
BELOW = 3.0
"""A law that is so many times nearer than its level asks for was not made for that level."""
FIRST, SHARE, TOLD = 0.5, 0.3, 0.8
"""Of the time that is left, for the estimated level, for any other, and for one that is known."""


class Sure(Law):
    """A law that came far nearer than the level at which it was found asks for."""


def solve(
    problem: Problem, clock: Clock, *, seed: int = 0, tell: Callable[[Law], None] = lambda _: None
) -> Iterator[Law]:
    """Yield laws that a function may follow, until one is sure; see `search.solve`.

    Args:
        problem: one that can be asked; its `noise` is the first level.
        clock: how much time there is for all levels.
        seed: of the places where the function is asked.
        tell: called with laws as soon as there are any; see `search.solve`.
    """
    share = TOLD if known(problem) else FIRST
    first = list(asked(problem, clock, problem.noise, seed, share, tell))
    for law in first:
        tell(law)
    fine = [law for law in first if law.error <= OVER * problem.noise + EXACT and short(law)]
    if fine and problem.told:
        yield from first  # what is nearer follows the error
        return
    if fine:
        # Beside a law that is much nearer, the first would be preferred for its rounder constants.
        error = min(law.error for law in fine)
        yield from list(nearer(problem, clock, error, seed)) or first
        return
    yield from first
    for level in LEVELS:
        if clock.out():
            return
        for law in asked(problem, clock, level, seed, tell=tell):
            if sure(law, level):
                yield settled(problem, law)
                yield from nearer(problem, clock, law.error, seed)
                return
            yield law


def known(problem: Problem) -> bool:
    """Tell whether the noise is known: somebody said it, or there is none but rounding."""
    return problem.told or problem.noise <= EXACT


def asked(
    problem: Problem, clock: Clock, level: float, seed: int, share: float = SHARE,
    tell: Callable[[Law], None] = lambda _: None,
) -> Iterator[Law]:  # fmt: skip
    """Yield the laws that are found at a level of noise, in a share of the time that is left."""
    most = clock.at_most(clock.left * share)
    level = level if level > EXACT else 0.0  # what is rounding needs no averages over places
    return search.solve(replace(problem, noise=level), most, seed=seed, tell=tell)


def nearer(problem: Problem, clock: Clock, error: float, seed: int) -> Iterator[Law]:
    """Yield short laws that are much nearer than a sure one: that may be one that is like it."""
    levels = {error / 5, error / 30, problem.noise, 2 * EXACT}
    for level in sorted((one for one in levels if EXACT < one < error / BELOW), reverse=True):
        for law in asked(problem, clock, level, seed):
            if law.error < error / BELOW and short(law):
                yield settled(problem, law)
                break


def sure(law: Law, level: float) -> bool:
    """Tell whether a law is short for its error, and that far below the level it was found at."""
    return law.error <= max(level / BELOW, EXACT) and short(law)


def settled(problem: Problem, law: Law) -> Sure:
    """Return a sure law without what only the greater noise allowed: its own error is the noise."""
    if law.error <= EXACT:
        return Sure(law.node, law.error, law.made)
    at = replace(problem, noise=law.error)
    node = cleaned(at, refitted(at, law.node))
    error = at.error(node)
    return Sure(*((node, error) if error <= 1.1 * law.error + EXACT else (law.node, law.error)),
                law.made)  # fmt: skip
