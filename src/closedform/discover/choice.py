"""Which of all laws that were found is the one: the shortest that is as near as can be told.

Never by the error on the rows that a law was fitted to alone: its constants are fitted on a part of
the rows, cut off along some direction, and judged on the other part. A law holds there, too; what
only follows the error of a network does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform.discover.constants import EXACT
from closedform.discover.description import cheapest
from closedform.discover.problem import Law, Problem
from closedform.discover.refit import refit
from closedform.discover.sample import Sample
from closedform.ir import Array, Node
from closedform.length import length

PRICE = 0.1
"""What a symbol costs: the error must fall by a tenth for it. Of networks, what only follows
their error mostly brought a twentieth a symbol, a part of the law a third and more."""
ALIKE = 1.15
"""Errors up to so many times the least are told apart by nothing: a law that misses by half the
error of a network has 1.12 times its error."""
CUTS = 4
ROWS = 600
"""So many on each side of a cut."""
JUDGED = 10
"""So many laws are judged by cuts, of those that none is both shorter and nearer than: the cheapest
by the error that they were fitted to, which is the least that they can have."""


@dataclass(frozen=True)
class Choice:
    """The law that was chosen.

    Attributes:
        law: the law.
        beyond: its error where its constants were not fitted, as a share of the deviation.
        why: in a sentence.
    """

    law: Law
    beyond: float
    why: str


def best(problem: Problem, laws: Sequence[Law], y: Array | None = None, seed: int = 0) -> Choice:
    """Return the law that is most likely the one, with the reason.

    Args:
        problem: what was looked for.
        laws: that were found, at least one.
        y: what was observed on the problem's rows, shape (rows,), where there is such.
        seed: of the cuts.
    """
    if problem.observed and y is None:
        return _cheapest(problem, laws, seed)
    judged = problem if y is None else Problem(problem.rows, np.asarray(y, dtype=float))
    if y is not None:
        laws = [replace(law, error=judged.error(law.node)) for law in laws]
    # Of what is nearer than a noise that is known, it is the noise that is followed more closely.
    least = max(EXACT, judged.noise if judged.told else 0.0)
    ranked = sorted(front(laws), key=lambda law: _cost(law.error, length([law.node]), least))
    finalists = ranked[:JUDGED]
    samples = cuts(judged, seed)
    # Rounded for a greater noise, constants may be off, however well those of the form would fit.
    beyond = [max(law.error, across(law.node, samples, judged.scale)) for law in finalists]
    sizes = [length([law.node]) for law in finalists]
    i = int(np.argmin([_cost(b, size, least) for b, size in zip(beyond, sizes, strict=True)]))
    near = [k for k, error in enumerate(beyond) if error <= max(ALIKE * beyond[i], least)]
    i = min(near, key=lambda k: (sizes[k], beyond[k]))
    return Choice(finalists[i], beyond[i], _why(beyond, i, sizes))


def _cost(error: float, symbols: int, least: float) -> float:
    return float(np.log(max(error, least))) + PRICE * symbols


def _cheapest(problem: Problem, laws: Sequence[Law], seed: int) -> Choice:
    """Return the law by which rows that err by themselves are told in the fewest words."""
    law = cheapest(problem, laws)[0]
    beyond = across(law.node, cuts(problem, seed), problem.scale)
    text = (
        "The rows are told in the fewest words by it and what it leaves of them (minimum "
        f"description length): its error is {beyond:.2g} of the deviation on rows that its "
        "constants did not see."
    )
    return Choice(law, beyond, text)


def front(laws: Sequence[Law]) -> list[Law]:
    """Return the laws that no other is shorter and nearer than, the nearest first.

    And those beside them that are as near as the nearest, where these are hardly longer.
    """
    ranked = sorted(laws, key=lambda law: (length([law.node]), law.error))
    kept: list[Law] = []
    seen: set[Node] = set()
    for law in ranked:
        if law.node in seen or not np.isfinite(law.error):
            continue
        if all(law.error < other.error for other in kept) or not kept:
            seen.add(law.node)
            kept.append(law)
    return kept[::-1] or ranked[:1]


def cuts(problem: Problem, seed: int = 0) -> list[tuple[Sample, Sample]]:
    """Return the rows cut in two along some directions, and each the other way round."""
    at, random = np.flatnonzero(problem.complete), np.random.default_rng([seed, 13])
    at = random.permutation(at)[: 2 * ROWS]
    rows = problem.rows[at]
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    found = []
    for k in range(CUTS):
        direction = random.normal(size=problem.inputs) if k else np.ones(problem.inputs)
        order = at[np.argsort(rows @ direction)]
        one, other = order[: len(at) // 2], order[len(at) // 2 :]
        found += [
            (_sample(problem, a), _sample(problem, b)) for a, b in ((one, other), (other, one))
        ]
    return found


def _sample(problem: Problem, at: Array) -> Sample:
    return Sample(list(problem.rows[at].T.copy()), problem.values[at], problem.scale)


def across(node: Node, samples: Sequence[tuple[Sample, Sample]], scale: float) -> float:
    """Return a law's error beyond the rows that its constants were fitted to: root mean square."""
    errors = []
    for fitted, judged in samples:
        if not len(fitted) or not len(judged):
            continue
        errors.append(judged.error(refit(node, fitted, 10, 1e-4).node))
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else float("inf")


def _why(beyond: Sequence[float], i: int, lengths: Sequence[int]) -> str:
    """Return a sentence that says why one of several laws was chosen."""
    text = f"its error is {beyond[i]:.2g} of the deviation on rows that its constants did not see"
    shorter = [k for k, size in enumerate(lengths) if size < lengths[i]]
    longer = [k for k, size in enumerate(lengths) if size > lengths[i]]
    if shorter:
        nearest = min(shorter, key=lambda k: beyond[k])
        text += f", that of the nearest shorter law {_times(beyond[nearest], beyond[i])} it"
    if longer:
        least = min(beyond[k] for k in longer)
        word = (
            "no longer law is nearer"
            if least >= beyond[i]
            else (f"the nearest of the longer ones has {_times(least, beyond[i])} it")
        )
        text += f", and {word}"
    return text[0].upper() + text[1:] + "."


def _times(one: float, other: float) -> str:
    """Return a ratio in words; below `EXACT` both are rounding."""
    return f"{one / max(other, EXACT):.2g} times"
