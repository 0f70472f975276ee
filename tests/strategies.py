"""Random formulas, rows, trees, tables and pieces, with everything in them that goes wrong.

NaN, -0.0 and infinities are drawn on purpose, nodes are shared, trees have missing values on
either side, both kinds of comparison, sets of codes and thresholds that rows hit exactly.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from closedform import ops as o
from closedform.formula import Feature, Formula
from closedform.ir import Interval, Node, Type, node, ulps
from closedform.ops.payloads import Pieces, Table, Tree, splits_from

many = settings(max_examples=max(300, settings.default.max_examples))
"""For bounds and rules: a planted bug in the bounds of trees survived 60 examples, not 300."""
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 5e-324, -5e-324, 2.2250738585072014e-308, 0.1,
           1e-8, 1e8, -745.2, 709.8, 3.4028235677973366e38, 1.7976931348623157e308]  # fmt: skip
NOT_FINITE = [math.nan, math.inf, -math.inf]
GRID = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0]
"""Few values for both rows and thresholds, so that ties happen."""
LABELS: list = ["A", "B", "", "naïve", 3, 2.5, True]

moderate = st.one_of(st.sampled_from(GRID), st.floats(-5, 5))
finite = st.one_of(
    moderate, st.sampled_from(SPECIAL), st.floats(allow_nan=False, allow_infinity=False)
)
numbers = st.one_of(moderate, finite, st.sampled_from(NOT_FINITE))
or_missing = st.one_of(moderate, st.just(math.nan))


@st.composite
def trees(draw, features: int, *, sets: bool = True, values=moderate) -> Tree:
    """A tree of up to 15 nodes over some features."""
    left, right = [-1], [-1]
    for _ in range(draw(st.integers(0, 7))):
        at = draw(st.sampled_from([i for i, child in enumerate(left) if child < 0]))
        left[at], right[at] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    n = len(left)

    def each(of):
        return draw(st.lists(of, min_size=n, max_size=n))

    codes = np.array(draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=2)))
    codes = codes.reshape(-1, 4).astype(bool)
    member = each(st.integers(-1, len(codes) - 1)) if sets and len(codes) else None
    limits = st.one_of(st.sampled_from(GRID), st.sampled_from([math.inf, -math.inf, 0.1]), moderate)
    splits, _ = splits_from(
        left, right, each(st.integers(0, features - 1)), each(limits),
        missing_left=np.array(each(st.booleans())), below=draw(st.booleans()),
        member=member, sets=codes if member else None,
    )  # fmt: skip
    return Tree(splits, np.where(splits.leaf, each(values), 0.0))


@st.composite
def tables(draw, labels=None) -> Table:
    """A table over a few labels; defaults may be missing."""
    keys = draw(st.lists(st.sampled_from(labels or LABELS), max_size=4, unique=True))
    values = draw(st.lists(or_missing, min_size=len(keys), max_size=len(keys)))
    return Table.of(dict(zip(keys, values, strict=True)), draw(or_missing), draw(or_missing))


@st.composite
def pieces(draw, degree: int = 3) -> Pieces:
    """A piecewise polynomial, edges repeated at times."""
    edges = sorted(draw(st.lists(st.sampled_from(GRID), max_size=4)))
    columns = draw(st.integers(1, degree + 1))
    coefs = draw(
        st.lists(
            st.lists(moderate, min_size=columns, max_size=columns),
            min_size=len(edges) + 1, max_size=len(edges) + 1,
        )
    )  # fmt: skip
    origins = draw(st.none() | st.lists(moderate, min_size=len(edges) + 1, max_size=len(edges) + 1))
    return Pieces.of(
        edges, coefs, origins=origins, right_closed=draw(st.booleans()), missing=draw(or_missing)
    )


@dataclass
class Pool:
    """The nodes that a random formula may use as arguments, by type."""

    nodes: dict[Type, list[Node]]

    def add(self, n: Node) -> None:
        self.nodes[n.type].append(n)

    def pick(self, draw, type_: Type = Type.REAL) -> Node:
        # The last ones half of the time: formulas grow deep as well as wide.
        found = self.nodes[type_]
        return draw(st.sampled_from(found[-3:]) | st.sampled_from(found))


def _several(draw, pool: Pool, least: int = 1, type_: Type = Type.REAL) -> list[Node]:
    return [pool.pick(draw, type_) for _ in range(draw(st.integers(least, 4)))]


def _lin(draw, pool: Pool) -> Node:
    args = _several(draw, pool, 0)
    weights = [draw(st.one_of(st.sampled_from([0.0, 1.0, -1.0]), moderate)) for _ in args]
    return o.linear(draw(moderate), weights, args)


def _distance(draw, pool: Pool) -> Node:
    args = _several(draw, pool, 0)
    point, weights = ([draw(moderate) for _ in args] for _ in range(2))
    return o.squared_distance(args, point, weights)


def _kth(draw, pool: Pool) -> Node:
    args = _several(draw, pool)
    return o.kth(draw(st.integers(1, len(args))), *args)


def _median(draw, pool: Pool) -> Node:
    args = _several(draw, pool)
    # Sums of these are not rounded, whatever the order.
    return o.weighted_median([draw(st.sampled_from([0.5, 1.0, 2.0, 5.0])) for _ in args], args)


def _same(draw, pool: Pool) -> list[Node]:
    type_ = draw(st.sampled_from([Type.REAL, Type.LABEL]))
    return [pool.pick(draw, type_), pool.pick(draw, type_)]


def _choice(draw, pool: Pool) -> Node:
    type_ = draw(st.sampled_from(list(Type)))
    return o.where(pool.pick(draw, Type.BOOL), pool.pick(draw, type_), pool.pick(draw, type_))


def _looked_up(draw, pool: Pool, build) -> Node:
    type_ = draw(st.sampled_from([Type.REAL, Type.LABEL]))
    keys = LABELS if type_ is Type.LABEL else GRID
    return build(pool.pick(draw, type_), keys)


def _tree(draw, pool: Pool) -> Node:
    args = _several(draw, pool)
    data = draw(trees(len(args)))
    return o.tree(data.splits, data.values, args)


def _table(draw, pool: Pool) -> Node:
    return _looked_up(draw, pool, lambda x, keys: node(o.TABLE, (x,), draw(tables(keys))))


def _member(draw, pool: Pool) -> Node:
    return _looked_up(
        draw, pool, lambda x, keys: o.member(x, draw(st.lists(st.sampled_from(keys), max_size=3)))
    )


def _power(draw, pool: Pool) -> Node:
    exponents = st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0, 0.5])
    whole = draw(st.booleans())
    return o.power(pool.pick(draw), draw(exponents) if whole else pool.pick(draw))


def _function(name: str):
    return lambda draw, pool: o.unary(name, pool.pick(draw))


BUILD = {
    "const": lambda draw, pool: o.const(draw(numbers)),
    "label": lambda draw, pool: o.label(draw(st.sampled_from([*LABELS, None]))),
    "input": lambda draw, pool: pool.nodes[Type.REAL][0],
    "lin": _lin,
    "squared_distance": _distance,
    "sum32": lambda draw, pool: o.sum32(*_several(draw, pool)),
    "kth": _kth,
    "weighted_median": _median,
    "mul": lambda draw, pool: o.mul(*_several(draw, pool, 2)),
    "div": lambda draw, pool: o.div(pool.pick(draw), pool.pick(draw)),
    "pow": _power,
    "min": lambda draw, pool: o.minimum(*_several(draw, pool, 2)),
    "max": lambda draw, pool: o.maximum(*_several(draw, pool, 2)),
    "less": lambda draw, pool: o.less(pool.pick(draw), pool.pick(draw)),
    "less_equal": lambda draw, pool: o.less_equal(pool.pick(draw), pool.pick(draw)),
    "equal": lambda draw, pool: o.equal(*_same(draw, pool)),
    "member": _member,
    "missing": lambda draw, pool: o.missing(_same(draw, pool)[0]),
    "and": lambda draw, pool: o.both(*_several(draw, pool, 2, Type.BOOL)),
    "or": lambda draw, pool: o.either(*_several(draw, pool, 2, Type.BOOL)),
    "not": lambda draw, pool: o.negate(pool.pick(draw, Type.BOOL)),
    "where": _choice,
    "tree": _tree,
    "table": _table,
    "piecewise": lambda draw, pool: o.piecewise(pool.pick(draw), draw(pieces())),
}
BUILD |= {name: _function(name) for name in o.UNARY}
"""How a node of each op is drawn; a test asks that no op is forgotten."""

REALS, COLUMNS = 3, 4
"""Inputs 0 … 2 of a random formula are numbers, input 3 is a label."""


@cache
def fresh_inputs() -> tuple[Node, ...]:
    return (*[o.input_(i) for i in range(REALS)], o.input_(REALS, Type.LABEL))


@st.composite
def nodes(draw, *, op: str | None = None, size: int = 8, among=None) -> Node:
    """A random node; of one op, if one is named, over random others."""
    *xs, label = fresh_inputs()
    pool = Pool({Type.REAL: list(xs), Type.LABEL: [label], Type.BOOL: [o.missing(xs[0])]})
    names = sorted(among or BUILD)
    for _ in range(draw(st.integers(0, size))):
        pool.add(BUILD[draw(st.sampled_from(names))](draw, pool))
    return BUILD[op or draw(st.sampled_from(names))](draw, pool)


def inputs_of_formulas() -> tuple[Feature, ...]:
    return (*[Feature(f"x{i}") for i in range(REALS)], Feature("kind", Type.LABEL, tuple(LABELS)))


@st.composite
def formulas(draw, *, outputs: int = 3, size: int = 8, among=None) -> Formula:
    """A random formula of some outputs over shared nodes."""
    *xs, label = fresh_inputs()
    pool = Pool({Type.REAL: list(xs), Type.LABEL: [label], Type.BOOL: [o.missing(xs[0])]})
    names = sorted(among or BUILD)
    for _ in range(draw(st.integers(1, size))):
        pool.add(BUILD[draw(st.sampled_from(names))](draw, pool))
    made = [pool.pick(draw, draw(st.sampled_from(list(Type)))) for _ in range(outputs)]
    return Formula({f"y{i}": n for i, n in enumerate(made)}, inputs_of_formulas())


def _columns(draw, pools: list, count: int) -> dict[str, list]:
    # From a drawn seed: value by value, Hypothesis would take 20 ms for a dozen rows.
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = {f"x{i}": chance.choice(pool, count).tolist() for i, pool in enumerate(pools)}
    kinds = [*LABELS, None, "unseen"]
    return columns | {"kind": [kinds[i] for i in chance.integers(len(kinds), size=count)]}


@st.composite
def rows(draw, count: int = 40, values=(*GRID, *SPECIAL, *NOT_FINITE)) -> dict[str, list]:
    """Rows for a random formula, as a dict of columns; labels may be missing or unseen."""
    drawn = draw(st.lists(moderate, min_size=3, max_size=3))
    return _columns(draw, [[*values, *drawn]] * REALS, count)


@st.composite
def boxes(draw) -> list[Interval]:
    """An interval for each number of a random formula: points, rays, with and without missing."""
    made = []
    for _ in range(REALS):
        ends = sorted([draw(finite | st.sampled_from(NOT_FINITE[1:])), draw(finite)])
        if draw(st.booleans()):
            ends = [draw(moderate)] * 2
        made.append(Interval(ends[0], ends[1], draw(st.booleans())))
    return made


@st.composite
def rows_in(draw, box: list[Interval], count: int = 40) -> dict[str, list]:
    """Rows inside a box, its corners among them, as a dict of columns."""
    pools = []
    for inside in box:
        ends = [inside.lo, inside.hi]
        between = [inside.lo + part * (inside.hi - inside.lo) for part in (0.1, 0.25, 0.5, 0.9)]
        near = [ulps(inside.lo, 1), ulps(inside.hi, -1)]
        pool = [
            v
            for v in (*ends, *ends, *between, *near, *GRID, *SPECIAL)
            if inside.lo <= v <= inside.hi
        ]
        pools.append(pool + [math.nan] * (3 * inside.missing))
    return _columns(draw, pools, count)
