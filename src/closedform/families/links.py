"""Distribution functions, as inverses of link functions: from a score to a share."""

from __future__ import annotations

import math

from closedform import ops
from closedform.ir import Node


def normal_cdf(z: Node) -> Node:
    """Return Φ(z) = (1 + erf(z/√2)) / 2."""
    return ops.lin(0.5, (0.5, ops.unary("erf", ops.lin(0, (1 / math.sqrt(2), z)))))


def cauchy_cdf(z: Node) -> Node:
    """Return 1/2 + atan(z)/π."""
    return ops.lin(0.5, (1 / math.pi, ops.atan(z)))


def gumbel_cdf(z: Node) -> Node:
    """Return exp(−exp(−z)): of the greatest of many."""
    return ops.exp(_minus(ops.exp(_minus(z))))


def least_cdf(z: Node) -> Node:
    """Return −expm1(−exp(z)), which is 1 − exp(−exp(z)) and exact where it is small."""
    return _minus(ops.unary("expm1", _minus(ops.exp(z))))


def _minus(x: Node) -> Node:
    return ops.lin(0, (-1, x))
