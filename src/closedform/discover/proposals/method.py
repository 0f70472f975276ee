"""What is proposed in which order: fewer inputs by symmetries, then sums, then search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from closedform import ops
from closedform.discover import one_input
from closedform.discover.constants import cleaned, refitted
from closedform.discover.contents import canonical, shortest
from closedform.discover.front import short
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals import evidence
from closedform.discover.proposals.student import student
from closedform.discover.proposals.sums import sums
from closedform.discover.proposals.symmetries import Move, Reduced, moves, reduced
from closedform.fitting import Constants
from closedform.fitting.constants import written
from closedform.ir import Node
from closedform.passes.algebra import tidied
from closedform.passes.rounding import significant
from closedform.shorten.clock import Clock

SURE = 12.0
"""A move is believed up to so many times the noise: of networks, true ones were at 0.7 to 2 times
and false ones beyond 30, but that noise is an estimate."""
SURELY = 3.0
"""Up to so many times the noise a simple move is believed before others were tried."""
DONE = 1.3
"""A law as near as so many times the noise ends the search for others of its kind."""
JUMP = 2.5
"""And up to the first that is so many times as far from true as the one before."""
MOST = 0.08
"""A share of the deviation; a move that is farther from true is never believed."""
ORBIT = 3
"""So many places f is asked at for one where an input is left; one where there are more to come."""
ONE_INPUT = 5.0
"""Seconds for what is left of one input."""
SYMMETRIES = 0.6
"""Of the time, so much is for the symmetries of noisy rows."""
LEAST = 1e-8
"""Below this all are true: rounding of an exact function."""


def solve(problem: Problem, clock: Clock, *, seed: int = 0) -> Iterator[Law]:
    """Yield laws that fit many rows at once, refitted and cleaned.

    Args:
        problem: what is looked for; `noise` says how near a law can come.
        clock: when to stop.
        seed: of everything random.
    """
    seen, least = set[Node](), [float("inf")]

    def enough() -> bool:
        near = least[0] <= DONE * problem.noise + LEAST
        # Many noisy rows tell what is near their noise, which is an estimate, from what is nearer.
        return clock.out() or (near and not (problem.noisy and not problem.told))

    for node, made in _proposed(problem, clock, seed, enough):
        for law in finished(problem, node, clock):
            if law not in seen:
                seen.add(law)
                error = problem.error(law)
                found = Law(law, error, made)
                least[0] = min(least[0], error if short(found) else np.inf)
                yield found
        if clock.out():
            return


def finished(problem: Problem, node: Node, clock: Clock) -> Iterator[Node]:
    """Yield an expression refitted to the whole, and cleaned where it is near enough."""
    made = refitted(problem, _somewhere(problem, canonical(tidied(node))))
    yield made
    error = problem.error(made)
    if not clock.out() and error < max(0.1, 5 * problem.noise):
        # An estimate of the noise that is too great would take a part of the law for nothing.
        least = problem.noise if problem.told else min(problem.noise, error)
        yield shortest(cleaned(replace(problem, noise=least), made))


def _somewhere(problem: Problem, node: Node) -> Node:
    """Return an expression with numbers of few digits, where only so it has a value on all rows.

    √(x² - 2.01·x·y + 0.99·y²) has none where x is y.
    """
    constants = Constants([node], written)
    for digits in (1, 2) if math.isinf(problem.error(node)) else ():
        made = constants.put(np.array(significant(constants.start.tolist(), digits)))[0]
        if math.isfinite(problem.error(made)):
            return made
    return node


def _proposed(
    problem: Problem, clock: Clock, seed: int, enough: Callable[[], bool]
) -> Iterator[tuple[Node, str]]:
    told: list[list[str]] = [[]]
    most = clock.at_most(SYMMETRIES * clock.left) if math.isfinite(clock.left) else clock
    sure = evidence.chain(problem, seed, most) if problem.noisy else []
    if sure:
        yield from _solved(problem, sure, clock, enough)
    smooth = problem if problem.ask is not None else student(problem, seed)
    if smooth is not None and not sure:
        for jump in (JUMP, np.inf):
            chain = _chain(smooth, jump, seed, clock)
            words = [c.words for c in chain]
            if words not in told:
                told.append(words)
                yield from _solved(problem, chain, clock, enough)
            if enough():
                return
    yield from _solved(problem, [], clock, enough)


def _chain(problem: Problem, jump: float, seed: int, clock: Clock) -> list[Reduced]:
    """Return one reduction after the other, the surest first, as long as there are any."""
    chain: list[Reduced] = []
    while problem.inputs > 0 and not clock.out():
        found = _found(problem, jump, seed)
        if not found:
            break
        made = reduced(problem, preferred(found), ORBIT if problem.inputs < 3 else 1)
        if len(made.problem.values) < 20:
            break
        chain.append(replace(made, words=f"{preferred(found).kind} {preferred(found).q}"))
        problem = made.problem
    return chain


def _found(problem: Problem, jump: float, seed: int) -> list[Move]:
    """Return symmetries, the simple ones where they are surely such: then no others are tried."""
    tried: list[Move] = []
    for kind, sure in enumerate((SURELY, SURELY, SURE)):
        tried += moves(problem, seed, (kind,))
        found = believed(tried, problem.noise, jump, sure)
        if found:
            return found
    return []


def believed(tried: list[Move], noise: float, jump: float = JUMP, sure: float = SURE) -> list[Move]:
    """Return the moves that are symmetries, of those that were tried."""
    last, found = LEAST, list[Move]()
    for move in sorted(tried, key=lambda m: m.away):
        if move.away > min(sure * noise + LEAST, MOST) or (found and move.away > jump * last):
            break
        found.append(move)
        last = max(move.away, LEAST)
    return found


def preferred(found: list[Move]) -> Move:
    """Return the move to begin with: an input of no role, one input, differences, several."""
    return min(found, key=_rank)


def _rank(move: Move) -> tuple[int, float]:
    count = sum(1 for q in move.q if q)
    if move.kind == "shift":
        return (0 if count == 1 else 2), move.away
    return (1 if count == 1 else 1 + count), move.away


def _solved(
    problem: Problem, chain: list[Reduced], clock: Clock, enough: Callable[[], bool]
) -> Iterator[tuple[Node, str]]:
    inner = chain[-1].problem if chain else problem
    for node, made in _inner(inner, clock, enough):
        for step in reversed(chain):
            node = step.law(node)
        yield node, made


def _inner(
    problem: Problem, clock: Clock, enough: Callable[[], bool]
) -> Iterator[tuple[Node, str]]:
    if problem.inputs == 0:
        yield ops.const(float(np.mean(problem.values))), "powers"
        return
    if problem.inputs == 1:
        yield from _one_input(problem, clock)
    # Even where one input is left and its law near enough: the noise may be less than it seems.
    yield from sums(problem, clock, enough)


def _one_input(problem: Problem, clock: Clock) -> Iterator[tuple[Node, str]]:
    for law in one_input.solve(problem, clock.at_most(ONE_INPUT)):
        yield law.node, law.made
