"""Laws as they are found: the shorter first, and each longer one only where it is nearer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from closedform.discover.algebra import tidied
from closedform.discover.constants import EXACT, OVER
from closedform.discover.problem import Law, Problem
from closedform.discover.refit import refit
from closedform.discover.sample import Sample
from closedform.ir import Array, Node
from closedform.length import length

Ranked = tuple[int, float, Node, str]
ALIKE = 6
"""Symbols."""


def enough(problem: Problem) -> float:
    """Return the error below which nothing more is to be found."""
    return OVER * problem.noise + EXACT


class Front:
    """The laws that were found for a problem, refitted on some rows."""

    def __init__(self, problem: Problem, sample: Sample) -> None:
        """Start with none."""
        self.problem, self.sample = problem, sample
        self.found: dict[Node, tuple[float, str]] = {}
        self.tried: dict[Node, float] = {}

    def add(self, node: Node, made: str, steps: int = 15) -> float:
        """Refit an expression and keep it; return its error on the sample."""
        node = tidied(node)
        if node in self.tried:
            return self.tried[node]
        best = refit(node, self.sample, 4, 1e-2)
        # A start that is far off after four steps seldom comes near.
        if enough(self.problem) * 0.5 < best.error < 0.3:
            best = refit(best.node, self.sample, steps, 1e-6)
        self.tried[node] = best.error
        self.found[tidied(best.node)] = best.error, made
        return best.error

    def good(self) -> bool:
        """Tell whether one of them is as near as the noise allows."""
        limit = enough(self.problem)
        return any(error <= limit for error, _ in self.found.values())

    def laws(self, most: int = 5) -> list[Law]:
        """Return the laws that are shortest for their error, the shortest that fit first.

        First what is as near as the noise allows, then what is not, the nearest first.
        """
        limit = enough(self.problem)
        ranked = sorted(
            ((length([node]), error, node, made) for node, (error, made) in self.found.items()),
            key=lambda one: (one[0], one[1]),
        )
        fits = [one for one in ranked if one[1] <= limit]
        # Of what fits, hardly longer ones too: which of them is right others may know better.
        fits = [one for one in fits if one[0] <= fits[0][0] + ALIKE][:most]
        kept, nearest = [], float("inf")
        for one in ranked:
            if limit < one[1] < 0.7 * nearest:
                nearest = one[1]
                kept.append(one)
        every = [*self._unlike(fits), *reversed(kept)][:most]
        return [Law(node, self.problem.error(node), made) for _, _, node, made in every]

    def _unlike(self, ranked: list[Ranked]) -> Iterator[Ranked]:
        """Yield laws without those that say the same as a shorter one."""
        said: list[Array] = []
        same = EXACT + 0.02 * self.problem.noise
        for one in ranked:
            values = self.sample.said([one[2]])[0] / self.sample.scale
            if all(np.abs(values - other).max() > same for other in said):
                said.append(values)
                yield one
