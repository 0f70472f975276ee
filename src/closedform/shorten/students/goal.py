"""What the constants of a student are fitted to: scores on some rows, and small terms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.fitting import Constants, Slopes, constants_of, levenberg_marquardt
from closedform.fitting.constants import Free, Slot, slots_of
from closedform.ir import Array, Node, Type, toposort
from closedform.passes.rounding import significant
from closedform.shorten.teacher import CLIP, Teacher

RIDGE = 1e-4
"""What a term of the size of the score itself costs, as a share of the score's variance.

Without it a student keeps terms like 58.7·tanh(0.03·x0 − …), which cancel one another.
"""
PRICE = 0.03
"""By which share a loss must fall for one more constant."""
NUMBERS, FEWEST = 10_000_000, 1000
"""A Jacobian holds no more numbers than this, unless that leaves fewer rows than so many."""
HARMLESS = 3.0
"""Terms that are together three times their sum are what sums are like."""
BOUNDED = ("tanh", "sigmoid", "sin", "cos", "atan", "exp")


@dataclass(frozen=True, eq=False)
class Goal:
    """Rows, what the teacher says there, and how much each counts.

    Attributes:
        inputs: the raw columns.
        target: the clipped scores, shape (rows, scores).
        weight: of each row and score, shape (rows, scores); it adds up to 1, and makes 1 of the
            loss of a constant.
        ridge: what a large term costs.
    """

    inputs: tuple[Array, ...]
    target: Array
    weight: Array
    ridge: float = RIDGE

    @classmethod
    def of(
        cls, teacher: Teacher, inputs: tuple[Array, ...], scores: Array, ridge: float = RIDGE
    ) -> Goal:
        """Return the goal of reaching a teacher's scores."""
        row = teacher.weights(scores)
        if teacher.classifies:  # of what is certain, the share by which it is missed counts
            row *= np.minimum(1.0, CLIP / np.maximum(np.abs(scores).max(axis=1), CLIP)) ** 2
        row = row / row.sum()
        mean = row @ scores
        spread = row @ (scores - mean) ** 2
        # Log-odds are of one unit; several predictions may differ in theirs.
        spread = np.full_like(spread, spread.mean()) if teacher.classifies else spread
        tiny = 1e-24 * (1 + mean**2)
        return cls(inputs, scores, row[:, None] / np.maximum(spread, tiny) / len(spread), ridge)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.target)

    def part(self, picked: Array) -> Goal:
        """Return the goal on some of the rows."""
        weight = self.weight[picked]
        scale = self.weight.sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300)
        return Goal(tuple(c[picked] for c in self.inputs), self.target[picked], weight * scale,
                    self.ridge)  # fmt: skip

    def drawn(self, count: int, random: np.random.Generator) -> Goal:
        """Return the goal on so many rows at random."""
        return self if count >= self.rows else self.part(random.permutation(self.rows)[:count])

    @cached_property
    def flat(self) -> tuple[Array, Array]:
        """Target and weight, one score after another, each of shape (scores · rows,)."""
        return self.target.T.ravel(), self.weight.T.ravel()

    def made(self, roots: Sequence[Node]) -> Array:
        """Return the value of each node on the rows, shape (rows, nodes)."""
        return np.column_stack(compute(roots, self.inputs, self.rows))

    def loss(self, roots: Sequence[Node]) -> float:
        """Return the share of the scores' variance that nodes leave unexplained."""
        return self.unexplained(self.made(roots))

    def unexplained(self, made: Array) -> float:
        """Return the same of given scores, shape (rows, scores)."""
        away = made - self.target
        with np.errstate(all="ignore"):
            found = float((self.weight * away * away).sum())
        return found if np.isfinite(found) else np.inf


@dataclass(frozen=True, eq=False)
class Fit:
    """Nodes whose constants are fitted.

    Attributes:
        roots: one node a score.
        constants: the free ones, `theta` their values.
        loss: the share of the variance that is left, with the ridge.
        normal: half the Hessian of the loss, shape (constants, constants).
    """

    roots: list[Node]
    constants: Constants
    theta: Array
    loss: float
    normal: Array

    @property
    def count(self) -> int:
        """How many numbers a reader meets."""
        return len(self.theta) + fixed_numbers(self.roots)


def fixed_numbers(roots: Sequence[Node]) -> int:
    """Return how many numbers no gradient moves: thresholds, and scores that are constant."""
    tests = [n for n in toposort(roots) if n.op is ops.LESS]
    found = sum(a.op is ops.CONST for n in tests for a in n.args)
    return found + len([n for n in roots if n.op is ops.CONST and n.data != 0])


def weights_and_biases(roots: Sequence[Node], given: Collection[Node]) -> Free:
    """Return which constants a student's fit may move: those of sums that move a score smoothly.

    Args:
        roots: the scores.
        given: nodes that stay as they are: the views of the inputs.
    """
    barred = set(toposort(given))
    for n in toposort(roots):
        if n.type is not Type.REAL or n.op in (ops.WHERE, ops.TREE, ops.PIECEWISE):
            barred.update(toposort(n.args))

    scaled = {a for n in toposort(roots) if n.op is ops.MAX for a in n.args}

    def free(slot: Slot) -> bool:
        if slot.node.op is not ops.LIN or slot.value == 0 or slot.node in barred:
            return False
        # max(x + …, 0): what stands before it says how large it is, and 1 is no number to read.
        return not (abs(slot.value) == 1 and slot.kind == "weight" and slot.node in scaled)

    return free


def count_of(roots: Sequence[Node], free: Free) -> int:
    """Return how many numbers a reader meets."""
    moved = sum(free(slot) for n in toposort(roots) for slot in slots_of(n))
    return moved + fixed_numbers(roots)


def fit(
    goal: Goal, roots: Sequence[Node], given: Collection[Node], *, steps: int = 25,
    stop: Callable[[], bool] = lambda: False,
) -> Fit:  # fmt: skip
    """Return nodes with their constants fitted to a goal by Levenberg–Marquardt."""
    roots = [_mean(goal, k) if n.op is ops.CONST else n for k, n in enumerate(roots)]
    constants = constants_of(roots, weights_and_biases(roots, given))
    price = np.sqrt(goal.ridge) * sizes(constants, goal)
    extra = len(price)
    if not extra:
        return Fit(list(roots), constants, constants.start, goal.loss(roots), np.empty((0, 0)))

    def values(theta: Array) -> Array:
        made = constants.values(theta, goal.inputs, goal.rows)
        return np.concatenate([made.T.ravel(), price * theta])

    def both(theta: Array) -> tuple[Array, Slopes]:
        made, slopes = constants.by_root(theta, goal.inputs, goal.rows)
        own = (np.arange(extra), np.diag(price))
        return np.concatenate([made.T.ravel(), price * theta]), [*slopes, own]

    target, weight = goal.flat
    target = np.concatenate([target, np.zeros(extra)])
    weight = np.concatenate([weight, np.ones(extra)])
    found = levenberg_marquardt(
        values, both, constants.start, target, weight, steps=steps, stop=stop
    )
    total = float(weight.sum())  # by which the weights were divided
    return Fit(constants.put(found.theta), constants, found.theta, found.loss * total,
               found.normal * total)  # fmt: skip


def enough(rows: int, constants: int, scores: int) -> int:
    """Return how many rows to fit on: fewer where a Jacobian would not fit into memory."""
    return min(rows, max(FEWEST, NUMBERS // max(1, constants * scores)))


def terms_of(root: Node) -> tuple[float, list[tuple[float, Node]]]:
    """Return a score as a constant and weighted terms."""
    if root.op is ops.LIN:
        return root.data.bias, list(zip(root.data.weights.tolist(), root.args, strict=True))
    if root.op is ops.CONST:
        return root.data, []
    return 0.0, [(1.0, root)]


def cancellation(roots: Sequence[Node], goal: Goal) -> float:
    """Return how much larger the terms of the scores are than the scores: 1 where none cancels.

    The mean of Σ|terms| over the mean of |score|, of the worst score.
    """
    worst = 1.0
    for root in roots:
        bias, terms = terms_of(root)
        if not terms:
            continue
        columns = compute([n for _, n in terms], goal.inputs, goal.rows)
        parts = [
            np.full(goal.rows, bias),
            *(w * c for (w, _), c in zip(terms, columns, strict=True)),
        ]
        whole = max(float(np.abs(sum(parts)).mean()), 1e-300)
        worst = max(worst, sum(float(np.abs(part).mean()) for part in parts) / whole)
    return worst


def crowded(roots: Sequence[Node], goal: Goal) -> float:
    """Return by how many constants a formula reads longer than it is, as its terms cancel."""
    return max(0.0, cancellation(roots, goal) - HARMLESS)


def _mean(goal: Goal, k: int) -> Node:
    """Return the best constant for one score, to a hundredth of the score's spread."""
    told, weight = goal.target[:, k], goal.weight[:, k]
    spread = float(told.std())
    if spread <= 1e-12 * abs(told[0]):
        return ops.const(told[0])
    value = float(weight @ told / weight.sum())
    short = (significant([value], digits)[0] for digits in range(2, 17))
    return ops.const(next((v for v in short if abs(v - value) < 0.01 * spread), value))


def sizes(constants: Constants, goal: Goal, inner: float = 0.1) -> Array:
    """Return how large a term of weight 1 is: its spread, and 1 for what stays within ±1.

    Args:
        constants: which constants; a bias has no size.
        goal: the rows.
        inner: by which a term counts that is not one of a score.
    """
    slots = constants.slots
    weighed = [s.node.args[s.place] if s.kind == "weight" else None for s in slots]
    nodes = list(dict.fromkeys(n for n in weighed if n is not None and n.op.name not in BOUNDED))
    spread = {}
    if nodes:
        with np.errstate(all="ignore"):
            columns = compute(nodes, goal.inputs, goal.rows)
            spread = {n: float(np.std(c)) for n, c in zip(nodes, columns, strict=True)}
    each = [0.0 if n is None else spread.get(n, 1.0) for n in weighed]
    # A score of any unit counts as one of spread 1, as in the loss.
    scale = dict(zip(constants.roots, np.sqrt(goal.weight.sum(axis=0)).tolist(), strict=True))
    found = [size * scale.get(s.node, inner) for size, s in zip(each, slots, strict=True)]
    return np.asarray(np.nan_to_num(found))
