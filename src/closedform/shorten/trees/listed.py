"""A list of rules in the place of a model: if …, else if …, else.

Each rule is the box of a small tree that parts the remaining rows best from the others; they are
set aside, and the next rule is sought among the rest (Rivest, Learning decision lists, 1987; Frank
and Witten, Generating accurate rule sets without global optimization, 1998).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.progress import Wanted
from closedform.shorten.asked import Answers, answers
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import whole
from closedform.shorten.short import few_digits
from closedform.shorten.teacher import Teacher
from closedform.shorten.trees.boxes import gain_of, plain_cut, spread_of
from closedform.shorten.trees.grown import ROUGH, Grown, grown
from closedform.shorten.views import View

MOST_RULES = 16
"""More are no list that a person follows."""
MOST_ASKED = 10
"""A rule of more tests is read by nobody, and there are 2 to this power of them."""
MOST_TESTS = 3
"""Tests that one rule asks at most."""
SIMPLER = 0.96
"""A rule with one test less is preferred where it keeps this share of the gain."""
LEAST_SHARE = 0.002
"""A rule that explains less of the whole spread ends the list."""
ROWS = 20_000


@dataclass(frozen=True)
class Test:
    """x[view] <= cut, or x[view] > cut where `above`."""

    view: int
    above: bool
    cut: float

    def holds(self, x: Array) -> Array:
        """Return where it is true, of rows, shape (rows, views)."""
        column = x[:, self.view]
        true: Array = column > self.cut if self.above else column <= self.cut
        return true

    def node(self, views: Sequence[View]) -> Node:
        """Return it as a condition."""
        view, cut = views[self.view], ops.const(self.cut)
        if view.indicator and view.node.op is ops.WHERE:
            hit = view.node.args[0]
            return hit if self.above else ops.negate(hit)
        return ops.less(cut, view.node) if self.above else ops.less_equal(view.node, cut)


Rule = tuple[Test, ...]


@dataclass(frozen=True, eq=False)
class Listed:
    """Rules in order, and what holds where each is the first that does; the last of all, else.

    Attributes:
        rules: the rules.
        values: the mean scores, shape (rules + 1, scores).
        error: the root mean square of what is left, in units of deviations of the scores.
        shares: of the rows, shape (rules + 1,).
    """

    rules: tuple[Rule, ...]
    values: Array
    error: float
    shares: tuple[float, ...]

    def nodes(self, views: Sequence[View]) -> list[Node]:
        """Return the list as one chain of choices a score."""
        tests = [_all([t.node(views) for t in rule]) for rule in self.rules]
        chains = []
        for values in self._plain():
            chain = ops.const(values[-1])
            for test, value in zip(tests[::-1], values[-2::-1], strict=True):
                chain = ops.where(test, ops.const(value), chain)
            chains.append(chain)
        return chains

    def _plain(self) -> list[list[float]]:
        found = []
        for column in self.values.T:
            size = float(np.abs(column).max())
            slack = ROUGH * max(self.error * (column.std() or size), 1e-9 * size)
            found.append(few_digits(column, slack))
        return found


def rule_list(
    formula: Formula, X: Any, *, y: Any = None, rules: int = MOST_RULES, tests: int = MOST_TESTS,
    seed: int = 0, time_limit: float | None = 15.0, progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return lists of rules that imitate a model: if …, else if …, else; the shortest first.

    Args:
        formula: the exact formula of a model.
        X: rows, shape (rows, inputs); more like them are made up, and the model answers them all.
        y: not needed; what was observed.
        rules: so many at most.
        tests: so many at most in each rule.
        seed: of the rows that are made up.
        time_limit: seconds.
        progress: as of `frontier`.

    Raises:
        BadInput: the rows do not fit the formula, or are too few, or an option has no meaning.
        MissingExtra: scikit-learn is not installed.
    """
    rules, tests = whole("rules", rules, 1), whole("tests", tests, 1, MOST_ASKED)
    teacher, clock = Teacher.of(formula, X, y, seed=seed), Clock(time_limit)
    return gathered(lists(teacher, clock, rules, tests), clock, "lists of rules", progress)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield lists of 1 to 16 rules."""
    yield from lists(teacher, clock, MOST_RULES, MOST_TESTS)


def lists(teacher: Teacher, clock: Clock, rules: int, tests: int) -> Iterator[Formula]:
    """Yield the first rule, the first two …, as they are found."""
    if not teacher.views:
        return
    found, given = answers(teacher, clock, most=ROWS, seconds=2.0), teacher.design()
    for made in found_rules(found, rules, tests, clock):
        shares = coverage(made, given)
        step = Step("rules", "approx", {"rows": len(found.y)},
                    {"rules": len(made), "coverage": shares})  # fmt: skip
        yield teacher.formula_of(_valued(made, found, shares).nodes(teacher.views), step)


def coverage(rules: Sequence[Rule], x: Array) -> tuple[float, ...]:
    """Return for which share of some rows each rule is the first that holds; the last: none."""
    first = first_of(rules, x)
    counts = np.bincount(first, minlength=len(rules) + 1) / len(x)
    return tuple(round(share, 4) for share in counts.tolist())


def first_of(rules: Sequence[Rule], x: Array) -> Array:
    """Return the position of the first rule that holds, shape (rows,); behind the last: none."""
    found = np.full(len(x), len(rules))
    for i in range(len(rules) - 1, -1, -1):
        found[holds(rules[i], x)] = i
    return found


def holds(rule: Rule, x: Array) -> Array:
    """Return which rows pass all tests of a rule."""
    true = np.ones(len(x), dtype=bool)
    for test in rule:
        true &= test.holds(x)
    return true


def _valued(rules: tuple[Rule, ...], found: Answers, shares: tuple[float, ...]) -> Listed:
    first = first_of(rules, found.x)
    groups = [first == i for i in range(len(rules) + 1)]
    overall = found.y.mean(axis=0)
    values = np.array([found.y[g].mean(axis=0) if g.any() else overall for g in groups])
    away = (found.y - values[first]) / found.spread
    return Listed(rules, values, float(np.sqrt((away**2).mean())), shares)


def found_rules(found: Answers, most: int, tests: int, clock: Clock) -> Iterator[tuple[Rule, ...]]:
    """Yield longer and longer lists, until a rule explains too little."""
    made: tuple[Rule, ...] = ()
    rest, whole = found, spread_of(found.scaled)
    while len(made) < most and len(rest.y) > 20 and not clock.out():
        best = _best_rule(rest, tests)
        if best is None or gain_of(rest.scaled, holds(best, rest.x)) < LEAST_SHARE * whole:
            return
        made = (*made, best)
        others = ~holds(best, rest.x)
        rest = replace(rest, x=rest.x[others], y=rest.y[others])
        yield made


def _best_rule(rest: Answers, tests: int) -> Rule | None:
    """Return the box that parts the rest best from the others, of few tests."""
    tree = grown(rest, leaves=2**tests, deep=tests, least=max(5, len(rest.y) // 1000))
    scaled = rest.scaled
    boxes = list(_boxes(tree))
    if not boxes:
        return None
    worth = [gain_of(scaled, holds(b, rest.x)) * SIMPLER ** len(b) for b in boxes]
    best = _merged(_plain(boxes[int(np.argmax(worth))], rest))
    return _fewer(best, rest)


def _boxes(tree: Grown) -> Iterator[Rule]:
    """Yield the tests that lead to each node but the root."""
    stack: list[tuple[int, Rule]] = [(0, ())]
    while stack:
        i, path = stack.pop()
        if path:
            yield path
        if tree.left[i] >= 0:
            view, cut = int(tree.feature[i]), float(tree.cut[i])
            stack.append((int(tree.right[i]), (*path, Test(view, True, cut))))
            stack.append((int(tree.left[i]), (*path, Test(view, False, cut))))


def _plain(rule: Rule, rest: Answers) -> Rule:
    """Return the rule with cuts of few digits, each chosen among the rows that pass the others."""
    made = list(rule)
    for i, test in enumerate(made):
        passed = holds((*made[:i], *made[i + 1 :]), rest.x)
        x, y = rest.x[passed, test.view], rest.scaled[passed]
        made[i] = replace(test, cut=plain_cut(x, y, test.cut))
    return tuple(made)


def _merged(rule: Rule) -> Rule:
    """Return the rule with the narrowest of the tests of one kind on one view."""
    kept: dict[tuple[int, bool], Test] = {}
    for test in rule:
        key = (test.view, test.above)
        tighter = max if test.above else min
        old = kept.get(key, test)
        kept[key] = replace(test, cut=tighter(test.cut, old.cut))
    return tuple(kept.values())


def _fewer(rule: Rule, rest: Answers) -> Rule:
    """Return the rule without the tests that are worth little."""
    scaled = rest.scaled
    while len(rule) > 1:
        now = gain_of(scaled, holds(rule, rest.x))
        shorter = [rule[:i] + rule[i + 1 :] for i in range(len(rule))]
        worth = [gain_of(scaled, holds(r, rest.x)) for r in shorter]
        if max(worth) < SIMPLER * now:
            break
        rule = shorter[int(np.argmax(worth))]
    return rule


def _all(tests: list[Node]) -> Node:
    return tests[0] if len(tests) == 1 else ops.both(*tests)
