"""What is proposed in which order: fewer inputs by symmetries, then sums, then search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from closedform import ops
from closedform.discover.algebra import tidied
from closedform.discover.constants import cleaned, refitted
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals.sums import sums
from closedform.discover.proposals.symmetries import Move, Reduced, moves, reduced
from closedform.ir import Node
from closedform.shorten.clock import Clock

SURE = (2.0, 5.0)
"""A move is believed up to so many times the noise, the strict first."""
LEAST = 1e-7
"""And at least up to this: rounding of an exact function."""
TRIED = 10
"""So many sums of each problem are refitted, the nearest first."""


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield laws that fit many rows at once, refitted and cleaned.

    Args:
        problem: what is looked for; `noise` says how near a law can come.
        clock: when to stop.
        seed: of everything random.
    """
    seen: set[Node] = set()
    for node, made in _proposed(problem, clock, seed):
        if clock.out():
            return
        for law in finished(problem, node, clock):
            if law not in seen:
                seen.add(law)
                yield Law(law, problem.error(law), made)


def finished(problem: Problem, node: Node, clock: Clock) -> Iterator[Node]:
    """Yield an expression refitted to the whole, and cleaned where it is near enough."""
    made = refitted(problem, tidied(node))
    yield made
    if not clock.out() and problem.error(made) < max(0.1, 5 * problem.noise):
        yield cleaned(problem, made)


def _proposed(problem: Problem, clock: Clock, seed: int) -> Iterator[tuple[Node, str]]:
    chains: list[list[Reduced]] = [[]]
    if problem.ask is not None:
        for sure in SURE:
            chain = _chain(problem, sure, seed)
            if chain and [c.words for c in chain] not in [[c.words for c in o] for o in chains]:
                chains.insert(len(chains) - 1, chain)
    for chain in chains:
        yield from _solved(problem, chain, clock)


def _chain(problem: Problem, sure: float, seed: int) -> list[Reduced]:
    """Return one reduction after the other, the surest first, as long as there are any."""
    chain: list[Reduced] = []
    while problem.inputs > 0:
        limit = sure * problem.noise + LEAST
        found = [m for m in moves(problem, seed) if m.away <= limit]
        if not found:
            break
        made = reduced(problem, preferred(found))
        if len(made.problem.values) < 20:
            break
        chain.append(replace(made, words=f"{preferred(found)}"))
        problem = made.problem
    return chain


def preferred(found: list[Move]) -> Move:
    """Return the move to begin with: an input that plays no role, differences, one input, several."""
    return min(found, key=_rank)


def _rank(move: Move) -> tuple[int, float]:
    count = sum(1 for q in move.q if q)
    if move.kind == "shift":
        return (0 if count == 1 else 2), move.away
    return (1 if count == 1 else 1 + count), move.away


def _solved(problem: Problem, chain: list[Reduced], clock: Clock) -> Iterator[tuple[Node, str]]:
    inner = chain[-1].problem if chain else problem
    for node, made in _inner(inner, clock):
        for step in reversed(chain):
            node = step.law(node)
        yield node, made


def _inner(problem: Problem, clock: Clock) -> Iterator[tuple[Node, str]]:
    if problem.inputs == 0:
        yield ops.const(float(np.mean(problem.values))), "powers"
        return
    if problem.inputs == 1:
        yield from _one_input(problem, clock)
    yield from sums(problem, clock)


def _one_input(problem: Problem, clock: Clock) -> Iterator[tuple[Node, str]]:
    try:
        from closedform.discover import one_input
    except ImportError:
        return
    for law in one_input.solve(problem, clock.at_most(3.0)):
        yield law.node, law.made
