"""What a model of trees says, as a table: one cell for all rows that no test tells apart."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node, Type, fold, substitute, toposort
from closedform.ops.absence import may_be_missing

Cuts = list[tuple[Node, float]]
"""A value, and a number of which it is asked whether it is at most that."""
Region = tuple[tuple[int, int], ...]
"""The first and the last cell along each axis."""
LARGEST = sys.float_info.max
"""A test against it, or against ∞, tells no finite numbers apart."""


def _before(t: float) -> float:
    """Return the number for which `x <= it` says what `x < t` does."""
    return float(np.nextafter(t, -np.inf))


def _of_tree(n: Node) -> Cuts:
    splits = n.data.splits
    inner = np.flatnonzero(~splits.leaf)
    if (splits.member[inner] >= 0).any():
        raise BadInput(
            "A tree of the model asks whether a value is one of some codes, which are not ranges.",
            hint="Fit it on one column for each category, 0 or 1; or use cf.small_tree.",
        )
    limits = splits.threshold[inner]
    limits = np.nextafter(limits, -np.inf) if splits.below else limits
    return [(n.args[f], float(t)) for f, t in zip(splits.feature[inner], limits, strict=True)]


def _of_steps(n: Node) -> Cuts:
    edges = n.data.edges if n.data.right_closed else np.nextafter(n.data.edges, -np.inf)
    return [(n.args[0], float(t)) for t in edges]


def _of_comparison(n: Node) -> Cuts:
    a, b = n.args
    strict = n.op is ops.LESS
    if b.op is ops.CONST:
        return [(a, _before(b.data) if strict else float(b.data))]
    return [(b, float(a.data) if strict else _before(a.data))]


def _steps_alone(n: Node) -> bool:
    return bool(n.data.coefs.shape[1] == 1)


def _with_a_number(n: Node) -> bool:
    return sum(a.op is ops.CONST for a in n.args) == 1 and all(a.type is Type.REAL for a in n.args)


TESTS: Mapping[str, tuple[Callable[[Node], bool], Callable[[Node], Cuts]]] = {
    "tree": (lambda n: True, _of_tree),
    "piecewise": (_steps_alone, _of_steps),
    "less": (_with_a_number, _of_comparison),
    "less_equal": (_with_a_number, _of_comparison),
    "absent": (lambda n: True, lambda n: [(n.args[0], math.inf)]),
}
"""Op → whether a node is a test of values against numbers, and against which."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a model of trees.

    Along an axis for each tested value, cell i holds cuts[i − 1] < x <= cuts[i]. Where a value may
    be missing, a second axis follows those of all values: cell 0 where it is there, 1 where not.

    Attributes:
        views: the tested values, over the raw inputs.
        cuts: the numbers that each is compared with, in order.
        gaps: the positions of the views that may be missing.
        roots: the model's outputs, as functions of the views alone.
        whole: the cells that matter: all, or those in the range of some rows.
        reach: which cuts matter where.
    """

    views: tuple[Node, ...]
    cuts: tuple[Array, ...]
    gaps: tuple[int, ...]
    roots: tuple[Node, ...]
    whole: Region
    reach: Reach

    @classmethod
    def of(cls, formula: Formula, X: Any = None) -> Cells:
        """Lay out the cells of a formula's answer.

        Args:
            formula: what is read as cells.
            X: rows; only cells in the range of their values matter, and a value may be missing
                where it is missing in one of them. Default: any finite number, none missing.

        Raises:
            BadInput: it is no function of tests against numbers alone, or the rows do not fit it.
        """
        roots = [formula.outputs[name] for name in formula.answer]
        tests = _tests(roots)
        found: dict[Node, set[float]] = defaultdict(set)
        for n in tests:
            for view, cut in TESTS[n.op.name][1](n):
                found[view].add(cut)
        if not any(n.op is ops.TREE for n in tests):
            raise BadInput(
                "The formula has no trees that one tree could take the place of.",
                hint="cf.small_tree fits a tree to any model.",
            )
        views = tuple(found)
        cuts = tuple(np.array(sorted(c for c in found[v] if abs(c) < LARGEST)) for v in views)
        columns = None if X is None else _columns(formula, views, X)
        missing = [] if columns is None else [bool(np.isnan(c).any()) for c in columns]
        gaps = tuple(k for k, some in enumerate(missing) if some)
        whole = tuple(
            _range(c, None if columns is None else columns[k]) for k, c in enumerate(cuts)
        )
        # What trees are given but never test is nothing here.
        became = {n: ops.const(0.0) for n in toposort(roots) if n.op is ops.INPUT}
        became |= {v: ops.input_(k) for k, v in enumerate(views)}
        at = {v: k for k, v in enumerate(views)}
        return cls(
            views, cuts, gaps, tuple(substitute(roots, became)),
            whole + ((0, 1),) * len(gaps), Reach.of(tests, at, cuts, gaps),
        )  # fmt: skip

    def values(self, picked: Sequence[Array]) -> Array:
        """Return what the model gives in some cells, shape (cells, outputs).

        Args:
            picked: the position along each axis, one array an axis.
        """
        columns = []
        for k, cuts in enumerate(self.cuts):
            ends = np.append(cuts, np.nextafter(cuts[-1], np.inf) if len(cuts) else 0.0)
            columns.append(ends[picked[k]])
        for place, k in enumerate(self.gaps, len(self.cuts)):
            columns[k] = np.where(picked[place] == 1, np.nan, columns[k])
        found = compute(self.roots, columns, len(picked[0]))
        return np.column_stack([c.astype(float) for c in found])

    def axis(self, k: int) -> tuple[Node, Array]:
        """Return the value that an axis stands for, and its cuts: ∞ where it may be missing."""
        if k < len(self.views):
            return self.views[k], self.cuts[k]
        return self.views[self.gaps[k - len(self.views)]], np.array([np.inf])

    def uncovered(self) -> frozenset[int]:
        """Return the inputs of which a missing value would make a tested value missing."""
        told = [v for k, v in enumerate(self.views) if k not in self.gaps]
        return frozenset[int]().union(*fold(told, may_be_missing)) if told else frozenset()


@dataclass(frozen=True, eq=False)
class Reach:
    """Which tests are asked where.

    Attributes:
        axis, cut: what each test asks, shape (tests,).
        lo, hi: the cells from which it is reached, shape (tests, views).
    """

    axis: Array
    cut: Array
    lo: Array
    hi: Array

    @classmethod
    def of(
        cls, tests: Sequence[Node], at: Mapping[Node, int], cuts: Sequence[Array],
        gaps: Sequence[int],
    ) -> Reach:  # fmt: skip
        """Walk down every tree."""
        last = np.array([len(c) for c in cuts])
        rows: list[tuple[int, int, Array, Array]] = []
        for n in tests:
            asked = TESTS[n.op.name][1](n)
            places = [(at[v], _position(cuts[at[v]], t)) for v, t in asked]
            boxes = _boxes(n, places, last, gaps) if n.op is ops.TREE else [(0 * last, last)]
            rows += [
                (axis, cut, *box)
                for (axis, cut), box in zip(
                    places, boxes * (len(places) // len(boxes)), strict=True
                )
                if 0 <= cut < last[axis]
            ]
        shape = (len(rows), len(last))
        axis, cut = (np.array([row[i] for row in rows], dtype=int) for i in (0, 1))
        lo, hi = (np.array([row[i] for row in rows], dtype=int).reshape(shape) for i in (2, 3))
        return cls(axis, cut, lo, hi)

    def cuts(self, region: Region) -> list[tuple[int, Array]]:
        """Return the axes that may still matter in a region, and the cuts of each."""
        views = self.lo.shape[1]
        lo, hi = np.array(region[:views]).T
        met = ((self.lo <= hi) & (self.hi >= lo)).all(axis=1)
        met &= (lo[self.axis] <= self.cut) & (self.cut < hi[self.axis])
        axis, cut = self.axis[met], self.cut[met]
        found = [(int(k), np.unique(cut[axis == k])) for k in np.unique(axis)]
        gaps = [k for k in range(views, len(region)) if region[k] == (0, 1)]
        return found + [(k, np.array([0])) for k in gaps]


def _position(cuts: Array, cut: float) -> int:
    """Return the place of a cut; −1 and beyond the last: of one that no finite number passes."""
    return int(np.searchsorted(cuts, cut)) if cut > -LARGEST else -1


def _boxes(
    n: Node, places: Sequence[tuple[int, int]], last: Array, gaps: Sequence[int]
) -> list[tuple[Array, Array]]:
    """Return the cells from which each inner node of a tree is reached.

    A test of what may be missing narrows nothing: a missing value stands in all cells of its view.
    """
    splits = n.data.splits
    asked = dict(zip(np.flatnonzero(~splits.leaf).tolist(), places, strict=True))
    found: dict[int, tuple[Array, Array]] = {}
    stack = [(0, (0 * last, last))] if asked else []
    while stack:
        i, (lo, hi) = stack.pop()
        if i not in asked:
            continue
        found[i] = lo, hi
        axis, cut = asked[i]
        below, above = hi.copy(), lo.copy()
        if axis not in gaps:
            below[axis], above[axis] = min(hi[axis], cut), max(lo[axis], cut + 1)
        child = int(splits.child[i])
        stack += [(child, (lo, below)), (child + 1, (above, hi))]
    return [found[i] for i in asked]


def _tests(roots: Sequence[Node]) -> list[Node]:
    """Return the tests that outputs are functions of, going down from them.

    Raises:
        BadInput: one of them reads an input in another way.
    """
    order = toposort(roots)
    deep = fold(order, lambda n, *below: n.op in (ops.TREE, ops.PIECEWISE) or any(below))
    tested = dict(zip(order, deep, strict=True))
    found, seen, todo = list[Node](), set(roots), list(roots)
    while todo:
        n = todo.pop()
        fits = TESTS.get(n.op.name)
        if fits is not None and fits[0](n) and not any(tested[a] for a in n.args):
            found.append(n)
            continue
        if n.op is ops.INPUT:
            raise BadInput(
                "The model reads an input other than in a test against a number: no tree of such "
                "tests gives the same everywhere.",
                hint="cf.small_tree fits a tree to any model.",
            )
        fresh = [a for a in n.args if a not in seen]
        seen.update(fresh)
        todo += fresh
    return found


def _columns(formula: Formula, views: Sequence[Node], X: Any) -> list[Array]:
    inputs, rows = columns_of(formula.inputs, X, formula.needed)
    if not rows:
        raise BadInput("There are no rows to take a range from.", hint="Give X with rows.")
    return compute(views, inputs, rows)


def _range(cuts: Array, column: Array | None) -> tuple[int, int]:
    """Return the first and the last cell that some values lie in."""
    if column is None:
        return 0, len(cuts)
    there = column[~np.isnan(column)]
    if not len(there):
        return 0, 0
    lo, hi = np.searchsorted(cuts, [there.min(), there.max()])
    return int(lo), int(hi)
