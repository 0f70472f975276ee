"""What a law may be taken through so that it falls apart: its square, inverse, logarithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.ir import Array, Node

Curve = Callable[[Array], Array]


@dataclass(frozen=True)
class Transform:
    """A function of what a law says, its slope, and how it is undone.

    Attributes:
        name: as it is told to the user.
        of: what is taken of the values; NaN where that cannot be.
        slope: its derivative.
        undone: the node that gives the law back.
    """

    name: str
    of: Curve
    slope: Curve
    undone: Callable[[Node], Node]


def _within(lo: float, hi: float, of: Curve) -> Curve:
    def curve(y: Array) -> Array:
        return np.asarray(np.where((y >= lo) & (y <= hi), of(np.clip(y, lo, hi)), np.nan))

    return curve


IDENTITY = Transform("itself", lambda y: y, np.ones_like, lambda n: n)
INVERSE = Transform(
    "its inverse", lambda y: 1 / y, lambda y: -1 / y**2, lambda n: ops.div(ops.const(1.0), n)
)
SQUARE = Transform("its square", _within(0, np.inf, np.square), lambda y: 2 * y, ops.sqrt)
LOGARITHM = Transform("its logarithm", np.log, lambda y: 1 / y, ops.exp)
EXPONENTIAL = Transform("its exponential", _within(-50, 50, np.exp), np.exp, ops.log)
ROOT = Transform("its root", np.sqrt, lambda y: 0.5 / np.sqrt(y), lambda n: ops.power(n, 2.0))
INVERSE_SQUARE = Transform(
    "its inverse square", _within(0, np.inf, lambda y: 1 / y**2), lambda y: -2 / y**3,
    lambda n: ops.div(ops.const(1.0), ops.sqrt(n)),
)  # fmt: skip
INVERSE_ROOT = Transform(
    "its inverse root", lambda y: 1 / np.sqrt(y), lambda y: -0.5 / y**1.5,
    lambda n: ops.div(ops.const(1.0), ops.power(n, 2.0)),
)  # fmt: skip
SINE = Transform(
    "its sine", _within(-np.pi / 2, np.pi / 2, np.sin), np.cos, lambda n: ops.unary("asin", n)
)
COSINE = Transform(
    "its cosine", _within(0, np.pi, np.cos), lambda y: -np.sin(y), lambda n: ops.unary("acos", n)
)
TANGENT = Transform(
    "its tangent", _within(-1.57, 1.57, np.tan), lambda y: 1 / np.cos(y) ** 2, ops.atan
)
HALF_TANGENT = Transform(
    "the tangent of its half", _within(-3.14, 3.14, lambda y: np.tan(y / 2)),
    lambda y: 0.5 / np.cos(y / 2) ** 2, lambda n: ops.lin(0.0, (2.0, ops.atan(n))),
)  # fmt: skip
LOGIT = Transform(
    "its logit", lambda y: np.log(y / (1 - y)), lambda y: 1 / (y * (1 - y)), ops.sigmoid
)
ATANH = Transform("its inverse hyperbolic tangent", np.arctanh, lambda y: 1 / (1 - y**2), ops.tanh)

TO_SUMS = (
    INVERSE, SQUARE, LOGARITHM, INVERSE_SQUARE, EXPONENTIAL, ROOT, INVERSE_ROOT, LOGIT,
    ATANH, TANGENT, SINE, COSINE,
)  # fmt: skip
"""Tried for sums; the inverse hyperbolic tangent is a stretched logit but reads otherwise."""
TO_PRODUCTS = (SINE, TANGENT, COSINE, EXPONENTIAL, ATANH, HALF_TANGENT, LOGIT)
"""Tried for products; a power or a logarithm of a product falls apart as the product does."""
TO_LINES = (IDENTITY, INVERSE, SQUARE, LOGARITHM, INVERSE_SQUARE, EXPONENTIAL, ROOT)
"""Tried for a·g(x) + b."""
