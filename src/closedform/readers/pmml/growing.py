"""A tree of a file, its nodes with any number of children, as one tree of binary tests.

https://dmg.org/pmml/v4-4/TreeModel.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedform.ir import Array, frozen
from closedform.ops.payloads import Splits
from closedform.readers.documents import MOST_CELLS
from closedform.readers.pmml.branches import Branches
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.questions import ALWAYS, NEVER, Columns, Tests, tests_of
from closedform.readers.pmml.values import Unread

MOST_COPIES = 16
"""Nodes of the binary tree for each node of the file; default children may double branches."""

STRATEGIES = ("none", "lastPrediction", "nullPrediction", "defaultChild")
HOLDS, FAILS, NOWHERE, LAST, DEFAULT = range(5)
"""Where a missing value goes: as if the test held; as if it failed; …"""
WHERE_KNOWN = 3
"""A test that holds where its column has a value, since the one before it has failed."""


@dataclass(frozen=True, eq=False)
class Grown:
    """The shape of a binary tree.

    Attributes:
        splits: its tests; None where it is a single leaf.
        nodes: for each place in it the number of the node of the file whose prediction holds, -1
            in leaves without a prediction; of no meaning where the place is no leaf.
        leaf: which places are leaves.
    """

    splits: Splits | None
    nodes: Array
    leaf: Array


def grown_from(model: Element, branches: Branches, columns: Columns) -> Grown:
    """Return the binary tree of a TreeModel.

    Raises:
        Unread: it mixes leaves for missing values, or copies branches without end.
        ValueError: a default child is not there.
    """
    strategy = model.get("missingValueStrategy", "none")
    if strategy not in STRATEGIES:
        raise Unread(
            f"TreeModel(missingValueStrategy={strategy!r}) has no formula here: it mixes "
            "the predictions of several leaves.",
            "Export the tree with defaultChild, lastPrediction, nullPrediction or none.",
        )
    tests = tests_of(branches, columns)
    growing = Growing(Order.of(branches), tests, strategy, branches)
    growing.run()
    last = model.get("noTrueChildStrategy", "returnNullPrediction") == "returnLastPrediction"
    return growing.finished(_predictions(branches, last))


def _predictions(branches: Branches, last: bool) -> Array:
    """Return the node whose prediction holds, by where a row ends.

    That is in node i, having failed the tests of all its children (place i); without a prediction
    (place n); or in node i because a value is missing (place n + 1 + i).
    """
    n = len(branches.parent)
    at = np.arange(n)
    stays = np.ones(n, dtype=bool)
    stays[branches.parent[1:]] = False
    if last:
        stays |= [s is not None for s in branches.score]
    return np.concatenate([np.where(stays, at, -1), [-1], at])


@dataclass(frozen=True, eq=False)
class Order:
    """What comes next in a tree: the node whose test is asked, or ~i where a row ends in node i.

    Attributes:
        inside: next when the test of a node holds: its first child.
        after: next when it fails: the node's next sibling.
        before: the sibling before each node, -1 for none.
    """

    inside: Array
    after: Array
    before: Array

    @classmethod
    def of(cls, branches: Branches) -> Order:
        """Return the order of the nodes of a tree."""
        parent = branches.parent.astype(np.int64)
        n = len(parent)
        parent[0] = n  # outside the root: without a prediction
        inside, after, before = ~np.arange(n), ~parent, np.full(n, -1)
        grouped = np.argsort(parent, kind="stable")
        same = parent[grouped[1:]] == parent[grouped[:-1]]
        after[grouped[:-1][same]] = grouped[1:][same]
        before[grouped[1:][same]] = grouped[:-1][same]
        firsts = grouped[before[grouped] < 0]
        firsts = firsts[parent[firsts] < n]
        inside[parent[firsts]] = firsts
        return cls(inside, after, before)


class Growing:
    """Turns the nodes of a file into a binary tree, level by level."""

    def __init__(self, order: Order, tests: Tests, strategy: str, branches: Branches) -> None:
        """Prepare for the nodes of one tree."""
        self.order, self.tests, self.branches = order, tests, branches
        self.opposite = tests.opposite(order.before)
        self.wanted: dict[int, int] = {}
        self.routes = self._routes(strategy)
        self.child: list[int] = []
        self.asked: list[int] = []
        self.missing_left: list[bool] = []

    def _routes(self, strategy: str) -> list[int]:
        plain = {"none": FAILS, "nullPrediction": NOWHERE, "lastPrediction": LAST}
        routes = [plain.get(strategy, DEFAULT)] * len(self.tests.sure)
        if strategy == "defaultChild":
            self._to_defaults(routes)
        routes[0] = FAILS
        return routes

    def _to_defaults(self, routes: list[int]) -> None:
        """Note all default children, and where a missing value reaches them by itself.

        It does by holding at that child, and by failing where it fails at all others on the way.
        """
        parent, names = self.branches.parent.tolist(), self.branches.names
        keys = list(enumerate(zip(parent, names, strict=True))) if names else []
        number_of = {key: i for i, key in reversed(keys)}
        defaults = [number_of.get((i, name)) for i, name in enumerate(self.branches.defaults)]
        sure, after = self.tests.sure.tolist(), self.order.after.tolist()
        column = np.where(
            self.tests.absence | (self.tests.sure != 0), -1, self.tests.column
        ).tolist()
        for i in range(len(parent) - 1, 0, -1):
            found = defaults[parent[i]] if defaults else None
            if found is None:
                continue
            self.wanted[i], following = found, after[i]
            if i == found:
                routes[i] = HOLDS
            elif (
                i < found
                and routes[following] in (HOLDS, FAILS)
                and (sure[following] == ALWAYS or column[following] == column[i])
            ):
                routes[i] = FAILS

    def run(self) -> None:
        """Grow the tree: each entry of a queue is a place, and its children follow side by side.

        An entry knows where a row stands, and, as bits, which columns have a value there.

        Raises:
            Unread: default children copy branches without end.
            ValueError: a default child is not there.
        """
        inside, after = self.order.inside.tolist(), self.order.after.tolist()
        turned, absence = self.tests.turned.tolist(), self.tests.absence.tolist()
        bits, routes = [1 << c for c in self.tests.column.tolist()], self.routes
        passed = self._passing()
        child, asked, missing_left = self.child, self.asked, self.missing_left
        n, states, known = len(bits), [0], [0]
        for place, s in enumerate(states):
            there = known[place]
            while s >= 0 and (p := passed[s]):
                if p == NEVER:
                    s = after[s]
                elif p == ALWAYS or there & bits[s]:
                    s = inside[s]
                else:
                    break
            if s < 0:
                child.append(place)
                asked.append(~s)
                missing_left.append(True)
                continue
            child.append(len(states))
            with_it, route = there | bits[s], routes[s]
            if absence[s]:
                holding = turned[s]  # of missing values
            elif there & bits[s] or route <= FAILS:
                holding = route == HOLDS
            else:
                asked.append(n + s)
                missing_left.append(False)
                states += (s, self._gone(s, route, len(states)))
                known += (with_it, there)
                continue
            held, failed = (there, with_it) if holding else (with_it, there)
            asked.append(s)
            missing_left.append(holding is not turned[s])
            states += (after[s], inside[s]) if turned[s] else (inside[s], after[s])
            known += (failed, held) if turned[s] else (held, failed)

    def _passing(self) -> list[int]:
        """Return which tests need not be asked: ALWAYS, NEVER, or where the column has a value."""
        by_itself = np.array(self.routes) == HOLDS
        sure = np.where(self.opposite, np.where(by_itself, ALWAYS, WHERE_KNOWN), self.tests.sure)
        passing: list[int] = sure.tolist()
        return passing

    def _gone(self, s: int, route: int, so_far: int) -> int:
        """Return where a row goes on whose value is missing, and neither side is right."""
        n = len(self.routes)
        if route != DEFAULT:
            return ~n if route == NOWHERE else ~(n + 1 + int(self.branches.parent[s]))
        if s not in self.wanted:
            raise ValueError("a default child that is not there")
        if so_far > 1000 + MOST_COPIES * n:
            raise Unread(
                "The default children of this tree make its branches so many copies that it "
                "is no formula.", "Split each node in two, as most programs do.",
            )  # fmt: skip
        return int(self.order.inside[self.wanted[s]])

    def finished(self, predictions: Array) -> Grown:
        """Return the binary tree, given whose prediction holds where a row ends."""
        child, asked = np.array(self.child), np.array(self.asked)
        leaf = child == np.arange(len(child))
        nodes = predictions[np.where(leaf, asked, len(self.routes))]
        if len(child) == 1:
            return Grown(None, nodes, leaf)
        at, tests = np.where(leaf, 0, asked), self.tests.with_absences()
        simple = ~leaf & (tests.codes[at] < 0)
        below = bool(tests.below[at][simple].all() and simple.any())
        sets, member = np.unique(np.where(leaf, -1, tests.codes[at]), return_inverse=True)
        member = np.where(sets[member] < 0, -1, member - (sets[0] < 0))
        splits = Splits(
            feature=frozen(np.where(leaf, 0, tests.column[at]), np.int32),
            threshold=frozen(np.where(leaf, np.inf, tests.limits(below)[at])),
            child=frozen(child, np.int32),
            missing_left=frozen(self.missing_left, bool),
            below=below,
            member=frozen(member, np.int32),
            sets=frozen(_truths([tests.sets[i] for i in sets if i >= 0]), bool),
            counts=frozen([]),
        )
        return Grown(splits, nodes, leaf)


def _truths(sets: Sequence[frozenset[int]]) -> Array:
    if not sets:
        return np.zeros((0, 0), dtype=bool)
    width = 1 + max((c for codes in sets for c in codes), default=-1)
    if len(sets) * width > MOST_CELLS:
        raise ValueError(f"{len(sets):,} sets of {width:,} values")
    made = np.zeros((len(sets), width), dtype=bool)
    for row, codes in zip(made, sets, strict=True):
        row[list(codes)] = True
    return made
