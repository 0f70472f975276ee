"""The constants of a formula fitted to what was observed, its structure staying as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock
from closedform.shorten.digits import drop_digits
from closedform.shorten.students.goal import Fit, Goal, fit
from closedform.shorten.surgeon import Surgery
from closedform.shorten.teacher import Teacher
from closedform.shorten.terms.refit import FLAT, chances_of, numbers_of, one_hot

ROWS = 20_000
"""So many rows are fitted to at most."""
ROWS_EACH = 5
"""Rows for each constant, at least: with fewer, the noise is fitted."""
ROUNDS = 8
RIDGE = 1e-9


def fitted_to_y(formula: Formula, teacher: Teacher, clock: Clock) -> Formula | None:
    """Return a formula with the constants of its sums fitted to y.

    Numbers by least squares; classes by their likelihood, with weighted least squares on working
    targets (McCullagh and Nelder, Generalized Linear Models, 1989).

    Args:
        formula: one of `teacher.formula_of`.
        teacher: the model, with y on its rows.
        clock: when to stop.

    Returns:
        The formula, the last step of its trail being "refit"; None where it has no constants that
        could be fitted or no scores, as forests that add chances have none, y is no answer of the
        model's kind, or there are too few rows.
    """
    try:
        seen = one_hot(teacher) if teacher.classifies else numbers_of(teacher)
    except BadInput:
        return None
    known = np.flatnonzero(np.isfinite(seen).all(axis=1))
    known = np.random.default_rng([teacher.seed, 17]).permutation(known)[:ROWS]
    if len(known) < 2 or not np.ptp(seen[known], axis=0).all():
        return None
    part, roots = teacher.part(known), _scores(formula)
    if not roots:
        return None
    found = (_likeliest if teacher.classifies else _nearest)(part, seen[known], roots, clock)
    if found is None or ROWS_EACH * found.count > len(known):
        return None
    step = Step("refit", "approx", {"to": "y"}, {"rows": len(known)})
    made = teacher.formula_of(_told_by(found, len(known)), step)
    return replace(made, trail=(*formula.trail, step))


def _told_by(found: Fit, rows: int) -> list[Node]:
    """Return the nodes of a fit with the digits of each constant that so many rows can tell.

    A constant may move by half of its standard error, the others making up for it.
    """
    if not found.normal.size:
        return found.roots
    room = max(found.loss, 1e-300) / 4 / rows
    surgery = Surgery(found.theta, found.normal)
    return found.constants.put(drop_digits(surgery, room, lambda _: True))


def _scores(formula: Formula) -> list[Node]:
    if formula.task.kind != "classification":
        return [formula.outputs[name] for name in formula.answer]
    decision = [formula.outputs[name] for name in formula.task.decision]
    return decision[1:] if len(decision) > 1 else decision


def _nearest(part: Teacher, seen: Array, roots: list[Node], clock: Clock) -> Fit | None:
    goal = Goal.of(part, part.inputs, seen, RIDGE)
    found = fit(goal, roots, (), steps=25, stop=clock.out)
    return found if len(found.theta) and np.isfinite(found.loss) else None


def _likeliest(part: Teacher, seen: Array, roots: list[Node], clock: Clock) -> Fit | None:
    """Return the fit of the greatest likelihood, from where it is."""
    best: Fit | None = None
    goal, lost = _working(part, seen, roots)
    for _ in range(ROUNDS):
        found = fit(goal, roots, (), steps=3, stop=clock.out)
        if not len(found.theta):
            return None
        goal, now = _working(part, seen, found.roots)
        if not now < lost - 1e-7:
            break
        best, roots, lost = found, found.roots, now
    return best


def _working(part: Teacher, seen: Array, roots: list[Node]) -> tuple[Goal, float]:
    """Return the goal whose least squares climb the likelihood, and the mean log loss now."""
    scores = Goal(part.inputs, seen, np.ones_like(seen)).made(roots)
    chances = chances_of(scores)
    bend = np.maximum(chances * (1 - chances), FLAT)
    target = scores + (seen - chances) / bend
    whole = bend / max(float((bend * (target - target.mean(axis=0)) ** 2).sum()), 1e-300)
    full = np.column_stack([np.zeros(len(scores)), scores])
    wanted = np.column_stack([1 - seen.sum(axis=1), seen])
    lost = np.logaddexp.reduce(full, axis=1) - (wanted * full).sum(axis=1)
    return Goal(part.inputs, target, whole, RIDGE), float(lost.mean())
