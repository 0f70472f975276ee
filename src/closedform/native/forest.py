"""Sums of trees as the flat arrays that `kernels` reads: thresholds become ranks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits, Tree

ASKED = {"select8": 0.023, "select16": 0.05}
WALKED = 1.5
"""Nanoseconds for a question asked of 512 rows at once, and for a level walked, each per row."""

RANKS = {"select8": 254, "select16": 65_534, "walk": 65_534}
LEAVES = {"select8": 256, "select16": 65_536, "walk": math.inf}
"""How many thresholds of one feature, and how many leaves of one tree, each kernel can take."""


@dataclass(frozen=True)
class Total:
    """A sum that ends in trees: `start` + weight · tree + …, in float32 where `single`."""

    node: Node
    start: float
    terms: tuple[tuple[float, Node], ...]
    single: bool


def total_of(n: Node) -> Total | None:
    """Return a node as a sum of trees over the same arguments, or None where it is none."""
    if n.op is ops.TREE:  # 0 would turn -0.0 into 0.0
        return Total(n, -0.0, ((1.0, n),), single=False)
    if n.op not in (ops.LIN, ops.SUM32):
        return None
    trees = [a for a in n.args if a.op is ops.TREE]
    known = all(a.op in (ops.TREE, ops.CONST) for a in n.args)
    if not trees or not known or len({a.args for a in trees}) > 1:
        return None
    if n.op is ops.SUM32:
        return Total(n, -0.0, tuple((1.0, a) for a in n.args), single=True)
    terms = zip(n.data.weights.tolist(), n.args, strict=True)
    return Total(n, n.data.bias, tuple(terms), single=False)


@dataclass(frozen=True)
class Forest:
    """Trees over the same columns, in the order in which they are added.

    Attributes:
        nodes: the sums that come out, one a row.
        args: the columns that the trees read.
        how: the kernel that adds them.
        columns: shapes, places, missing, limits, first, members: how a value becomes a rank.
        code: one line a question: column, rank, kind, left, right, where to (select); column,
            rank, left child (walk).
        trees: for each tree, where its code and its terms begin, and its depth.
        terms: for each term, to which sum it is added, and where its leaves begin.
        leaves: values of leaves, times their weight.
        start: what each sum starts from.
    """

    nodes: tuple[Node, ...]
    args: tuple[Node, ...]
    how: str
    columns: tuple[Array, ...]
    code: Array
    trees: Array
    terms: Array
    leaves: Array
    start: Array


def forests(totals: Sequence[Total]) -> list[Forest]:
    """Return the sums as forests; those of one forest read the same columns of the same type.

    A forest with too many thresholds for a rank of two bytes is cut into several, each of which
    goes on where the one before it ended. None is returned for a tree that is too large alone.
    """
    groups: dict[tuple[tuple[Node, ...], bool], list[Total]] = {}
    for total in totals:
        args = next(a.args for _, a in total.terms if a.op is ops.TREE)
        groups.setdefault((args, total.single), []).append(total)
    return [made for (args, _), group in groups.items() for made in _cut(args, group)]


def _cut(args: tuple[Node, ...], group: Sequence[Total]) -> list[Forest]:
    lists = _in_order(group)
    if lists is None:  # no order suits all sums
        return [made for total in group for made in _cut(args, [total])]
    todo, made = [lists], []
    while todo:
        part = todo.pop(0)
        columns = _Columns.of([shape for shape, _ in part])
        if columns.most > RANKS["walk"]:
            if len(part) == 1:
                raise OverflowError("a tree with more thresholds than two bytes can count")
            todo[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
        else:
            made.append(_forest(args, group, part, columns))
    return made


Lists = list[tuple[Splits | None, list[tuple[int, Array]]]]
"""For each shape in order: its splits (None: a leaf), and to which sums which values are added."""


def _in_order(group: Sequence[Total]) -> Lists | None:
    """Return each shape once, if every sum adds its trees in the order of the first one."""
    if len(group) == 1:
        return [(s, [(0, v)]) for s, v in map(_shape, group[0].terms)]
    found: dict[object, tuple[Splits | None, list[tuple[int, Array]]]] = {}
    for i, total in enumerate(group):
        last, places = -1, {key: k for k, key in enumerate(found)}
        seen: Counter[object] = Counter()
        for number, (shape, values) in enumerate(map(_shape, total.terms)):
            kind = (i, number) if shape is None else shape.key
            key = (kind, seen[kind])
            seen[kind] += 1
            at = places.get(key, len(found))
            if at < last:
                return None
            found.setdefault(key, (shape, []))[1].append((i, values))
            last = at
    return list(found.values())


def _shape(term: tuple[float, Node]) -> tuple[Splits | None, Array]:
    weight, n = term
    data: Tree = n.data
    values = np.array([n.data]) if n.op is ops.CONST else data.values
    with np.errstate(all="ignore"):
        return (None if n.op is ops.CONST else data.splits), values * weight


def _limits(splits: Splits) -> Array:
    """Return the thresholds for `<=`; NaN where no number goes left."""
    if not splits.below:
        return splits.threshold
    return np.where(
        splits.threshold == -math.inf, math.nan, np.nextafter(splits.threshold, -math.inf)
    )


@dataclass
class _Columns:
    """The columns of ranks: one for a feature, or two where missing values go both ways."""

    limits: dict[int, Array]
    at: dict[object, int] = field(default_factory=dict)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    first: list[Array] = field(default_factory=list)
    members: list[Array] = field(default_factory=list)

    @classmethod
    def of(cls, shapes: Sequence[Splits | None]) -> _Columns:
        """Collect the thresholds of every feature, and which ways its missing values go."""
        known = list({id(s): s for s in shapes if s is not None and s.depth}.values())
        made = cls({})
        if not known:
            return made
        inner = [~s.leaf & (s.member < 0) for s in known]
        feature = np.concatenate([s.feature[i] for s, i in zip(known, inner, strict=True)])
        limits = np.concatenate([_limits(s)[i] for s, i in zip(known, inner, strict=True)])
        left = np.concatenate([s.missing_left[i] for s, i in zip(known, inner, strict=True)])
        for f in np.unique(feature).tolist():
            here = feature == f
            values = np.unique(limits[here])
            made.limits[f] = values[~np.isnan(values)]
            made._rank(f, {bool(v) for v in np.unique(left[here])})
        return made

    @property
    def most(self) -> int:
        """The number of thresholds of the feature that has most."""
        return max(map(len, self.limits.values()), default=0)

    def _rank(self, f: int, ways: set[bool]) -> None:
        values = self.limits[f]
        at = sum(shape[6] for shape in self.shapes)
        start = sum(map(len, self.first))
        origin, scale, first = _grid(values)
        most = int(np.diff(first.astype(np.int64)).max())
        for copy, way in enumerate(sorted(ways)):
            self.at[f, way] = len(self.shapes)
            size = 0 if copy else len(values) + 1
            self.shapes.append((f, at, start, len(first) - 1, most, 2 * copy, size))
            self.places.append((origin, scale))
            self.missing.append(0 if way else len(values) + 1)
        self.first.append(first)

    def of_set(self, f: int, codes: Array, way: bool) -> int:
        """Return the column that says whether a code is in none of a set."""
        key = (f, codes.tobytes(), way)
        if key not in self.at:
            self.at[key] = len(self.shapes)
            start = sum(map(len, self.members))
            self.shapes.append((f, 0, start, len(codes), 0, 1, 0))
            self.places.append((0.0, 1.0))
            self.missing.append(0 if way else 1)
            self.members.append(codes.astype(np.uint8))
        return self.at[key]

    def questions(self, splits: Splits) -> tuple[Array, Array]:
        """Return the column of each node, and the rank that its test is `<=` to."""
        column = np.zeros(len(splits.child), np.int64)
        rank, limits = np.zeros(len(splits.child), np.int64), _limits(splits)
        for i in np.flatnonzero(~splits.leaf).tolist():
            f, way = int(splits.feature[i]), bool(splits.missing_left[i])
            if splits.member[i] >= 0:
                column[i] = self.of_set(f, splits.sets[splits.member[i]], way)
            else:
                column[i] = self.at[f, way]
        tested = ~splits.leaf & (splits.member < 0)
        for f in np.unique(splits.feature[tested]).tolist():
            here = tested & (splits.feature == f)
            found = np.searchsorted(self.limits[f], limits[here]) + 1
            rank[here] = np.where(np.isnan(limits[here]), 0, found)
        return column, rank

    def arrays(self) -> tuple[Array, ...]:
        """Return them as the kernels take them."""
        shapes = np.array(self.shapes, np.int64).reshape(-1, 7)
        limits = [v for part in self.limits.values() for v in (part, [math.inf])]
        return (
            shapes,
            np.array(self.places, np.float64).reshape(-1, 2),
            np.array(self.missing, np.int64),
            np.concatenate([np.zeros(0), *limits]),
            np.concatenate([np.zeros(0, np.uint16), *self.first]),
            np.concatenate([np.zeros(0, np.uint8), *self.members]),
        )


def _grid(values: Array) -> tuple[float, float, Array]:
    """Return an even grid over some thresholds: its origin, its scale, and how many lie before.

    About four cells a threshold, so that next to none holds two.
    """
    finite = values[np.isfinite(values)]
    origin = float(finite[0]) if len(finite) else 0.0
    cells = 1 << int(np.clip(len(values) * 4, 4, 1 << 17) - 1).bit_length()
    with np.errstate(all="ignore"):
        width = float(finite[-1] - finite[0]) if len(finite) > 1 else 1.0
        scale = float(np.clip((cells - 3) / width, 1e-300, 1e300)) if width else 1.0
        q = (values - origin) * scale + 1.0
    at = np.clip(q, 0.0, cells - 1.0).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=cells))])
    return origin, scale, first.astype(np.uint16)


def _kernel(shapes: Sequence[Splits], most: int) -> str:
    leaves = max((int(s.leaf.sum()) for s in shapes), default=1)
    questions = sum(int((~s.leaf).sum()) for s in shapes)
    cost = {how: one * questions for how, one in ASKED.items()}
    cost["walk"] = WALKED * sum(s.depth for s in shapes)
    return min(
        (how for how in cost if most <= RANKS[how] and leaves <= LEAVES[how]), key=cost.__getitem__
    )


def _forest(
    args: tuple[Node, ...], group: Sequence[Total], part: Lists, columns: _Columns
) -> Forest:
    how = _kernel([s for s, _ in part if s is not None], columns.most)
    lines: list[tuple[int, ...]] = []
    trees, terms = list[tuple[int, int, int]](), list[tuple[int, int]]()
    leaves, at = list[Array](), 0
    for splits, added in part:
        begin, order = len(lines), np.zeros(1, np.int64)
        if splits is not None:
            write = _to_walk if how == "walk" else _to_ask
            order = write(lines, splits, *columns.questions(splits))
        elif how == "walk":
            lines.append((0, 65_535, begin))
        trees.append((begin, len(terms), 0 if splits is None else splits.depth))
        for total, values in added:
            terms.append((total, at))
            leaves.append(values[order])
            at += len(order)
    trees.append((len(lines), len(terms), 0))
    single = group[0].single
    with np.errstate(over="ignore"):
        values = np.concatenate(leaves).astype(np.float32 if single else np.float64)
    start = np.array([t.start for t in group], values.dtype)
    code = np.array(lines, np.int64).reshape(-1, 3 if how == "walk" else 6)
    return Forest(
        tuple(t.node for t in group), args, how, columns.arrays(), code,
        np.array(trees, np.int64), np.array(terms, np.int64), values, start,
    )  # fmt: skip


def _to_walk(lines: list[tuple[int, ...]], splits: Splits, column: Array, rank: Array) -> Array:
    begin = len(lines)
    rank = np.where(splits.leaf, 65_535, rank)  # above which there is nothing
    rows = zip(column.tolist(), rank.tolist(), (splits.child + begin).tolist(), strict=True)
    lines.extend(rows)
    return np.arange(len(rank))


def _to_ask(lines: list[tuple[int, ...]], splits: Splits, column: Array, rank: Array) -> Array:
    """Append a tree's questions, the lowest first; return its leaves in the order of their numbers.

    What comes out of a node d levels deep goes to block d, so that few blocks are needed.
    """
    number: dict[int, int] = {}
    child, leaf = splits.child.tolist(), splits.leaf.tolist()
    columns, ranks = column.tolist(), rank.tolist()
    todo = [(0, 0, False)]
    while todo:
        i, level, done = todo.pop()
        left, right = child[i], child[i] + 1
        if leaf[i]:
            number[i] = len(number)
        elif not done:
            todo += [(i, level, True), (right, level + 1, False), (left, level, False)]
        else:
            a, b = number.get(left, level), number.get(right, level + 1)
            kind = 2 * (not leaf[left]) + (not leaf[right])
            lines.append((columns[i], ranks[i], kind, a, b, level))
    return np.array(list(number), np.int64)
