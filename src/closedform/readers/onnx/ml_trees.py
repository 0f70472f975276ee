"""Trees as ai.onnx.ml writes them: lists of nodes that refer to each other by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Splits, splits_from


class Unfit(Exception):
    """Trees that have no formula, or are none."""


LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF = range(8)

MODES: Final = {
    "BRANCH_LEQ": LEQ, "BRANCH_LT": LT, "BRANCH_GTE": GTE, "BRANCH_GT": GT, "BRANCH_EQ": EQ,
    "BRANCH_NEQ": NEQ, "LEAF": LEAF,
}  # fmt: skip
"""Name of a test → its number, which is the one of TreeEnsemble version 5."""

TURNED: Final = {GTE: LT, GT: LEQ, NEQ: EQ}
"""Tests that are another test with its branches exchanged."""

LARGEST_CODE: Final = 1 << 16
"""Greatest category + 1 that a set may hold, and the most that is spent on one."""
MOST_CELLS: Final = 1 << 26
"""Elements of the table of all sets of one tree."""
MOST_NODES: Final = 1 << 16
"""Nodes of one tree whose branches join again, once each branch has nodes of its own."""


@dataclass(frozen=True, eq=False)
class Listed:
    """One tree as it is listed; node 0 is the root, and children are positions here.

    Attributes:
        mode: one of the numbers above for each node, shape (nodes,).
        feature, threshold: what an inner node tests.
        true, false: where the row goes, as positions.
        missing_true: whether a missing value goes where the test is true.
        sets: the members of each node of mode MEMBER, by position.
        name: where each node stands in the listing of the whole ensemble.
    """

    mode: Array
    feature: Array
    threshold: Array
    true: Array
    false: Array
    missing_true: Array
    sets: dict[int, tuple[float, ...]]
    name: Array


def shaped(tree: Listed, *, single: bool) -> tuple[Splits, Array]:
    """Return a tree's shape, and where each of its nodes stands in the ensemble's listing.

    Args:
        tree: the tree.
        single: whether its values are float32, and not float64, numbers.

    Raises:
        Unfit: it is no tree, or tests something that has no formula.
    """
    _require_sound(tree)
    tree = _as_tree(_with_sets(tree))
    left, right, missing_left, mode = _turned(tree)
    threshold, below = _one_kind(mode, tree.threshold, single)
    member, sets = _members(tree, mode)
    splits, order = splits_from(
        left.tolist(), right.tolist(), tree.feature, threshold,
        missing_left=missing_left, below=below, member=member, sets=sets,
    )  # fmt: skip
    return splits, tree.name[order]


def _require_sound(tree: Listed) -> None:
    inner = np.flatnonzero(tree.mode != LEAF)
    children = np.concatenate([tree.true[inner], tree.false[inner]])
    if ((children < 0) | (children >= len(tree.mode))).any():
        raise Unfit("a tree refers to a node that it does not have")
    plain = tree.mode[inner] != MEMBER
    if np.isnan(tree.threshold[inner][plain]).any():
        raise Unfit("a tree has a threshold that is no number")


# --- categories -----------------------------------------------------------------------------


def _with_sets(tree: Listed) -> Listed:
    """Return the tree with each run of `x = a`, else `x = b`, … to one branch as one set.

    LightGBM's categories come so: all tests of a run lead to the same node where they are true.
    """
    equal = np.flatnonzero(tree.mode == EQ)
    if not len(equal):
        return tree
    used = np.bincount(_children(tree), minlength=len(tree.mode))
    follows = {
        int(i)
        for i in equal
        if (j := int(tree.false[i])) != i
        and tree.mode[j] == EQ
        and used[j] == 1
        and tree.feature[j] == tree.feature[i]
        and tree.true[j] == tree.true[i]
    }
    after = {int(tree.false[i]) for i in follows}
    mode, false, missing = tree.mode.copy(), tree.false.copy(), tree.missing_true.copy()
    sets = dict(tree.sets)
    for start in sorted(follows - after):
        run = _run(start, tree.false, follows)
        mode[start], false[start] = MEMBER, tree.false[run[-1]]
        missing[start] = tree.missing_true[run].any()
        sets[start] = tuple(tree.threshold[run].tolist())
    return replace(tree, mode=mode, false=false, missing_true=missing, sets=sets)


def _run(start: int, false: Array, follows: set[int]) -> list[int]:
    run = [start]
    while run[-1] in follows and len(run) <= len(false):
        run.append(int(false[run[-1]]))
    return run


def _children(tree: Listed) -> Array:
    inner = tree.mode != LEAF
    return np.concatenate([tree.true[inner], tree.false[inner]]).astype(np.int64)


def _as_tree(tree: Listed) -> Listed:
    """Return the tree with nodes of its own on each branch, where branches join again."""
    if not len(tree.mode):
        raise Unfit("an ensemble has a tree without nodes")
    used = np.bincount(_children(tree), minlength=len(tree.mode))
    if (used <= 1).all() and not used[0]:
        return tree
    picked: list[int] = [0]
    true: list[int] = []
    false: list[int] = []
    above: list[int] = [-1]
    for at in picked:
        i = len(true)
        true.append(len(picked))
        false.append(len(picked) + 1)
        if tree.mode[at] != LEAF:
            _require_no_circle(i, above, picked)
            picked += [int(tree.true[at]), int(tree.false[at])]
            above += [i, i]
        if len(picked) > MOST_NODES:
            raise Unfit("a tree joins its branches again and again: it is too large")
    order = np.array(picked)
    back = {old: np.flatnonzero(order == old).tolist() for old in tree.sets}
    sets = {new: tree.sets[old] for old, places in back.items() for new in places}
    return Listed(
        tree.mode[order], tree.feature[order], tree.threshold[order], np.array(true),
        np.array(false), tree.missing_true[order], sets, tree.name[order],
    )  # fmt: skip


def _require_no_circle(i: int, above: Sequence[int], picked: Sequence[int]) -> None:
    at, depth = above[i], 0
    while at >= 0:
        if picked[at] == picked[i] or depth > DEEPEST:
            raise Unfit("a tree has branches that lead back to where they come from")
        at, depth = above[at], depth + 1


DEEPEST: Final = 4096
"""Levels of a tree whose branches join again."""


def _members(tree: Listed, mode: Array) -> tuple[Array, Array]:
    """Return the row of the table of sets that each node tests, -1 elsewhere, and the table."""
    tests = dict(tree.sets)
    for i in np.flatnonzero(mode == EQ):
        tests[int(i)] = (float(tree.threshold[i]),)
    member = np.full(len(mode), -1)
    member[list(tests)] = np.arange(len(tests))
    for values in tests.values():
        odd = [v for v in values if not 0 <= v < LARGEST_CODE or v != int(v)]
        if odd:
            raise Unfit(
                f"a tree tests whether a column is {odd[0]!r}: only whole numbers from 0 to "
                f"{LARGEST_CODE - 1} can be categories here"
            )
    width = 1 + max((int(max(v, default=0)) for v in tests.values()), default=-1)
    if width * len(tests) > MOST_CELLS:
        raise Unfit("the categories that a tree tests are too many")
    table = np.zeros((len(tests), width), dtype=bool)
    for row, values in zip(table, tests.values(), strict=True):
        row[[int(v) for v in values]] = True
    return member, table


# --- tests of one kind ----------------------------------------------------------------------


def _turned(tree: Listed) -> tuple[Array, Array, Array, Array]:
    """Return left, right, missing_left and mode, with GTE, GT and NEQ turned round."""
    mode, inner = tree.mode.copy(), tree.mode != LEAF
    turn = np.isin(mode, list(TURNED))
    # A missing value is unequal to any number: there the test itself is true.
    to_true = tree.missing_true | (mode == NEQ)
    for old, new in TURNED.items():
        mode[tree.mode == old] = new
    left = np.where(inner, np.where(turn, tree.false, tree.true), -1)
    right = np.where(inner, np.where(turn, tree.true, tree.false), -1)
    return left, right, np.where(turn, ~to_true, to_true), mode


def _one_kind(mode: Array, threshold: Array, single: bool) -> tuple[Array, bool]:
    """Return thresholds for tests that are all `<=`, or all `<`, and whether they are `<`.

    Where a tree has both, `x < t` is `x <= t'` with t' the number just below t.
    """
    less = mode == LT
    if not less.any() or not (mode == LEQ).any():
        return threshold, bool(less.any())
    if np.isneginf(threshold[less]).any():
        raise Unfit("a tree has a test that is never true")
    kind = np.float32 if single else np.float64
    before = np.nextafter(threshold.astype(kind), kind(-np.inf))
    return np.where(less, before.astype(np.float64), threshold), False


# --- the lists of versions 1 to 3 -----------------------------------------------------------


def listed(
    trees: Any, ids: Any, modes: Sequence[str], features: Any, thresholds: Any, true: Any,
    false: Any, missing: Any,
) -> list[Listed]:  # fmt: skip
    """Return the trees of TreeEnsembleRegressor and -Classifier, in their order.

    Args:
        trees, ids: number of the tree and, in it, of the node, shape (nodes,).
        modes: a key of `MODES` for each node.
        features, thresholds, true, false: as in the operator; children by number.
        missing: whether a missing value goes where the test is true; empty: nowhere.

    Raises:
        Unfit: the lists do not fit together.
    """
    trees, ids = _whole(trees), _whole(ids)
    unknown = sorted(set(modes) - set(MODES))
    if unknown:
        raise Unfit(f"a tree has tests of the kind {unknown[0][:40]!r}")
    columns = {
        "mode": np.array([MODES[m] for m in modes], dtype=np.int64),
        "feature": _whole(features),
        "threshold": np.asarray(thresholds, dtype=np.float64),
        "missing_true": _whole(missing) == 1 if len(missing) else np.zeros(len(trees), dtype=bool),
    }
    true, false = _whole(true), _whole(false)
    if any(len(c) != len(trees) for c in (ids, true, false, *columns.values())):
        raise Unfit("the lists that describe its trees are of different lengths")
    ends = [0, *(np.flatnonzero(np.diff(trees)) + 1).tolist(), len(trees)] if len(trees) else [0]
    if len(set(trees[ends[:-1]].tolist())) != len(ends) - 1:
        raise Unfit("the nodes of one tree do not stand together")
    made = []
    for lo, hi in pairwise(ends):
        part = {name: c[lo:hi] for name, c in columns.items()}
        inner = part["mode"] != LEAF
        places = _Places(ids[lo:hi])
        made.append(
            Listed(
                true=places.of(true[lo:hi], inner), false=places.of(false[lo:hi], inner), sets={},
                name=np.arange(lo, hi), **part,
            )
        )  # fmt: skip
    return made


def _whole(values: Any) -> Array:
    return np.asarray(values, dtype=np.int64).reshape(-1)


class _Places:
    """Where the nodes of one tree stand, by their numbers."""

    def __init__(self, ids: Array) -> None:
        self.order = np.argsort(ids, kind="stable")
        self.ids = ids[self.order]
        if (np.diff(self.ids) == 0).any():
            raise Unfit("two nodes of a tree have the same number")

    def of(self, wanted: Array, inner: Array) -> Array:
        """Return the positions of some nodes; 0 where not `inner`.

        Raises:
            Unfit: there is no such node.
        """
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        if (self.ids[at] != wanted)[inner].any():
            raise Unfit("a tree refers to a node that it does not have")
        return np.where(inner, self.order[at], 0)


def leaf_weights(
    trees: Any, ids: Any, leaf_trees: Any, leaf_ids: Any, targets: Any, weights: Any
) -> tuple[Array, Array, Array]:
    """Return which node each weight belongs to, its target and the weight.

    Raises:
        Unfit: the lists do not fit together.
    """
    trees, ids, leaf_trees = _whole(trees), _whole(ids), _whole(leaf_trees)
    leaf_ids, targets = _whole(leaf_ids), _whole(targets)
    values = np.asarray(weights, dtype=np.float64).reshape(-1)
    if not len(leaf_trees) == len(leaf_ids) == len(targets) == len(values):
        raise Unfit("the lists that describe its leaves are of different lengths")
    places = {pair: i for i, pair in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    pairs = zip(leaf_trees.tolist(), leaf_ids.tolist(), strict=True)
    nodes = np.array([places.get(pair, -1) for pair in pairs], dtype=np.int64)
    if (nodes < 0).any():
        raise Unfit("a weight belongs to a leaf that no tree has")
    return nodes, targets, values
