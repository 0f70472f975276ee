"""Rows that come to each test of each tree with a missing value, or with one of its categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node, toposort
from closedform.ops.payloads import Splits, goes_right

Special = Mapping[int, Sequence[float | int]]
"""The values of an input that may take another way at a test: input → entries of its column."""
VISITS = 5_000_000
"""So often a row is sent through a tree; it takes about 100 ns a level."""
SENT = 8
"""So many rows that come to a test are tried, for one on which the test matters."""


def branches(
    formula: Formula, columns: Sequence[Array], rows: int, special: Special
) -> Iterator[tuple[int, int, int]]:
    """Yield (input, which of its special values, row) so that each test of a tree is decided by it.

    A forest of 20 trees tests an input in a thousand places: of 23 tests that sent a missing value
    the wrong way, three escaped eight rows for each input.
    """
    found = [n for n in toposort(formula.roots) if n.op is ops.TREE and n.data.splits.depth]
    trees = of_one_shape(found)
    if not trees or not rows:
        return
    asked = max(1, len(trees) * sum(map(len, special.values())))
    some = min(rows, max(50, VISITS // asked))
    columns = [c[:some] for c in columns]
    for i, values in special.items():
        for k, value in enumerate(values):
            yield from ((i, k, row) for row in _rows_for(trees, columns, some, i, value))


def of_one_shape(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return nodes, trees with the same tests together: a forest has one for each class.

    One by one, the 2,000 of ten trees for 200 classes took minutes to try.
    """
    found: dict[Any, list[Node]] = {}
    for n in nodes:
        key = (n.data.splits.key, n.args) if n.op is ops.TREE else n
        found.setdefault(key, []).append(n)
    return list(found.values())


def values_of(trees: Sequence[Node]) -> Array:
    """Return what trees of one shape give, shape (nodes, trees)."""
    return np.stack([n.data.values for n in trees], axis=1)


def _rows_for(
    trees: Sequence[Sequence[Node]], columns: Sequence[Array], rows: int, i: int, value: float | int
) -> list[int]:
    """Return rows which, with a value in an input, between them come to every test of it."""
    args = list(dict.fromkeys(a for tree, *_ in trees for a in tree.args))
    reading = _reading(args, i)
    new = [np.full_like(c, value) if k == i else c for k, c in enumerate(columns)]
    values = dict(zip(args, compute(args, new, rows), strict=True))
    found: dict[int, None] = {}
    for alike in trees:
        tested = alike[0].args
        asked = np.array([a in reading for a in tested])
        if asked.any():
            x = np.stack([values[a] for a in tested])
            found.update(dict.fromkeys(_deciding(alike, x, asked)))
    return list(found)


def _reading(args: Sequence[Node], i: int) -> set[Node]:
    """Return those nodes that read an input."""
    reads: dict[Node, bool] = {}
    for n in toposort(args):
        reads[n] = (n.op is ops.INPUT and n.data == i) or any(reads[a] for a in n.args)
    return {n for n in args if reads[n]}


def _deciding(alike: Sequence[Node], x: Array, asked: Array) -> list[int]:
    """Return for each test of the features asked about a row whose value it decides."""
    splits, values = alike[0].data.splits, values_of(alike)
    ends, tests, rows = _passed(splits, x, asked)
    picked = _first_few(tests)
    tests, rows = tests[picked], rows[picked]
    other = splits.child[tests] + ~_right(splits, x[:, rows], tests)
    told = (values[_onward(splits, x[:, rows], other)] != values[ends[rows]]).any(axis=1)
    _, first = np.unique(tests[told], return_index=True)
    found: list[int] = rows[told][first].tolist()
    return found


def _passed(splits: Splits, x: Array, asked: Array) -> tuple[Array, Array, Array]:
    """Return the leaf of each row, and the (test, row) pairs on the way that ask for a feature."""
    at = np.zeros(x.shape[1], dtype=np.int64)
    tests, rows = [], []
    for _ in range(splits.depth):
        here = np.flatnonzero(asked[splits.feature[at]] & ~splits.leaf[at])
        tests.append(at[here])
        rows.append(here)
        at = splits.child[at] + _right(splits, x, at)
    return at, np.concatenate(tests), np.concatenate(rows)


def _first_few(tests: Array) -> Array:
    """Return the places of the first few pairs of each test, shape (places,)."""
    order = np.argsort(tests, kind="stable")
    ranked = tests[order]
    rank = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    few: Array = order[rank < SENT]
    return few


def _onward(splits: Splits, x: Array, at: Array) -> Array:
    """Return the leaf that each row reaches from the node where it stands."""
    for _ in range(splits.depth):
        at = splits.child[at] + _right(splits, x, at)
    return at


def _right(splits: Splits, x: Array, at: Array) -> Array:
    return goes_right(splits, at, x[splits.feature[at], np.arange(x.shape[1])], True)
