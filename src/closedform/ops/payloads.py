"""The frozen arrays that single nodes hold: weights, trees, tables, pieces; and their meaning.

A payload keeps a long sum, a tree or a shape function one node: 500 trees of depth 6 are 521
nodes instead of 73,673.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from closedform.ir import Array, Interval, array_key, float_key, frozen, ulps

Label = str | float | int | bool
MISSING, UNSEEN = -1, -2
"""Codes of a label column: no label at all, and a label that no formula knows."""

NEVER_SEEN = "never seen"
"""A text that stands for labels that no formula knows, where a model is asked."""

_CODES: dict[Label, int] = {}
_LABELS: list[Label] = []


def label_code(label: Label) -> int:
    """Return the integer that stands for a label in columns; 1, 1.0 and True are one label."""
    code = _CODES.setdefault(label, len(_LABELS))
    if code == len(_LABELS):
        _LABELS.append(label)
    return code


def know_labels(labels: Iterable[Label]) -> None:
    """Give codes to the labels of a node, so that columns read from now on tell them apart."""
    for label in labels:
        label_code(label)


def label_codes(values: Iterable[Any]) -> Array:
    """Return the codes of a column of labels: None and NaN are MISSING, unknown ones UNSEEN."""
    get = _CODES.get
    return np.fromiter(
        (MISSING if v is None or v != v else get(v, UNSEEN) for v in values), dtype=np.int64
    )


def labels_of(codes: Array) -> Array:
    """Return the labels that codes stand for, as an object array; None where missing."""
    known = np.array([*_LABELS, None, None], dtype=object)
    return known[np.where(codes < 0, len(_LABELS), codes)]


def chance_names(classes: Iterable[object]) -> tuple[str, ...]:
    """Return the names of the probabilities, one for each class; a class may be called "".

    >>> chance_names(["ok", ""])
    ('P(ok)', 'P("")')
    """
    return tuple("P(" + (str(c) or '""') + ")" for c in classes)


@dataclass(frozen=True, eq=False)
class Weights:
    """The payload of `lin`: bias + Σ weights[i]·args[i], added from left to right."""

    bias: float
    weights: Array

    @classmethod
    def of(cls, bias: float, weights: Iterable[float]) -> Weights:
        """Return the payload from a number and a sequence of numbers."""
        array = weights if isinstance(weights, np.ndarray) else list(weights)
        return cls(float(bias), frozen(array))

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        return (float_key(self.bias), array_key(self.weights))

    def __repr__(self) -> str:
        """Return the bias and how many weights there are."""
        return f"Weights(bias={self.bias!r}, {len(self.weights)} weights)"


@dataclass(frozen=True, eq=False)
class Centre:
    """The payload of `squared_distance`: Σ weights[i]·(args[i] − point[i])², from left to right."""

    point: Array
    weights: Array

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        return array_key(self.point, self.weights)

    def __repr__(self) -> str:
        """Return how many coordinates there are."""
        return f"Centre({len(self.point)} coordinates)"


@dataclass(frozen=True, eq=False)
class Table:
    """The payload of `table`: a label (or number) looked up among `labels`.

    `default` is the value of a label that is not in the table, `missing` that of no label.
    NaN there means that the result is missing too.
    """

    labels: tuple[Label, ...]
    values: Array
    default: float
    missing: float

    @classmethod
    def of(cls, entries: Mapping[Any, float], default: float, missing: float) -> Table:
        """Return the payload from a mapping of labels to numbers."""
        know_labels(entries)
        return cls(tuple(entries), frozen(list(entries.values())), float(default), float(missing))

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        names = tuple((type(x).__name__, x) for x in self.labels)
        return (names, array_key(self.values), float_key(self.default), float_key(self.missing))

    def of_codes(self, codes: Array) -> Array:
        """Return the values of a column of label codes."""
        known = [label_code(x) for x in self.labels]
        dense = np.full(max(known, default=0) + 3, self.default)
        dense[known] = self.values
        dense[MISSING] = self.missing
        return dense[np.where(codes > len(dense) - 3, UNSEEN, codes)]

    def of_numbers(self, x: Array) -> Array:
        """Return the values of a column of numbers; NaN is missing."""
        labels = np.array([float(v) for v in self.labels])
        order = np.argsort(labels)
        labels, values = labels[order], self.values[order]
        found = np.full(x.shape, self.default)
        if len(labels):
            at = np.minimum(np.searchsorted(labels, x), len(labels) - 1)
            found = np.where(labels[at] == x, values[at], self.default)
        return np.where(np.isnan(x), self.missing, found)

    @property
    def interval(self) -> Interval:
        """The range of all values that the table can give."""
        values = np.append(self.values, [self.default, self.missing])
        return interval_of(values)

    def __repr__(self) -> str:
        """Return how many labels there are."""
        return f"Table({len(self.labels)} labels, default={self.default!r})"


def interval_of(values: Array) -> Interval:
    """Return the interval of some values; NaN among them makes it may-be-missing."""
    numbers = values[~np.isnan(values)]
    if not len(numbers):
        return Interval(np.inf, -np.inf, missing=bool(len(values)))
    return Interval(float(numbers.min()), float(numbers.max()), len(numbers) < len(values))


@dataclass(frozen=True, eq=False)
class Pieces:
    """The payload of `piecewise`: a polynomial for each stretch between edges.

    With k edges there are k + 1 stretches. On stretch i the value is
    Σⱼ coefs[i, j]·(x − origins[i])ʲ. An edge belongs to the stretch on its right, or to the one on
    its left where `right_closed`.
    """

    edges: Array
    origins: Array
    coefs: Array
    right_closed: bool
    missing: float

    @classmethod
    def of(
        cls, edges: Any, coefs: Any, *, origins: Any = None, right_closed: bool = False,
        missing: float = np.nan,
    ) -> Pieces:  # fmt: skip
        """Return the payload; one-dimensional `coefs` make a step function."""
        table = np.atleast_2d(np.asarray(coefs, dtype=np.float64).T).T
        starts = np.zeros(len(table)) if origins is None else origins
        return cls(frozen(edges), frozen(starts), frozen(table), right_closed, float(missing))

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        arrays = array_key(self.edges, self.origins, self.coefs)
        return (arrays, self.right_closed, float_key(self.missing))

    def __call__(self, x: Array) -> Array:
        """Return the value at each x; NaN gives `missing`."""
        i = np.searchsorted(self.edges, x, side="left" if self.right_closed else "right")
        value = self.coefs[i, -1]
        if self.coefs.shape[1] > 1:
            away = x - self.origins[i]
            for j in range(self.coefs.shape[1] - 2, -1, -1):
                value = value * away + self.coefs[i, j]
        return np.where(np.isnan(x), self.missing, value)

    def derivative(self) -> Pieces:
        """Return the slope of each stretch; jumps have none."""
        powers = np.arange(1, self.coefs.shape[1])
        slopes = self.coefs[:, 1:] * powers if len(powers) else np.zeros((len(self.coefs), 1))
        return Pieces.of(self.edges, slopes, origins=self.origins, right_closed=self.right_closed)

    def bounds(self, x: Interval) -> Interval:
        """Return the range over an interval, by the size of each polynomial term."""
        found = Interval(np.inf, -np.inf)
        ends = [-np.inf, *self.edges.tolist(), np.inf]
        for lo, hi, origin, coefs in zip(ends, ends[1:], self.origins, self.coefs, strict=False):
            if max(lo, x.lo) <= min(hi, x.hi):
                found |= _horner(coefs, max(lo, x.lo) - origin, min(hi, x.hi) - origin)
        return found | interval_of(np.array([self.missing])) if x.missing else found

    def __repr__(self) -> str:
        """Return the number of stretches and the degree."""
        return f"Pieces({len(self.coefs)} stretches, degree {self.coefs.shape[1] - 1})"


def _horner(coefs: Array, lo: float, hi: float) -> Interval:
    """Return bounds of Σ cⱼ·tʲ for t in [lo, hi], widened for rounding."""
    low = high = float(coefs[-1])
    # 0·∞ is missing: a polynomial whose highest coefficient is 0, far out.
    lost = len(coefs) > 1 and low == 0 and bool(np.isinf(lo) or np.isinf(hi))
    lo, hi = ulps(lo, -2), ulps(hi, 2)
    for c in coefs[-2::-1].tolist():
        corners = [0.0 if 0.0 in (a, b) else a * b for a in (low, high) for b in (lo, hi)]
        low, high = ulps(ulps(min(corners), -2) + c, -2), ulps(ulps(max(corners), 2) + c, 2)
    return Interval(low, high, bool(lost or np.isinf(low) or np.isinf(high)))


@dataclass(frozen=True, eq=False)
class Splits:
    """The shape of one tree: its tests, without the values of its leaves.

    Node 0 is the root and siblings stand side by side: the left child of node i is `child[i]`, the
    right one `child[i] + 1`; a leaf has `child[i] == i`. At node i the row goes left when
    `x[feature[i]] <= threshold[i]` (`<` where `below`); where `member[i] >= 0`, instead, when the
    number x is a code in row `member[i]` of `sets`. A missing x goes left where `missing_left`.
    `counts` are the (weighted) training samples in each node, empty where not known.
    """

    feature: Array
    threshold: Array
    child: Array
    missing_left: Array
    below: bool
    member: Array
    sets: Array
    counts: Array

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        arrays = (self.feature, self.threshold, self.child, self.missing_left)
        return (array_key(*arrays, self.member, self.sets, self.counts), self.below)

    @cached_property
    def leaf(self) -> Array:
        """Which nodes are leaves, shape (nodes,)."""
        return frozen(self.child == np.arange(len(self.child)), bool)

    @cached_property
    def depth(self) -> int:
        """How many tests the longest path asks."""
        level, at = 0, np.array([0])
        while not self.leaf[at].all():
            below = self.child[at[~self.leaf[at]]]
            level, at = level + 1, np.concatenate([below, below + 1])
        return level

    @cached_property
    def parents(self) -> Array:
        """The parent of each node, shape (nodes,); the root's is -1."""
        found = np.full(len(self.child), -1)
        inner = np.flatnonzero(~self.leaf)
        found[self.child[inner]] = inner
        found[self.child[inner] + 1] = inner
        return frozen(found, np.int64)

    def goes_left(self, i: int, x: float) -> bool:
        """Tell where a number goes at one inner node."""
        if np.isnan(x):
            return bool(self.missing_left[i])
        if self.member[i] >= 0:
            row = self.sets[self.member[i]]
            return bool(0 <= x < len(row) and x == int(x) and row[int(x)])
        t = self.threshold[i]
        return bool(x < t if self.below else x <= t)


def splits_from(
    left: Sequence[int], right: Sequence[int], feature: Any, threshold: Any, *,
    missing_left: Any = None, below: bool = False, member: Any = None, sets: Any = None,
    counts: Any = None,
) -> tuple[Splits, Array]:  # fmt: skip
    """Return a tree from the usual arrays, and where each new node stood in them.

    Args:
        left, right: children of each node, shape (nodes,); negative in a leaf.
        feature, threshold: the test of each inner node, shape (nodes,).
        missing_left: where a missing value goes; default: right.
        below: whether the test is `<` rather than `<=`.
        member: row of `sets` that a categorical node tests, -1 elsewhere.
        sets: bool array (categorical nodes, codes).
        counts: training samples of each node.

    Returns:
        The tree, and `order` with which per-node arrays are brought along: `values[order]`.
    """
    order: list[int] = [0]
    child: list[int] = []
    for at in order:
        child.append(len(order) if left[at] >= 0 else len(child))
        if left[at] >= 0:
            order += [int(left[at]), int(right[at])]
    nodes = np.array(order)
    inner = np.array(child) != np.arange(len(nodes))

    def pick(values: Any, fill: Any) -> Array:
        picked: Array = np.where(inner, np.asarray(values)[nodes], fill)
        return picked

    splits = Splits(
        feature=frozen(pick(feature, 0), np.int32),
        threshold=frozen(pick(threshold, np.inf)),
        child=frozen(child, np.int32),
        missing_left=frozen(
            ~inner if missing_left is None else pick(missing_left, True).astype(bool), bool
        ),
        below=below,
        member=frozen(np.full(len(nodes), -1) if member is None else pick(member, -1), np.int32),
        sets=frozen(np.zeros((0, 0)) if sets is None else sets, bool),
        counts=frozen([] if counts is None else np.asarray(counts, dtype=np.float64)[nodes]),
    )
    return splits, nodes


@dataclass(frozen=True, eq=False)
class Tree:
    """The payload of `tree`: a shape and the value of each leaf (0 in inner nodes)."""

    splits: Splits
    values: Array

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The identity of the payload."""
        return (self.splits.key, array_key(self.values))

    def __repr__(self) -> str:
        """Return the number of leaves and the depth."""
        return f"Tree({int(self.splits.leaf.sum())} leaves, depth {self.splits.depth})"


def leaves_of(splits: Splits, x: Array, *, may_miss: bool = True) -> Array:
    """Return the leaf that each row reaches, level by level over all rows.

    Args:
        splits: the tree.
        x: its features, shape (features, rows), C-contiguous.
        may_miss: False promises that no NaN is among them, which saves a third of the time.
    """
    rows = x.shape[1]
    flat, offset = x.reshape(-1), np.arange(rows, dtype=np.int64)
    start = splits.feature.astype(np.int64) * rows
    at = np.zeros(rows, dtype=np.int32)
    for _ in range(splits.depth):
        value = flat.take(start.take(at) + offset)
        right = goes_right(splits, at, value, may_miss)
        at = splits.child.take(at)
        at += right
    return at


def goes_right(splits: Splits, at: Array, value: Array, may_miss: bool) -> Array:
    """Return which rows go right, each at a node of its own; all three of shape (rows,)."""
    limit = splits.threshold.take(at)
    # `~(x <= t)`, not `x > t`: a missing value compares false and must still be routed.
    right = ~(value < limit) if splits.below else ~(value <= limit)
    if splits.below:
        right &= ~splits.leaf.take(at)
    if len(splits.sets):
        row = splits.member.take(at)
        right = np.where(row >= 0, ~_is_member(splits.sets, row, value), right)
    if may_miss:
        absent = np.isnan(value)
        if absent.any():
            right = np.where(absent, ~splits.missing_left.take(at), right)
    return right


def _is_member(sets: Array, row: Array, value: Array) -> Array:
    with np.errstate(invalid="ignore"):
        code = value.astype(np.int64)
    known = (code == value) & (code >= 0) & (code < sets.shape[1])
    found: Array = sets[np.maximum(row, 0), np.where(known, code, 0)] & known
    return found


def tree_bounds(tree: Tree, box: Sequence[Interval]) -> Interval:
    """Return the range of a tree over a box: the leaves that some row of the box can reach."""
    reached: list[int] = []
    stack: list[tuple[int, tuple[Interval, ...]]] = [(0, tuple(box))]
    while stack:
        i, now = stack.pop()
        if tree.splits.leaf[i]:
            reached.append(i)
            continue
        left, right = halves_of(tree.splits, i, now[tree.splits.feature[i]])
        for half, below in ((left, 0), (right, 1)):
            if not half.empty or half.missing:
                f = int(tree.splits.feature[i])
                stack.append((int(tree.splits.child[i]) + below, (*now[:f], half, *now[f + 1 :])))
    return interval_of(tree.values[reached])


def halves_of(splits: Splits, i: int, x: Interval) -> tuple[Interval, Interval]:
    """Return what of an interval goes left and what goes right at an inner node."""
    to_left = bool(splits.missing_left[i])
    if splits.member[i] >= 0:
        return Interval(x.lo, x.hi, x.missing and to_left), Interval(
            x.lo, x.hi, x.missing and not to_left
        )
    t = float(splits.threshold[i])
    hi, lo = (ulps(t, -1), t) if splits.below else (t, ulps(t, 1))
    # A threshold of ±inf has no neighbour: then the closed half keeps both.
    left = Interval(x.lo, min(x.hi, hi), x.missing and to_left)
    right = Interval(max(x.lo, lo), x.hi, x.missing and not to_left)
    return left, right
