"""Laws as they are found: the shorter first, and each longer one only where it is nearer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from closedform.discover.constants import EXACT, OVER, written
from closedform.discover.problem import Law, Problem
from closedform.discover.refit import refit
from closedform.discover.sample import Sample
from closedform.ir import Array, Node
from closedform.length import length
from closedform.passes.algebra import tidied
from closedform.shorten.clock import Clock

Ranked = tuple[int, float, Node, str]
ALIKE = 6
"""Symbols."""
CHANCE = 3e-6
"""What fits as closely as this is no chance; with more noise others are tried, too."""

DENSE = 10.0
"""Symbols that a law may have for each power of ten that it comes nearer."""


def short(law: Law) -> bool:
    """Tell whether a law has few symbols for how near it is: a long one comes near to anything."""
    return length([law.node]) <= DENSE * -math.log10(max(law.error, 1e-16))


def enough(problem: Problem) -> float:
    """Return the error below which nothing more is to be found."""
    return OVER * problem.noise + EXACT


class Front:
    """The laws that were found for a problem, refitted on some rows."""

    def __init__(self, problem: Problem, sample: Sample, clock: Clock) -> None:
        """Start with none."""
        self.problem, self.sample, self.clock = problem, sample, clock
        self.limit = enough(problem)
        self.found: dict[Node, tuple[float, str]] = {}
        self.tried: dict[Node, float] = {}

    def add(self, node: Node, made: str, steps: int = 15) -> float:
        """Refit an expression and keep it; return its error on the sample."""
        node = tidied(node)
        if node in self.tried or self.clock.out():
            return self.tried.get(node, float("inf"))
        best = refit(node, self.sample, 4, 1e-2)
        # A start that is far off after four steps seldom comes near.
        if self.limit * 0.5 < best.error < 0.3:
            best = refit(best.node, self.sample, steps, 1e-6)
        self.tried[node] = best.error
        self.found[tidied(best.node)] = best.error, made
        return best.error

    def good(self) -> bool:
        """Tell whether one of them is as near as the noise allows."""
        return any(error <= self.limit for error, _ in self.found.values())

    def sure(self) -> bool:
        """Tell whether one fits so closely that it is no chance."""
        return self.problem.noise < CHANCE and self.good()

    def after(self, stage: Callable[[], None]) -> bool:
        """Do one stage of a search; tell whether it is the last.

        What is no number, or too large for one, is no start and no harm either.
        """
        with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError):
            stage()
        return self.good() or self.clock.out()

    def about(self, error: float) -> int:
        """Return an error in steps of 1.6; what fits is all the same."""
        fine = math.isfinite(error)
        return round(2 * math.log(max(error, self.limit, 1e-300))) if fine else 10_000

    def written(self) -> Iterator[Law]:
        """Yield the laws, those that fit first: the constants of these as one writes them."""
        found = self.laws()
        fits = [law for law, fits in found if fits]
        made: dict[Node, Law] = {}
        for law in fits:
            node = law.node if self.clock.out() else written(self.problem, law.node)
            made.setdefault(node, Law(node, self.problem.error(node), law.made))
        yield from sorted(made.values(), key=lambda law: length([law.node]))
        yield from (law for law, fits in found if not fits and law.node not in made)

    def laws(self, most: int = 5) -> list[tuple[Law, bool]]:
        """Return the laws that are shortest for their error, and whether they fit.

        First what is as near as the noise allows, then what is not, the nearest first.
        """
        ranked = sorted(
            ((length([node]), error, node, made) for node, (error, made) in self.found.items()),
            key=lambda one: (one[0], one[1]),
        )
        fits = [one for one in ranked if one[1] <= self.limit]
        # Of what fits, hardly longer ones too: which of them is right others may know better.
        fits = [one for one in fits if one[0] <= fits[0][0] + ALIKE][:most]
        kept, nearest = [], float("inf")
        for one in ranked:
            if self.limit < one[1] < 0.7 * nearest:
                nearest = one[1]
                kept.append(one)
        every = [*self._unlike(fits), *reversed(kept)][:most]
        laws = [Law(node, self.problem.error(node), made) for _, _, node, made in every]
        return [(law, one[1] <= self.limit) for law, one in zip(laws, every, strict=True)]

    def _unlike(self, ranked: list[Ranked]) -> Iterator[Ranked]:
        """Yield laws without those that say the same as a shorter one."""
        said: list[Array] = []
        same = EXACT + 0.02 * self.problem.noise
        for one in ranked:
            values = self.sample.said([one[2]])[0] / self.sample.scale
            if all(np.abs(values - other).max() > same for other in said):
                said.append(values)
                yield one
