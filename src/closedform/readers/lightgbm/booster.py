"""A LightGBM model as its own text describes it, without the package.

The format is what `Booster.save_model` writes (version v3 and v4): lines of key=value in blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Label, Splits
from closedform.readers.documents import code_sets, numbers, tree_from

Lines = Mapping[str, str]

CATEGORICAL, DEFAULT_LEFT = 1, 2
"""Bits of `decision_type`; the two above them say what counts as missing."""
NEAR_ZERO = float(np.float32(1e-35))
"""LightGBM takes |x| up to here as 0."""
NEVER, AT_ZERO, AT_NAN = 0, 1, 2
"""What counts as missing at a node: nothing (NaN is then 0), |x| ≤ 1e-35 and NaN, or NaN."""


@dataclass(frozen=True, eq=False)
class LinearLeaves:
    """The equations in the leaves of a linear tree; a missing x there gives the plain value.

    Attributes:
        constant: shape (nodes,).
        slopes: for each feature that some leaf reads, its slope in each node, shape (nodes,).
        reads: for each of them, whether the leaf reads it, shape (nodes,).
    """

    constant: Array
    slopes: Mapping[int, Array]
    reads: Mapping[int, Array]


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree: its shape, the value of each leaf, and their equations where it is linear.

    Columns from `width` on stand for those before them in which numbers near 0 are missing.
    """

    splits: Splits
    values: Array
    linear: LinearLeaves | None


@dataclass(frozen=True, eq=False)
class Booster:
    """One model.

    Attributes:
        objective: its words, as ("binary", "sigmoid:1"); empty where it was a function.
        outputs: how many scores there are, which the trees add to in turn.
        trees: all of them.
        averages: whether the sum of the trees is divided by the number of rounds.
        names: of the features.
        categorical: which of them were declared categorical.
        categories: lists of pandas' categories, one for each column of theirs; None without.
        seen: what the data held in each column: whether these are codes, and the codes or the least
            and the greatest number; nothing of a column that is constant.
    """

    objective: tuple[str, ...]
    outputs: int
    trees: tuple[Tree, ...]
    averages: bool
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    categories: tuple[tuple[Label, ...], ...] | None
    seen: tuple[tuple[bool, tuple[float, ...]], ...]

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.names)

    def may_hold(self, column: int, count: int) -> bool:
        """Tell whether a column may hold the codes of so many categories of pandas."""
        codes, found = self.seen[column] if column < len(self.seen) else (False, ())
        return max(found, default=-1) < count and (
            codes or all(v.is_integer() and v >= 0 for v in found)
        )

    def option(self, name: str, default: float) -> float:
        """Return a number that the objective has, as 1 of "sigmoid:1"."""
        said = [w.partition(":")[2] for w in self.objective[1:] if w.startswith(name + ":")]
        return float(said[0]) if said else default


def booster_of(text: str) -> Booster:
    """Return the record of a model's text.

    Raises:
        KeyError, ValueError …: it is not what LightGBM writes.
    """
    blocks = list(_blocks(text))
    head = blocks[0]
    if "end of trees" not in text:
        raise ValueError("it ends before its last tree")
    width = int(head["max_feature_idx"]) + 1
    names = tuple(head["feature_names"].split(" "))
    if len(names) != width:
        raise ValueError(f"{len(names)} names for {width} features")
    outputs = int(head["num_tree_per_iteration"])
    trees = tuple(_tree(b, width) for b in blocks[1:])
    sizes = head.get("tree_sizes", "").split()
    if outputs < 1 or len(trees) % outputs or (sizes and len(sizes) != len(trees)):
        raise ValueError(f"{len(trees)} trees for {outputs} outputs, {len(sizes)} announced")
    return Booster(
        objective=tuple(head.get("objective", "").split()),
        outputs=outputs,
        trees=trees,
        averages="average_output" in head,
        names=names,
        categorical=_categorical(text, head, width),
        categories=_categories(text),
        seen=tuple(_seen(said) for said in head.get("feature_infos", "").split()),
    )


def _seen(said: str) -> tuple[bool, tuple[float, ...]]:
    """Return what "[0:3.5]" of numbers, "0:1:2" of codes or "none" says."""
    if said == "none":
        return False, ()
    return not said.startswith("["), tuple(float(v) for v in said.strip("[]").split(":"))


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """Yield the head and each tree as key → value; a line without "=" is a key."""
    body = text.partition("\nend of trees")[0]
    parts = body.split("\nTree=")
    for part in parts:
        lines = (line.partition("=") for line in part.splitlines())
        yield {key.strip(): value.strip() for key, _, value in lines}


def _categorical(text: str, head: Lines, width: int) -> tuple[int, ...]:
    """Return the columns that were declared categorical: as a parameter, or by their values."""
    mark = "\n[categorical_feature: "
    if mark in text:
        said = text.partition(mark)[2].partition("]")[0]
        found = [int(i) for i in said.split(",") if i.strip()] if "name:" not in said else []
        if all(0 <= i < width for i in found) and found:
            return tuple(sorted(found))
    infos = head.get("feature_infos", "").split()
    return tuple(i for i, said in enumerate(infos) if said != "none" and "[" not in said)


def _categories(text: str) -> tuple[tuple[Label, ...], ...] | None:
    said = text.rpartition("\npandas_categorical:")[2] if "\npandas_categorical:" in text else ""
    found = json.loads(said.strip().partition("\n")[0]) if said.strip() else None
    if not found:
        return None
    lists = tuple(tuple(known) for known in found)
    if not all(isinstance(v, str | int | float | bool) for known in lists for v in known):
        raise TypeError("a category is neither text nor number")
    return lists


# --- trees --------------------------------------------------------------------------------------


def _tree(block: Lines, width: int) -> Tree:
    leaves = int(block["num_leaves"])
    values = _row(block, "leaf_value", leaves)
    inner = leaves - 1
    nodes = inner + leaves
    left, right = _children(block, "left_child", inner), _children(block, "right_child", inner)
    member, sets = _sets(block, inner, nodes)
    shape = _tests(block, inner, width)
    counts = _counts(block, inner, leaves)
    splits, order = tree_from(
        left, right, _padded(shape.feature, nodes), _padded(shape.threshold, nodes),
        width=2 * width, missing_left=_padded(shape.missing_left, nodes), member=member, sets=sets,
        counts=counts,
    )  # fmt: skip
    spread = np.zeros(nodes)
    spread[inner:] = values
    linear = _linear(block, inner, leaves, width) if block.get("is_linear") == "1" else None
    return Tree(splits, spread[order], None if linear is None else _ordered(linear, order))


def _row(block: Lines, key: str, count: int, dtype: Any = np.float64) -> Array:
    return numbers([float(v) for v in block.get(key, "").split()], dtype, count)


def _padded(values: Array, count: int) -> Array:
    made = np.zeros(count, dtype=values.dtype)
    made[: len(values)] = values
    return made


def _children(block: Lines, key: str, inner: int) -> Array:
    """Return children as numbers of nodes: ~i is leaf i, which stands behind the inner ones."""
    found = _row(block, key, inner, np.int64)
    made = np.full(2 * inner + 1, -1)
    made[:inner] = np.where(found < 0, inner + ~found, found)
    return made


def _counts(block: Lines, inner: int, leaves: int) -> Array | None:
    if "leaf_count" not in block or (inner and "internal_count" not in block):
        return None
    parts = [_row(block, "internal_count", inner), _row(block, "leaf_count", leaves)]
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class _Tests:
    feature: Array
    threshold: Array
    missing_left: Array


def _tests(block: Lines, inner: int, width: int) -> _Tests:
    feature = _row(block, "split_feature", inner, np.int64)
    threshold = _row(block, "threshold", inner)
    kind = _row(block, "decision_type", inner, np.int64)
    missing = (kind >> 2) & 3
    if (missing > AT_NAN).any() or (feature >= width).any():
        raise ValueError("a test of an unknown kind, or of an unknown column")
    categorical = (kind & CATEGORICAL) > 0
    # What is nearer to 0 than this counts as 0, so that a threshold in there moves to its end.
    below, beyond = np.nextafter(-NEAR_ZERO, -np.inf), np.abs(threshold) >= NEAR_ZERO
    ends = np.where(threshold < 0, below, NEAR_ZERO)
    to_left = np.where(missing == NEVER, threshold >= 0, (kind & DEFAULT_LEFT) > 0) & ~categorical
    near_zero = (missing == AT_ZERO) & ~categorical
    moved = np.where(beyond & (threshold != -NEAR_ZERO) | categorical, threshold, ends)
    return _Tests(np.where(near_zero, feature + width, feature), moved, to_left)


def _sets(block: Lines, inner: int, nodes: int) -> tuple[Array, Array]:
    """Return which set each node tests (-1: none), and the sets; their members go left."""
    member = np.full(nodes, -1)
    categorical = (_row(block, "decision_type", inner, np.int64) & CATEGORICAL) > 0
    count = int(block.get("num_cat", "0"))
    if not count:
        if categorical.any():
            raise ValueError("a test of categories without any")
        return member, np.zeros((0, 0), dtype=bool)
    which = _row(block, "threshold", inner)[categorical].astype(np.int64)
    if len(which) and not (which.min() >= 0 and which.max() < count):
        raise ValueError("a test of categories that are not there")
    member[:inner][categorical] = which
    ends = _row(block, "cat_boundaries", count + 1, np.int64).tolist()
    words = [int(v) for v in block["cat_threshold"].split()]
    if ends[0] != 0 or ends[-1] != len(words) or any(a > b for a, b in pairwise(ends)):
        raise ValueError("category sets lie beyond their words")
    return member, code_sets([_codes(words[a:b]) for a, b in pairwise(ends)])


def _codes(words: list[int]) -> list[int]:
    """Return the codes in a bit set of 32-bit words."""
    return [32 * i + b for i, word in enumerate(words) for b in range(32) if word >> b & 1]


def _linear(block: Lines, inner: int, leaves: int, width: int) -> LinearLeaves:
    nodes = inner + leaves
    constant = np.zeros(nodes)
    constant[inner:] = _row(block, "leaf_const", leaves)
    sizes = _row(block, "num_features", leaves, np.int64).tolist()
    features = _row(block, "leaf_features", sum(sizes), np.int64).tolist()
    slopes = _row(block, "leaf_coeff", sum(sizes)).tolist()
    if any(not 0 <= f < width for f in features):
        raise ValueError("a leaf reads a column that is not there")
    by: dict[int, Array] = {f: np.zeros(nodes) for f in sorted(set(features))}
    reads: dict[int, Array] = {f: np.zeros(nodes) for f in by}
    leaf = np.repeat(np.arange(leaves), sizes).tolist()
    for i, f, slope in zip(leaf, features, slopes, strict=True):
        by[f][inner + i] += slope
        reads[f][inner + i] = 1.0
    return LinearLeaves(constant, by, reads)


def _ordered(linear: LinearLeaves, order: Array) -> LinearLeaves:
    return LinearLeaves(
        linear.constant[order],
        {f: v[order] for f, v in linear.slopes.items()},
        {f: v[order] for f, v in linear.reads.items()},
    )
