"""What each operation is in smaller operations, for targets that cannot spell it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from closedform import ops as o
from closedform.ir import Array, Node, Type
from closedform.ops import special
from closedform.ops.payloads import Pieces, Splits


def squared_distance(n: Node) -> Node:
    """`w₁·(x₁ − c₁)² + w₂·(x₂ − c₂)² + …`."""
    away = [
        o.lin(-c, (1, x)) if c else x for c, x in zip(n.data.point.tolist(), n.args, strict=True)
    ]
    return o.linear(0, n.data.weights, [o.power(x, 2) for x in away])


def sum32(n: Node) -> Node:
    """`float32(… float32(float32(a) + float32(b)) + …)`."""
    total, *rest = [o.round32(x) for x in n.args]
    for x in rest:
        total = o.round32(o.lin(0, (1, total), (1, x)))
    return total


def kth(n: Node) -> Node:
    """k rounds of a bubble sort: each carries the smallest of what is left to its end."""
    left = list(n.args)
    for _ in range(n.data):
        smallest, *others = left
        left = []
        for x in others:
            left.append(o.maximum(smallest, x))
            smallest = o.minimum(smallest, x)
    return smallest


def weighted_median(n: Node) -> Node:
    """The least argument that has half of all weight at or below it.

    The others count as the greatest of all, and not as infinity, which MySQL does not have.
    """
    half, none = o.const(0.5 * sum(n.data)), o.either(*map(o.missing, n.args))
    one, zero, never = o.const(1), o.const(0), o.maximum(*n.args)
    found = []
    for x in n.args:
        below = o.linear(0, n.data, [o.where(o.less_equal(y, x), one, zero) for y in n.args])
        found.append(o.where(o.less_equal(half, below), x, never))
    return o.where(none, o.const(math.nan), o.minimum(*found))


def sigmoid(n: Node) -> Node:
    """`e / (1 + e) if x < 0 else 1 / (1 + e)`, with e = exp(−|x|)."""
    x = n.args[0]
    small = o.exp(o.lin(0, (-1, o.absolute(x))))
    below = o.lin(1, (1, small))
    return o.where(o.less(x, o.const(0)), o.div(small, below), o.div(o.const(1), below))


def softplus(n: Node) -> Node:
    """`max(x, 0) + log1p(exp(−|x|))`."""
    x = n.args[0]
    small = o.exp(o.lin(0, (-1, o.absolute(x))))
    return o.lin(0, (1, o.maximum(x, o.const(0))), (1, o.unary("log1p", small)))


def tanh(n: Node) -> Node:
    """`sign(x)·(−m) / (2 + m)`, with m = expm1(−2|x|): no cancellation near 0."""
    x = n.args[0]
    m = o.unary("expm1", o.lin(0, (-2, o.absolute(x))))
    size = o.div(o.lin(0, (-1, m)), o.lin(2, (1, m)))
    return o.where(o.less(x, o.const(0)), o.lin(0, (-1, size)), size)


def expm1(n: Node) -> Node:
    """`(u − 1)·x / log(u)` with u = exp(x) (Kahan): exact to a few ulp near 0."""
    x = n.args[0]
    u = o.exp(x)
    less_one = o.lin(-1, (1, u))
    near = o.div(o.mul(less_one, x), o.log(u))
    far = o.less(o.const(1.0), o.absolute(x))
    return o.where(far, less_one, o.where(o.equal(u, o.const(1)), x, near))


def log1p(n: Node) -> Node:
    """`x·log(u) / (u − 1)` with u = 1 + x (Kahan): exact to a few ulp near 0."""
    x = n.args[0]
    u = o.lin(1, (1, x))
    near = o.div(o.mul(o.log(u), x), o.lin(-1, (1, u)))
    far = o.less(o.const(1.0), o.absolute(x))
    return o.where(far, o.log(u), o.where(o.equal(u, o.const(1)), x, near))


def absolute(n: Node) -> Node:
    """`0 − x if x < 0 else x`; −0.0 gives 0.0."""
    x = n.args[0]
    zero = o.const(0)
    positive = o.where(o.equal(x, zero), zero, x)
    return o.where(o.less(x, zero), o.lin(0, (-1, x)), positive)


def sign(n: Node) -> Node:
    """`1 if 0 < x else −1 if x < 0 else 0`, missing where x is."""
    x = n.args[0]
    zero = o.const(0)
    flat = o.where(o.equal(x, zero), zero, x)
    return o.where(o.less(zero, x), o.const(1), o.where(o.less(x, zero), o.const(-1), flat))


def minimum(n: Node) -> Node:
    """`b if b < a else a`, missing where either is."""
    return _extreme(n, lambda a, b: o.less(b, a))


def maximum(n: Node) -> Node:
    """`b if a < b else a`, missing where either is."""
    return _extreme(n, o.less)


def _extreme(n: Node, second: Callable[[Node, Node], Node]) -> Node:
    out = n.args[0]
    for x in n.args[1:]:
        takes = o.either(o.missing(x), second(out, x))
        out = o.where(o.both(o.negate(o.missing(out)), takes), x, out)
    return out


def member(n: Node) -> Node:
    """`x = a or x = b or …`."""
    x = n.args[0]
    if not n.data:
        return o.boolean(False)
    return o.either(*[o.equal(x, _like(x, v)) for v in n.data])


def _like(x: Node, value: object) -> Node:
    if x.type is Type.LABEL:
        return o.label(value)  # type: ignore[arg-type]
    return o.const(value)  # type: ignore[arg-type]


def table(n: Node) -> Node:
    """`value₁ if x = label₁ else … default`, and `missing` where x is."""
    x = n.args[0]
    out = o.const(n.data.default)
    for value, entry in zip(n.data.labels[::-1], n.data.values[::-1], strict=True):
        out = o.where(o.equal(x, _like(x, value)), o.const(entry), out)
    return o.where(o.missing(x), o.const(n.data.missing), out)


def tree(n: Node) -> Node:
    """Nested choices, one for each test."""
    splits = n.data.splits
    made: dict[int, Node] = {}
    for i in range(len(splits.child) - 1, -1, -1):
        if splits.leaf[i]:
            made[i] = o.const(n.data.values[i])
        else:
            below = int(splits.child[i])
            x = n.args[splits.feature[i]]
            made[i] = o.where(split_test(splits, i, x), made[below], made[below + 1])
    return made[0]


def split_test(splits: Splits, i: int, x: Node) -> Node:
    """Return the condition under which a row goes left at inner node i."""
    if splits.member[i] >= 0:
        codes = np.flatnonzero(splits.sets[splits.member[i]]).tolist()
        test = o.member(x, [float(c) for c in codes])
    else:
        compare = o.less if splits.below else o.less_equal
        test = compare(x, o.const(splits.threshold[i]))
    return o.either(o.missing(x), test) if splits.missing_left[i] else test


def piecewise(n: Node) -> Node:
    """A balanced search for the stretch, and its polynomial by Horner's rule."""
    x, pieces = n.args[0], n.data
    values = [_horner(x, pieces, i) for i in range(len(pieces.coefs))]
    # Neighbours are joined first, so that the depth is the logarithm of the number of edges.
    nodes = list(zip(values, [*range(len(pieces.edges)), -1], strict=True))
    while len(nodes) > 1:
        pairs = [
            (o.where(_before(x, pieces, e), a, b), last)
            for (a, e), (b, last) in zip(nodes[::2], nodes[1::2], strict=False)
        ]
        nodes = pairs + nodes[len(pairs) * 2 :]
    return o.where(o.missing(x), o.const(pieces.missing), nodes[0][0])


def _before(x: Node, pieces: Pieces, edge: int) -> Node:
    limit = o.const(pieces.edges[edge])
    return o.less_equal(x, limit) if pieces.right_closed else o.less(x, limit)


def _horner(x: Node, pieces: Pieces, i: int) -> Node:
    coefs: Array = pieces.coefs[i]
    if len(coefs) == 1:
        return o.const(coefs[0])
    away = x if pieces.origins[i] == 0 else o.lin(-pieces.origins[i], (1, x))
    out = o.const(coefs[-1])
    for c in coefs[-2::-1].tolist():
        out = o.lin(c, (1, o.mul(out, away)))
    return out


def atan_slope(x: Node) -> Node:
    """Return the slope of the arctangent, 1 / (1 + x²)."""
    return o.div(o.const(1), o.lin(1, (1, o.mul(x, x))))


def arc(sign: float, x: Node) -> Node:
    """Return the slope of the arcsine, or that of the arccosine: ±1 / √(1 − x²)."""
    return o.div(o.const(sign), o.sqrt(_room(x)))


def _room(x: Node) -> Node:
    # Exact near ±1, where 1 − x² would lose half of its digits.
    return o.mul(o.lin(1, (-1, x)), o.lin(1, (1, x)))


def asin(n: Node) -> Node:
    """atan(x / √((1 − x)·(1 + x)))."""
    x = n.args[0]
    return o.atan(o.div(x, o.sqrt(_room(x))))


def acos(n: Node) -> Node:
    """2·atan(√((1 − x) / (1 + x)))."""
    x = n.args[0]
    return o.lin(0, (2, o.atan(o.sqrt(o.div(o.lin(1, (-1, x)), o.lin(1, (1, x)))))))


def probit(n: Node) -> Node:
    """The rational approximations of AS 241, each where it holds."""
    p = n.args[0]
    q = o.lin(-0.5, (1, p))
    r = o.sqrt(o.lin(0, (-1, o.log(o.minimum(p, o.lin(1, (-1, p)))))))
    far = o.where(
        o.less_equal(r, o.const(5)),
        _ratio(special.MIDDLE, o.lin(-1.6, (1, r))),
        _ratio(special.TAIL, o.lin(-5, (1, r))),
    )
    far = o.where(o.equal(r, o.const(math.inf)), r, far)
    tail = o.where(o.less(q, o.const(0)), o.lin(0, (-1, far)), far)
    inner = o.mul(q, _ratio(special.CENTRAL, o.lin(0.180625, (-1, o.mul(q, q)))))
    return o.where(o.less_equal(o.absolute(q), o.const(0.425)), inner, tail)


def erf(n: Node) -> Node:
    """Cody's rational approximations, each where it holds; 1 − exp(−x²)·ratio away from 0."""
    x = n.args[0]
    size, square = o.absolute(x), o.mul(x, x)
    near = o.mul(x, _ratio(special.ERF_NEAR, square))
    inverse = o.div(o.const(1), square)
    far = o.lin(1 / math.sqrt(math.pi), (-1, o.mul(inverse, _ratio(special.ERFC_FAR, inverse))))
    rest = o.where(
        o.less_equal(size, o.const(4)), _ratio(special.ERFC_MIDDLE, size), o.div(far, size)
    )
    away = o.lin(1, (-1, o.mul(o.exp(o.lin(0, (-1, square))), rest)))
    away = o.where(o.less(o.const(6), size), o.const(1), away)
    signed = o.where(o.less(x, o.const(0)), o.lin(0, (-1, away)), away)
    return o.where(o.less_equal(size, o.const(0.46875)), near, signed)


def _ratio(coefs: tuple[tuple[float, ...], tuple[float, ...]], x: Node) -> Node:
    top, bottom = (_polynomial(c, x) for c in coefs)
    return o.div(top, bottom)


def _polynomial(coefs: tuple[float, ...], x: Node) -> Node:
    out = o.const(coefs[0])
    for c in coefs[1:]:
        out = o.lin(c, (1, o.mul(out, x)))
    return out
