"""Exact interventional Shapley values of a tree, all of its leaves at once.

A leaf is a product of tests, one for each input on its path. With a row and a background row, p
inputs pass the row's tests alone and q the background row's alone; if none fails both, the inputs
of the p get (p−1)! q! / (p+q)! of the leaf's value each, and those of the q lose p! (q−1)! / (p+q)!
(Lundberg et al. 2020, From local explanations to global understanding with explainable AI for
trees, algorithm 3). Which tests fail is a pattern of bits: of short paths, the background rows of
each pattern are counted, so that the work does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import comb

import numpy as np

from closedform.evaluate import compute
from closedform.formula import reads
from closedform.ir import Array, Node, fold
from closedform.ops.payloads import Splits, goes_right

Columns = Sequence[Array]
SHORT = 8
"""Inputs of a path whose patterns are counted: 256 of them."""
TRIPLES = 1 << 22
"""Leaves × rows × background rows that are looked at together."""


def of_tree(tree: Node, rows: Columns, background: Columns) -> Array:
    """Return the Shapley values of one tree, shape (rows, inputs).

    Args:
        tree: each of its arguments reads one input at most.
        rows: what is explained, one column for each input of the formula.
        background: the rows from which the values of absent inputs are taken, all of them.
    """
    paths, values = Paths(tree), tree.data.values
    own, others = paths.failed(rows), paths.failed(background)
    found = np.zeros((len(paths.players) + 1, len(rows[0])))
    leaves = np.flatnonzero(tree.data.splits.leaf & (values != 0) & (paths.count > 0))
    for size in np.unique(paths.count[leaves]).tolist():
        some = leaves[paths.count[leaves] == size]
        gained = (_by_pattern if size <= SHORT else _by_pair)(own[some], others[some], size)
        for slot in range(size):
            who = (paths.slots[some] == slot).T * values[some]
            found += who @ gained[:, :, slot]
    made = np.zeros((len(rows[0]), len(rows)))
    made[:, paths.players] = found[:-1].T
    return made


class Paths:
    """What the paths of a tree ask about.

    Attributes:
        players: the inputs that are tested, ascending.
        player: whose test each node asks, as a place among them, shape (nodes,); of a constant's,
            the place behind the last.
        slots: in which place of its path an input stands, shape (nodes, players + 1); -1 if the
            path does not ask about it.
        count: how many inputs each path asks about, shape (nodes,).
    """

    def __init__(self, tree: Node) -> None:
        """Walk a tree, level by level."""
        self.tree, self.splits = tree, tree.data.splits
        each = fold(tree.args, reads)
        self.players = sorted(fold([tree], reads)[0])
        place = {i: k for k, i in enumerate(self.players)}
        places = [place.get(next(iter(found), -1), len(place)) for found in each]
        self.player = np.array(places or [0])[self.splits.feature]
        nodes = len(self.splits.child)
        self.slots = np.full((nodes, len(place) + 1), -1)
        self.count = np.zeros(nodes, dtype=np.int64)
        for at in levels(self.splits):
            slots, count, player = self.slots[at], self.count[at], self.player[at]
            mine = slots[np.arange(len(at)), player]
            slots[np.arange(len(at)), player] = np.where(mine < 0, count, mine)
            for child in (self.splits.child[at], self.splits.child[at] + 1):
                self.slots[child], self.count[child] = slots, count + (mine < 0)

    def failed(self, columns: Columns) -> Array:
        """Return which places of each path a row fails, as bits, shape (nodes, rows)."""
        rows, splits = len(columns[0]), self.splits
        x = np.array(compute(self.tree.args, columns, rows), dtype=float)
        found = np.zeros((len(splits.child), rows), dtype=np.int64)
        for at in levels(splits):
            value, each = x[splits.feature[at]].ravel(), np.repeat(at, rows)
            right = goes_right(splits, each, value, True).reshape(-1, rows)
            child = splits.child[at]
            bit = (np.int64(1) << self.slots[child, self.player[at]])[:, None]
            found[child] = found[at] | (right * bit)
            found[child + 1] = found[at] | (~right * bit)
        return found


def levels(splits: Splits) -> Iterator[Array]:
    """Yield the nodes that ask, from the root down, those of one depth together."""
    at = np.array([0])
    while len(at := at[~splits.leaf[at]]):
        yield at
        at = np.concatenate([splits.child[at], splits.child[at] + 1])


def _by_pattern(own: Array, others: Array, size: int) -> Array:
    """Return what each place gets, shape (leaves, rows, size), from counts of the patterns.

    Args:
        own: what each row fails on the path to each leaf, shape (leaves, rows).
        others: the same of the background, shape (leaves, background).
        size: how many places there are.
    """
    leaves, patterns = len(own), 1 << size
    at = np.arange(leaves)[:, None]
    counts = np.bincount((at * patterns + others).ravel(), minlength=leaves * patterns)
    share = counts.reshape(leaves, patterns) / others.shape[1]
    gained = (share @ _shares_of_patterns(size)).reshape(leaves, patterns, size)
    return np.asarray(gained[at, own])


@lru_cache(maxsize=SHORT)
def _shares_of_patterns(size: int) -> Array:
    """Return what each place gets, shape (patterns of the background, patterns of a row · size)."""
    every = np.arange(1 << size)
    gained: Array = _shares(every[None, :], every[:, None], size)
    return gained.reshape(1 << size, -1)


def _by_pair(own: Array, others: Array, size: int) -> Array:
    """Return the same, from each pair of a row and a background row."""
    found = np.zeros((*own.shape, size))
    step = max(1, TRIPLES // (own.shape[1] * others.shape[1]))
    for lo in range(0, len(own), step):
        mine, theirs = own[lo : lo + step, :, None], others[lo : lo + step, None, :]
        leaf, row, other = np.nonzero((mine & theirs) == 0)
        mine, theirs = mine[leaf, row, 0], theirs[leaf, 0, other]
        at = leaf * own.shape[1] + row
        for slot in range(size):
            gained = _share(mine, theirs, size, slot)
            total = np.bincount(at, gained, minlength=step * own.shape[1])
            found[lo : lo + step, :, slot] = total.reshape(step, -1)[: len(found) - lo]
    return np.asarray(found / others.shape[1])


def _shares(own: Array, others: Array, size: int) -> Array:
    """Return what each place gets of a leaf's value, shape (…, size)."""
    return np.stack([_share(own, others, size, slot) for slot in range(size)], axis=-1)


def _share(own: Array, others: Array, size: int, slot: int) -> Array:
    """Return what one place gets of a leaf's value, for patterns of failed tests.

    Those that fail both get nothing, nor does a place that both pass.
    """
    p, q = _bits(others), _bits(own)
    gain, loss = _weights(size)
    passes = (others >> slot) & 1  # the row passes where the background row fails
    fails = (own >> slot) & 1
    found = np.where(passes > fails, gain[p, q], np.where(fails > passes, -loss[p, q], 0.0))
    return np.where(own & others, 0.0, found)


@lru_cache(maxsize=128)
def _weights(size: int) -> tuple[Array, Array]:
    """Return (p−1)! q! / (p+q)! and p! (q−1)! / (p+q)! for p, q ≤ size; 0 where there is none."""
    gain = np.zeros((size + 1, size + 1))
    for p in range(1, size + 1):
        for q in range(size + 1):
            gain[p, q] = 1.0 / (p * comb(p + q, p))
    return gain, gain.T.copy()


def _bits(words: Array) -> Array:
    """Return how many bits are set."""
    # np.bitwise_count is as of NumPy 2.
    words = words - ((words >> 1) & 0x5555555555555555)
    words = (words & 0x3333333333333333) + ((words >> 2) & 0x3333333333333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F0F0F0F0F
    return np.asarray((words * 0x0101010101010101) >> 56)
