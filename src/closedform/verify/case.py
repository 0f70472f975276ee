"""One comparison under way: the rows, both sides' values on them, and when they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.verify.expression import Expression
from closedform.verify.measure import Gap, gap, spread_of

SAMPLE = 64
"""Rows on which a hypothesis is tried first; what fails there need not be tried on all."""
CLEAR = 0.05
"""The rounding of a user's own numbers explains a difference only if it is less than 5 % of how
much the output varies: coefficients of one digit would explain anything."""
NOTABLE = 0.2
"""A step put right must leave at most a fifth of the difference, before rounding is blamed for the
rest."""
ROUNDED_ROWS = 20_000
"""Rows, times numbers, on which the effect of rounding is computed."""
EXACTLY, TRIALS = 200, 30
"""Up to so many numbers are moved one by one; more are rounded at random so often."""


@dataclass(frozen=True)
class Hypothesis:
    """One step that may be missing, and what must agree if it is.

    Attributes:
        step: a word for machines: "transform", "target", "link", "activation", "order", "units",
            "intercept", "factor", "coefficient", "term", "class", "sign", "category".
        says: a sentence for people.
        mine: the user's expression, corrected; numbers still open.
        theirs: the formula's output, or what it becomes when the step is left out of it.
        output: the name of the output.
        advice: what to write.
        corrected: whether `mine` is a corrected expression (not where `theirs` was changed).
    """

    step: str
    says: str
    mine: Node
    theirs: Node
    output: str
    advice: tuple[str, ...] = ()
    corrected: bool = True


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows: the inputs, and the numbers of the expression as further columns."""

    columns: list[Array]
    count: int

    def values(self, roots: Sequence[Node]) -> list[Array]:
        """Return the value of each node on these rows."""
        return compute(roots, self.columns, self.count)

    def take(self, picked: Array) -> Rows:
        """Return some of the rows."""
        return Rows([c[picked] for c in self.columns], len(picked))


@dataclass(frozen=True, eq=False)
class Case:
    """The formula, the user's expression and the rows on which they are compared.

    Attributes:
        formula: the formula.
        expression: the user's.
        outputs: the outputs that it may be meant to be, by name.
        rows: all rows; `sample` some of them.
        tolerance: the greatest relative difference that counts as agreement.
    """

    formula: Formula
    expression: Expression
    outputs: dict[str, Node]
    rows: Rows
    sample: Rows
    tolerance: float
    _spreads: dict[Node, float] = field(default_factory=dict)
    _sampled: dict[Node, Array] = field(default_factory=dict)

    @property
    def mine(self) -> Node:
        """The user's expression, its numbers still open."""
        return self.expression.open

    @cached_property
    def halves(self) -> Array:
        """Half a unit of the last digit of each number in the expression."""
        return np.array([x.half_unit for x in self.expression.literals])

    def spread(self, theirs: Node) -> float:
        """Return how much a node varies over all rows (standard deviation)."""
        if theirs not in self._spreads:
            self._spreads[theirs] = spread_of(self.rows.values([theirs])[0])
        return self._spreads[theirs]

    def value(self, rows: Rows, n: Node) -> Array:
        """Return a node's value on some rows; remembered on the sample."""
        if rows is not self.sample:
            return rows.values([n])[0]
        if n not in self._sampled:
            self._sampled[n] = rows.values([n])[0]
        return self._sampled[n]

    def gap(self, rows: Rows, mine: Node, theirs: Node) -> Gap:
        """Return how far two nodes are apart on some rows."""
        return gap(self.value(rows, theirs), self.value(rows, mine), self.spread(theirs))

    def holds(self, h: Hypothesis) -> bool:
        """Tell whether a hypothesis makes both sides agree on every row."""
        if not all(self.agrees(rows, h.mine, h.theirs) for rows in (self.sample, self.rows)):
            return False
        whole = self.outputs[h.output]
        return h.theirs is whole or 2 * self._distinct(h.theirs) > self._distinct(whole)

    def _distinct(self, n: Node) -> int:
        """Return how many values a node takes on the sample: a sigmoid of 80 to 300 takes one."""
        values = self.value(self.sample, n)
        top = np.nanmax(np.abs(values), initial=0.0) or 1.0
        return len(np.unique(np.round(values / top, 9)))

    def agrees(self, rows: Rows, mine: Node, theirs: Node) -> bool:
        """Tell whether two nodes agree on some rows, within what rounded numbers allow."""
        apart = self.gap(rows, mine, theirs)
        if not apart.over(self.tolerance).any():
            return True
        if not self.halves.any() or apart.one_missing.any():
            return False
        worst = float(apart.absolute.max(initial=0.0))
        if mine is self.mine and theirs in self.outputs.values():
            # That nothing is wrong but the rounding is the mildest of all claims.
            scale = max(self.spread(theirs), float(np.median(np.abs(self.value(rows, theirs)))))
        else:
            scale = self.spread(theirs)
            before = min(self._before(t) for t in self.outputs.values())
            if worst > NOTABLE * before:
                return False
        return worst <= CLEAR * scale and self._within_rounding(rows, mine, apart, scale)

    def _before(self, theirs: Node) -> float:
        """Return how far the user's expression is from an output at worst, on the sample."""
        return float(self.gap(self.sample, self.mine, theirs).absolute.max(initial=0.0))

    def _within_rounding(self, rows: Rows, mine: Node, apart: Gap, scale: float) -> bool:
        """Tell whether a difference is no more than the rounding of the expression's numbers."""
        allowed, picked = self._allowance(rows, mine)
        if allowed.max(initial=0.0) > CLEAR * scale:
            return False
        # 1.01: the derivative is taken at the rounded number, not at the true one.
        slack = self.tolerance * scale
        return bool(np.all(apart.absolute[picked] <= 1.01 * allowed + slack))

    def _allowance(self, rows: Rows, mine: Node) -> tuple[Array, Array]:
        """Return how far rounding can move each of some rows, and which rows those are.

        Σ |∂mine/∂number|·half a unit; with more than 200 numbers four standard deviations of what
        rounding all of them at random does, since all of them never err the same way.
        """
        rounded = np.flatnonzero(self.halves)
        many = len(rounded) > EXACTLY
        moves = self._at_random(rounded) if many else np.diag(self.halves)[rounded]
        some = max(20, ROUNDED_ROWS // len(moves))
        picked = np.linspace(0, rows.count - 1, min(rows.count, some)).astype(np.int64)
        apart = self._moved(rows.take(picked), mine, moves)
        total = 4 * np.sqrt(np.mean(apart**2, axis=0)) if many else apart.sum(axis=0)
        return np.nan_to_num(total, nan=np.inf), picked

    def _at_random(self, rounded: Array) -> Array:
        moves = np.zeros((TRIALS, len(self.halves)))
        random = np.random.default_rng(0)
        moves[:, rounded] = random.uniform(-1, 1, (TRIALS, len(rounded))) * self.halves[rounded]
        return moves

    def _moved(self, rows: Rows, mine: Node, moves: Array) -> Array:
        """Return |change| of a node under each move of the numbers, shape (moves, rows).

        All moves are computed at once: planning a long expression takes longer than computing it.
        """
        first = self.expression.first
        columns = [np.tile(c, len(moves)) for c in rows.columns]
        for k in np.flatnonzero(moves.any(axis=0)).tolist():
            columns[first + k] = columns[first + k] + np.repeat(moves[:, k], rows.count)
        before = rows.values([mine])[0]
        moved = Rows(columns, rows.count * len(moves)).values([mine])[0]
        with np.errstate(all="ignore"):
            influence: Array = np.abs(moved.reshape(len(moves), -1) - before)
        return influence


def sampled(rows: Rows, expected: Array, seed: int) -> Rows:
    """Return a sample of rows: most at random, some of those that have missing inputs."""
    random = np.random.default_rng(seed)
    if rows.count <= SAMPLE:
        return rows
    holes = np.zeros(rows.count, dtype=bool)
    for column in rows.columns:
        holes |= np.isnan(column) if column.dtype.kind == "f" else column < 0
    some = [np.flatnonzero(m) for m in (holes, ~holes)]
    drawn = [random.permutation(part)[: SAMPLE // 4 if i == 0 else SAMPLE]
             for i, part in enumerate(some)]  # fmt: skip
    return rows.take(np.sort(np.concatenate(drawn)))
