"""The sign of zero, where a division turns it into the sign of infinity.

A sum starts from its bias, so that it is never −0.0; printed without a bias of 0 it may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, with_args

UNSIGNED = frozenset({"lin", "exp", "abs", "sigmoid", "softplus", "cos", "sign"})
"""Operations whose zero is always 0.0."""

PASSING = frozenset(
    {"mul", "div", "pow", "min", "max", "where", "sqrt", "tanh", "sin", "erf", "log1p", "expm1"}
    | {"atan", "asin", "floor", "round32"}
)
"""Operations that hand the sign of a zero on."""


def with_zeros(formula: Formula) -> Formula:
    """Return the formula with `0.0 +` in front of sums that could divide something as −0.0."""
    order = formula.nodes
    matters = _matters(order)
    became: dict[Node, Node] = {}
    for n in order:
        now = with_args(n, tuple(became[a] for a in n.args))
        if n in matters and _loses_its_zero(n):
            weights = [1.0, *n.data.weights.tolist()]
            now = ops.linear(0.0, weights, (ops.const(0.0), *now.args))
        became[n] = now
    return formula.with_outputs(became) if matters else formula


def _matters(order: Sequence[Node]) -> set[Node]:
    """Return the nodes whose zero may end up below a fraction."""
    found: set[Node] = set()
    for n in reversed(order):
        if n.op is ops.DIV:
            found.add(n.args[1])
        elif n.op is ops.POW and not _rises(n.args[1]):
            found.add(n.args[0])
        if n in found and n.op.name in PASSING:
            found.update(n.args)
    return found


def _rises(exponent: Node) -> bool:
    return exponent.op is ops.CONST and exponent.data > 0


def _loses_its_zero(n: Node) -> bool:
    if n.op is not ops.LIN or n.data.bias != 0 or math.copysign(1, n.data.bias) < 0:
        return False
    terms = zip(n.data.weights.tolist(), n.args, strict=True)
    return all(w <= 0 or a.op.name not in UNSIGNED for w, a in terms)
