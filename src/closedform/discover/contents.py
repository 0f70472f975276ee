"""Sums freed of what all their terms have in common, so that no fraction stands in another.

r·(a/r + b/c)/(1 + b/c) is (a·c + b·r)/(b + c): the content of a sum, the number in front and the
least power of each factor among its terms, goes to the product that it stands in.
"""

from __future__ import annotations

import math

from closedform import ops
from closedform.ir import Node, toposort, with_args
from closedform.length import length
from closedform.passes.algebra import Factors, made_of, product_of, tidied

INSIDE = frozenset({"sqrt", "pow", "div", "mul", "lin"})


def shortest(node: Node) -> Node:
    """Return an expression or its canonical form, whichever is shorter to read."""
    other = canonical(node)
    return other if length([other]) < length([node]) else node


def canonical(node: Node) -> Node:
    """Return an expression with the content of each sum taken out of it, over the reals.

    Under a root, what is taken out is taken to be positive, as all that has a law's root is.
    """
    became: dict[Node, Node] = {}
    for n in toposort([node]):
        made = with_args(n, tuple(became[a] for a in n.args))
        became[n] = _freed(made) if n.op.name in INSIDE else made
    return tidied(became[node])


def _freed(n: Node) -> Node:
    """Return a product with the content of its sums multiplied into it; a sum as such a product."""
    coef, factors = product_of(n) if n.op is not ops.LIN or len(n.args) < 2 else (1.0, {n: 1.0})
    whole: Factors = {}
    for base, power in factors.items():
        if base.op is not ops.LIN or len(base.args) + (base.data.bias != 0) < 2:
            whole[base] = whole.get(base, 0.0) + power
            continue
        size, common, rest = _content(base)
        if power == int(power):
            size, rest = _first_positive(size, rest)
        elif size <= 0:
            return n
        coef *= size**power
        whole[rest] = whole.get(rest, 0.0) + power
        for other, p in common.items():
            whole[other] = whole.get(other, 0.0) + p * power
    if not math.isfinite(coef) or coef == 0:
        return n
    return made_of(coef, {b: p for b, p in whole.items() if p})


def _content(n: Node) -> tuple[float, Factors, Node]:
    """Return a sum as number · common factors · sum."""
    terms = [product_of(ops.lin(0.0, (w, a))) for w, a in zip(n.data.weights, n.args, strict=True)]
    if n.data.bias:
        terms.append((n.data.bias, {}))
    bases = dict.fromkeys(b for _, factors in terms for b in factors)
    common = {b: min(f.get(b, 0.0) for _, f in terms) for b in bases}
    common = {b: p for b, p in common.items() if p}
    size = _unit([c for c, _ in terms])
    rest = []
    for c, factors in terms:
        left = {b: factors.get(b, 0.0) - common.get(b, 0.0) for b in {**factors, **common}}
        rest.append((c / size, {b: p for b, p in left.items() if p}))
    bias = sum(c for c, factors in rest if not factors)
    return size, common, ops.lin(bias, *((c, made_of(1.0, f)) for c, f in rest if f))


def _first_positive(size: float, n: Node) -> tuple[float, Node]:
    """Return a sum whose terms stand in the order of their inputs, the first one with a plus."""
    if n.op is not ops.LIN or len(n.args) < 2:
        return size, n
    terms = sorted(zip(n.data.weights.tolist(), n.args, strict=True), key=lambda t: _place(t[1]))
    sign = 1.0 if terms[0][0] > 0 or n.data.bias > 0 else -1.0
    return sign * size, ops.lin(sign * n.data.bias, *((sign * w, a) for w, a in terms))


def _place(n: Node) -> tuple[int, int]:
    """Return where a term stands: with its first input, and there the short ones first."""
    order = toposort([n])
    return min((x.data for x in order if x.op is ops.INPUT), default=0), len(order)


def _unit(coefs: list[float]) -> float:
    """Return the coefficient that most of them are, nearly: of the least, where all differ."""
    sizes = sorted(abs(c) for c in coefs)
    alike = max(sizes, key=lambda s: sum(abs(t - s) <= 0.02 * s for t in sizes))
    sign = -1.0 if all(c < 0 for c in coefs) else 1.0
    return sign * alike
