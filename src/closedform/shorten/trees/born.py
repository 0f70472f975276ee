"""One tree that says everywhere what an ensemble says: the born-again tree.

Vidal and Schiffer, Born-again tree ensembles (2020). Where the cells of the ensemble fit into a
table, the tree is the smallest there is: no other is shallower, and none as shallow has fewer
leaves. Where they do not, regions are parted until their cells do.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step, label_above, label_of
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import Splits, labels_of, splits_from
from closedform.passes import simplify
from closedform.progress import Wanted, Watch, watching
from closedform.shorten.clock import Clock
from closedform.shorten.options import seconds, whole
from closedform.shorten.trees.cells import Cells, Region
from closedform.shorten.trees.parts import Part, Table
from closedform.shorten.trees.smallest import OutOfTime, Plan, Smallest, size_of

MOST_CELLS = 1_000_000
"""Cells of a table in which the smallest tree is sought."""
PART_CELLS = 20_000
"""Cells of a part of it where the whole is too large."""
MOST_LEAVES = 10_000
SAMPLED = 1000
"""Cells of a region that tell where to part it."""


def born_again(
    formula: Formula, X: Any = None, *, time_limit: float | None = 60.0, most: int = MOST_LEAVES,
    progress: Wanted = None,
) -> Formula:  # fmt: skip
    """Return one tree that gives the same answer as a model of trees, for every input.

    Of forests, boosters and whatever else asks of its inputs, or of numbers made of them, only
    whether they are above numbers: of a classifier the class, of a regression the value. The
    chances that a forest gives have hundreds of values; `formula.only("P(1)")` has such a tree too.

    Args:
        formula: the exact formula of a model.
        X: rows: the tree is to be right in the range of their values, and for missing values where
            there are any. Default: everywhere, with no value missing.
        time_limit: seconds.
        most: so many leaves at most.
        progress: as of `frontier`.

    Returns:
        A formula with the answer alone. `trail[-1]` is exact where the tree says the same
        everywhere; `found` tells its depth, its leaves, and `smallest`: "depth and leaves" where
        no tree is shallower, and none of that depth has fewer leaves; "depth" where the leaves
        were not decided in time; "not proven". A tree that was not finished is of the kind
        "approx": `open` tells for how many of its leaves the model may say something else too.

    Raises:
        BadInput: the formula is no function of such tests, or the rows do not fit it.
    """
    clock, most = Clock(seconds(time_limit)), whole("most", most, 1)
    with watching(progress, "born again", clock.left) as watch:
        search = Search(Cells.of(simplify(formula), X), clock, most, watch)
        plan = search.run()
    return _formula(formula, search, plan, {} if X is None else {"domain": "the range of X"})


@dataclass
class Search:
    """The search for a tree, region by region.

    Attributes:
        cells: what the model says.
        clock: how long it may take.
        most: leaves.
        watch: told how far it is.
        given: what leaves give: each row of outputs, shape (outputs,), has a number.
        proven: what is known of the tree's size.
        open: how many of its leaves are no more than a guess.
    """

    cells: Cells
    clock: Clock
    most: int
    watch: Watch = field(default_factory=lambda: Watch(""))
    given: dict[bytes, int] = field(default_factory=dict)
    proven: str = "not proven"
    open: int = 0

    def run(self) -> Plan:
        """Return the tree."""
        table = self._table(self.cells.whole, MOST_CELLS)
        if table is not None:
            return self._small(table)
        return self._large()

    def _table(self, region: Region, most: int) -> Table | None:
        """Return the cells of a region, or None where there are more than some number."""
        axes = self.cells.reach.cuts(region)
        size = np.prod([len(c) + 1.0 for _, c in axes])
        if size > most:
            return None
        shape = [len(c) + 1 for _, c in axes]
        places = np.unravel_index(np.arange(int(size)), shape) if axes else []
        codes = self._codes(region, axes, places, int(size))
        return Table(codes.reshape(shape or [1]), axes)

    def _codes(
        self, region: Region, axes: Sequence[tuple[int, Array]], places: Sequence[Array], rows: int
    ) -> Array:
        """Return the number of what the model gives in some cells, shape (cells,)."""
        picked = [np.full(rows, hi) for _, hi in region]
        for (axis, cuts), place in zip(axes, places, strict=True):
            picked[axis] = np.append(cuts, region[axis][1])[place]
        found = np.ascontiguousarray(self.cells.values(picked)) + 0.0
        kinds, which = np.unique(found, axis=0, return_inverse=True)
        names = [self.given.setdefault(row.tobytes(), len(self.given)) for row in kinds]
        made: Array = np.array(names, dtype=np.int32)[which.reshape(-1)]
        return made

    def _small(self, table: Table) -> Plan:
        """Return the smallest tree of a table, as far as there is time for."""
        smallest, whole = Smallest(self.clock), table.whole
        plan = self._greedy(smallest, whole)
        try:
            deep = smallest.depth(whole)
            shallow = smallest.shallow(whole, deep)
            self.watch.at(f"a tree of depth {deep}; fewer leaves are looked for")
            fits = [p for p in (plan, shallow) if size_of(p)[0] <= deep]
            plan = min(fits, key=lambda p: size_of(p)[1])
            self.proven = "depth"
            most = size_of(plan)[1] - 1
            if smallest.fewest(whole, deep, most) <= most:
                plan = smallest.leanest(whole, deep)
            self.proven = "depth and leaves"
        except (OutOfTime, KeyboardInterrupt):
            pass
        return plan

    def _greedy(self, smallest: Smallest, part: Part) -> Plan:
        """Return a tree of a part; after Ctrl-C as fast as it can be had."""
        try:
            return smallest.greedy(part)
        except KeyboardInterrupt:
            self.clock = smallest.clock = Clock(0)
            return smallest.greedy(part)

    # --- more cells than a table holds ----------------------------------------------------------

    def _large(self) -> Plan:
        """Return a tree of parts that fit into tables, the largest region parted first."""
        smallest, order = Smallest(self.clock), count()
        asked: dict[int, tuple[int, int, int, int]] = {}
        made: dict[int, Plan] = {}
        queue = [Waiting(-1.0, next(order), self.cells.whole, 0)]
        leaves = 1
        while queue:
            now = heapq.heappop(queue)
            self.watch.at(f"{leaves:,} leaves, {len(queue):,} regions to part")
            if self.clock.out() or leaves > self.most:
                made[now.number] = now.guess
                self.open += 1
                continue
            table = self._table(now.region, PART_CELLS)
            if table is not None:
                made[now.number] = self._greedy(smallest, table.whole)
                leaves += size_of(made[now.number])[1] - 1
                continue
            cut, guesses = self._parting(now.region)
            asked[now.number] = (*cut, next(order), next(order))
            leaves += 1
            for i, half, guess in zip(
                asked[now.number][2:], _halves(now.region, *cut), guesses, strict=True
            ):
                share = now.share * _part(now.region, half, cut[0])
                heapq.heappush(queue, Waiting(share, i, half, guess))
        for i in sorted(asked, reverse=True):
            axis, at, below, above = asked[i]
            same = made[below] == made[above]
            made[i] = made[below] if same else (axis, at, made[below], made[above])
        return made[0]

    def _parting(self, region: Region) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the cut that tells most of some cells apart, and what is frequent on its sides."""
        axes = self.cells.reach.cuts(region)
        random = np.random.default_rng(0)
        places = [random.integers(len(c) + 1, size=SAMPLED) for _, c in axes]
        kinds, kind = np.unique(self._codes(region, axes, places, SAMPLED), return_inverse=True)
        best, guesses, most = (axes[0][0], int(axes[0][1][0])), (0, 0), -np.inf
        for (axis, cuts), place in zip(axes, places, strict=True):
            counts = np.zeros((len(cuts) + 1, len(kinds)))
            np.add.at(counts, (place, kind), 1)
            below = counts.cumsum(axis=0)[:-1]
            above = counts.sum(axis=0) - below
            pure = _purity(below) + _purity(above)
            i = int(pure.argmax())
            if pure[i] > most:
                best, most = (axis, int(cuts[i])), float(pure[i])
                guesses = (int(kinds[below[i].argmax()]), int(kinds[above[i].argmax()]))
        return best, guesses


class Waiting(NamedTuple):
    """A region that is still to be looked at, the largest first.

    Attributes:
        share: how much of the whole it is, below 0.
        number: of the tree's nodes.
        region: which cells.
        guess: what is frequent there.
    """

    share: float
    number: int
    region: Region
    guess: int


def _purity(counts: Array) -> Array:
    found: Array = (counts**2).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return found


def _halves(region: Region, axis: int, cut: int) -> list[Region]:
    lo, hi = region[axis]
    return [(*region[:axis], part, *region[axis + 1 :]) for part in ((lo, cut), (cut + 1, hi))]


def _part(region: Region, half: Region, axis: int) -> float:
    (lo, hi), (a, b) = region[axis], half[axis]
    return (b - a + 1) / (hi - lo + 1)


# --- the tree as a formula ----------------------------------------------------------------------


def _formula(formula: Formula, search: Search, plan: Plan, domain: Any) -> Formula:
    """Return a tree as a formula with the answer alone."""
    whole = formula.only(*formula.answer)
    deep, leaves = size_of(plan)
    found = {"depth": deep, "leaves": leaves, "smallest": search.proven, "open": search.open}
    step = Step("born again", "approx" if search.open else "exact", domain, found)
    cells, gaps = search.cells, search.cells.uncovered()
    inputs = tuple(
        replace(x, missing=x.missing and i not in gaps) for i, x in enumerate(whole.inputs)
    )
    nodes = _nodes(plan, cells, np.array([np.frombuffer(row) for row in search.given]), whole)
    return replace(
        whole, outputs=dict(zip(whole.outputs, nodes, strict=True)), inputs=inputs, names={},
        task=replace(whole.task, link="identity"), trail=(*whole.trail, step),
    )  # fmt: skip


def _nodes(plan: Plan, cells: Cells, given: Array, formula: Formula) -> list[Node]:
    """Return the outputs: of a number, a tree; of a label, the class whose tree gives 1."""
    splits, codes, args = _splits(plan, cells)
    made = []
    for column, (name, root) in zip(given.T, formula.outputs.items(), strict=True):
        if root.type is not Type.LABEL:
            made.append(_tree(splits, np.where(splits.leaf, column[codes], 0.0), args))
            continue
        said = labels_of(column.astype(np.int64))[codes]
        known = formula.task.of(name).classes or tuple(dict.fromkeys(said))
        there = set(said[splits.leaf].tolist())
        classes = [c for c in known if c in there]
        trees = [_tree(splits, ((said == c) & splits.leaf) * 1.0, args) for c in classes]
        made.append(_label(trees, classes))
    return made


def _label(trees: list[Node], classes: list[Any]) -> Node:
    if len(classes) == 2:
        return label_above(trees[1], 0.5, classes)
    return label_of(trees, classes) if len(classes) > 1 else ops.label(classes[0])


def _tree(splits: Splits, values: Array, args: tuple[Node, ...]) -> Node:
    return ops.tree(splits, values, args) if args else ops.const(float(values[0]))


def _splits(plan: Plan, cells: Cells) -> tuple[Splits, Array, tuple[Node, ...]]:
    """Return the tests of a tree, what its leaves give, shape (nodes,), and what is tested."""
    order: list[Plan] = [plan]
    left, right, feature, limit, codes = (
        list[int](),
        list[int](),
        list[int](),
        list[float](),
        list[int](),
    )
    args: dict[Node, int] = {}
    for now in order:
        inner = not isinstance(now, int)
        left.append(len(order) if inner else -1)
        right.append(len(order) + 1 if inner else -1)
        codes.append(now if isinstance(now, int) else 0)
        if isinstance(now, int):
            feature.append(0)
            limit.append(0.0)
            continue
        view, cuts = cells.axis(now[0])
        feature.append(args.setdefault(view, len(args)))
        limit.append(float(cuts[now[1]]))
        order += now[2:]
    never = np.zeros(len(order), dtype=bool)
    splits, places = splits_from(left, right, feature, limit, missing_left=never)
    return splits, np.array(codes)[places], tuple(args)
