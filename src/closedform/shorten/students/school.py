"""Where students are taught: rows that the teacher answered, and how a fit becomes a formula."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock
from closedform.shorten.digits import drop_digits, same_digits
from closedform.shorten.students.goal import (
    PRICE,
    RIDGE,
    Fit,
    Goal,
    cancellation,
    crowded,
    enough,
    fit,
)
from closedform.shorten.students.training import Column, Weights, column_of, trained
from closedform.shorten.surgeon import Surgery
from closedform.shorten.teacher import Teacher

POOL = 24_000
"""Rows on which the teacher is asked: each step draws its own from them."""
KEPT = 4_000
"""Of these, what no step is fitted on."""
ROWS = 8_000
"""On how many rows a student is fitted."""
STARTS = 4
"""Of each size; the better half is fitted further."""
HEAVY = 2_000
"""Constants times scores: above this one student is fitted, not for long: ten digits took 22 s."""
MOST = 40
"""Inputs that a student reads: the most important ones, where there are more."""
ALLOWED = 0.01
"""By which share the loss may rise for fewer digits, over all constants, as the Hessian foretells.

It is less where other rows say so: a unit that is saturated looks free to the surgeon. Of
0.5·tanh(9.6 − 5·x0 − 5·x1), from 5.97 and 4.4, nothing was left of an exclusive or.
"""
SLACK = 0.03
"""By which share it does rise at most, on rows that were not fitted."""
LEAST = 1e-7
"""What is left of the variance counts as so much at least: nobody asks for the seventh digit."""
MANY = 300
"""With more constants than this, all get the same number of digits."""
BETTER = 0.995
"""A longer formula leaves at most this share of what a shorter one left."""


@dataclass(eq=False)
class School:
    """A teacher, and the rows on which its students learn.

    Attributes:
        teacher: the model.
        goal: the rows that are learned from.
        kept: others, on which students are compared.
        columns: what students read; none where the teacher always says the same.
        given: their nodes.
        random: where rows are drawn from.
        name: what the trail calls the method.
        best: what was shown so far: number of constants and what it left unexplained.
    """

    teacher: Teacher
    goal: Goal
    kept: Goal
    columns: list[Column]
    given: list[Node]
    random: np.random.Generator
    name: str = "student"
    best: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def of(cls, teacher: Teacher, clock: Clock, *, itself: bool = False) -> School:
        """Ask a teacher about many rows, fewer where it takes long to answer.

        Args:
            teacher: the model.
            clock: of whose time a tenth is spent on asking.
            itself: whether the model itself is shortened: its scores are not clipped then, and
                what it has of large terms is its own.
        """
        inputs, scores = _asked(teacher, clock)
        if itself:
            scores = teacher.ask(inputs, len(scores))
        random = np.random.default_rng([teacher.seed, 11])
        whole = Goal.of(teacher, inputs, scores, 1e-9 if itself else RIDGE)
        order = random.permutation(whole.rows)
        cut = max(1, whole.rows * KEPT // POOL)
        moving = (np.ptp(scores, axis=0) > 1e-12 * np.abs(scores).max()).any()
        columns = [column_of(v) for v in teacher.views] if moving else []
        made = cls(teacher, whole.part(order[cut:]), whole.part(order[:cut]), columns,
                   [c.node for c in columns], random, "prune" if itself else "student")  # fmt: skip
        made._choose(clock)
        return made

    def drawn(self, count: int) -> Goal:
        """Return so many rows to learn from, others each time."""
        return self.goal.drawn(count, self.random)

    def taught(self, units: int, clock: Clock) -> Fit | None:
        """Return the best student with so many units; None where time was out before the first.

        A part of the time is spent on each step, so that little of it also gives a student.
        """
        part = clock.at_most(clock.left / 4)
        students = self._trained(units, STARTS if units < 12 else STARTS // 2, part)
        scores = self.goal.target.shape[1]
        count = (units + scores) * (len(self.columns) + 1)
        goal = self.drawn(enough(ROWS if count < 250 else ROWS * 5 // 8, count, scores))
        kept = students[: max(1, len(students) // 2) if count * scores < HEAVY else 1]
        part = clock.at_most(clock.left / 4)
        fits = [
            fit(goal, weights.nodes(self.columns), self.given, steps=12, stop=part.out)
            for i, weights in enumerate(kept)
            if not (i and part.out())
        ]
        if not fits or clock.out():
            return min(fits, key=lambda f: f.loss, default=None)
        first = min(fits, key=lambda f: f.loss)
        steps = 30 if count * scores < HEAVY else 8
        part = clock.at_most(clock.left / 4)
        return fit(goal, first.roots, self.given, steps=steps, stop=part.out)

    def _trained(self, units: int, starts: int, clock: Clock, steps: int = 1500) -> list[Weights]:
        goal = self.drawn(ROWS * 2)
        x = self._standardised(goal)
        weight = goal.weight.sum(axis=1)
        mean = np.average(goal.target, axis=0, weights=weight)
        spread = goal.target.std(axis=0)
        spread[spread == 0] = 1.0
        seed = int(self.random.integers(2**31))
        made = trained(
            x, (goal.target - mean) / spread, weight, units, starts, seed, clock.out, steps
        )
        return [
            replace(w, outer=w.outer * spread, straight=w.straight * spread,
                    offset=w.offset * spread + mean)
            for w in made
        ]  # fmt: skip

    def _standardised(self, goal: Goal) -> Array:
        from closedform.evaluate import compute

        made = np.column_stack(compute(self.given, goal.inputs, goal.rows))
        return (made - [c.mean for c in self.columns]) / [c.spread for c in self.columns]

    def _choose(self, clock: Clock) -> None:
        """Keep the inputs that a first student relies on most, where there are very many."""
        if len(self.columns) <= MOST:
            return
        first = self._trained(8, 1, clock, steps=600)
        if not first:
            return
        weights = first[0]
        through = np.abs(weights.inner) @ np.abs(weights.outer)
        used = (np.abs(weights.straight) + through).sum(axis=1)
        kept = np.sort(np.argsort(-used)[:MOST])
        self.columns = [self.columns[i] for i in kept]
        self.given = [self.given[i] for i in kept]

    def shown(self, found: Fit) -> Formula | None:
        """Return a fit as a formula with few digits; None where a shorter one is as good."""
        roots = _short(found, self.kept)
        made = self.kept.made(roots)
        loss = self.kept.unexplained(made) * np.exp(PRICE * crowded(roots, self.kept))
        rival = min((left for count, left in self.best if count <= found.count), default=np.inf)
        if not loss < BETTER * rival:
            return None
        self.best.append((found.count, loss))
        return self.formula(roots, found.count, made)

    def behind(self, found: Fit) -> bool:
        """Tell whether a shorter formula is already much better than this fit."""
        rival = min((left for count, left in self.best if count <= found.count), default=np.inf)
        return found.loss > 1.5 * rival

    def formula(self, roots: list[Node], count: int, made: Array) -> Formula:
        """Return scores as a formula; its step tells how far it is from the teacher.

        Args:
            roots: one node a score.
            count: how many constants they have.
            made: the scores on the rows that were kept.
        """
        found = {
            "constants": count,
            "unexplained": self.kept.unexplained(made),
            "error": _error(self.teacher, self.kept.target, made),
            "cancellation": cancellation(roots, self.kept),
            "rows": self.kept.rows,
        }
        return self.teacher.formula_of(roots, Step(self.name, "approx", found=found))

    def constant(self) -> Formula:
        """Return the formula that always says the same: the mean of the scores."""
        means = [ops.const(0.0)] * self.goal.target.shape[1]
        roots = fit(self.goal, means, ()).roots
        return self.formula(roots, len(roots), self.kept.made(roots))


def _short(found: Fit, kept: Goal) -> list[Node]:
    """Return the nodes of a fit, their constants with as few digits as other rows allow."""
    theta = found.theta
    if not len(theta):
        return found.roots

    def loss(constants: Array) -> float:
        return kept.unexplained(found.constants.values(constants, kept.inputs, kept.rows))

    limit = loss(theta) * (1 + SLACK) + LEAST

    def fine(constants: Array) -> bool:
        return loss(constants) <= limit

    if len(theta) > MANY or not found.normal.size:
        return found.constants.put(same_digits(theta, fine))
    room = ALLOWED * max(found.loss, LEAST) / len(theta)
    return found.constants.put(drop_digits(Surgery(theta, found.normal), room, fine))


def _error(teacher: Teacher, told: Array, made: Array) -> float:
    """Return the share of rows with another class, or the difference in deviations."""
    if not teacher.classifies:
        spread = np.maximum(told.std(axis=0), 1e-12 * (1e-300 + np.abs(told).max(axis=0)))
        return float(np.sqrt(np.mean(((made - told) / spread) ** 2)))
    first, second = (np.argmax(np.column_stack([0 * s[:, 0], s]), axis=1) for s in (told, made))
    return float((first != second).mean())


def _asked(teacher: Teacher, clock: Clock) -> tuple[tuple[Array, ...], Array]:
    """Return rows and scores: as many as are asked in a tenth of the time."""
    limit = clock.left
    part = Clock()
    few = POOL // 12
    asked = teacher.sample(few, seed=1)
    each = part.spent / few
    count = POOL if limit == np.inf else int(min(POOL, 0.1 * limit / max(each, 1e-9)))
    return asked if count <= few else teacher.sample(count, seed=1)
