"""A law as a person would write it: |x| for √x², no fraction in a fraction, no dust of rounding.

Each way of writing is another expression of the same function on the rows of the problem; it is
taken where it is shorter, and where the error says that it is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from closedform import ops
from closedform.discover.contents import canonical
from closedform.discover.problem import Law, Problem
from closedform.fitting import Constants
from closedform.ir import Node, substitute, toposort, with_args
from closedform.length import length
from closedform.passes.algebra import Factors, made_of, product_of, tidied
from closedform.passes.rounding import significant
from closedform.shorten.neat import signs_of

SAME = 1e-11
"""Two errors that differ by less, as shares of the deviation, are the same but for rounding."""
DIGITS = 12
"""Significant digits of a constant that are no dust."""
ROUNDS = 4
"""Each way of writing may make another one shorter."""


def readable(problem: Problem, law: Law) -> Law:
    """Return a law in the fewest symbols, and of these in the shortest numbers.

    Args:
        problem: what it is a law of: on its rows the two are the same.
        law: as it was found.
    """
    node = law.node
    for _ in range(ROUNDS):
        better = min(_written(problem, node), key=_cost, default=node)
        if _cost(better) >= _cost(node):
            break
        node = better
    plain = _dusted(node)
    node = plain if problem.error(plain) <= max(1.001 * problem.error(node), SAME) else node
    return law if node is law.node else Law(node, problem.error(node), law.made)


def _written(problem: Problem, node: Node) -> Iterator[Node]:
    """Yield other ways of writing an expression that say the same of the rows."""
    most = max(1.001 * problem.error(node), SAME)
    plain = _without_roots_of_squares(problem, node)
    whole = canonical(plain)
    for other in (plain, tidied(plain), whole, *_scaled(plain), *_scaled(whole), _dusted(node)):
        if other is not node and problem.error(other) <= most:
            yield other


def _cost(node: Node) -> tuple[int, int]:
    """Return the symbols, and the signs that the numbers take on paper."""
    numbers = [v for n in toposort([node]) for v in _numbers(n)]
    return length([_dusted(node)]), sum(signs_of(significant([v], DIGITS)[0]) for v in numbers)


def _numbers(n: Node) -> list[float]:
    if n.op is ops.LIN:
        return [n.data.bias, *(w for w in n.data.weights.tolist() if abs(w) != 1)]
    return [n.data] if n.op is ops.CONST and isinstance(n.data, float) else []


def _dusted(node: Node) -> Node:
    """Return an expression without the last digits of its constants."""
    constants = Constants([node])
    return constants.put(np.array(significant(constants.start.tolist(), DIGITS)))[0]


def _without_roots_of_squares(problem: Problem, node: Node) -> Node:
    """Return an expression with |u| for √u², and with u for it where u is positive on the rows."""
    order = toposort([node])
    became: dict[Node, Node] = {}
    for n in order:
        made = with_args(n, tuple(became[a] for a in n.args))
        became[n] = _rooted(problem, made)
    return became[node]


def _rooted(problem: Problem, n: Node) -> Node:
    if n.op is ops.ABS:
        return _size(problem, n.args[0])
    if n.op is not ops.SQRT:
        return n
    coef, factors = _positive(*product_of(n.args[0]))
    if coef <= 0 or not any(q and q % 2 == 0 for q in factors.values()):
        return n
    outside = {_size(problem, b): q / 2 for b, q in factors.items() if q % 2 == 0}
    inside = {b: q for b, q in factors.items() if q % 2}
    if inside:
        outside[made_of(1.0, inside)] = 0.5
    return made_of(coef**0.5, outside)


def _positive(coef: float, factors: Factors) -> tuple[float, Factors]:
    """Return a product with its minus in a sum: -x²/(x² - y²) as x²/(y² - x²)."""
    odd = [b for b, q in factors.items() if b.op is ops.LIN and q % 2 == 1]
    if coef >= 0 or not odd:
        return coef, factors
    turned = ops.linear(-odd[0].data.bias, -odd[0].data.weights, odd[0].args)
    return -coef, {turned if b is odd[0] else b: q for b, q in factors.items()}


def _size(problem: Problem, u: Node) -> Node:
    """Return |u|; without the strokes where its sign is the same on all rows."""
    values = problem.said(u, problem.rows)
    if (values >= 0).all():
        return u
    return tidied(ops.lin(0.0, (-1.0, u))) if (values <= 0).all() else ops.absolute(u)


def _scaled(node: Node) -> Iterator[Node]:
    """Yield it with another number of a sum being 1: 3·x/(0.7 + x), not 30/7·x/(10/7·x + 1)."""
    for n in toposort([node]):
        if n.op not in (ops.MUL, ops.DIV, ops.LIN):
            continue
        coef, factors = product_of(n)
        for base, q in factors.items():
            if base is n or base.op is not ops.LIN:
                continue
            for v in {abs(v) for v in (base.data.bias, *base.data.weights.tolist())} - {0.0, 1.0}:
                small = ops.linear(base.data.bias / v, base.data.weights / v, base.args)
                others = {b: p for b, p in factors.items() if b is not base}
                made = made_of(coef * v**q, others | {small: q})
                yield substitute([node], {n: made})[0]
