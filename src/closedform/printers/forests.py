"""All trees of a formula as flat arrays that one loop walks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits
from closedform.printers.ensemble import as_trees
from closedform.printers.python.trees import few_and_small


@dataclass(frozen=True)
class Data:
    """A constant array: "number", "whole" or "truth", and its elements."""

    kind: str
    values: Sequence[Any]


class Forest:
    """The trees of a formula, one after the other.

    Attributes:
        feature, threshold, child, missing_left: the tests of all shapes, as in `Splits`; children
            are counted from the first node of all. Every test is `x <= threshold`.
        member: the set of codes that a node asks for, -1 where it compares.
        starts, sizes, codes: where the codes of each set begin, how many there are, and which of
            them belong to it.
        leaves: the values of the nodes of all trees.
        small: whether the trees are so few and small that each is better written as `if`s.
        roots, offsets: for each tree of a sum that is a loop: its first node, and how much further
            its values stand in `leaves`.
        at_once: for each sum that is a loop, the sums whose trees ask the same and give other
            values, as those of the classes do; they stand one after the other.
    """

    def __init__(self, formula: Formula) -> None:
        """Lay the trees out."""
        sums = [n for n in formula.nodes if n.op in (ops.LIN, ops.SUM32)]
        self.small = few_and_small(formula)
        runs = {n: trees for n in sums if not self.small and (trees := _run(n))}
        self._lay_out([n for n in formula.nodes if n.op is ops.TREE], runs)
        self.runs = self._runs(runs)
        users = [n for n in formula.nodes if any(a.op is ops.TREE for a in n.args)]
        alone = {a for n in users if n not in runs for a in n.args}.union(formula.roots)
        self.looped = {a for n in runs for a in n.args if a.op is ops.TREE} - alone

    def _lay_out(self, single: list[Node], runs: Mapping[Node, list[Node]]) -> None:
        trees = [n.data for n in dict.fromkeys([*single, *chain(*runs.values())])]
        values = list({tree.key: tree.values for tree in trees}.items())
        shapes = list({tree.splits.key: tree.splits for tree in trees}.items())
        self.start = _starts(shapes, lambda s: len(s.child))
        self.value_start = _starts(values, len)
        splits = [s for _, s in shapes]
        begin, first = self.start.values(), _starts(shapes, lambda s: len(s.sets)).values()
        self.feature = _together([s.feature for s in splits], np.int64)
        self.threshold = _together([_limits(s) for s in splits], np.float64)
        self.child = _together([s.child + b for s, b in zip(splits, begin, strict=True)], np.int64)
        self.missing_left = _together([s.missing_left for s in splits], bool)
        self.leaves = _together([v for _, v in values], np.float64)
        asked = [
            np.where(s.member >= 0, s.member + b, -1) for s, b in zip(splits, first, strict=True)
        ]
        self.member = _together(asked, np.int64)
        sets = [row for s in splits for row in s.sets]
        self.sizes = np.array([len(row) for row in sets], dtype=np.int64)
        self.starts = np.cumsum([0, *self.sizes])[: len(sets)]
        self.codes = _together(sets, bool)

    def _runs(self, runs: Mapping[Node, list[Node]]) -> dict[Node, tuple[int, int]]:
        found = {}
        self.roots: list[int] = []
        self.offsets: list[int] = []
        at_once: dict[Any, list[Node]] = {}
        for n, trees in runs.items():
            at_once.setdefault(self._walked(n, trees), []).append(n)
        self.at_once = {n: tuple(group) for group in at_once.values() for n in group}
        for n in self.at_once:
            trees = runs[n]
            found[n] = (len(self.roots), len(self.roots) + len(trees))
            for tree in trees:
                root, at = self.place(tree)
                self.roots.append(root)
                self.offsets.append(at - root)
        return found

    def _walked(self, n: Node, trees: list[Node]) -> Any:
        """Return what two sums have in common that one walk through their trees serves."""
        if n.op is not ops.LIN or _first(n):
            return n
        shapes = tuple(self.start[tree.data.splits.key] for tree in trees)
        return trees[0].args, shapes, float(n.data.weights[0])

    def arrays(self) -> dict[str, Data]:
        """Return the arrays that a program holds, by name; none that it does not read."""
        found = {
            "FEATURE": Data("whole", self.feature.tolist()),
            "THRESHOLD": Data("limit", self.threshold.tolist()),
            "CHILD": Data("whole", self.child.tolist()),
            "MISSING_LEFT": Data("truth", self.missing_left.tolist()),
            "LEAVES": Data("number", self.leaves.tolist()),
        }
        if len(self.sizes):
            found |= {
                "MEMBER": Data("whole", self.member.tolist()),
                "STARTS": Data("whole", self.starts.tolist()),
                "SIZES": Data("whole", self.sizes.tolist()),
                "CODES": Data("truth", self.codes.tolist()),
            }
        if self.roots:
            found |= {"ROOTS": Data("whole", self.roots), "OFFSETS": Data("whole", self.offsets)}
        return found

    def place(self, n: Node) -> tuple[int, int]:
        """Return where a tree's nodes begin, and where its values do."""
        return self.start[n.data.splits.key], self.value_start[n.data.key]

    def run(self, n: Node) -> tuple[int, int, int] | None:
        """Return which trees a sum is a loop over, from and up to, and which term is the first."""
        found = self.runs.get(n)
        return None if found is None else (*found, _first(n))

    def in_a_run(self, n: Node) -> bool:
        """Tell whether a tree is read in loops alone."""
        return n in self.looped


def _first(n: Node) -> int:
    return next((i for i, a in enumerate(n.args) if a.op is ops.TREE), len(n.args))


def _run(n: Node) -> list[Node] | None:
    """Return the trees of one weight in which a sum ends, where they are many."""
    first = _first(n)
    trees = as_trees(n.args[first:])
    if trees is None or len(trees) < 3:
        return None
    alike = n.op is ops.SUM32 or len(set(n.data.weights[first:].tolist())) == 1
    return trees if alike else None


def _starts(entries: Sequence[tuple[Any, Any]], size: Callable[[Any], int]) -> dict[Any, int]:
    """Return where each entry begins when all stand one after the other."""
    ends = np.cumsum([0, *(size(entry) for _, entry in entries)]).tolist()
    return {key: start for (key, _), start in zip(entries, ends, strict=False)}


def _together(parts: Sequence[Array], dtype: Any) -> Array:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)


def _limits(splits: Splits) -> Array:
    """Return the thresholds for `<=`: x < t is x <= (the float just below t)."""
    if not splits.below:
        return splits.threshold
    limits = np.nextafter(splits.threshold, -math.inf)
    # Below -inf there is nothing: no number is at most NaN.
    return np.where(
        splits.leaf, math.inf, np.where(splits.threshold == -math.inf, math.nan, limits)
    )
