"""The rules that hold on a stated domain: each a function whose docstring is its equation.

They are proven by interval bounds, which are sound for what NumPy computes; the equation says
after "where" what the bounds must show. Kinds, and letters, are those of `rules`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform import ops as o
from closedform.evaluate import bounds
from closedform.ir import Interval, Node, Type, frozen, node
from closedform.ops.payloads import Label, Pieces, Splits, Table, Tree, halves_of
from closedform.passes.rules import RuleOn, is_const, rule


class Known:
    """What is known of the values of nodes on a domain.

    Attributes:
        box: the range of each REAL input, by its position; others may be anything.
        labels: the categories of each LABEL input that occur, by its position; others: any.
    """

    def __init__(self, box: Mapping[int, Interval], labels: Mapping[int, frozenset[Label]]) -> None:
        """State the domain."""
        self.box, self.labels = box, labels
        self._found: dict[Node, Interval] = {}

    def __call__(self, n: Node) -> Interval:
        """Return the range of a node."""
        stack = [n]
        while stack:
            current = stack[-1]
            below = [a for a in current.args if a not in self._found]
            if below or current in self._found:
                stack += below
                if not below:
                    stack.pop()
                continue
            self._found[current] = self._one(current)
            stack.pop()
        return self._found[n]

    def _one(self, n: Node) -> Interval:
        if not n.args:
            return bounds([n], self.box)[0]
        with np.errstate(all="ignore"):
            return n.op.bounds(n.data, *[self._found[a] for a in n.args])

    def finite(self, n: Node) -> bool:
        """Tell whether a node is always a number, and never ±∞."""
        x = self(n)
        return not x.missing and math.isfinite(x.lo) and math.isfinite(x.hi) and not x.empty

    def positive(self, n: Node) -> bool:
        """Tell whether a node is always a finite number above 0."""
        return self.finite(n) and self(n).lo > 0

    def never_zero(self, n: Node) -> bool:
        """Tell whether a node is always a finite number other than 0."""
        return self.finite(n) and not self(n).lo <= 0 <= self(n).hi


DomainRule = RuleOn[Known]

_TESTS = (o.LESS, o.LESS_EQUAL, o.EQUAL, o.ABSENT, o.AND, o.OR, o.NOT, o.MEMBER)
_REALS = (*o.UNARY.values(), o.LIN, o.MUL, o.DIV, o.POW, o.MIN, o.MAX, o.TREE, o.TABLE, o.PIECEWISE)


# --- tests and choices --------------------------------------------------------------------------


@rule("exact", *_TESTS)
def certain_test(n: Node, known: Known) -> Node | None:
    """`less(x, y) -> boolean(True) where x < y`"""
    truth = known(n)
    return o.boolean(truth.lo == 1) if truth.lo == truth.hi else None


@rule("exact", o.EQUAL)
def absent_category(n: Node, known: Known) -> Node | None:
    """`equal(s, label("B")) -> boolean(False) where s in {"A"}`"""
    for x, other in (n.args, n.args[::-1]):
        found = known.labels.get(x.data) if x.op is o.INPUT and x.type is Type.LABEL else None
        if found is not None and other.op is o.LABEL and other.data[0] not in found:
            return o.boolean(False)
    return None


@rule("exact", o.TABLE)
def absent_entries(n: Node, known: Known) -> Node | None:
    """`lookup(s, A=p, B=q) -> lookup(s, A=p) where s in {"A"}`"""
    x = n.args[0]
    found = known.labels.get(x.data) if x.op is o.INPUT and x.type is Type.LABEL else None
    if found is None or all(label in found for label in n.data.labels):
        return None
    at = [i for i, label in enumerate(n.data.labels) if label in found]
    kept = tuple(n.data.labels[i] for i in at)
    new = Table(kept, frozen(n.data.values[at]), n.data.default, n.data.missing)
    return node(o.TABLE, n.args, new)


@rule("exact", o.TREE)
def dead_leaves(n: Node, known: Known) -> Node | None:
    """`stump(x, 2) -> const(1.0) where x <= 2`"""
    box = tuple(known(a) for a in n.args)
    if any(x.empty and not x.missing for x in box):
        return None
    stands = _standing(n.data.splits, box)
    return None if all(i == at for i, at in stands.items()) else _smaller_tree(n, stands)


def _standing(splits: Splits, box: tuple[Interval, ...]) -> dict[int, int]:
    """Return what stands in the place of each node reached: itself, or its only child reached."""
    stands: dict[int, int] = {}
    stack = [(0, box)]
    while stack:
        i, now = stack.pop()
        stands[i] = i
        if splits.leaf[i]:
            continue
        f, child = int(splits.feature[i]), int(splits.child[i])
        halves = zip((child, child + 1), halves_of(splits, i, now[f]), strict=True)
        reached = [(at, half) for at, half in halves if not half.empty or half.missing]
        stack += [(at, (*now[:f], half, *now[f + 1 :])) for at, half in reached]
        if len(reached) == 1:
            stands[i] = reached[0][0]
    for i in sorted(stands, reverse=True):  # children stand behind their parents
        stands[i] = stands[stands[i]]
    return stands


def _smaller_tree(n: Node, stands: dict[int, int]) -> Node:
    """Return the tree of those nodes that stand for themselves, siblings side by side."""
    splits: Splits = n.data.splits
    order, child = [stands[0]], list[int]()
    for at in order:
        child.append(len(child) if splits.leaf[at] else len(order))
        if not splits.leaf[at]:
            below = int(splits.child[at])
            order += [stands[below], stands[below + 1]]
    if len(order) == 1:
        return o.const(n.data.values[order[0]])
    picked = np.array(order)
    new = Splits(
        frozen(splits.feature[picked], np.int32), frozen(splits.threshold[picked]),
        frozen(child, np.int32), frozen(splits.missing_left[picked], bool), splits.below,
        frozen(splits.member[picked], np.int32), splits.sets,
        frozen(splits.counts[picked] if len(splits.counts) else []),
    )  # fmt: skip
    return node(o.TREE, n.args, Tree(new, frozen(n.data.values[picked])))


@rule("exact", o.PIECEWISE)
def stretches_out_of_reach(n: Node, known: Known) -> Node | None:
    """`steps(x, 1, 2) -> steps(x, 1) where x < 2`"""
    x, data = known(n.args[0]), n.data
    if x.empty:
        return None
    side: Any = "left" if data.right_closed else "right"
    first = int(np.searchsorted(data.edges, x.lo, side=side))
    last = int(np.searchsorted(data.edges, x.hi, side=side))
    if first == 0 and last == len(data.edges):
        return None
    part = slice(first, last + 1)
    new = Pieces.of(
        data.edges[first:last], data.coefs[part], origins=data.origins[part],
        right_closed=data.right_closed, missing=data.missing,
    )  # fmt: skip
    return o.piecewise(n.args[0], new)


# --- numbers ------------------------------------------------------------------------------------


@rule("exact", *_REALS)
def single_value(n: Node, known: Known) -> Node | None:
    """`sign(x) -> const(1) where 0 < x`"""
    x = known(n)
    one = x.lo == x.hi and not x.missing and x.lo != 0
    return o.const(x.lo) if one else None


SATURATES: dict[str, tuple[float, float, float, float]] = {
    "tanh": (-22.0, -1.0, 22.0, 1.0),
    "sigmoid": (-800.0, 0.0, 40.0, 1.0),
    "erf": (-6.5, -1.0, 6.5, 1.0),
}
"""Up to where, and from where on, a function has one value in float64, and which.

1 + exp(−40) is 1; exp(−800) is 0; beyond 22, tanh differs from 1 by a 500th of half an ulp.
"""


@rule("exact", *(o.UNARY[name] for name in SATURATES))
def saturated(n: Node, known: Known) -> Node | None:
    """`tanh(x) -> const(1) where x > 22`"""
    x = known(n.args[0])
    low, bottom, high, top = SATURATES[n.op.name]
    if x.missing or x.empty:
        return None
    return o.const(top) if x.lo > high else o.const(bottom) if x.hi < low else None


@rule("exact", o.MAX, o.MIN)
def extreme_that_never_switches(n: Node, known: Known) -> Node | None:
    """`maximum(x, y) -> x where y < x`"""
    return _without_beaten(n, known, strictly=True)


@rule("real", o.MAX, o.MIN)
def extreme_that_meets(n: Node, known: Known) -> Node | None:
    """`maximum(x, const(0)) -> x where 0 <= x`"""
    # Real, since max(-0.0, 0.0) is 0.0.
    return _without_beaten(n, known, strictly=False)


def _without_beaten(n: Node, known: Known, *, strictly: bool) -> Node | None:
    """Return the extreme of those arguments that another one does not always beat."""
    ranges = [known(a) for a in n.args]
    if any(x.missing or x.empty for x in ranges):
        return None
    # For a maximum, what is above another's highest by its lowest; turned over for a minimum.
    ends = [(x.lo, x.hi) if n.op is o.MAX else (-x.hi, -x.lo) for x in ranges]
    best = max(range(len(ends)), key=lambda i: ends[i][0])
    floor = ends[best][0]
    kept = [
        a
        for i, a in enumerate(n.args)
        if i == best or not (ends[i][1] < floor or (ends[i][1] == floor and not strictly))
    ]
    if len(kept) == len(n.args):
        return None
    return node(n.op, tuple(kept)) if len(kept) > 1 else kept[0]


@rule("exact", o.ABS)
def size_of_a_signed_number(n: Node, known: Known) -> Node | None:
    """`absolute(x) -> x where 0 < x`"""
    x = known(n.args[0])
    if x.missing or x.empty or x.lo <= 0 <= x.hi:
        return None
    return n.args[0] if x.lo > 0 else o.lin(0, (-1, n.args[0]))


@rule("real", o.ABS)
def size_from_zero_on(n: Node, known: Known) -> Node | None:
    """`absolute(x) -> x where 0 <= x`"""
    x = known(n.args[0])
    return n.args[0] if x.lo >= 0 and not x.empty else None


@rule("exact", o.DIV)
def quotient_of_the_same(n: Node, known: Known) -> Node | None:
    """`div(x, x) -> const(1) where x < 0 or 0 < x`"""
    a, b = n.args
    return o.const(1) if a is b and known.never_zero(a) else None


@rule("real", o.DIV)
def cancelled_factor(n: Node, known: Known) -> Node | None:
    """`div(mul(x, y), x) -> y where x < 0 or 0 < x`"""
    a, b = n.args
    if a.op is not o.MUL or b not in a.args or not known.never_zero(b):
        return None
    at = a.args.index(b)
    return o.mul(*a.args[:at], *a.args[at + 1 :])


@rule("real", o.MUL)
def cancelled_divisor(n: Node, known: Known) -> Node | None:
    """`mul(x, div(y, x)) -> y where x < 0 or 0 < x`"""
    for i, a in enumerate(n.args):
        if a.op is o.DIV and a.args[1] in n.args and known.never_zero(a.args[1]):
            left = [b for j, b in enumerate(n.args) if j != i]
            left.remove(a.args[1])
            return o.mul(a.args[0], *left)
    return None


@rule("real", o.SQRT)
def root_of_a_square(n: Node, known: Known) -> Node | None:
    """`sqrt(power(x, 2)) -> x where 0 <= x`"""
    inner = n.args[0]
    x = _squared(inner)
    if x is None or not known.finite(inner) or not known.finite(x):
        return None
    return x if known(x).lo >= 0 else o.absolute(x)


def _squared(n: Node) -> Node | None:
    if n.op is o.MUL and len(n.args) == 2 and n.args[0] is n.args[1]:
        return n.args[0]
    square = n.op is o.POW and is_const(n.args[1]) and n.args[1].data == 2
    return n.args[0] if square else None


@rule("real", o.LOG)
def logarithm_of_an_exponential(n: Node, known: Known) -> Node | None:
    """`log(exp(x)) -> x where -700 < x < 700`"""
    inner = n.args[0]
    if inner.op is not o.EXP:
        return None
    x = known(inner.args[0])
    return inner.args[0] if x.lo > -700 and x.hi < 700 else None


@rule("real", o.EXP)
def exponential_of_a_logarithm(n: Node, known: Known) -> Node | None:
    """`exp(log(x)) -> x where 0 < x`"""
    inner = n.args[0]
    return inner.args[0] if inner.op is o.LOG and known.positive(inner.args[0]) else None


@rule("real", o.LIN)
def sum_of_logarithms(n: Node, known: Known) -> Node | None:
    """`lin(p, (q, log(x)), (q, log(y))) -> lin(p, (q, log(mul(x, y)))) where 0 < x, y`"""
    terms = list(zip(n.data.weights.tolist(), n.args, strict=True))
    for i, (w, a) in enumerate(terms):
        for j, (v, b) in enumerate(terms[:i]):
            if a.op is b.op is o.LOG and abs(w) == abs(v) and w != 0:
                made = _one_log(a.args[0], b.args[0], same=w == v, known=known)
                if made is not None:
                    terms[j] = (v, made)
                    return o.lin(n.data.bias, *terms[:i], *terms[i + 1 :])
    return None


def _one_log(later: Node, earlier: Node, *, same: bool, known: Known) -> Node | None:
    if not (known.positive(later) and known.positive(earlier)):
        return None
    inside = o.mul(earlier, later) if same else o.div(earlier, later)
    # As floats the product must not leave the range either.
    return o.log(inside) if known.positive(inside) else None


@rule("real", o.LIN)
def common_factor(n: Node, known: Known) -> Node | None:
    """`lin(p, (q, mul(x, y)), (r, mul(x, z))) -> lin(p, (1, mul(x, lin(0, (q, y), (r, z)))))`"""
    terms = list(zip(n.data.weights.tolist(), n.args, strict=True))
    products = [(i, a) for i, (_, a) in enumerate(terms) if a.op is o.MUL]
    for at, (i, a) in enumerate(products):
        for x in a.args:
            others = [j for j, b in products[at + 1 :] if x in b.args]
            if others:
                inside = [(terms[j][0], _over(terms[j][1], x)) for j in (i, *others)]
                gone = {i, *others}
                kept = [t for j, t in enumerate(terms) if j not in gone]
                return o.lin(n.data.bias, *kept, (1.0, o.mul(x, o.lin(0, *inside))))
    return None


def _over(product: Node, x: Node) -> Node:
    at = product.args.index(x)
    return o.mul(*product.args[:at], *product.args[at + 1 :])


DOMAIN_RULES: tuple[DomainRule, ...] = (
    certain_test,
    absent_category,
    absent_entries,
    dead_leaves,
    stretches_out_of_reach,
    single_value,
    saturated,
    extreme_that_never_switches,
    extreme_that_meets,
    size_of_a_signed_number,
    size_from_zero_on,
    quotient_of_the_same,
    cancelled_factor,
    cancelled_divisor,
    root_of_a_square,
    logarithm_of_an_exponential,
    exponential_of_a_logarithm,
    sum_of_logarithms,
    common_factor,
)
"""In the order in which they are tried."""
