"""The rules of `simplify`, each a function whose docstring is its equation.

In the equations x, y, z are numbers, c, d, e conditions, s a label, and p, q, r, k constants. A
rule is **exact** (the same floats, bit for bit, missing included) or **real** (the same over the
reals; floats differ by rounding, by the sign of a zero, or where an infinity makes 0·∞).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from closedform import ops as o
from closedform.ir import Node, Op, Type, node


@dataclass
class Place:
    """What a rule may know about where a node stands.

    Attributes:
        uses: how many nodes and outputs read each node.
        hidden: whether the node is a unit of a layer, which stays one matrix with its neighbours.
    """

    uses: Mapping[Node, int] = field(default_factory=dict)
    hidden: bool = False

    def once(self, n: Node) -> bool:
        """Tell whether a node is read in one place alone."""
        return self.uses.get(n, 1) <= 1


Facts = TypeVar("Facts")


@dataclass(frozen=True)
class RuleOn(Generic[Facts]):
    """One rule: what it keeps ("exact" or "real"), where it applies, and what it does.

    `apply` sees a node, and the facts that it may use.
    """

    kind: str
    ops: tuple[Op, ...]
    apply: Callable[[Node, Facts], Node | None]

    @property
    def name(self) -> str:
        """What the trail calls the rule."""
        return self.apply.__name__.replace("_", " ")

    @property
    def equation(self) -> str:
        """What becomes what, as `before -> after`."""
        return (self.apply.__doc__ or "").strip("`")


Rule = RuleOn[Place]


def rule(kind: str, *where: Op) -> Callable[[Callable[[Node, Facts], Node | None]], RuleOn[Facts]]:
    """Make a rule of a function that returns what a node becomes, or None."""
    return lambda apply: RuleOn(kind, where, apply)


def is_const(n: Node) -> bool:
    """Tell whether a node is a constant number or truth."""
    return n.op is o.CONST


_UNARY = tuple(o.UNARY.values())
_FOLDED = (
    *_UNARY, o.LIN, o.MUL, o.DIV, o.POW, o.MIN, o.MAX, o.LESS, o.LESS_EQUAL, o.EQUAL, o.MEMBER,
    o.ABSENT, o.AND, o.OR, o.NOT, o.WHERE, o.TREE, o.TABLE, o.PIECEWISE,
)  # fmt: skip


# --- constants ----------------------------------------------------------------------------------


@rule("exact", *_FOLDED)
def constant(n: Node, _: Place) -> Node | None:
    """`exp(const(0)) -> const(1)`"""
    if not all(is_const(a) for a in n.args) or n.type is Type.LABEL:
        return None
    if n.op is o.TREE and not n.args:
        return o.const(n.data.values[0])
    with np.errstate(all="ignore"):
        # A row of its own, not a scalar: NumPy may compute the two by different code.
        made = n.op.numpy(n.data, *[np.array([a.data]) for a in n.args])
    value = np.ravel(made)[0]
    return o.boolean(bool(value)) if n.type is Type.BOOL else o.const(value)


@rule("exact", o.TREE)
def single_leaf(n: Node, _: Place) -> Node | None:
    """`leaf(p, x) -> const(p)`"""
    return o.const(n.data.values[0]) if n.data.splits.leaf[0] else None


# --- conditions ---------------------------------------------------------------------------------


@rule("exact", o.NOT)
def not_not(n: Node, _: Place) -> Node | None:
    """`negate(negate(c)) -> c`"""
    x = n.args[0]
    return x.args[0] if x.op is o.NOT else None


@rule("exact", o.AND, o.OR)
def nested_conditions(n: Node, _: Place) -> Node | None:
    """`both(c, both(d, e)) -> both(c, d, e)`"""
    return _flattened(n, n.args)


@rule("exact", o.AND, o.OR)
def repeated_conditions(n: Node, _: Place) -> Node | None:
    """`both(c, d, c) -> both(c, d)`"""
    kept = tuple(dict.fromkeys(n.args))
    return None if len(kept) == len(n.args) else _joined(n, kept)


@rule("exact", o.AND, o.OR)
def certain_condition(n: Node, _: Place) -> Node | None:
    """`both(c, boolean(True)) -> c`"""
    truths = {a.data for a in n.args if is_const(a)}
    if not truths:
        return None
    decides = n.op is o.OR
    if decides in truths:
        return o.boolean(decides)
    return _joined(n, tuple(a for a in n.args if not is_const(a)))


def _joined(n: Node, args: tuple[Node, ...]) -> Node:
    if not args:
        return o.boolean(n.op is o.AND)
    return node(n.op, args) if len(args) > 1 else args[0]


def _flattened(n: Node, among: Iterable[Node]) -> Node | None:
    inside = {a for a in among if a.op is n.op}
    if not inside:
        return None
    args: list[Node] = []
    for a in n.args:
        args.extend(a.args if a in inside else (a,))
    return node(n.op, tuple(args))


@rule("exact", o.ABSENT)
def missing_after_imputing(n: Node, _: Place) -> Node | None:
    """`missing(where(missing(x), const(k), x)) -> boolean(False)`"""
    return o.boolean(False) if imputed(n.args[0]) is not None else None


def imputed(n: Node) -> tuple[float, Node] | None:
    """Return k and x of `where(missing(x), k, x)`, if n is that."""
    if n.op is not o.WHERE or n.args[0].op is not o.ABSENT:
        return None
    test, value, x = n.args
    if test.args[0] is not x or value.op is not o.CONST or math.isnan(value.data):
        return None
    return value.data, x


# --- choices ------------------------------------------------------------------------------------


@rule("exact", o.WHERE)
def certain_choice(n: Node, _: Place) -> Node | None:
    """`where(boolean(False), x, y) -> y`"""
    c, a, b = n.args
    return (a if c.data else b) if is_const(c) else None


@rule("exact", o.WHERE)
def same_branches(n: Node, _: Place) -> Node | None:
    """`where(c, x, x) -> x`"""
    return n.args[1] if n.args[1] is n.args[2] else None


@rule("exact", o.WHERE)
def negated_choice(n: Node, _: Place) -> Node | None:
    """`where(negate(c), x, y) -> where(c, y, x)`"""
    c, a, b = n.args
    return o.where(c.args[0], b, a) if c.op is o.NOT else None


@rule("exact", o.WHERE)
def asked_again_if_true(n: Node, _: Place) -> Node | None:
    """`where(c, where(c, x, y), z) -> where(c, x, z)`"""
    c, a, b = n.args
    return o.where(c, a.args[1], b) if a.op is o.WHERE and a.args[0] is c else None


@rule("exact", o.WHERE)
def asked_again_if_false(n: Node, _: Place) -> Node | None:
    """`where(c, x, where(c, y, z)) -> where(c, x, z)`"""
    c, a, b = n.args
    return o.where(c, a, b.args[2]) if b.op is o.WHERE and b.args[0] is c else None


@rule("exact", o.WHERE)
def missing_for_missing(n: Node, _: Place) -> Node | None:
    """`where(missing(x), const(nan), x) -> x`"""
    c, a, b = n.args
    absent = c.op is o.ABSENT and c.args[0] is b
    return b if absent and is_const(a) and math.isnan(a.data) else None


@rule("exact", o.WHERE)
def truth_of_a_condition(n: Node, _: Place) -> Node | None:
    """`where(c, boolean(True), boolean(False)) -> c`"""
    c, a, b = n.args
    if n.type is not Type.BOOL or not (is_const(a) and is_const(b)) or a.data == b.data:
        return None
    return c if a.data else o.negate(c)


# --- numbers ------------------------------------------------------------------------------------


@rule("exact", o.ROUND32)
def rounded_twice(n: Node, _: Place) -> Node | None:
    """`round32(round32(x)) -> round32(x)`"""
    return n.args[0] if n.args[0].op is o.ROUND32 else None


@rule("exact", o.MUL)
def times_one(n: Node, _: Place) -> Node | None:
    """`mul(const(1), x) -> x`"""
    kept = [a for a in n.args if not (is_const(a) and a.data == 1)]
    return o.mul(*kept) if len(kept) < len(n.args) else None


@rule("exact", o.DIV)
def over_one(n: Node, _: Place) -> Node | None:
    """`div(x, const(1)) -> x`"""
    return n.args[0] if is_const(n.args[1]) and n.args[1].data == 1 else None


@rule("exact", o.POW)
def first_power(n: Node, _: Place) -> Node | None:
    """`power(x, 1) -> x`"""
    return n.args[0] if is_const(n.args[1]) and n.args[1].data == 1 else None


@rule("exact", o.MIN, o.MAX)
def nested_extremes(n: Node, _: Place) -> Node | None:
    """`minimum(minimum(x, y), z) -> minimum(x, y, z)`"""
    return _flattened(n, n.args[:1]) if n.args[0] not in n.args[1:] else None


@rule("real", o.MIN, o.MAX)
def nested_later_extremes(n: Node, _: Place) -> Node | None:
    """`maximum(x, maximum(y, z)) -> maximum(x, y, z)`"""
    return _flattened(n, n.args)


@rule("real", o.MIN, o.MAX)
def repeated_extremes(n: Node, _: Place) -> Node | None:
    """`maximum(x, y, x) -> maximum(x, y)`"""
    kept = tuple(dict.fromkeys(n.args))
    if len(kept) == len(n.args):
        return None
    return node(n.op, kept) if len(kept) > 1 else kept[0]


@rule("exact", *_UNARY, o.LIN, o.MUL, o.DIV, o.MIN, o.MAX)
def function_of_a_table(n: Node, place: Place) -> Node | None:
    """`sqrt(table(s, {"A": 4.0}, 9.0, nan)) -> table(s, {"A": 2.0}, 3.0, nan)`"""
    at = [i for i, a in enumerate(n.args) if not is_const(a)]
    if len(at) != 1 or n.args[at[0]].op is not o.TABLE or not place.once(n.args[at[0]]):
        return None
    inner = n.args[at[0]]
    data = inner.data
    column = np.array([*data.values.tolist(), data.default, data.missing])
    args: list[Any] = [np.full(len(column), a.data) if is_const(a) else column for a in n.args]
    with np.errstate(all="ignore"):
        *values, default, missing = n.op.numpy(n.data, *args).tolist()
    return o.table(inner.args[0], dict(zip(data.labels, values, strict=True)), default, missing)


RULES: tuple[Rule, ...] = (
    constant,
    single_leaf,
    not_not,
    nested_conditions,
    repeated_conditions,
    certain_condition,
    missing_after_imputing,
    certain_choice,
    same_branches,
    negated_choice,
    asked_again_if_true,
    asked_again_if_false,
    missing_for_missing,
    truth_of_a_condition,
    rounded_twice,
    times_one,
    over_one,
    first_power,
    nested_extremes,
    nested_later_extremes,
    repeated_extremes,
    function_of_a_table,
)
"""In the order in which they are tried."""
