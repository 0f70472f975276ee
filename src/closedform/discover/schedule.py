"""Which search comes when: asking about structure, then fits to many rows, then engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from closedform.discover import ladder, one_input, proposals, small
from closedform.discover.engines import registry
from closedform.discover.front import enough, short
from closedform.discover.operators import PLAIN, made_of
from closedform.discover.problem import Law, Problem
from closedform.discover.proposals import corners, shapes
from closedform.discover.rough import lines, nearest
from closedform.errors import MissingExtra
from closedform.ir import Node
from closedform.shorten.clock import Clock

DEFAULT = "pyoperon"
"""The engine that is used where it is installed."""
FITS = 0.3
"""Of the time left, so much is for fits to many rows, and as much for small expressions: of noisy
data, engines find more than these do in the same time."""
NOISY = 0.65
"""The same of the fits to noisy rows, whose symmetries are looked for first."""
KNOWN = 0.75
"""And for questions, where the noise is known; where it is not, half of it: they are asked at one
level of noise after another, and mostly denied."""
MORE = 8
"""So many laws that are as near as the noise allows are enough to choose from."""
ROUGH = 1e-5
"""From this noise on fits to many rows come before questions: four of five laws of networks, whose
error is about 1e-3, are found so in two seconds."""
SEEDS = 3
"""So many of the nearest laws are handed to an engine."""


def solve(
    problem: Problem, clock: Clock, *, seed: int = 0, operators: Sequence[str] | None = None,
    engines: Sequence[str] | None = None, tell: Callable[[Law], None] = lambda _: None,
) -> Iterator[Law]:  # fmt: skip
    """Yield laws of a problem, until one is as near as its noise allows or the time is over.

    Args:
        problem: what is looked for.
        clock: how much time there is.
        seed: of everything random.
        operators: names of `operators.OPERATORS`; None for all.
        engines: names of engines; None for PyOperon where it is installed.
        tell: called with laws as soon as there are any, near or not: what ends the search in the
            middle does not lose them.
    """
    found: list[Law] = []
    # What is within the noise is no more than near: rows tell much finer differences.
    limit = -1.0 if problem.noisy and not problem.told else enough(problem)
    for laws in _steps(problem, clock, seed, operators, engines, found, tell):
        more = MORE
        for law in laws:
            if made_of(law.node, operators):
                found.append(law)
                yield law
                more -= law.error <= limit and short(law)
            if not more:
                return
        if clock.out() or more < MORE:
            return


def _steps(
    problem: Problem, clock: Clock, seed: int, operators: Sequence[str] | None,
    engines: Sequence[str] | None, found: list[Law], tell: Callable[[Law], None],
) -> Iterator[Iterator[Law]]:  # fmt: skip
    """Yield the searches, each as it is wanted: the cheaper, the earlier."""
    yield lines(problem)
    sketch = nearest(problem)
    if sketch is not None:
        tell(sketch)
    yield corners.solve(problem, clock.at_most(FITS * clock.left), seed=seed)
    if problem.ask is not None and problem.noise > ROUGH:
        yield proposals.solve(problem, clock.at_most(FITS * clock.left), seed=seed)
    if problem.ask is not None:
        most = KNOWN if ladder.known(problem) else 0.5
        yield ladder.solve(problem, clock.at_most(most * clock.left), seed=seed, tell=tell)
        if any(isinstance(law, ladder.Sure) for law in found):
            return
    yield shapes.solve(problem, clock.at_most(FITS * clock.left), seed=seed)
    if problem.inputs == 1:
        yield one_input.solve(problem, clock.at_most(clock.left / 2))
    if problem.ask is None or problem.noise <= ROUGH:
        part = NOISY if problem.noisy else FITS
        yield proposals.solve(problem, clock.at_most(part * clock.left), seed=seed)
    if problem.inputs <= 4:
        yield small.solve(problem, clock.at_most(FITS * clock.left))
    names = [DEFAULT] if engines is None else engines
    for i, name in enumerate(names):
        own = clock.at_most(clock.left / (len(names) - i))
        seeds = [] if problem.noisy else _best(found)
        yield _by_engine(problem, own, name, seeds, operators, seed, engines is None)


def _best(found: Sequence[Law]) -> list[Node]:
    return [law.node for law in sorted(found, key=lambda law: law.error)[:SEEDS]]


def _by_engine(
    problem: Problem, clock: Clock, name: str, seeds: Sequence[Node],
    operators: Sequence[str] | None, seed: int, optional: bool,
) -> Iterator[Law]:  # fmt: skip
    names = None if operators is None else [*PLAIN, *operators]
    try:
        yield from registry.solve(
            problem, clock, name=name, seeds=seeds, operators=names, seed=seed
        )
    except MissingExtra:
        if not optional:
            raise
