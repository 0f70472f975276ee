"""Tree models: each becomes one tree of binary tests, whatever number of children a node has.

https://dmg.org/pmml/v4-4/TreeModel.html.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from closedform import ops
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.branches import Branches
from closedform.readers.pmml.document import Element, reals
from closedform.readers.pmml.growing import Grown, grown_from
from closedform.readers.pmml.outcome import Outcome, class_of
from closedform.readers.pmml.questions import Columns
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread


def tree_model(
    model: Element, scope: Scope, dtype: str, seeds: dict[str, tuple[str, ...]]
) -> Outcome:
    """Return what a TreeModel gives."""
    branches = model.one("Node")
    assert isinstance(branches, Branches)
    if branches.embedded:
        raise Unread(
            "A model is embedded in a node of the tree (DecisionTree or Regression).",
            "Export it as segments of a MiningModel.",
        )
    columns = Columns(scope, seeds)
    grown = grown_from(model, branches, columns)
    leaves = Leaves(branches, grown, tuple(columns.finished()))
    if model.get("functionName") == "regression":
        return Outcome("regression", leaves.of(leaves.scores(scope.work.single)), dtype)
    return _classified(leaves, dtype, model)


@dataclass(frozen=True, eq=False)
class Leaves:
    """A tree, ready to hold values.

    Attributes:
        branches: the nodes of the file.
        grown: the binary tree made of them.
        args: its columns.
    """

    branches: Branches
    grown: Grown
    args: tuple[Node, ...]

    @cached_property
    def used(self) -> list[int]:
        """The nodes of the file whose predictions are given, in the order of the leaves."""
        found = self.grown.nodes[self.grown.leaf]
        return list(dict.fromkeys(found[found >= 0].tolist()))

    @cached_property
    def sure(self) -> bool:
        """Whether each leaf has a prediction."""
        return bool((self.grown.nodes[self.grown.leaf] >= 0).all())

    def of(self, values: Array, otherwise: float = math.nan) -> Node:
        """Return the tree with a value for each node of the file, and one without a prediction."""
        at_leaf = np.append(values, otherwise)[self.grown.nodes]
        if self.grown.splits is None:
            return ops.const(float(at_leaf[0]))
        return ops.tree(self.grown.splits, at_leaf, self.args)

    def scores(self, single: bool) -> Array:
        """Return the scores of nodes that give a prediction as numbers, shape (nodes,)."""
        made = np.full(len(self.branches.parent), math.nan)
        made[self.used] = reals(self.branches.score[i] for i in self.used)  # type: ignore[misc]
        with np.errstate(over="ignore"):
            return made.astype(np.float32).astype(np.float64) if single else made


MOST_SHARES = 1 << 25
"""Nodes times classes of one tree: 256 MiB."""


@dataclass(frozen=True, eq=False)
class Distributions:
    """The ScoreDistribution elements of those nodes that give a prediction.

    Attributes:
        classes: the classes in them.
        there: which nodes have some, shape (nodes,).
        chances: the share of each class, shape (nodes, classes); NaN in nodes without any.
        confidences: what the file states as its confidence, likewise.
    """

    classes: list[Label]
    there: Array
    chances: Array
    confidences: Array

    @classmethod
    def of(cls, leaves: Leaves, dtype: str) -> Distributions:
        """Return the distributions of a tree, classes in the order in which its leaves name them.

        Raises:
            ValueError, TypeError: a share is no number, or there is none.
        """
        given, n = leaves.branches.shares, len(leaves.branches.parent)
        place = np.full(n, -1)
        place[leaves.used] = np.arange(len(leaves.used))
        rows = np.flatnonzero(place[given.node] >= 0)
        rows = rows[np.argsort(place[given.node[rows]], kind="stable")]
        nodes, labels = given.node[rows], given.label[rows]
        weights = given.weights()[rows]
        if np.isnan(weights).any():
            raise ValueError("a ScoreDistribution without a share")
        class_of_text = [class_of(text, dtype) for text in given.labels]
        texts = labels[np.sort(np.unique(labels, return_index=True)[1])].tolist()
        number_of = {c: k for k, c in enumerate(dict.fromkeys(class_of_text[t] for t in texts))}
        number = np.array([number_of.get(c, -1) for c in class_of_text], dtype=int)
        there, shape = np.zeros(n, dtype=bool), (n, len(number_of))
        if n * len(number_of) > MOST_SHARES:
            raise ValueError(f"a tree of {n:,} nodes and {len(number_of):,} classes")
        there[nodes] = True
        chances, confidences = np.zeros(shape), np.full(shape, math.nan)
        chances[nodes, number[labels]] = weights
        confidences[nodes, number[labels]] = given.confidence[rows]
        total = np.array(list(map(math.fsum, chances.tolist())))
        chances /= np.where(there & (total != 0), total, math.nan)[:, None]
        return cls(list(number_of), there, chances, confidences)


def _classified(leaves: Leaves, dtype: str, model: Element) -> Outcome:
    found = Distributions.of(leaves, dtype)
    labels = _labels(leaves, found, dtype)
    named = [c for c in dict.fromkeys(labels) if c is not None]
    classes = tuple(dict.fromkeys((*found.classes, *named)))
    number_of = {c: float(k) for k, c in enumerate(classes)}
    numbers = np.full(len(found.there), math.nan)
    numbers[leaves.used] = [math.nan if c is None else number_of[c] for c in labels]
    votes = {c: leaves.of((numbers == k).astype(float), 0.0) for k, c in enumerate(classes)}
    chances = {}
    if found.there[leaves.used].any():
        absent = np.where(found.there, 0.0, math.nan)
        chances = {c: leaves.of(found.chances[:, k] if k < len(found.classes) else absent)
                   for k, c in enumerate(classes)}  # fmt: skip
    sure = leaves.sure and None not in labels
    if sure and len(classes) > 1 and _is_best(numbers, found, leaves.used):
        value = label_of(list(chances.values()), classes)
    else:
        value = _by_number(leaves.of(numbers), classes, sure)
    return Outcome("classification", value, dtype, classes, chances, "vote", votes,
                   confidences=_confidences(leaves, found, model), sure=sure)  # fmt: skip


def _is_best(numbers: Array, found: Distributions, used: Sequence[int]) -> bool:
    """Tell whether the label of each leaf is the first class with the greatest share in it."""
    if not found.there[used].all():
        return False
    return bool((np.argmax(found.chances[used], axis=1) == numbers[used]).all())


def _by_number(number: Node, classes: Sequence[Label], sure: bool) -> Node:
    """Return the label of the leaf, by its number."""
    out = ops.label(classes[-1] if sure else None)
    for k, c in list(enumerate(classes))[-2 if sure else None :: -1]:
        out = ops.where(ops.equal(number, ops.const(float(k))), ops.label(c), out)
    return out


def _labels(leaves: Leaves, found: Distributions, dtype: str) -> list[Label | None]:
    """Return the label of each leaf: its score, or the first class with the greatest share."""
    scores = [leaves.branches.score[i] for i in leaves.used]
    known = {text: class_of(text, dtype) for text in dict.fromkeys(scores) if text is not None}
    made: list[Label | None] = []
    for i, score in zip(leaves.used, scores, strict=True):
        if score is not None:
            made.append(known[score])
        else:
            made.append(found.classes[np.argmax(found.chances[i])] if found.there[i] else None)
    return made


def _confidences(leaves: Leaves, found: Distributions, model: Element) -> dict[Label, Node]:
    """Return the confidence of each class where the file states it, and no penalty changes it."""
    stated = not np.isnan(found.confidences).all()
    if model.number("missingValuePenalty", 1.0) != 1.0 or not stated:
        return {}
    return {c: leaves.of(found.confidences[:, k]) for k, c in enumerate(found.classes)}
