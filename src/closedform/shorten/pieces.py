"""Few pieces, each a linear formula: a model tree fitted to what the model says.

Grown best-first: the leaf and the split that lower the loss most, both halves fitted by linear
least squares (Quinlan, Learning with continuous classes, 1992). A split asks one input, or of a
ReLU network on which side of one of its own first units' edges a row lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, toposort
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.finish import finished_formula
from closedform.shorten.gathering import gathered
from closedform.shorten.numbers import snapped
from closedform.shorten.polynomial import telling
from closedform.shorten.scores import score_nodes
from closedform.shorten.teacher import Teacher

ROWS = 8_000
SIZES = (2, 3, 4, 6, 8, 12, 16)
"""Leaves of the formulas that are given; one leaf is a linear formula, given by another method."""
MOST_INPUTS = 15
"""So many inputs, the most telling, are split on and weighed in a leaf."""
CUTS = 7
"""Quantiles of an input that are tried."""
LEAST_ROWS = 30
"""A half with fewer rows, or fewer than 5 for each number of a leaf, is not split off."""
TERM = 0.002
"""A term of a leaf that explains less of the variance of all scores is left out."""
WORTH = 0.003
"""A split that explains less of the variance of all scores ends the growth."""
OBLIQUE = 1.3
"""So many times as much as that of one input must the split by a unit's edge explain."""
UNITS = 60
"""So many first units of a ReLU network have their edges tried."""


@dataclass(frozen=True, eq=False)
class Split:
    """A question that parts rows: whether a number is at most a limit.

    Attributes:
        node: the number, over the raw inputs.
        limit: of the rows that go to the first side.
        first: which rows those are, shape (rows,).
    """

    node: Node
    limit: float
    first: Array


@dataclass(eq=False)
class Leaf:
    """Rows that one linear formula answers, and the best split of them, found when asked for."""

    rows: Array
    loss: float
    split: Split | None = None
    gain: float = -1.0
    halves: tuple[Leaf, Leaf] | None = None


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Give model trees of linear formulas, of 2 to 16 leaves."""
    inputs, target = teacher.sample(ROWS, seed=11)
    if not teacher.views or len(target) < 2 * LEAST_ROWS:
        return
    growth = _Growth(teacher, inputs, target)
    for size in SIZES:
        while len(growth.leaves) < size and not clock.out():
            if not growth.split():
                return
        if len(growth.leaves) < size:
            return
        yield finished_formula(snapped(growth.formula(), teacher, clock=clock), teacher.inputs)


def pieces(
    formula: Formula,
    X: Any,
    *,
    y: Any = None,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Wanted = None,
) -> list[Formula]:
    """Return model trees for a model: few regions, each with a linear formula.

    Args:
        formula: the exact formula of the model.
        X: rows like those that it will be used on.
        y: what was observed there; not used for the fit.
        seed: of the rows that are made up beside X.
        time_limit: seconds; what was found by then, or until Ctrl-C, is returned.
        progress: as of `frontier`.

    Returns:
        Formulas of 2 to 16 leaves. Their step "pieces" has under "coverage" the share of the rows
        that each leaf answers, in the order of the leaves.

    Raises:
        BadInput: the rows do not fit the formula.
    """
    teacher, clock = Teacher.of(formula, X, y, seed=seed), Clock(time_limit)
    return gathered(formulas(teacher, clock), clock, "pieces", progress)


class _Growth:
    """A tree on its way: its leaves, and the questions that may be asked."""

    def __init__(self, teacher: Teacher, inputs: Sequence[Array], target: Array) -> None:
        self.teacher, weight = teacher, teacher.weights(target)
        spread = np.ones(target.shape[1]) if teacher.classifies else target.std(axis=0)
        self.spread = np.where(spread == 0, 1.0, spread)  # so that all outputs count alike
        self.target = target = target / self.spread
        self.weight = weight / weight.sum()
        design = teacher.design(inputs)
        best = sorted(telling(design, target, self.weight)[:MOST_INPUTS])
        self.nodes = [teacher.views[i].node for i in best]
        self.columns = columns = design[:, best]
        self.centre, self.scale = columns.mean(axis=0), columns.std(axis=0)
        self.scale[self.scale == 0] = 1.0
        self.table = np.column_stack([np.ones(len(target)), (columns - self.centre) / self.scale])
        self.splits = [*_on_inputs(self.nodes, columns), *_on_units(teacher, inputs)]
        everything = np.arange(len(target))
        self.root = Leaf(everything, self._loss(everything))
        self.leaves = [self.root]
        away = target - self.weight @ target
        self.variance = float(self.weight @ (away * away).sum(axis=1))

    def _loss(self, rows: Array) -> float:
        """Return the weighted squares that the best linear formula leaves on some rows."""
        table, target = self.table[rows], self.target[rows]
        weighted = table * self.weight[rows][:, None]
        return _left(weighted.T @ table, weighted.T @ target, weighted[:, 0] @ (target * target))

    def split(self) -> bool:
        """Split the leaf whose best split lowers the loss most; tell whether there was one."""
        for leaf in self.leaves:
            if leaf.gain < 0:
                self._look(leaf)
        best = max(self.leaves, key=lambda leaf: leaf.gain)
        if best.split is None or best.gain < WORTH * self.variance:
            return False
        first = best.split.first[best.rows]
        best.halves = (self._leaf(best.rows[first]), self._leaf(best.rows[~first]))
        at = self.leaves.index(best)
        self.leaves[at : at + 1] = best.halves
        return True

    def _leaf(self, rows: Array) -> Leaf:
        return Leaf(rows, self._loss(rows))

    def _look(self, leaf: Leaf) -> None:
        """Find the best split of a leaf; that of an input is tried between the quantiles, too."""
        leaf.gain = 0.0
        if len(leaf.rows) < 2 * self._least():
            return
        self._try(leaf, self.splits)
        for width in (0.1, 0.03, 0.01):
            if leaf.split is not None and leaf.split.node in self.nodes:
                self._try(leaf, list(self._near(leaf.split, width)))

    def _least(self) -> int:
        return max(LEAST_ROWS, 5 * int(self.table.shape[1]))

    def _near(self, split: Split, width: float) -> Iterator[Split]:
        x = self.columns[:, self.nodes.index(split.node)]
        share = split.first.mean() + width * np.linspace(-1, 1, 7)
        for cut in np.unique(np.quantile(x, np.clip(share, 0, 1))).tolist():
            yield Split(split.node, cut, x <= cut)

    def _try(self, leaf: Leaf, splits: Sequence[Split]) -> None:
        """Keep the best of some splits, from sums over the rows of either side."""
        table, target = self.table[leaf.rows], self.target[leaf.rows]
        weighted = table * self.weight[leaf.rows][:, None]
        wholes = weighted.T @ table, weighted.T @ target, weighted[:, 0] @ (target * target)
        for split in splits:
            first = split.first[leaf.rows]
            if not self._least() <= first.sum() <= len(first) - self._least():
                continue
            part, goal = weighted[first], target[first]
            sums = part.T @ table[first], part.T @ goal, part[:, 0] @ (goal * goal)
            rest = tuple(a - b for a, b in zip(wholes, sums, strict=True))
            gain = leaf.loss - _left(*sums) - _left(*rest)
            gain /= OBLIQUE if split.node.op is ops.LIN else 1.0
            if gain > leaf.gain:
                leaf.gain, leaf.split = gain, split

    def formula(self) -> Formula:
        """Return the tree as a formula: tests, and in each leaf a sparse linear formula."""
        made: dict[int, list[Node]] = {}
        for leaf in reversed(self._order()):
            if leaf.halves is None or leaf.split is None:
                made[id(leaf)] = self._linear(leaf.rows)
            else:
                made[id(leaf)] = _asked(leaf.split, leaf.halves, made)
        shares = [round(len(leaf.rows) / len(self.target), 4) for leaf in self.leaves]
        options = {"leaves": len(self.leaves), "seed": self.teacher.seed}
        step = Step("pieces", "approx", options, {"coverage": shares})
        return self.teacher.formula_of(made[id(self.root)], step)

    def _order(self) -> list[Leaf]:
        order = [self.root]
        for leaf in order:
            order += leaf.halves or ()
        return order

    def _linear(self, rows: Array) -> list[Node]:
        """Return a linear formula of each score, of the terms that tell something on the rows."""
        table, target, weight = self.table[rows], self.target[rows], self.weight[rows]
        kept = [0]
        while len(kept) < table.shape[1]:
            losses = [
                _loss_of(table[:, [*kept, j]], target, weight) if j not in kept else np.inf
                for j in range(table.shape[1])
            ]
            now = _loss_of(table[:, kept], target, weight)
            best = int(np.argmin(losses))
            if now - losses[best] < TERM * self.variance * min(
                1.0, 4 * len(rows) / len(self.target)
            ):
                break
            kept.append(best)
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq(table[:, kept] * root, target * root, rcond=1e-8)[0]
        return [self._in_raw_units(kept, column) for column in (found * self.spread).T]

    def _in_raw_units(self, kept: Sequence[int], weights: Array) -> Node:
        bias, terms = float(weights[0]), []
        for j, w in zip(kept[1:], weights[1:].tolist(), strict=True):
            raw = w / self.scale[j - 1]
            terms.append((raw, self.nodes[j - 1]))
            bias -= raw * self.centre[j - 1]
        return ops.lin(bias, *terms)


def _asked(split: Split, halves: tuple[Leaf, Leaf], made: dict[int, list[Node]]) -> list[Node]:
    """Return one choice a score, the half that asks no more first: it reads as a list of cases."""
    limit, (below, above) = ops.const(split.limit), halves
    test, order = ops.less_equal(split.node, limit), (below, above)
    if below.halves is not None and above.halves is None:
        test, order = ops.less(limit, split.node), (above, below)
    return [ops.where(test, a, b) for a, b in zip(*(made[id(h)] for h in order), strict=True)]


def _left(normal: Array, slope: Array, square: Any) -> float:
    """Return the loss that remains after least squares, from the normal equations."""
    ridge = 1e-9 * np.trace(normal) / len(normal) + 1e-300
    found = np.linalg.solve(normal + ridge * np.eye(len(normal)), slope)
    return float(np.sum(square) - (found * slope).sum())


def _loss_of(table: Array, target: Array, weight: Array) -> float:
    weighted = table * weight[:, None]
    return _left(weighted.T @ table, weighted.T @ target, weight @ (target * target))


def _on_inputs(nodes: Sequence[Node], columns: Array) -> Iterator[Split]:
    for node, x in zip(nodes, columns.T, strict=True):
        levels = np.unique(x)
        if len(levels) <= CUTS + 1:
            cuts = (levels[1:] + levels[:-1]) / 2
        else:
            cuts = np.unique(np.quantile(x, np.arange(1, CUTS + 1) / (CUTS + 1)))
        yield from (Split(node, float(cut), x <= cut) for cut in cuts)


def _on_units(teacher: Teacher, inputs: Sequence[Array]) -> list[Split]:
    """Return the edges of the first ReLU units of the model, where it has such."""
    if teacher.formula is None:
        return []
    sums = [z for n in toposort(score_nodes(teacher.formula)) if (z := _first_unit(n)) is not None]
    rows = len(inputs[0])
    made = []
    for z in list(dict.fromkeys(sums))[:UNITS]:
        columns = compute(z.args, inputs, rows)
        node = _plain(
            z, np.array([c.std() for c in columns]), np.array([c.mean() for c in columns])
        )
        made.append(Split(node, 0.0, compute([node], inputs, rows)[0] <= 0))
    return made


def _first_unit(n: Node) -> Node | None:
    if n.op is not ops.MAX or len(n.args) != 2 or n.args[1].op is not ops.CONST:
        return None
    z = n.args[0]
    over_inputs = z.op is ops.LIN and len(z.args) > 1 and all(a.op is ops.INPUT for a in z.args)
    return z if over_inputs and n.args[1].data == 0 else None


def _plain(z: Node, spread: Array, mean: Array) -> Node:
    """Return a sum without the terms that hardly vary, the largest weight being ±1."""
    weights, told = z.data.weights, abs(z.data.weights) * spread
    kept = told >= 0.25 * told.max()
    bias = z.data.bias + float((weights * mean)[~kept].sum())
    size = float(abs(weights[kept]).max())
    args = [a for a, k in zip(z.args, kept, strict=True) if k]
    return ops.linear(bias / size, weights[kept] / size, args)
