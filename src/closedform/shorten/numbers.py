"""Numbers that a person would write: digits dropped as far as the error allows.

Optimal brain surgeon (Hassibi and Stork, Second order derivatives for network pruning, 1993) moves
a weight to 0 and the others so that the loss rises least; here it moves a number to one that is
short to read: 1 to 6 digits, a fraction, a multiple of π in an angle, a number that the user lists.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.fitting import Constants
from closedform.fitting.constants import Slot, written
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, rewrite, toposort
from closedform.passes.rounding import rounding
from closedform.passes.rules import Place
from closedform.passes.rules_lin import constant_terms, plain_term, zero_weights
from closedform.progress import Wanted, watching
from closedform.shorten.clock import Clock
from closedform.shorten.digits import drop_digits
from closedform.shorten.looked_up import looked_up, looked_up_shortened, only_asked
from closedform.shorten.misfit import Misfit
from closedform.shorten.neat import Neat, candidates, digits_of, named
from closedform.shorten.options import number
from closedform.shorten.scores import score_nodes
from closedform.shorten.surgeon import Surgery
from closedform.shorten.teacher import Teacher

ROWS, FEWEST = 16_000, 3_000
"""On so many the loss is measured, fewer where there are several scores or 10 constants and more.

Of 100 classes 1 moves; with 8,000 rows that came out 0.2 points too well on those it was chosen by.
"""
LOST = 0.0005
"""So many rows may change their class for the worse, as a share."""
ONE_BY_ONE = 60
"""Up to so many constants each is tried by itself, with the others refitted: 1 s at 60."""
ONE_HESSIAN = 600
"""Up to so many, each gets the digits that its own curvature asks for; above, all the same."""
PRICE = 0.02
"""What a sign is worth, as a share of the loss that may be added: measured on four truths."""
TRIED = 12
"""So many of the cheapest candidates are tried before all are given six digits."""


def snap(
    formula: Formula, X: Any, *, budget: float = 0.02, listed: Sequence[float] = (),
    seed: int = 0, time_limit: float | None = None, progress: Wanted = None,
) -> Formula:  # fmt: skip
    """Return the formula with numbers that a person would write.

    Args:
        formula: any formula.
        X: rows like those that it will be used on; at least 10 that it answers.
        budget: how much may be lost: the root mean square of what scores move by, as a share of
            ten times their deviation, so that 0.02 lets them move by 0.2 % of it.
        listed: numbers to be expected, as 9.81 or a known half-life; either sign.
        seed: of the rows that are made up beside X.
        time_limit: seconds; when they are over, or on Ctrl-C, what is left is only rounded.
        progress: as of `frontier`.

    Returns:
        The formula, with a Step "snap" of kind "approx" whose `found` is what `snapped` says.

    Raises:
        BadInput: the budget is no number from 0 on, `listed` are none, or the rows do not fit the
            formula.
    """
    teacher, clock = Teacher.of(formula, X, seed=seed), Clock(time_limit)
    with watching(progress, "shorter numbers", clock.left):
        for _ in range(2):
            try:
                return snapped(formula, teacher, budget=budget, listed=listed, clock=clock)
            except KeyboardInterrupt:
                clock.stop()  # once more, with no search: all numbers get few digits at once
    return formula


def snapped(
    formula: Formula, teacher: Teacher, *, budget: float = 0.02, listed: Sequence[float] = (),
    clock: Clock | None = None,
) -> Formula:  # fmt: skip
    """Return a formula with numbers that a person would write, as good a student of its teacher.

    Args:
        formula: a formula for the teacher's model, made by any method.
        teacher: what it is fitted to.
        budget: its loss may grow by this share, and by the square of a tenth of it as a share of
            the variance of the teacher's scores.
        listed: numbers to be expected; either sign.
        clock: when it is out, the best so far is returned.

    Returns:
        The formula, with a Step "snap" of kind "approx" whose `found` is {"loss before", "loss
        after", "digits before", "digits after"}: the weighted mean square of what its scores are
        away from the teacher's, of a regression as a share of their variance, and the digits of
        all numbers together.

    Raises:
        BadInput: the budget is no number from 0 on.
    """
    budget, listed = number("budget", budget, "a share of a loss as 0.02"), _expected(listed)
    clock = Clock() if clock is None else clock
    numbers = len(_constants(formula)) + len(looked_up(formula))
    count = max(1, numbers // 10) * teacher.scores.shape[1]
    misfit = Misfit.of(teacher, max(FEWEST, ROWS // count), seed=17)
    before = misfit.loss_of(formula)
    limit = before * (1 + budget) + (budget / 10) ** 2 * misfit.variance
    made = _shortened(formula, misfit, _Terms(before, limit, tuple(listed), clock))
    found = {
        "loss before": before, "loss after": misfit.loss_of(made),
        "digits before": digits(formula), "digits after": digits(made),
    }  # fmt: skip
    step = Step("snap", "approx", {"budget": budget, "listed": tuple(listed)}, found)
    return replace(made, trail=(*made.trail, step))


def _expected(listed: Any) -> tuple[float, ...]:
    fine = isinstance(listed, Collection) and not isinstance(listed, str | bytes | Mapping)
    if fine and all(isinstance(v, Real) and math.isfinite(v) for v in listed):
        return tuple(map(float, listed))
    raise BadInput(f"listed={listed!r} are no numbers.", hint="Give them as listed=[9.81, 0.25].")


def digits(formula: Formula) -> int:
    """Return how many significant digits the numbers of a formula's scores have together."""
    fitted = (slot.value for slot in _constants(formula).slots)
    return sum(digits_of(v) for v in (*fitted, *(p.value for p in looked_up(formula))))


@dataclass(frozen=True)
class _Terms:
    """What is allowed: the loss at first and at most, numbers to be expected, and time."""

    before: float
    limit: float
    listed: tuple[float, ...]
    clock: Clock


def _constants(formula: Formula) -> Constants:
    """Return the formula's own constants, without those that scores add to them."""
    scores = score_nodes(formula)
    own = set(formula.nodes) - only_asked(scores)
    return Constants(scores, lambda slot: slot.node in own and written(slot))


def _shortened(formula: Formula, misfit: Misfit, terms: _Terms) -> Formula:
    if not math.isfinite(terms.before):
        return formula
    count = len(_constants(formula))
    if count > ONE_HESSIAN:
        return _common(formula, misfit, terms)
    # Thresholds and tables first, with half of what may be lost: the constants make up for it.
    half = (terms.before + terms.limit) / 2 if count else terms.limit
    formula = looked_up_shortened(formula, misfit, half, terms.clock)
    constants = _constants(formula)
    if not len(constants):
        return formula
    search = _Search(constants, misfit, terms)
    theta = search.one_by_one() if count <= ONE_BY_ONE else search.by_curvature()
    new = dict(zip(formula.nodes, constants.put(theta, formula.nodes), strict=True))
    return tidied(formula.with_outputs(new))


def _common(formula: Formula, misfit: Misfit, terms: _Terms) -> Formula:
    """Return the formula with the fewest digits, the same for all numbers, that fit the limit."""
    low, high, best = 1, 17, formula
    while low < high and not terms.clock.out():
        middle = (low + high) // 2
        made = rounding(formula, middle)
        if misfit.loss_of(made) <= terms.limit:
            high, best = middle, replace(made, trail=formula.trail)
        else:
            low = middle + 1
    return best


def tidied(formula: Formula) -> Formula:
    """Return the formula without the terms whose weight became 0."""
    rules = (zero_weights, constant_terms, plain_term)

    def gone(n: Node) -> Node | None:
        if n.op is ops.LIN and not n.args:
            return ops.const(n.data.bias)
        found = (rule.apply(n, Place()) for rule in rules if n.op in rule.ops)
        return next((made for made in found if made is not None), None)

    kept = set(formula.roots)
    while True:
        became = rewrite(formula.roots, gone)
        formula = formula.with_outputs(became)
        if set(formula.roots) == kept:
            return formula
        kept = set(formula.roots)


class _Search:
    """Constants on their way to short ones: where they are, and how the loss bends there."""

    def __init__(self, constants: Constants, misfit: Misfit, terms: _Terms) -> None:
        self.constants, self.misfit, self.terms = constants, misfit, terms
        self.theta = constants.start.copy()
        # What has one digit already is as a person wrote it: x/2, 1 + x², 10⁻³.
        self.free = np.array([digits_of(v) > 1 for v in self.theta], dtype=bool)
        angles = _angles(constants)
        # Of the values at first: after many refits some constant looks like 1/9 by chance.
        self.named = [
            named(v, turns=v_turns) for v, v_turns in zip(self.theta, angles, strict=True)
        ]
        self._look()
        self.least = self.agreed - LOST

    def _look(self) -> None:
        """Measure the loss, its slope and its curvature at the constants."""
        inputs, rows = self.misfit.inputs, self.misfit.rows
        with np.errstate(all="ignore"):
            got, jacobian = self.constants.both(self.theta, inputs, rows)
        away, inside = self.misfit.away(got)
        flat = (jacobian * (inside / self.misfit.scale)[:, :, None]).reshape(-1, len(self.theta))
        weight = np.repeat(self.misfit.weight, got.shape[1])
        weighted = flat * weight[:, None]
        self.normal, self.slope = weighted.T @ flat, -(weighted.T @ away.ravel())
        self.normal += np.diag(1e-9 * np.diag(self.normal) + 1e-300)
        self.loss, self.agreed = self.misfit.loss(got), self.misfit.agreement(got)

    def _fine(self) -> bool:
        """Tell whether loss and agreement are as they may be."""
        return self.loss <= self.terms.limit and self.agreed >= self.least

    def _measured(self, theta: Array) -> tuple[float, float]:
        """Return the loss and the agreement at some constants."""
        scores = self.constants.values(theta, self.misfit.inputs, self.misfit.rows)
        return self.misfit.loss(scores), self.misfit.agreement(scores)

    def one_by_one(self) -> Array:
        """Return the constants, each snapped in its turn and the rest refitted each time."""
        if not (np.isfinite(self.normal).all() and self.free.any()):
            return self.theta
        kept = self.theta
        if not self._refitted():
            self.theta = kept
            self._look()
        while self.free.any() and not self.terms.clock.out():
            if not any(self._take(i, v) for i, v in self._cheapest()):
                break
        return self._few_digits(self.free)

    def _cheapest(self) -> list[tuple[int, float]]:
        """Return which constant might become what, the most valuable first."""
        free = np.flatnonzero(self.free)
        bend = _inverse_diagonal(self.normal[np.ix_(free, free)])
        unit = PRICE * (self.terms.limit - self.terms.before)
        error = np.sqrt(max(self.loss, 0.0) * bend / self.misfit.rows)
        ranked = []
        for i, spread, s_e in zip(free.tolist(), bend.tolist(), error.tolist(), strict=True):
            for neat in self._options(i):
                away = neat.value - self.theta[i]
                if neat.named and abs(away) > s_e + 1e-9 * abs(neat.value):
                    continue
                ranked.append((away * away / spread + unit * neat.signs, i, neat.value))
        return [(i, value) for _, i, value in sorted(ranked)[:TRIED]]

    def _options(self, i: int) -> list[Neat]:
        slot: Slot = self.constants.slots[i]
        found = candidates(
            self.theta[i], vanishes=slot.kind in ("weight", "bias"), scales=slot.kind == "weight",
            listed=self.terms.listed,
        )  # fmt: skip
        return found + self.named[i]

    def _take(self, i: int, value: float) -> bool:
        """Give one constant a value, refit the others, and keep that where the loss allows it."""
        kept = self.theta, self.free, self.loss, self.agreed, self.normal, self.slope
        self.free = self.free & (np.arange(len(self.theta)) != i)
        step = np.zeros(len(self.theta))
        step[i] = value - self.theta[i]
        step += self._newton(self.slope - self.normal @ step)
        # Where only the classes are not as they were, a better fit would not bring them back.
        if self._as_foreseen(step) or (self.agreed >= self.least and self._refitted()):
            self.theta[i] = value  # to the last bit
            return True
        self.theta, self.free, self.loss, self.agreed, self.normal, self.slope = kept
        return False

    def _as_foreseen(self, step: Array) -> bool:
        """Take a step; tell whether the loss may be so, and is what its curvature said.

        Then the curvature is taken for the same, which saves the Jacobian: of a sum it is.
        """
        said = self.loss - 2 * step @ self.slope + step @ self.normal @ step
        self.theta = self.theta + step
        self.loss, self.agreed = self._measured(self.theta)
        near = self.loss - said <= 0.05 * (self.terms.limit - self.terms.before)
        if not (self._fine() and near):
            return False
        self.slope = self.slope - self.normal @ step
        return True

    def _refitted(self) -> bool:
        """Refit the free constants by up to 4 Gauss–Newton steps; tell whether the loss may be."""
        for _ in range(4):
            self._look()
            if (self._fine() and self._settled()) or not self._improve():
                break
        return self._fine()

    def _settled(self) -> bool:
        """Tell whether a refit would gain less than a tenth of what may still be lost."""
        gained = self._newton(self.slope) @ self.slope
        return bool(gained <= 0.1 * (self.terms.limit - self.loss))

    def _newton(self, slope: Array) -> Array:
        """Return the step of the free constants to the bottom of the quadratic, 0 for others."""
        free = np.flatnonzero(self.free)
        step = np.zeros(len(self.theta))
        if len(free) and np.isfinite(self.normal).all():
            step[free] = np.linalg.solve(self.normal[np.ix_(free, free)], slope[free])
        return step

    def _improve(self) -> bool:
        """Take a Gauss–Newton step of the free constants, halved until it lowers the loss."""
        step = self._newton(self.slope)
        for _ in range(3):
            if self._measured(self.theta + step)[0] < self.loss:
                self.theta = self.theta + step
                return True
            step = step / 2
        return False

    def by_curvature(self) -> Array:
        """Return the constants with the digits that the curvature of the loss asks of each."""
        return self._few_digits(self.free)

    def _few_digits(self, which: Array) -> Array:
        """Return the constants, some with as few digits as the loss allows."""
        at = np.flatnonzero(which)
        if not len(at) or not np.isfinite(self.normal).all():
            return self.theta

        def put(short: Array) -> Array:
            theta = self.theta.copy()
            theta[at] = short
            return theta

        def fine(short: Array) -> bool:
            loss, agreed = self._measured(put(short))
            return loss <= self.terms.limit and agreed >= self.least

        room = max(self.terms.limit - self.loss, 1e-12 * self.terms.limit)
        bend = Surgery(self.theta[at], self.normal[np.ix_(at, at)])
        return put(drop_digits(bend, room, fine))


def _inverse_diagonal(normal: Array) -> Array:
    """Return the diagonal of the inverse: how far the loss lets each constant go."""
    try:
        return np.maximum(np.diag(np.linalg.inv(normal)), 1e-300)
    except np.linalg.LinAlgError:
        return np.asarray(1 / np.maximum(np.diag(normal), 1e-300))


def _angles(constants: Constants) -> list[bool]:
    """Return which constants stand in the sum that a sine or cosine takes."""
    waves = {n.args[0] for n in toposort(constants.roots) if n.op in (ops.SIN, ops.COS)}
    return [slot.node in waves for slot in constants.slots]
