"""The op table: one record and one builder for each operation.

A builder never changes a value: folding and merging are rules of `passes.simplify`. A new op is
one record and one builder here, and nothing else anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.ir import EVERYTHING, OPS, Array, Interval, Node, Op, Type, frozen, node
from closedform.ops import intervals as iv
from closedform.ops import lowering, meaning, special
from closedform.ops.payloads import (
    Centre,
    Label,
    Pieces,
    Splits,
    Table,
    Tree,
    Weights,
    know_labels,
    label_code,
    tree_bounds,
)

LabelOrNone = Label | None
Build = Callable[[Node], Node]


def _op(name: str, result: Type, numpy: Callable[..., Array], **rules: Any) -> Op:
    OPS[name] = made = Op(name, result, numpy, **rules)
    return made


def _slopes(rule: Callable[..., Sequence[Node]]) -> Callable[[Node], Sequence[Node]]:
    return lambda n: rule(n, *n.args)


def _flat(n: Node) -> Sequence[Node]:
    """The partials of a function that is constant almost everywhere."""
    return [const(0.0)] * len(n.args)


# --- leaves -------------------------------------------------------------------------------------


def _const_bounds(value: float) -> Interval:
    if value != value:
        return Interval(math.inf, -math.inf, missing=True)
    return Interval(float(value), float(value))


CONST = _op("const", Type.REAL, meaning.const, bounds=_const_bounds, partials=_flat)
LABEL = _op(
    "label", Type.LABEL, lambda data: np.array(-1 if data[0] is None else label_code(data[0])),
    bounds=lambda _: EVERYTHING,
)  # fmt: skip
INPUT = _op(
    "input", Type.REAL, lambda data: np.array(math.nan), bounds=lambda _: EVERYTHING,
    partials=_flat,
)  # fmt: skip


def const(value: float) -> Node:
    """Return a number as a node; NaN is the missing number."""
    value = float(value)
    return node(CONST, data=math.nan if value != value else value)


def boolean(value: bool) -> Node:
    """Return true or false as a node."""
    return node(CONST, data=bool(value), type_=Type.BOOL)


def label(value: LabelOrNone) -> Node:
    """Return a category or class as a node; None is the missing label.

    Raises:
        BadInput: the label is no text, number or truth.
    """
    item = value.item() if isinstance(value, np.generic) else value
    if item is not None and not isinstance(item, str | float | int | bool):
        raise BadInput(
            f"{item!r} cannot be a label: it is a {type(item).__name__}.",
            hint="Use text, whole numbers or truths as classes and categories.",
        )
    know_labels(() if item is None else (item,))
    return node(LABEL, data=(item,))


def input_(index: int, type_: Type = Type.REAL) -> Node:
    """Return the value of the formula's input number `index`."""
    return node(INPUT, data=int(index), type_=type_)


# --- sums and products --------------------------------------------------------------------------


LIN = _op(
    "lin", Type.REAL, meaning.lin, bounds=iv.lin_bounds,
    partials=lambda n: [const(w) for w in n.data.weights],
)  # fmt: skip
MUL = _op(
    "mul", Type.REAL, lambda _, *xs: reduce(np.multiply, xs), bounds=iv.mul_bounds,
    partials=lambda n: [mul(*n.args[:i], *n.args[i + 1 :]) for i in range(len(n.args))],
)  # fmt: skip
DIV = _op(
    "div", Type.REAL, lambda _, a, b: np.divide(a, b), bounds=iv.div_bounds,
    partials=_slopes(lambda n, a, b: [div(const(1.0), b), div(lin(0, (-1, n)), b)]),
)  # fmt: skip
POW = _op(  # not strict: x⁰ and 1ʸ are 1 even where x or y is missing, here as in C and Python
    "pow", Type.REAL, lambda _, a, b: np.power(a, b), bounds=iv.pow_bounds, strict=False,
    partials=_slopes(
        lambda n, a, b: [mul(b, power(a, lin(-1, (1, b)))), mul(n, log(a))]
    ),
)  # fmt: skip


def lin(bias: float, *terms: tuple[float, Node]) -> Node:
    """Return bias + Σ weight·node, added from left to right, one (weight, node) pair a term."""
    return linear(bias, [w for w, _ in terms], tuple(x for _, x in terms))


def linear(bias: float, weights: Iterable[float], args: Sequence[Node]) -> Node:
    """Return bias + Σ weights[i]·args[i] from parallel sequences."""
    return node(LIN, tuple(args), Weights.of(bias, weights))


def mul(*args: Node) -> Node:
    """Return a product; of one factor, that factor; of none, 1."""
    if len(args) < 2:
        return args[0] if args else const(1.0)
    return node(MUL, args)


def div(a: Node, b: Node) -> Node:
    """Return a / b, with IEEE's ±inf and NaN where b is 0."""
    return node(DIV, (a, b))


def power(a: Node, b: Node | float) -> Node:
    """Return a to the power of b; missing where a < 0 and b is not whole."""
    return node(POW, (a, b if isinstance(b, Node) else const(b)))


SQUARED_DISTANCE = _op(
    "squared_distance", Type.REAL, meaning.squared_distance, bounds=iv.squared_distance_bounds,
    partials=lambda n: [
        lin(-2 * w * c, (2 * w, x))
        for w, c, x in zip(n.data.weights, n.data.point, n.args, strict=True)
    ],
    lower=lowering.squared_distance,
)  # fmt: skip
SUM32 = _op(
    "sum32", Type.REAL, meaning.sum32, bounds=iv.sum32_bounds, lower=lowering.sum32,
    partials=lambda n: [const(1.0)] * len(n.args),
)  # fmt: skip


def squared_distance(args: Sequence[Node], point: Any, weights: Any = None) -> Node:
    """Return Σ weights[i]·(args[i] − point[i])²; without weights, each of them is 1."""
    centre = frozen(point)
    return node(
        SQUARED_DISTANCE, tuple(args),
        Centre(centre, frozen(np.ones(len(centre)) if weights is None else weights)),
    )  # fmt: skip


def sum32(*args: Node) -> Node:
    """Return a sum as a float32 program computes it: each partial sum is rounded to float32."""
    return node(SUM32, args)


# --- elementary functions -----------------------------------------------------------------------


def _unary(
    name: str, numpy: Callable[[Array], Array], bounds: Callable[..., Interval],
    slope: Callable[[Node, Node], Node], lower: Callable[[Node], Node] | None = None,
) -> Op:  # fmt: skip
    return _op(
        name, Type.REAL, lambda _, x: numpy(x), bounds=bounds,
        partials=lambda n: [slope(n, n.args[0])], lower=lower,
    )  # fmt: skip


EXP = _unary("exp", np.exp, iv.rising(np.exp, into=(0, math.inf)), lambda n, x: n)
LOG = _unary("log", np.log, iv.rising(np.log, domain=(0, math.inf)), lambda n, x: div(const(1), x))
LOG1P = _unary(
    "log1p", np.log1p, iv.rising(np.log1p, domain=(-1, math.inf)),
    lambda n, x: div(const(1), lin(1, (1, x))), lowering.log1p,
)  # fmt: skip
EXPM1 = _unary(
    "expm1", np.expm1, iv.rising(np.expm1, into=(-1, math.inf)), lambda n, x: lin(1, (1, n)),
    lowering.expm1,
)  # fmt: skip
SQRT = _unary(
    "sqrt", np.sqrt, iv.rising(np.sqrt, domain=(0, math.inf)), lambda n, x: div(const(0.5), n)
)
ABS = _unary("abs", np.abs, iv.abs_bounds, lambda n, x: sign(x), lowering.absolute)
TANH = _unary(
    "tanh", np.tanh, iv.rising(np.tanh, into=(-1, 1)), lambda n, x: lin(1, (-1, mul(n, n))),
    lowering.tanh,
)  # fmt: skip
SIGMOID = _unary(
    "sigmoid", meaning.sigmoid, iv.rising(meaning.sigmoid, into=(0, 1)),
    lambda n, x: mul(n, lin(1, (-1, n))), lowering.sigmoid,
)  # fmt: skip
SOFTPLUS = _unary(
    "softplus", meaning.softplus, iv.rising(meaning.softplus, into=(0, math.inf)),
    lambda n, x: sigmoid(x), lowering.softplus,
)  # fmt: skip
ERF = _unary(
    "erf", special.erf, iv.rising(special.erf, into=(-1, 1)),
    lambda n, x: mul(const(2 / math.sqrt(math.pi)), exp(lin(0, (-1, mul(x, x))))),
    lowering.erf,
)  # fmt: skip
PROBIT = _unary(
    "probit", special.probit, iv.rising(special.probit, domain=(0, 1)),
    lambda n, x: mul(const(math.sqrt(2 * math.pi)), exp(lin(0, (0.5, mul(n, n))))),
    lowering.probit,
)  # fmt: skip
SIN = _unary("sin", np.sin, iv.wave_bounds(math.sin, math.pi / 2), lambda n, x: cos(x))
COS = _unary("cos", np.cos, iv.wave_bounds(math.cos, 0.0), lambda n, x: lin(0, (-1, sin(x))))
ATAN = _unary("atan", np.arctan, iv.rising(np.arctan), lambda n, x: lowering.atan_slope(x))
ASIN = _unary("asin", np.arcsin, iv.asin_bounds, lambda n, x: lowering.arc(1, x), lowering.asin)
ACOS = _unary("acos", np.arccos, iv.acos_bounds, lambda n, x: lowering.arc(-1, x), lowering.acos)
FLOOR = _unary("floor", np.floor, iv.rising(np.floor, by=0), lambda n, x: const(0))
SIGN = _unary("sign", np.sign, iv.rising(np.sign, by=0), lambda n, x: const(0), lowering.sign)


# The slope over the reals: as a step function it would be 0 almost everywhere.
ROUND32 = _unary(
    "round32", meaning.round32, iv.rising(meaning.round32, by=0), lambda n, x: const(1)
)

UNARY: dict[str, Op] = {
    op.name: op
    for op in (EXP, LOG, LOG1P, EXPM1, SQRT, ABS, TANH, SIGMOID, SOFTPLUS, ERF, PROBIT, SIN, COS)
    + (ATAN, ASIN, ACOS, FLOOR, SIGN, ROUND32)
}
"""Functions of one number, by name."""


def unary(name: str, x: Node) -> Node:
    """Return the function of one number called `name` of x."""
    return node(UNARY[name], (x,))


def _named(op: Op, gives: str) -> Build:
    def build(x: Node) -> Node:
        return node(op, (x,))

    build.__doc__ = f"Return {gives}."
    return build


exp: Build = _named(EXP, "eˣ")
log: Build = _named(LOG, "the natural logarithm; −inf at 0, missing below")
sqrt: Build = _named(SQRT, "the square root; missing below 0")
absolute: Build = _named(ABS, "|x|")
tanh: Build = _named(TANH, "the hyperbolic tangent")
sigmoid: Build = _named(SIGMOID, "1 / (1 + exp(−x))")
sign: Build = _named(SIGN, "−1, 0 or 1")
sin: Build = _named(SIN, "the sine of x in radians")
cos: Build = _named(COS, "the cosine of x in radians")
atan: Build = _named(ATAN, "the angle in radians, within ±π/2, whose tangent is x")
round32: Build = _named(ROUND32, "x rounded to the nearest float32")


# --- comparisons and choices --------------------------------------------------------------------


def _extreme_slopes(n: Node) -> Sequence[Node]:
    # Of several that are extreme, the first: the slope of max(x, x) is 1.
    hits = [equal(x, n) for x in n.args]
    first = [both(hit, *[negate(h) for h in hits[:i]]) for i, hit in enumerate(hits)]
    return [where(hit, const(1), const(0)) for hit in first]


_BOOL: dict[str, Any] = {"strict": False}
MIN = _op(
    "min", Type.REAL, lambda _, *xs: reduce(np.minimum, xs), bounds=iv.extreme_bounds(min),
    partials=_extreme_slopes, lower=lowering.minimum,
)  # fmt: skip
MAX = _op(
    "max", Type.REAL, lambda _, *xs: reduce(np.maximum, xs), bounds=iv.extreme_bounds(max),
    partials=_extreme_slopes, lower=lowering.maximum,
)  # fmt: skip
LESS = _op("less", Type.BOOL, lambda _, a, b: a < b, bounds=iv.less_bounds(False), **_BOOL)
LESS_EQUAL = _op(
    "less_equal", Type.BOOL, lambda _, a, b: a <= b, bounds=iv.less_bounds(True), **_BOOL
)
EQUAL = _op("equal", Type.BOOL, meaning.equal, bounds=iv.equal_bounds, **_BOOL)
MEMBER = _op(
    "member", Type.BOOL, meaning.member, bounds=lambda data, x: iv.truth(None),
    lower=lowering.member, **_BOOL,
)  # fmt: skip
ABSENT = _op(
    "missing", Type.BOOL, lambda _, x: meaning.absent(x),
    bounds=lambda _, x: iv.truth((True if x.empty else None) if x.missing else False), **_BOOL,
)  # fmt: skip
AND = _op(
    "and", Type.BOOL, lambda _, *xs: reduce(np.logical_and, xs),
    bounds=lambda _, *xs: Interval(min(x.lo for x in xs), min(x.hi for x in xs)), **_BOOL,
)  # fmt: skip
OR = _op(
    "or", Type.BOOL, lambda _, *xs: reduce(np.logical_or, xs),
    bounds=lambda _, *xs: Interval(max(x.lo for x in xs), max(x.hi for x in xs)), **_BOOL,
)  # fmt: skip
NOT = _op(
    "not", Type.BOOL, lambda _, x: ~x, bounds=lambda _, x: Interval(1 - x.hi, 1 - x.lo), **_BOOL
)
WHERE = _op(
    "where", Type.REAL, meaning.where, bounds=iv.where_bounds, strict=False,
    partials=_slopes(
        lambda n, c, a, b: [
            const(0), where(c, const(1), const(0)), where(c, const(0), const(1))
        ]
    ),
)  # fmt: skip


KTH = _op(
    "kth", Type.REAL, meaning.kth, bounds=iv.kth_bounds, partials=_extreme_slopes,
    lower=lowering.kth,
)  # fmt: skip
WEIGHTED_MEDIAN = _op(
    "weighted_median", Type.REAL, meaning.weighted_median, bounds=iv.weighted_median_bounds,
    partials=_extreme_slopes, lower=lowering.weighted_median,
)  # fmt: skip


def kth(k: int, *args: Node) -> Node:
    """Return the k-th smallest (an order statistic), k from 1 on; missing if any is missing."""
    return node(KTH, args, int(k))


def weighted_median(weights: Iterable[float], args: Sequence[Node]) -> Node:
    """Return the least argument with half of all weight at or below it; missing if any is."""
    return node(WEIGHTED_MEDIAN, tuple(args), tuple(float(w) for w in weights))


def minimum(*args: Node) -> Node:
    """Return the smallest; missing if any is missing."""
    return args[0] if len(args) == 1 else node(MIN, args)


def maximum(*args: Node) -> Node:
    """Return the greatest; missing if any is missing."""
    return args[0] if len(args) == 1 else node(MAX, args)


def less(a: Node, b: Node) -> Node:
    """Return a < b; false where a side is missing."""
    return node(LESS, (a, b))


def less_equal(a: Node, b: Node) -> Node:
    """Return a <= b; false where a side is missing."""
    return node(LESS_EQUAL, (a, b))


def equal(a: Node, b: Node) -> Node:
    """Return a = b of two numbers or two labels; false where a side is missing."""
    if a.type is not b.type:
        raise BadInput(f"cannot compare a {a.type.value} with a {b.type.value} value")
    return node(EQUAL, (a, b))


def member(x: Node, labels: Iterable[Label]) -> Node:
    """Return whether x is one of the labels (or numbers); false where missing."""
    known = tuple(labels)
    know_labels(known)
    return node(MEMBER, (x,), known)


def missing(x: Node) -> Node:
    """Return whether x is missing."""
    return node(ABSENT, (x,))


def both(*args: Node) -> Node:
    """Return whether all conditions hold; of none, true."""
    if len(args) < 2:
        return args[0] if args else boolean(True)
    return node(AND, args)


def either(*args: Node) -> Node:
    """Return whether at least one condition holds; of none, false."""
    if len(args) < 2:
        return args[0] if args else boolean(False)
    return node(OR, args)


def negate(x: Node) -> Node:
    """Return whether the condition does not hold."""
    return node(NOT, (x,))


def where(condition: Node, a: Node, b: Node) -> Node:
    """Return `a if condition else b`."""
    if a.type is not b.type:
        raise BadInput(f"both branches must be of one type, not {a.type.value} and {b.type.value}")
    return node(WHERE, (condition, a, b), type_=a.type)


# --- payloads -----------------------------------------------------------------------------------


TREE = _op(
    "tree", Type.REAL, meaning.tree, bounds=lambda data, *xs: tree_bounds(data, xs),
    partials=_flat, lower=lowering.tree, strict=False,
)  # fmt: skip
TABLE = _op(
    "table", Type.REAL, meaning.table, bounds=lambda data, x: data.interval, partials=_flat,
    lower=lowering.table, strict=False,
)  # fmt: skip
PIECEWISE = _op(
    "piecewise", Type.REAL, lambda data, x: data(x), bounds=lambda data, x: data.bounds(x),
    partials=lambda n: [piecewise(n.args[0], n.data.derivative())], lower=lowering.piecewise,
    strict=False,
)  # fmt: skip


def tree(splits: Splits, values: Any, args: Sequence[Node]) -> Node:
    """Return a decision tree over `args`, with `values` of shape (nodes,) in its leaves."""
    return node(TREE, tuple(args), Tree(splits, frozen(np.where(splits.leaf, values, 0.0))))


def table(
    x: Node, entries: Mapping[Any, float], default: float = math.nan, missing: float = math.nan
) -> Node:
    """Return the number that stands beside a label; `default` for others, `missing` for none."""
    return node(TABLE, (x,), Table.of(entries, default, missing))


def piecewise(x: Node, pieces: Pieces) -> Node:
    """Return a piecewise polynomial of one number."""
    return node(PIECEWISE, (x,), pieces)
