"""A scorecard in the place of a classifier: whole points for each range of an input, and a total.

The points are the weights of steps, scaled, rounded to whole numbers, and then moved by one as long
as that fits better (Ustun and Rudin, Learning optimized risk scores, 2019, by descent alone).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.ops.payloads import Pieces
from closedform.progress import Wanted
from closedform.shorten.additive import Additive
from closedform.shorten.additive.curves import Factor, Term
from closedform.shorten.additive.fitted import Target, polished, without_least
from closedform.shorten.additive.forward import chosen_terms
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import whole
from closedform.shorten.short import shortened
from closedform.shorten.teacher import Teacher
from closedform.shorten.views import View

MOST_STEPS = 15
SIZES = (2, 3, 4, 5, 6, 8, 10, 12, 15)
"""Numbers of steps of which a card is given."""
MOST_POINTS = (3, 5, 10, 20, 50)
"""The greatest points of one step that are tried, the smallest first."""
GOOD_ENOUGH = 1.05
"""Points that leave so much of the error of unrounded weights are not refined any more."""


@dataclass(frozen=True, eq=False)
class Card:
    """Whole points of steps, and how their total becomes log-odds: base + each · total.

    Attributes:
        steps: the steps.
        points: of each where it is above its cut, shape (steps,).
        base, each: the log-odds of 0 points, and what a point adds.
        loss: the mean squared error of the log-odds, in units of their deviation.
    """

    steps: tuple[Factor, ...]
    points: Array
    base: float
    each: float
    loss: float

    def curves(self, views: Sequence[View]) -> list[Node]:
        """Return the points of each input, none below 0, as step functions."""
        found = []
        for j in dict.fromkeys(f.view for f in self.steps):
            here = sorted(
                ((f.knot if f.kind == "step" else 0.5), p)
                for f, p in zip(self.steps, self.points.tolist(), strict=True)
                if f.view == j and p
            )
            if here:
                edges, jumps = zip(*here, strict=True)
                levels = np.cumsum([0.0, *jumps])
                pieces = Pieces.of(edges, levels - levels.min(), right_closed=True)
                found.append(ops.piecewise(views[j].node, pieces))
        return found

    def shifted(self) -> float:
        """Return how many points are added in all by letting no input give less than 0."""
        total = 0.0
        for j in dict.fromkeys(f.view for f in self.steps):
            here = [(f.knot, p) for f, p in zip(self.steps, self.points.tolist(), strict=True)
                    if f.view == j]  # fmt: skip
            total -= min(0.0, *np.cumsum([p for _, p in sorted(here)]).tolist())
        return total


def scorecard(
    formula: Formula, X: Any, *, y: Any = None, steps: int = MOST_STEPS, seed: int = 0,
    time_limit: float | None = 15.0, progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return scorecards that imitate a classifier of two classes, the longest first.

    Each input gives whole points by the range that it lies in; their total gives the probability.
    The last step of the trail holds a table of it: `found["chances"]`, total → probability.

    Args:
        formula: the exact formula of a model.
        X: rows, shape (rows, inputs); more like them are made up, and the model answers them all.
        y: not needed; what was observed.
        steps: so many changes of points at most, over all inputs.
        seed: of the rows that are made up.
        time_limit: seconds.
        progress: as of `frontier`.

    Raises:
        BadInput: the model is no classifier of two classes, the rows do not fit, or an option has
            no meaning.
    """
    steps = whole("steps", steps, 1)
    teacher = Teacher.of(formula, X, y, seed=seed)
    if not _suits(teacher):
        raise BadInput(
            "A scorecard is made of a classifier with two classes, and this is none.",
            hint="Use cf.additive(formula, X) or cf.rule_list(formula, X).",
        )
    clock = Clock(time_limit)
    return gathered(cards(teacher, clock, steps), clock, "scorecards", progress)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield scorecards of 2 to 15 steps of a classifier of two classes; of others, nothing."""
    if _suits(teacher):
        yield from cards(teacher, clock, MOST_STEPS)


def _suits(teacher: Teacher) -> bool:
    return teacher.classifies and len(teacher.task.classes) == 2 and bool(teacher.views)


def cards(teacher: Teacher, clock: Clock, steps: int) -> Iterator[Formula]:
    """Yield cards of fewer and fewer steps."""
    search = Additive.of(teacher, clock, ("step",), line=False)
    target = search.target
    terms = list(
        chosen_terms(
            target.x,
            target.y,
            search.basis,
            most=steps,
            factors=1,
            stop=clock.out,
            weight=target.root**2,
        )
    )
    last = 0
    while terms:
        if len(terms) in SIZES:
            terms = polished(search.half, terms, search.fine, stop=clock.out)
            card = pointed(target, terms)
            # Of two cards with as many points that are not 0, the first had more to choose from.
            if card is not None and np.count_nonzero(card.points) != last:
                last = int(np.count_nonzero(card.points))
                yield _formula(search, card)
        terms = without_least(target, terms)


def pointed(target: Target, terms: Sequence[Term]) -> Card | None:
    """Return steps with the smallest whole points that fit nearly as well as any weights."""
    columns = target.matrix(terms)
    weights = target.weights(terms)[1:, 0]
    best = None
    for most in MOST_POINTS:
        points = np.round(weights / np.abs(weights).max() * most)
        points = points / max(1, np.gcd.reduce(points.astype(int)))
        card = _descended(tuple(t[0] for t in terms), columns, target, points)
        best = card if best is None or (card and card.loss < best.loss) else best
        if best and best.loss <= GOOD_ENOUGH * target.loss(terms):
            break
    return best


def _descended(
    steps: tuple[Factor, ...], columns: Array, target: Target, points: Array
) -> Card | None:
    """Move one of the points by 1 as long as that fits better."""
    best = _card(steps, columns, target, points)
    while best is not None:
        moved = [best.points + sign * unit for unit in np.eye(len(points)) for sign in (1, -1)]
        tried = [c for p in moved if (c := _card(steps, columns, target, p)) is not None]
        better = min(tried, key=lambda c: c.loss, default=best)
        if better.loss > 0.999 * best.loss:
            break
        best = better
    return best


def _card(steps: tuple[Factor, ...], columns: Array, target: Target, points: Array) -> Card | None:
    """Return some points with the best base and worth of each; None where all are 0."""
    total, y = columns[:, 1:] @ points, target.weighted[:, 0]
    both = np.column_stack([columns[:, 0], total])
    if np.ptp(total / columns[:, 0]) == 0:
        return None
    (base, each), *_ = np.linalg.lstsq(both, y, rcond=None)
    loss = float(((y - both @ np.array([base, each])) ** 2).sum())
    return Card(steps, points, float(base), float(each), loss)


def _formula(search: Additive, card: Card) -> Formula:
    """Return a card as a formula, its total a node of its own."""
    spread, root = float(search.found.spread[0]), search.target.root
    offset = float(root**2 @ search.found.y[:, 0])
    each = shortened(card.each * spread, 0.01 * abs(card.each) * spread)
    base = card.base * spread + offset - each * card.shifted()
    base = shortened(base, 0.02 * max(1.0, abs(each)))
    curves = card.curves(search.teacher.views)
    total = ops.lin(0, *((1, c) for c in curves))
    most = int(sum(c.data.coefs.max() for c in curves))
    step = Step("scorecard", "approx", {"rows": len(search.found.y)},
                {"steps": len(card.steps), "points": most,
                 "chances": _chances(base, each, most)})  # fmt: skip
    made = search.teacher.formula_of([ops.lin(base, (each, total))], step)
    return replace(made, names={total: "points"})


def _chances(base: float, each: float, most: int) -> dict[str, float]:
    """Return the probability of the second class at each of up to 21 totals."""
    totals = np.unique(np.round(np.linspace(0, most, min(most, 20) + 1)).astype(int)).tolist()
    return {str(t): round(float(1 / (1 + np.exp(-base - each * t))), 3) for t in totals}
