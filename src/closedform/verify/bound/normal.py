"""Nodes in the few operations that bounds are made of, over the reals.

Quotients become products with a power of −1, distances sums of squares, minima the negative of
maxima, and what is missing for certain is folded away: a missing input is one more constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce

from closedform import ops
from closedform.ir import Node, Type, rewrite, substitute, toposort


def normal(roots: Sequence[Node], absent: Mapping[Node, Node] | None = None) -> list[Node]:
    """Return the same values in fewer kinds of operations.

    Args:
        roots: any nodes.
        absent: what stands in the place of inputs that are missing for certain.
    """
    started = substitute(roots, absent) if absent else list(roots)
    became = rewrite(toposort(started), _rule)
    return [became[n] for n in started]


def missing_for(x: Node) -> Node:
    """Return the missing number, or the missing label, for an input."""
    return ops.label(None) if x.type is Type.LABEL else ops.const(math.nan)


def surely_missing(n: Node) -> bool:
    """Tell whether a node is the missing number or label."""
    if n.op is ops.LABEL:
        return n.data[0] is None
    return n.op is ops.CONST and n.type is Type.REAL and n.data != n.data


def _rule(n: Node) -> Node | None:
    if n.op in FOLDED:
        return FOLDED[n.op](n)
    lost = any(surely_missing(a) for a in n.args)
    if lost and n.op in (ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MEMBER):
        return ops.boolean(False)
    if n.op is ops.EQUAL and n.args[0] is n.args[1]:
        return ops.negate(ops.missing(n.args[0]))
    if n.op is ops.EQUAL:
        found = _greatest(n.args[0], n.args[1])
        return _greatest(n.args[1], n.args[0]) if found is None else found
    if lost and n.op in (ops.TABLE, ops.PIECEWISE):
        return ops.const(n.data.missing)
    if lost and n.op.strict and n.type is Type.REAL:
        return ops.const(math.nan)
    return SMALLER[n.op](n) if n.op in SMALLER else None


def _truth(n: Node) -> bool | None:
    return bool(n.data) if n.op is ops.CONST and n.type is Type.BOOL else None


def _absent(n: Node) -> Node | None:
    return ops.boolean(True) if surely_missing(n.args[0]) else None


def _not(n: Node) -> Node | None:
    known = _truth(n.args[0])
    return None if known is None else ops.boolean(not known)


def _joined(deciding: bool) -> Callable[[Node], Node | None]:
    def rule(n: Node) -> Node | None:
        known = [_truth(a) for a in n.args]
        if deciding in known:
            return ops.boolean(deciding)
        rest = [a for a, value in zip(n.args, known, strict=True) if value is None]
        return (ops.either if deciding else ops.both)(*rest)

    return rule


def _where(n: Node) -> Node | None:
    known = _truth(n.args[0])
    return None if known is None else n.args[1 if known else 2]


def _greatest(a: Node, best: Node) -> Node | None:
    """a == max(a, b, …) -> b <= a and …"""
    terms, todo = set[Node](), [best]
    while todo:
        n = todo.pop()
        if n.op is ops.MAX:
            todo += n.args
        else:
            terms.add(n)
    if best.op is not ops.MAX or a not in terms:
        return None
    return ops.both(*[ops.less_equal(b, a) for b in toposort([best]) if b in terms and b is not a])


def _product(n: Node) -> Node:
    return reduce(lambda a, b: ops.power(a, 2.0) if a is b else ops.mul(a, b), n.args)


def _quotient(n: Node) -> Node:
    return ops.mul(n.args[0], ops.power(n.args[1], -1.0))


def _power(n: Node) -> Node:
    a, b = n.args[0], _exponent(n.args[1])
    if b is not n.args[1]:
        n = ops.power(a, float(b.data))
    if b.op is ops.CONST:
        if surely_missing(a) and b.data != 0:
            return ops.const(math.nan)
        return {0.0: ops.const(1.0), 1.0: a}.get(b.data, n)
    if surely_missing(a) or surely_missing(b):
        return n
    # Of a negative number there are whole powers, of which exp(b·log a) knows nothing.
    return ops.where(ops.less(ops.const(0.0), a), ops.exp(ops.mul(b, ops.log(a))), n)


def _exponent(b: Node) -> Node:
    """Return b as a number where it is one, as in the slope b·xᵇ⁻¹, and no digit is lost."""
    if b.op is not ops.LIN or any(a.op is not ops.CONST for a in b.args):
        return b
    numbers = [b.data.bias, *b.data.weights.tolist(), *[float(a.data) for a in b.args]]
    if not all(map(math.isfinite, numbers)):
        return b
    terms = zip(b.data.weights.tolist(), b.args, strict=True)
    exact = Fraction(b.data.bias) + sum(Fraction(w) * Fraction(float(a.data)) for w, a in terms)
    return ops.const(float(exact)) if Fraction(float(exact)) == exact else b


def _minimum(n: Node) -> Node:
    turned = [ops.lin(0.0, (-1.0, a)) for a in n.args]
    return ops.lin(0.0, (-1.0, reduce(ops.maximum, turned)))


def _maximum(n: Node) -> Node:
    return reduce(ops.maximum, n.args)


def _distance(n: Node) -> Node:
    away = [
        x if c == 0 else ops.lin(-c, (1.0, x))
        for c, x in zip(n.data.point.tolist(), n.args, strict=True)
    ]
    return ops.linear(0.0, n.data.weights, [ops.power(d, 2.0) for d in away])


FOLDED: dict[object, Callable[[Node], Node | None]] = {
    ops.ABSENT: _absent,
    ops.NOT: _not,
    ops.AND: _joined(False),
    ops.OR: _joined(True),
    ops.WHERE: _where,
}
SMALLER: dict[object, Callable[[Node], Node]] = {
    ops.MUL: _product,
    ops.DIV: _quotient,
    ops.POW: _power,
    ops.MIN: _minimum,
    ops.MAX: _maximum,
    ops.SQUARED_DISTANCE: _distance,
}
