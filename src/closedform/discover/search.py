"""The law of a problem that can be asked: its structure, then its parts, then the whole again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product

import numpy as np

from closedform import ops
from closedform.discover import one_input, small
from closedform.discover.constants import cleaned, refitted
from closedform.discover.problem import Law, Problem
from closedform.discover.structure import QUESTIONS, Split
from closedform.discover.structure.split import drawn, told
from closedform.ir import Node
from closedform.length import length
from closedform.passes.simplify import simplified
from closedform.shorten.clock import Clock

EXACT = 1e-8
"""An error up to this is rounding, where nothing says that a function is not exact."""
OVER = 3.0
"""A law may be so many times the noise away before its constants are fitted together."""
FRESH = 400
"""So many new rows a law is tried on before it is believed."""
DEEPEST = 14
"""Each step takes an input away or a function off; a law of ten inputs takes eight of them."""
KEPT = 2
"""So many laws of a part are tried in the whole."""


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield laws that a function may follow, the shortest guesses first.

    Args:
        problem: one that can be asked; of another only what fits at once is yielded.
        clock: when it is out, no more are looked for.
        seed: of the places where the function is asked.
    """
    if not len(problem.rows):
        return
    if problem.ask is None or not np.isfinite(problem.values).all():
        return
    search = _Search(clock, seed)
    for node, made in search.whole(problem):
        law = node if clock.out() else cleaned(problem, node)
        yield Law(law, problem.error(law), made)


@dataclass
class _Search:
    clock: Clock
    seed: int
    asked: int = field(default=0)

    def whole(self, problem: Problem) -> Iterator[tuple[Node, str]]:
        """Yield laws of a problem and how they were found."""
        yield from self.credible(problem, 0)

    def credible(self, problem: Problem, depth: int) -> Iterator[tuple[Node, str]]:
        """Yield laws that are as near to a problem as its noise allows."""
        if depth > DEEPEST or len(problem.rows) < 8:
            return
        constant = _constant(problem)
        if constant is not None:
            yield constant, "constant"
            return
        if problem.inputs == 1:
            yield from self.leaf(problem, one_input.solve(problem, self.clock))
            return
        self.asked += 1
        rng = np.random.default_rng([self.seed, self.asked])
        found = False
        for question in QUESTIONS:
            if self.clock.out():
                return
            for split in question(problem, rng):
                for node in self.joined(problem, split, depth):
                    found = True
                    yield node, split.made
                if found:
                    return
        if problem.inputs <= 4:
            yield from self.leaf(problem, small.solve(problem, self.clock))

    def leaf(self, problem: Problem, laws: Iterator[Law]) -> Iterator[tuple[Node, str]]:
        """Yield the shortest laws that are near enough; of none, the nearest."""
        tolerance = _tolerance(problem)
        good: list[Law] = []
        rest: list[Law] = []
        for law in laws:
            (good if law.error <= tolerance else rest).append(law)
            if len(good) >= 4:
                break
        good = sorted(good, key=lambda law: length([law.node]))
        if not good and problem.noise > 0:
            good = sorted(rest, key=lambda law: law.error)[:1]
        yield from ((law.node, law.made) for law in good[:KEPT])

    def joined(self, problem: Problem, split: Split, depth: int) -> Iterator[Node]:
        """Yield the laws of a whole from those of its parts."""
        parts: list[list[Node]] = []
        for part in split.parts:
            known = [node for node, _ in islice(self.credible(part, depth + 1), KEPT)]
            if not known:
                return
            parts.append(known)
        count = 0
        for nodes in islice(product(*parts), 4):
            made = split.join(nodes)
            if isinstance(made, Split):
                yield from self.joined(problem, made, depth)
                continue
            law = _confirmed(problem, made, self.seed)
            if law is not None:
                yield law
                count += 1
                if count >= KEPT or problem.noise == 0:
                    return


def _tolerance(problem: Problem) -> float:
    return OVER * problem.noise + EXACT


def _constant(problem: Problem) -> Node | None:
    middle = float(np.median(problem.values))
    size = float(np.abs(problem.values).max())
    if np.abs(problem.values - middle).max() <= 1e-11 * size:
        return ops.const(middle)
    return None


def _confirmed(problem: Problem, node: Node, seed: int) -> Node | None:
    """Return a law where it holds on fresh rows, with its constants fitted where that is needed."""
    law = simplified([node])[node]
    fresh = _fresh(problem, seed)
    error = fresh.error(law)
    if error > max(1.2 * problem.noise, EXACT) and error < 0.5:
        better = refitted(fresh, law)
        if fresh.error(better) < error:
            law, error = better, fresh.error(better)
    return law if error <= _tolerance(problem) else None


def _fresh(problem: Problem, seed: int) -> Problem:
    rows = drawn(problem, FRESH, np.random.default_rng([seed, 1]))
    values = told(problem, rows)
    fine = np.isfinite(values)
    return Problem(rows[fine], values[fine], problem.ask, problem.noise)
