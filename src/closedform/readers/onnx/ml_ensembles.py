"""TreeEnsembleRegressor, TreeEnsembleClassifier and TreeEnsemble, as onnxruntime computes them.

It adds the leaves of each row in the order of the trees, starting from 0, in float32 (float64 where
the input is), and the base value last. With several threads and more than 50 rows it adds the trees
in as many parts as there are threads; the formula is what one thread gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits
from closedform.readers.onnx.ml_rows import rounded
from closedform.readers.onnx.ml_trees import Unfit

MOST_LEAVES = 1 << 27
"""Leaves times targets of an ensemble: 1 GiB."""

Trees = tuple[tuple[Splits, Array], ...]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees whose leaves hold weights for targets.

    Attributes:
        trees: the shape of each, and where its nodes stand in the listing, shape (nodes,).
        size: how many nodes the listing has.
        node, target, weight: the weights of the leaves.
        otherwise: what a leaf without a weight gives where there is one target, shape (size,).
        targets: how many there are.
        base: added last: one number for each target, or none; classifiers may have one or two.
        single: whether it is added in float32.
        cut: how many columns there are, where some tests read them without what is behind the
            point: those tests read column number i as i + cut.
    """

    trees: Trees
    size: int
    node: Array
    target: Array
    weight: Array
    otherwise: Array
    targets: int
    base: tuple[float, ...]
    single: bool
    cut: int = 0

    def __post_init__(self) -> None:
        """Refuse weights of targets that are not there."""
        if self.targets < 1 or self.size * self.targets > MOST_LEAVES:
            raise Unfit(f"an ensemble of {self.size:,} nodes has {self.targets:,} targets")
        if len(self.target) and not 0 <= self.target.min() <= self.target.max() < self.targets:
            raise Unfit("a leaf has a weight for a target that the ensemble does not have")
        if len(np.unique(self.node * self.targets + self.target)) < len(self.node):
            raise Unfit("a leaf has two weights for one target")

    def members(self, k: int, columns: Sequence[Node]) -> list[Node]:
        """Return the trees that add to a target, in order."""
        values, there = self._leaves(k)
        return [
            ops.tree(splits, values[names], columns)
            for splits, names in self.trees
            if (there[names] & splits.leaf).any()
        ]

    def only(self, columns: Sequence[Node]) -> list[Node]:
        """Return the trees of the one target."""
        values, there = self._leaves(0)
        values = np.where(there, values, self.otherwise)
        return [ops.tree(splits, values[names], columns) for splits, names in self.trees]

    def _leaves(self, k: int) -> tuple[Array, Array]:
        """Return what each leaf weighs for a target, and where it has a weight, shape (size,)."""
        values, there = np.zeros(self.size), np.zeros(self.size, dtype=bool)
        picked = self.target == k
        values[self.node[picked]], there[self.node[picked]] = self.weight[picked], True
        return values, there

    def present(self, k: int, columns: Sequence[Node]) -> Node | bool:
        """Return whether a row reaches a leaf with a weight for a target, or that all (none) do."""
        _, there = self._leaves(k)
        tests = []
        for splits, names in self.trees:
            weighs = there[names][splits.leaf]
            if weighs.all():
                return True
            if weighs.any():
                found = ops.tree(splits, there[names].astype(float), columns)
                tests.append(ops.less(ops.const(0.5), found))
        return ops.either(*tests) if tests else False

    def added(self, members: Sequence[Node]) -> Node:
        """Return the sum of some trees, in order."""
        if len(members) < 2:
            return members[0] if members else ops.const(0.0)
        if self.single:
            return ops.sum32(*members)
        return ops.linear(0.0, [1.0] * len(members), members)

    def raised(self, score: Node, base: float) -> Node:
        """Return a score with its base value."""
        if base == 0:
            return score
        return self._plus(score, ops.const(base))

    def _plus(self, score: Node, base: Node) -> Node:
        if self.single:
            parts = score.args if score.op is ops.SUM32 else (score,)
            return ops.sum32(*parts, base)
        whole = score.op is ops.LIN and score.data.bias == 0 and (score.data.weights == 1).all()
        parts = score.args if whole else (score,)
        return ops.linear(0.0, [1.0] * (len(parts) + 1), [*parts, base])

    def mean(self, members: Sequence[Node]) -> Node:
        """Return the sum of some trees, divided by how many trees there are."""
        count = ops.const(float(len(self.trees)))
        return rounded(ops.div(self.added(members), count), self.single)


def either_way(present: Node | bool, score: Node, otherwise: Node) -> Node:
    """Return the score where it is present."""
    if isinstance(present, bool):
        return score if present else otherwise
    return ops.where(present, score, otherwise)


# --- regression -----------------------------------------------------------------------------------

AGGREGATES: dict[str, Callable[[Ensemble, Sequence[Node]], Node]] = {
    "SUM": lambda e, members: e.added(members),
    "AVERAGE": lambda e, members: e.mean(members),
    "MIN": lambda e, members: ops.minimum(*members),
    "MAX": lambda e, members: ops.maximum(*members),
}
"""aggregate_function → what it makes of the trees of one target."""


def values(e: Ensemble, aggregate: str, columns: Sequence[Node]) -> list[Node]:
    """Return the value of each target, before any transform.

    Raises:
        Unfit: the extreme of trees of which some have no weight for a target.
    """
    if e.targets == 1:
        score = AGGREGATES[aggregate](e, e.only(columns))
        return [e.raised(score, e.base[0] if e.base else 0.0)]
    made = []
    for k in range(e.targets):
        members, present = e.members(k, columns), e.present(k, columns)
        if aggregate in ("MIN", "MAX") and not _everywhere(e, k):
            raise Unfit("the extreme of trees of which some have no weight for a target")
        score = AGGREGATES[aggregate](e, members) if members else ops.const(0.0)
        raised = e.raised(score, e.base[k] if e.base else 0.0)
        # A target for which no leaf of the row has a weight is 0, its base value left out.
        made.append(either_way(present, raised, ops.const(0.0)))
    return made


def _everywhere(e: Ensemble, k: int) -> bool:
    there = np.zeros(e.size, dtype=bool)
    there[e.node[e.target == k]] = True
    return all(there[names][splits.leaf].all() for splits, names in e.trees)


# --- classification -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """The scores of a classifier for one row.

    Attributes:
        scores: one for each class, before any transform; or the only one, where `lonely`.
        label: the number of the predicted class.
        lonely: how one score becomes two: "share" (1 − s and s) or "sign" (−s and s), which is
            logistic where the transform is; empty where there are as many scores as classes.
    """

    scores: list[Node]
    label: Node
    lonely: str = ""


def classified(e: Ensemble, columns: Sequence[Node]) -> Scored:
    """Return the scores and the number of the class.

    Raises:
        Unfit: what onnxruntime gives is not determined, or of no class.
    """
    if e.targets == 1:
        if len(e.base) > 1:
            raise Unfit("a classifier of one class has several base values")
        (score,) = values(e, "SUM", columns)
        return Scored([score], _number(_above(score, 0.0)))
    return _two(e, columns) if e.targets == 2 else _several(e, columns)


def _above(score: Node, cut: float) -> Node:
    return ops.less(ops.const(cut), score)


def _number(positive: Node) -> Node:
    return ops.where(positive, ops.const(1.0), ops.const(0.0))


def _several(e: Ensemble, columns: Sequence[Node]) -> Scored:
    """More than two classes: the highest score among those that are there, the first of equals."""
    sums, there = [], []
    for k in range(e.targets):
        present = True if e.base else e.present(k, columns)
        score = e.raised(e.added(e.members(k, columns)), e.base[k] if e.base else 0.0)
        sums.append(score)
        there.append(present)
    if not any(present is True for present in there):
        raise Unfit("a classifier has rows for which no leaf has any weight")
    known = [either_way(p, s, ops.const(-np.inf)) for p, s in zip(there, sums, strict=True)]
    best, label = ops.maximum(*known), ops.const(float(e.targets - 1))
    for k in range(e.targets - 2, -1, -1):
        label = ops.where(ops.equal(known[k], best), ops.const(float(k)), label)
    shown = [either_way(p, s, ops.const(0.0)) for p, s in zip(there, sums, strict=True)]
    return Scored(shown, label)


def _two(e: Ensemble, columns: Sequence[Node]) -> Scored:
    """Two classes, by the rules of onnxruntime, which has several for them."""
    second = e.present(1, columns)
    if not isinstance(second, bool):
        raise Unfit("a classifier of two classes has leaves without a weight for the second")
    first = e.present(0, columns)
    sums = [e.added(e.members(k, columns)) for k in (0, 1)]
    shown = either_way(first, sums[0], ops.const(0.0))
    if len(e.base) == 2:
        return _two_raised(e, sums, shown, first, second)
    sums[0] = e.raised(sums[0], e.base[0] if e.base else 0.0)
    shown = either_way(first, sums[0], ops.const(0.0))
    if second:
        return Scored([shown, sums[1]], _positive(e, sums[1]))
    return Scored([sums[0]], _positive(e, shown), _lonely(e))


def _two_raised(
    e: Ensemble, sums: Sequence[Node], shown: Node, first: Node | bool, second: bool
) -> Scored:
    """Two base values: with weights for the second class, only those of the first one count."""
    if second:
        score = e.raised(sums[0], e.base[1])
        other = ops.lin(0.0, (-1.0, score))
        return Scored([either_way(first, other, ops.const(0.0)), score], _positive(e, score))
    score = e.raised(sums[0], e.base[0])
    shown = either_way(first, score, ops.const(0.0))
    return Scored([shown, ops.const(0.0)], _positive(e, shown))


def _binary(e: Ensemble) -> bool:
    return len(np.unique(e.target)) == 1


def _positive(e: Ensemble, score: Node) -> Node:
    """Return the number of the class that one score decides."""
    shares = _binary(e) and not (e.weight < 0).any()
    return _number(_above(score, 0.5 if shares else 0.0))


def _lonely(e: Ensemble) -> str:
    """Return how the only score becomes two.

    Raises:
        Unfit: onnxruntime leaves one of the two as it finds it in memory.
    """
    if _binary(e):
        return "sign" if (e.weight < 0).any() else "share"
    if e.base:
        raise Unfit("a classifier has one base value for two classes")
    return "sign"
