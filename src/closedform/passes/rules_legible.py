"""The rules of `legible`: what says the same in fewer symbols, as a person would write it.

Each is a function whose docstring is its equation, with the letters and kinds of `rules`. Constants
are worked out in decimals: 11.5 + 90.1 is 101.6, and not 101.60000000000001. Those of `SHORTER` are
used where they make what is read shorter, those of `OUTWARDS` also where it stays as long (they
bring numbers together), those of `ALWAYS` in any case.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from closedform import ops as o
from closedform.ir import Node, node
from closedform.length import length
from closedform.passes.rules import RULES, Place, Rule, function_of_a_table, is_const, rule
from closedform.passes.rules_lin import adds_trees, constant_terms, plain_term, zero_weights

Term = tuple[float, Node]


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _fits(*values: float) -> bool:
    return all(map(math.isfinite, values))


def _terms(n: Node) -> list[Term]:
    return list(zip(n.data.weights.tolist(), n.args, strict=True))


def _is_sum(n: Node) -> bool:
    """Tell a weighted sum of finite numbers that are no trees'."""
    return n.op is o.LIN and not adds_trees(n) and _fits(n.data.bias, *n.data.weights.tolist())


def _is_scaled(n: Node) -> bool:
    """Tell a number times one node."""
    return _is_sum(n) and len(n.args) == 1 and n.data.bias == 0 and n.data.weights[0] != 0


def _sum(bias: Decimal, terms: Iterable[tuple[Decimal, Node]]) -> Node | None:
    """Return a sum of which each node is a term once; None where a number is out of range."""
    weights: dict[Node, Decimal] = {}
    for w, a in terms:
        weights[a] = weights.get(a, Decimal(0)) + w
    kept = [(float(w), a) for a, w in weights.items() if w]
    constant = float(bias)
    if not _fits(constant, *(w for w, _ in kept)) or any(w == 0 for w, _ in kept):
        return None
    if not kept:
        return o.const(constant)
    plain = constant == 0 and [w for w, _ in kept] == [1.0]
    return kept[0][1] if plain else o.lin(constant, *kept)


def _shortest(made: Iterable[Node | None]) -> Node | None:
    return min((m for m in made if m is not None), key=lambda m: length([m]), default=None)


# --- tests --------------------------------------------------------------------------------------


def _limit(n: Node) -> tuple[int, Node, Decimal] | None:
    """Return where the number of a test stands, what is tested, and the number."""
    at = next((i for i, a in enumerate(n.args) if is_const(a)), None)
    if at is None or not _fits(n.args[at].data) or not _is_sum(n.args[1 - at]):
        return None
    return at, n.args[1 - at], _exact(n.args[at].data)


def _test(n: Node, at: int, limit: Decimal, x: Node | None) -> Node | None:
    """Return a test of another quantity, its number at the same side."""
    value = float(limit)
    if x is None or not _fits(value):
        return None
    return node(n.op, (o.const(value), x) if at == 0 else (x, o.const(value)))


@rule("real", o.LESS, o.LESS_EQUAL)
def centre_in_a_test(n: Node, _: Place) -> Node | None:
    """`less(const(p), lin(q, (k, x))) -> less(const(p - q), lin(0, (k, x)))`"""
    found = _limit(n)
    if found is None or found[1].data.bias == 0 or not found[1].args:
        return None
    at, total, limit = found
    rest = _sum(Decimal(0), ((_exact(w), a) for w, a in _terms(total)))
    return _test(n, at, limit - _exact(total.data.bias), rest)


@rule("real", o.LESS, o.LESS_EQUAL)
def factor_in_a_test(n: Node, _: Place) -> Node | None:
    """`less(const(p), lin(0, (k, x))) -> less(const(p / k), x)`"""
    found = _limit(n)
    if found is None or not _is_scaled(found[1]):
        return None
    at, total, limit = found
    factor = total.data.weights[0].item()
    return _test(n, at if factor > 0 else 1 - at, limit / _exact(factor), total.args[0])


@rule("exact", o.AND, o.OR)
def tighter_test(n: Node, _: Place) -> Node | None:
    """`both(less(const(p), x), less(const(k), x)) -> less(const(k), x)`"""
    kept: dict[tuple[object, ...], Node] = {}
    for a in n.args:
        at = next((i for i, b in enumerate(a.args) if is_const(b)), -1)
        bounded = a.op in (o.LESS, o.LESS_EQUAL) and at >= 0 and a.args[at].data == a.args[at].data
        key = (a.op.name, at, a.args[1 - at]) if bounded else (a,)
        other = kept.get(key)
        if other is not None and bounded:
            # p < x and k < x: the greater of both; turned over for x < p, and for "or".
            above = a.args[at].data > other.args[at].data
            a = a if above == ((at == 0) == (n.op is o.AND)) else other
        kept[key] = a
    if len(kept) == len(n.args):
        return None
    return node(n.op, tuple(kept.values())) if len(kept) > 1 else next(iter(kept.values()))


@rule("exact", o.AND, o.OR)
def asked_already(n: Node, _: Place) -> Node | None:
    """`both(c, either(c, d)) -> c`"""
    other = o.OR if n.op is o.AND else o.AND
    kept = tuple(a for a in n.args if a.op is not other or not set(a.args) & set(n.args))
    if len(kept) == len(n.args):
        return None
    return node(n.op, kept) if len(kept) > 1 else kept[0]


@rule("exact", o.WHERE)
def both_asked(n: Node, _: Place) -> Node | None:
    """`where(c, where(d, x, y), y) -> where(both(c, d), x, y)`"""
    c, a, b = n.args
    return o.where(o.both(c, a.args[0]), a.args[1], b) if _ends(a, 2, b) else None


@rule("exact", o.WHERE)
def one_asked(n: Node, _: Place) -> Node | None:
    """`where(c, x, where(d, x, y)) -> where(either(c, d), x, y)`"""
    c, a, b = n.args
    return o.where(o.either(c, b.args[0]), a, b.args[2]) if _ends(b, 1, a) else None


def _ends(n: Node, at: int, x: Node) -> bool:
    return n.op is o.WHERE and n.args[at] is x


# --- sums and products --------------------------------------------------------------------------


@rule("real", o.LIN)
def sum_in_a_sum(n: Node, _: Place) -> Node | None:
    """`lin(p, (q, lin(r, (k, x)))) -> lin(p + q * r, (q * k, x))`"""
    if not _is_sum(n):
        return None
    return _shortest(_opened(n, a) for a in n.args if _is_sum(a) and a.args)


def _opened(n: Node, inner: Node) -> Node | None:
    bias, terms = _exact(n.data.bias), list[tuple[Decimal, Node]]()
    for w, a in ((_exact(w), a) for w, a in _terms(n)):
        if a is not inner:
            terms.append((w, a))
            continue
        bias += w * _exact(inner.data.bias)
        terms += [(w * _exact(v), b) for v, b in _terms(inner)]
    return _sum(bias, terms)


@rule("real", o.LIN)
def common_weight(n: Node, _: Place) -> Node | None:
    """`lin(p, (q, x), (-q, y)) -> lin(p, (-q, lin(0, (1, y), (-1, x))))`"""  # q is negative
    weights = n.data.weights.tolist()
    if not _is_sum(n) or len(weights) < 2 or len({abs(w) for w in weights}) > 1:
        return None
    size = abs(weights[0])
    if size in (0.0, 1.0):
        return None
    outer = size if max(weights) > 0 else -size
    inside = sorted(((w / outer, a) for w, a in _terms(n)), key=lambda term: -term[0])
    return o.lin(n.data.bias, (outer, o.lin(0, *inside)))


@rule("real", o.MUL)
def repeated_factor(n: Node, _: Place) -> Node | None:
    """`mul(x, x, y) -> mul(power(x, 2), y)`"""
    count = Counter(n.args)
    if len(count) == len(n.args):
        return None
    return o.mul(*(a if k == 1 else o.power(a, k) for a, k in count.items()))


@rule("real", o.MUL)
def scaled_factor(n: Node, _: Place) -> Node | None:
    """`mul(lin(0, (k, x)), y) -> lin(0, (k, mul(x, y)))`"""
    scaled = [_exact(a.data.weights[0].item()) for a in n.args if _is_scaled(a)]
    if not scaled:
        return None
    factors = [a.args[0] if _is_scaled(a) else a for a in n.args]
    return _sum(Decimal(0), [(math.prod(scaled, start=Decimal(1)), o.mul(*factors))])


@rule("real", o.POW)
def scaled_square(n: Node, _: Place) -> Node | None:
    """`power(lin(0, (k, x)), 2) -> lin(0, (k * k, power(x, 2)))`"""
    base, exponent = n.args
    if not _is_scaled(base) or not is_const(exponent) or exponent.data not in (2, 3, 4):
        return None
    weight = _exact(base.data.weights[0].item()) ** int(exponent.data)
    return _sum(Decimal(0), [(weight, o.power(base.args[0], exponent.data))])


@rule("real", o.DIV)
def scaled_quotient(n: Node, _: Place) -> Node | None:
    """`div(lin(0, (k, x)), y) -> lin(0, (k, div(x, y)))`"""
    a, b = n.args
    if _is_scaled(a):
        return _sum(Decimal(0), [(_exact(a.data.weights[0].item()), o.div(a.args[0], b))])
    if not _is_scaled(b):
        return None
    weight = 1 / _exact(b.data.weights[0].item())
    if is_const(a) and _fits(a.data):
        value = float(_exact(a.data) * weight)
        return o.div(o.const(value), b.args[0]) if _fits(value) and value else None
    return _sum(Decimal(0), [(weight, o.div(a, b.args[0]))])


@rule("real", o.LIN)
def scaled_hinge(n: Node, _: Place) -> Node | None:
    """`lin(p, (q, maximum(lin(r, (k, x)), const(0)))) -> lin(p, (q * k, maximum(lin(r / k, (1, x)), const(0))))`"""  # noqa: E501
    return _shortest(_unscaled(n, i) for i in _hinges(n)) if _is_sum(n) else None


def _hinges(n: Node) -> Sequence[int]:
    """Return the places of |a + b·x| and max(a + b·x, 0) in a sum."""
    found = []
    for i, a in enumerate(n.args):
        bent = a.op is o.ABS or (a.op is o.MAX and a.args[1:] == (o.const(0),))
        inner = a.args[0] if bent else a
        if bent and _is_sum(inner) and len(inner.args) == 1:
            found += [i] if abs(inner.data.weights[0]) not in (0, 1) else []
    return found


def _unscaled(n: Node, i: int) -> Node | None:
    bent = n.args[i]
    inner = bent.args[0]
    weight = _exact(inner.data.weights[0].item())
    size = abs(weight)
    plain = _sum(_exact(inner.data.bias) / size, [(weight / size, inner.args[0])])
    if plain is None:
        return None
    made = node(bent.op, (plain, *bent.args[1:]))
    terms = [(_exact(w), a) for w, a in _terms(n)]
    return _sum(_exact(n.data.bias), [*terms[:i], (terms[i][0] * size, made), *terms[i + 1 :]])


@rule("real", o.SIN, o.COS)
def quarter_turn(n: Node, _: Place) -> Node | None:
    """`unary("sin", lin(1.5707963267948966, (k, x))) -> unary("cos", lin(0, (k, x)))`"""
    inner = n.args[0]
    if not _is_sum(inner) or not inner.args:
        return None
    turned = _TURNED.get((n.op.name, inner.data.bias))
    rest = _sum(Decimal(0), ((_exact(w), a) for w, a in _terms(inner)))
    if turned is None or rest is None:
        return None
    name, sign = turned
    made = o.unary(name, rest)
    return made if sign > 0 else o.lin(0, (-1, made))


_HALF = math.pi / 2
_TURNED = {
    ("sin", _HALF): ("cos", 1), ("sin", -_HALF): ("cos", -1),
    ("cos", _HALF): ("sin", -1), ("cos", -_HALF): ("sin", 1),
    ("sin", math.pi): ("sin", -1), ("sin", -math.pi): ("sin", -1),
    ("cos", math.pi): ("cos", -1), ("cos", -math.pi): ("cos", -1),
}  # fmt: skip
"""A function and what is added to its angle → the function without, and its sign."""


@rule("real", o.MAX, o.MIN)
def number_last(n: Node, _: Place) -> Node | None:
    """`maximum(const(0), x) -> maximum(x, const(0))`"""
    numbers = tuple(a for a in n.args if is_const(a))
    order = (*(a for a in n.args if not is_const(a)), *numbers)
    return None if order == n.args else node(n.op, order)


SHORTER: tuple[Rule, ...] = (
    centre_in_a_test,
    factor_in_a_test,
    tighter_test,
    asked_already,
    both_asked,
    one_asked,
    sum_in_a_sum,
    repeated_factor,
    scaled_hinge,
    quarter_turn,
    common_weight,
)
OUTWARDS: tuple[Rule, ...] = (scaled_factor, scaled_square, scaled_quotient)
_TIDY = tuple(rule for rule in RULES if rule is not function_of_a_table)
ALWAYS: tuple[Rule, ...] = (*_TIDY, zero_weights, constant_terms, plain_term, number_last)
