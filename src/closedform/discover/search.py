"""The law of a problem that can be asked: its structure, then its parts, then the whole again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product

import numpy as np

from closedform import ops
from closedform.discover import one_input, small
from closedform.discover.constants import cleaned, refitted
from closedform.discover.problem import Law, Problem
from closedform.discover.rough import nearest
from closedform.discover.structure import QUESTIONS, Split
from closedform.discover.structure.split import drawn, told
from closedform.fitting.constants import Constants, slots_of
from closedform.ir import Node, toposort
from closedform.length import length
from closedform.passes.simplify import simplified
from closedform.shorten.clock import Clock
from closedform.shorten.neat import digits_of, rounded

EXACT = 1e-9
"""An error up to this is rounding, where nothing says that a function is not exact."""
OVER, FAIR, GOOD = 3.0, 1.7, 1.25
"""A law may be so many times the noise away to be tried in a whole, and to be looked no further."""
NOTHING = 0.5
"""Of a part with so much noise only its mean is known."""
SMALL = 10.0
"""Seconds for what is no common function of one input: tan x and its like are found in one."""
NEAR = 1.4
"""Of several laws at last, those that are so much farther than the nearest are none."""
SEARCHING = 0.8
"""A share of the time; the rest is for the constants of what was found."""
FRESH = 400
"""So many new rows a law is tried on before it is believed."""
DEEPEST = 14
"""Each step takes an input away or a function off; a law of ten inputs takes eight of them."""
KEPT, NOISES = 6, (1.8, 0.6)
"""So many laws of a part are tried in the whole."""
TRIED = 8
"""So many combinations of laws of parts are tried."""
ROUNDED, AS_NEAR = 0.03, 1.1
"""Numbers may be so much off at last, as a share, if the whole is within so much of the noise."""
MORE = 3
"""Digits of a number beyond the first, at most: so much more a fitted one is to be paid for."""
FAR = 10.0
"""Twice the error is worth so many symbols: a fifth more, what is a little too simple, 2.6."""
ODD = frozenset({"asin", "acos", "atan", "tanh", "sigmoid", "softplus", "erf"})
"""Rare in laws, and good at looking like others within an error."""


def solve(
    problem: Problem, clock: Clock, *, seed: int = 0, tell: Callable[[Law], None] = lambda _: None
) -> Iterator[Law]:
    """Yield laws that a function may follow, the likeliest first.

    Args:
        problem: one that can be asked; of another nothing is yielded.
        clock: when it is out, no more are looked for.
        seed: of the places where the function is asked.
        tell: called with the nearest law, near or not, where none is near, and where something
            ends the search in the middle.
    """
    if problem.ask is None or not len(problem.rows) or not np.isfinite(problem.values).all():
        return
    limited = math.isfinite(clock.left)
    search = _Search(clock.at_most(SEARCHING * clock.left) if limited else clock, seed)
    laws: dict[Node, _Found] = {}
    for found in search.credible_or_told(problem, tell):
        # One law that is as it should be says more than four that are not.
        less = found.node if clock.out() and laws else cleaned(problem, found.node)
        for node in (less, found.node, _rounded(problem, less), _rounded(problem, found.node)):
            laws.setdefault(node, _Found(node, problem.error(node), found.made))
    least = min((one.error for one in laws.values()), default=0.0)
    for one in _ranked(problem, laws.values()):
        if one.error <= max(NEAR * least, GOOD * problem.noise, EXACT):
            yield Law(one.node, one.error, one.made)


@dataclass(frozen=True)
class _Found:
    """A law of a problem, how far it is from it, and how it was found."""

    node: Node
    error: float
    made: str

    def score(self, problem: Problem) -> float:
        """Return how unlikely it is: its length, and its error beyond the noise."""
        order = toposort([self.node])
        odd = sum(n.op.name in ODD for n in order)
        values = [slot.value for n in order for slot in slots_of(n)]
        digits = sum(min(digits_of(v) - 1, MORE) for v in values if v and abs(v) != 1)
        far = max(self.error, EXACT) / max(problem.noise, EXACT)
        return length([self.node]) + 3 * odd + digits + FAR * math.log2(max(far, 0.9))


@dataclass
class _Search:
    clock: Clock
    seed: int
    asked: int = field(default=0)
    rough: dict[Problem, Law] = field(default_factory=dict)

    def credible_or_told(self, problem: Problem, tell: Callable[[Law], None]) -> list[_Found]:
        """Return credible laws of a whole; tell the nearest one where there are none."""
        found: list[_Found] = []
        try:
            found = self.credible(problem, 0)
        finally:
            if not found and problem in self.rough:
                tell(self.rough[problem])
        return found

    def credible(self, problem: Problem, depth: int, quick: bool = False) -> list[_Found]:
        """Return laws that are as near to a problem as its noise allows, the likeliest first."""
        if depth > DEEPEST or len(problem.rows) < 8:
            return []
        constant = _constant(problem) if problem.noise < NOTHING else _mean(problem)
        if constant is not None:
            return [_Found(constant, problem.error(constant), "constant")]
        if problem.inputs == 1:
            found = self.leaf(problem, self.curves(problem))
            if quick or any(one.error <= _tolerance(problem) for one in found):
                return found
            return self.leaf(problem, small.solve(problem, self.clock.at_most(SMALL))) or found
        found = self.apart(problem, depth)
        if not found and problem.inputs <= 4:
            return self.leaf(problem, small.solve(problem, self.clock))
        return found

    def apart(self, problem: Problem, depth: int) -> list[_Found]:
        """Return laws of a problem by its structure."""
        self.asked += 1
        rng = np.random.default_rng([self.seed, self.asked])
        trial, found = _Trial(problem, self.seed), list[_Found]()
        for question in QUESTIONS:
            for split in question(problem, rng):
                if self.clock.out():
                    return _ranked(problem, found)
                found += self.joined(trial, split, depth)
                if problem.noise == 0 and found:
                    return _ranked(problem, found)
                # With noise a curve seen in other coordinates is cheap, and may be told sooner.
                if not _is_curve(split) and any(_good(problem, one, depth) for one in found):
                    break
            if any(_good(problem, one, depth) for one in found):
                break
        return _ranked(problem, found)

    def curves(self, problem: Problem) -> Iterator[Law]:
        """Yield laws of one input: its noise is an estimate, too much or too little."""
        for share in NOISES if problem.noise > 0 else (1.0,):
            rough, least = replace(problem, noise=share * problem.noise), math.inf
            for law in one_input.solve(rough, self.clock):
                least = min(least, law.error)
                yield law
            if least <= 0.8 * problem.noise:
                return

    def leaf(self, problem: Problem, laws: Iterable[Law]) -> list[_Found]:
        """Return the likeliest of some laws; of none that is near enough, the nearest."""
        every = [_Found(law.node, law.error, law.made) for law in laws]
        near = [one for one in every if one.error <= _tolerance(problem)]
        if not near and problem.noise > 0 and problem.inputs == 1:
            near = [min(every, key=lambda one: one.error)] if every else []
        return _ranked(problem, near)

    def joined(self, trial: _Trial, split: Split, depth: int) -> list[_Found]:
        """Return the laws of a whole from those of its parts."""
        parts: list[list[Node]] = []
        try:
            for part in split.parts:
                known = [one.node for one in self.credible(part, depth + 1, split.quick)]
                if not known:
                    break
                parts.append(known)
        finally:
            # Also where it is interrupted: what is known of the parts says something of the whole.
            if len(parts) < len(split.parts):
                self.sketch(trial.problem, split, [known[0] for known in parts])
        if len(parts) < len(split.parts):
            return []
        found: list[_Found] = []
        for nodes in islice(_combinations(parts), TRIED):
            made = split.join(nodes)
            if isinstance(made, Split):
                found += self.joined(trial, made, depth)
            else:
                law = trial.confirmed(made)
                found += [] if law is None else [_Found(*law, split.made)]
            if trial.problem.noise == 0 and any(_good(trial.problem, one, depth) for one in found):
                break
        return found

    def sketch(self, problem: Problem, split: Split, known: Sequence[Node]) -> None:
        """Remember the law of a whole whose other parts are given roughly, if it is the nearest."""
        nodes = list(known)
        if not all(len(part.rows) for part in split.parts):
            return
        for part in split.parts[len(known) :]:
            law = self.rough.get(part) or nearest(part)
            nodes.append(_mean(part) if law is None else law.node)
        made = split.join(nodes)
        if isinstance(made, Split):
            return
        error = problem.error(made)
        if error < self.rough[problem].error if problem in self.rough else error < 1:
            self.rough[problem] = Law(made, error, f"{split.made}, in part")


def _rounded(problem: Problem, node: Node) -> Node:
    """Return a law with numbers of few digits where all of them together are near enough.

    One by one they seem to be known better than they are: 1.008/√(1.015 − x²) is 1/√(1 − x²).
    """
    constants = Constants([node])
    if problem.noise == 0 or not len(constants):
        return node
    for digits in (1, 2):
        near = np.array([rounded(v, digits) for v in constants.start.tolist()])
        close = np.abs(near - constants.start) <= ROUNDED * np.abs(near)
        made = constants.put(np.where(close, near, constants.start))[0]
        made = simplified([made])[made]
        if problem.error(made) <= AS_NEAR * problem.noise:
            return made
    return node


def _is_curve(split: Split) -> bool:
    return len(split.parts) == 1 and split.parts[0].inputs == 1


def _combinations(parts: Sequence[Sequence[Node]]) -> Iterator[list[Node]]:
    """Yield one law of each part, the likelier ones first."""
    places = product(*(range(len(known)) for known in parts))
    for at in sorted(places, key=sum):
        yield [known[i] for known, i in zip(parts, at, strict=True)]


def _ranked(problem: Problem, found: Iterable[_Found]) -> list[_Found]:
    unlike = {one.node: one for one in found}.values()
    return sorted(unlike, key=lambda one: one.score(problem))[:KEPT]


def _good(problem: Problem, one: _Found, depth: int) -> bool:
    # The noise of a part is an estimate, and its constants are fitted in the whole.
    return one.error <= (GOOD if depth == 0 else FAIR) * problem.noise + EXACT


def _tolerance(problem: Problem) -> float:
    return OVER * problem.noise + EXACT


def _mean(problem: Problem) -> Node:
    return ops.const(float(problem.values.mean()))


def _constant(problem: Problem) -> Node | None:
    middle = float(np.median(problem.values))
    size = float(np.abs(problem.values).max())
    if np.abs(problem.values - middle).max() <= 1e-11 * size:
        return ops.const(middle)
    return None


class _Trial:
    """Fresh rows of a problem, asked once, that laws are tried on."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem, self.seed = problem, seed

    @cached_property
    def fresh(self) -> Problem:
        """The problem on rows that no part has seen."""
        rows = drawn(self.problem, FRESH, np.random.default_rng([self.seed, 1]))
        values = told(self.problem, rows)
        fine = np.isfinite(values)
        # Not to be asked again: constants are fitted to these rows.
        return Problem(rows[fine], values[fine], None, self.problem.noise)

    def confirmed(self, node: Node) -> tuple[Node, float] | None:
        """Return a law where it holds, with its constants fitted where that is needed."""
        law = simplified([node])[node]
        error = self.fresh.error(law)
        if max(GOOD * self.problem.noise, EXACT) < error < 0.5:
            better = refitted(self.fresh, law)
            if self.fresh.error(better) < error:
                law, error = better, self.fresh.error(better)
        return (law, error) if error <= _tolerance(self.problem) else None
