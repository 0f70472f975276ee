"""A tree in plain arrays: grown by scikit-learn, its cuts made short, pruned from the leaves up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import MissingExtra
from closedform.ir import Array, Node
from closedform.ops.payloads import splits_from
from closedform.shorten.asked import Answers
from closedform.shorten.short import few_digits
from closedform.shorten.trees.boxes import plain_cut, spread_of

ROUGH = 0.05
"""Leaf values are rounded by so much of the error that the tree makes anyway, at most."""


@dataclass(frozen=True, eq=False)
class Grown:
    """A tree: a row goes to `left[i]` where x[feature[i]] <= cut[i], else to `right[i]`.

    Attributes:
        left, right: the children of each node, shape (nodes,); −1 in a leaf.
        feature, cut: the test of each inner node.
        value: the mean score of the rows in each node, shape (nodes, scores).
        spread: their squared distance from it, shape (nodes,), scores in units of deviations.
        rows: how many rows there are in each node.
    """

    left: Array
    right: Array
    feature: Array
    cut: Array
    value: Array
    spread: Array
    rows: Array

    @property
    def leaves(self) -> Array:
        """The nodes without children that the root leads to, from left to right."""
        found, stack = [], [0]
        while stack:
            i = stack.pop()
            if self.left[i] < 0:
                found.append(i)
            else:
                stack += [int(self.right[i]), int(self.left[i])]
        return np.array(found)

    def reached(self, x: Array) -> Array:
        """Return how many of some rows, shape (rows, views), come through each node."""
        counts = np.zeros(len(self.left))
        stack = [(0, np.arange(len(x)))]
        while stack:
            i, rows = stack.pop()
            counts[i] = len(rows)
            if self.left[i] >= 0:
                goes = x[rows, self.feature[i]] <= self.cut[i]
                stack += [(int(self.left[i]), rows[goes]), (int(self.right[i]), rows[~goes])]
        return counts

    def nodes(self, x: Array, args: tuple[Node, ...]) -> list[Node]:
        """Return the tree as one node a score, with few digits in its leaves.

        Args:
            x: the rows that are counted in each leaf, shape (rows, views).
            args: the views.
        """
        leaves = self.leaves
        values = self.value.copy()
        error = np.sqrt(self.spread[leaves].sum() / self.rows[0])
        for k, deviation in enumerate(self.value[leaves].std(axis=0)):
            slack = ROUGH * max(error * (deviation or 1.0), 1e-9 * np.abs(values[:, k]).max())
            values[leaves, k] = few_digits(values[leaves, k], slack)
        if len(leaves) == 1:
            return [ops.const(v) for v in values[0]]
        counts, inner = self.reached(x), self.left >= 0
        asked = sorted({int(self.feature[i]) for i in _upwards(self)})
        feature = np.where(inner, np.searchsorted(asked, self.feature), 0)
        never = np.zeros(len(inner), dtype=bool)  # a view is never missing
        splits, order = splits_from(
            self.left.tolist(), self.right.tolist(), feature, self.cut,
            missing_left=never, counts=counts,
        )  # fmt: skip
        tested = tuple(args[j] for j in asked)
        return [ops.tree(splits, values[order, k], tested) for k in range(values.shape[1])]


def grown(found: Answers, *, leaves: int, deep: int | None = None, least: int = 5) -> Grown:
    """Return a tree that is grown on what a teacher says, best split first.

    Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), on the model's
    own scores: Craven and Shavlik, Extracting tree-structured representations (1996).

    Args:
        found: rows and scores.
        leaves: so many at most.
        deep: so many tests on a path at most.
        least: so many rows in each leaf.
    """
    made = regressor()(
        max_leaf_nodes=max(2, leaves), max_depth=deep, min_samples_leaf=least, random_state=0
    ).fit(found.x, found.scaled)
    tree = made.tree_
    value = tree.value.reshape(tree.node_count, -1) * found.spread
    return Grown(
        tree.children_left.astype(int), tree.children_right.astype(int),
        tree.feature.astype(int), tree.threshold.astype(float), value,
        np.zeros(tree.node_count), tree.n_node_samples.astype(float),
    )  # fmt: skip


def regressor() -> Any:
    """Return scikit-learn's tree.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.tree import DecisionTreeRegressor
    except ImportError as error:
        raise MissingExtra("scikit-learn", "sklearn", "Growing a tree") from error
    return DecisionTreeRegressor


def plain(tree: Grown, found: Answers) -> Grown:
    """Return the tree with cuts of few digits, and its leaves as the rows behind them are."""
    cut, value = tree.cut.copy(), tree.value.copy()
    left, right = tree.left.copy(), tree.right.copy()
    spread, size = np.zeros(len(cut)), np.zeros(len(cut))
    scaled = found.scaled
    stack = [(0, np.arange(len(scaled)))]
    while stack:
        i, rows = stack.pop()
        size[i], spread[i] = len(rows), spread_of(scaled[rows])
        value[i] = found.y[rows].mean(axis=0)
        if left[i] < 0:
            continue
        x = found.x[rows, tree.feature[i]]
        cut[i] = plain_cut(x, scaled[rows], float(cut[i]))
        goes = x <= cut[i]
        if goes.all() or not goes.any():
            left[i] = right[i] = -1
            continue
        stack += [(int(left[i]), rows[goes]), (int(right[i]), rows[~goes])]
    return replace(tree, left=left, right=right, cut=cut, value=value, spread=spread, rows=size)


def prunings(tree: Grown) -> list[Grown]:
    """Return the tree and all that weakest-link pruning leaves of it, the smallest first.

    At each step goes the branch whose leaves lower the squared distance least, for one of them
    (Breiman et al., chapter 3).
    """
    found = [tree]
    while tree.left[0] >= 0:
        weakest = _weakest(tree)
        left, right = tree.left.copy(), tree.right.copy()
        left[weakest] = right[weakest] = -1
        tree = replace(tree, left=left, right=right)
        found.append(tree)
    return found[::-1]


def _weakest(tree: Grown) -> int:
    """Return the inner node whose branch is worth least."""
    spread, leaves = tree.spread.copy(), np.ones(len(tree.left))
    best, least = 0, np.inf
    for i in _upwards(tree):
        below = [tree.left[i], tree.right[i]]
        spread[i], leaves[i] = spread[below].sum(), leaves[below].sum()
        worth = (tree.spread[i] - spread[i]) / (leaves[i] - 1)
        if worth < least:
            best, least = i, worth
    return best


def _upwards(tree: Grown) -> list[int]:
    """Return the inner nodes that the root leads to, children before their parents."""
    order = [0] if tree.left[0] >= 0 else []
    for i in order:
        order += [int(c) for c in (tree.left[i], tree.right[i]) if tree.left[c] >= 0]
    return order[::-1]
