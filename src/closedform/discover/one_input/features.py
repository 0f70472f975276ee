"""Functions of one number that laws are made of, and where to start looking for their constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.algebra import reciprocal

Inside = float | Node
FINE = 3
"""Starting constants are so many times as dense as is enough for sums of two functions."""
Build = Callable[[Node, Any], Node]
Grid = Callable[[Array], Array]


def _times(k: Inside, x: Node) -> Node:
    if isinstance(k, Node):
        return ops.mul(k, x)
    return x if k == 1 else ops.lin(0.0, (k, x))


def _plus(x: Node, c: Inside) -> Node:
    return ops.lin(0.0, (1.0, x), (1.0, c)) if isinstance(c, Node) else ops.lin(c, (1.0, x))


def _less(c: Inside, x: Node) -> Node:
    return ops.lin(0.0, (1.0, c), (-1.0, x)) if isinstance(c, Node) else ops.lin(c, (-1.0, x))


def _under(k: Inside, x: Node) -> Node:
    return ops.div(k if isinstance(k, Node) else ops.const(k), x)


def _squared(x: Node) -> Node:
    return ops.power(x, 2)


def power(x: Node, p: Inside) -> Node:
    """Return x to some power as one writes it."""
    if isinstance(p, Node):
        return ops.power(x, p)
    if p == 1:
        return x
    if p < 0:
        return reciprocal(power(x, -p))
    return ops.sqrt(x) if p == 0.5 else ops.power(x, p)


WHOLE = (1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0, -4.0, -5.0)
HALVES = (0.5, -0.5, 1.5, -1.5, 2.5, -2.5)

PLAIN: tuple[Callable[[Node], Node], ...] = (
    *(lambda x, p=p: power(x, p) for p in (*WHOLE, *HALVES)),
    ops.exp, lambda x: ops.exp(_times(-1, x)),
    ops.log, lambda x: ops.mul(x, ops.log(x)),
    ops.sin, ops.cos, ops.tanh, ops.atan,
    lambda x: ops.unary("asin", x), lambda x: ops.unary("acos", x),
    lambda x: ops.mul(x, ops.exp(x)), lambda x: ops.mul(x, ops.exp(_times(-1, x))),
    lambda x: ops.exp(_times(-1, _squared(x))), lambda x: ops.exp(_times(-0.5, _squared(x))),
    lambda x: ops.mul(x, ops.sin(x)), lambda x: ops.mul(x, ops.cos(x)),
    lambda x: ops.div(ops.sin(x), x),
    lambda x: reciprocal(_plus(x, 1)), lambda x: reciprocal(_plus(x, -1)),
    lambda x: reciprocal(_plus(_squared(x), 1)), lambda x: reciprocal(_plus(_squared(x), -1)),
    lambda x: ops.sqrt(_plus(_squared(x), 1)), lambda x: ops.sqrt(ops.lin(1, (-1, _squared(x)))),
    lambda x: ops.sqrt(_plus(x, 1)), lambda x: ops.log(_plus(x, 1)),
    lambda x: ops.log(_plus(_squared(x), 1)),
    lambda x: reciprocal(_plus(ops.exp(x), -1)), lambda x: reciprocal(_plus(ops.exp(x), 1)),
    lambda x: ops.div(ops.sin(x), ops.cos(x)), lambda x: ops.div(ops.cos(x), ops.sin(x)),
)  # fmt: skip
"""Functions without a constant to be found."""


@dataclass(frozen=True)
class Family:
    """A function with one constant inside; it may be a number or a node.

    Attributes:
        name: what it is called in a report.
        build: number and constant → function.
        grid: values of the number → constants to start from.
    """

    name: str
    build: Build
    grid: Grid


def _reach(x: Array) -> float:
    return float(np.abs(x).max() or 1.0)


def _span(x: Array) -> float:
    return float(np.ptp(x) or 1.0)


def _rates(x: Array) -> Array:
    sizes = np.geomspace(0.12, 28, 12 * FINE) / _span(x)
    return np.concatenate([sizes, -sizes])


def _steps(x: Array) -> Array:
    return np.geomspace(0.17, 23, 12 * FINE) / _reach(x)


def _squares(x: Array) -> Array:
    return _rates(x * x)


def _inverse(x: Array) -> Array:
    with np.errstate(all="ignore"):
        u = 1 / x
    return _rates(u) if np.isfinite(u).all() else np.array([])


def _waves(x: Array) -> Array:
    # A wave is found from up to a third of a turn off, over the whole span.
    return np.arange(0.7, 45, 1.1 / FINE) / _span(x)


def _beside(x: Array) -> Array:
    """Constants c for which x + c has no zero in the range."""
    away = _span(x) * np.geomspace(0.025, 14, 10 * FINE)
    return np.concatenate([away - x.min(), -away - x.max()])


def _above(x: Array) -> Array:
    return np.asarray(_span(x) * np.geomspace(0.025, 14, 10 * FINE) - x.min())


def _beside_squares(x: Array) -> Array:
    return _beside(x * x)


def _above_squares(x: Array) -> Array:
    away = _span(x * x) * np.geomspace(0.025, 14, 10 * FINE)
    return away - float((x * x).min())


def _ahead_of_squares(x: Array) -> Array:
    away = _span(x * x) * np.geomspace(0.008, 14, 10 * FINE)
    return away + float((x * x).max())


def _arcs(x: Array) -> Array:
    return np.array([0.2, 0.4, 0.6, 0.75, 0.88, 0.95, 0.99, 1.0]) / _reach(x)


def _before_a_pole(x: Array) -> Array:
    """Constants k for which the tangent of kx has no pole in the range."""
    shares = np.concatenate([np.arange(0.1, 0.9, 0.2 / FINE), 1 - np.geomspace(0.1, 0.005, 8)])
    return np.asarray(shares * np.pi / 2 / _reach(x))


def _exponents(x: Array) -> Array:
    return (
        np.array([p + 0.25 for p in np.arange(-5.25, 5, 0.5 / FINE)])
        if x.min() > 0
        else np.array([])
    )


FAMILIES = (
    Family("exponential", lambda x, k: ops.exp(_times(k, x)), _rates),
    Family("exponential of a square", lambda x, k: ops.exp(_times(k, _squared(x))), _squares),
    Family("exponential of 1/x", lambda x, k: ops.exp(_under(k, x)), _inverse),
    Family("x times exponential", lambda x, k: ops.mul(x, ops.exp(_times(k, x))), _rates),
    Family("sine", lambda x, k: ops.sin(_times(k, x)), _waves),
    Family("cosine", lambda x, k: ops.cos(_times(k, x)), _waves),
    Family(
        "tangent", lambda x, k: ops.div(ops.sin(_times(k, x)), ops.cos(_times(k, x))),
        _before_a_pole,
    ),
    Family(
        "cotangent", lambda x, k: ops.div(ops.cos(_times(k, x)), ops.sin(_times(k, x))),
        lambda x: 2 * _before_a_pole(x),
    ),
    Family("tanh", lambda x, k: ops.tanh(_times(k, x)), _steps),
    Family("tanh of 1/x", lambda x, k: ops.tanh(_under(k, x)), lambda x: 1 / _steps(x)),
    Family("arc tangent", lambda x, k: ops.atan(_times(k, x)), _steps),
    Family("arc sine", lambda x, k: ops.unary("asin", _times(k, x)), _arcs),
    Family("arc cosine", lambda x, k: ops.unary("acos", _times(k, x)), _arcs),
    Family("pole", lambda x, c: reciprocal(_plus(x, c)), _beside),
    Family("double pole", lambda x, c: reciprocal(ops.power(_plus(x, c), 2)), _beside),
    Family("pole of a square", lambda x, c: reciprocal(_plus(_squared(x), c)), _beside_squares),
    Family("logarithm", lambda x, c: ops.log(_plus(x, c)), _above),
    Family("logarithm of a square", lambda x, c: ops.log(_plus(_squared(x), c)), _above_squares),
    Family("root", lambda x, c: ops.sqrt(_plus(x, c)), _above),
    Family("root of a square", lambda x, c: ops.sqrt(_plus(_squared(x), c)), _above_squares),
    Family(
        "circle", lambda x, c: ops.sqrt(_less(c, _squared(x))), _ahead_of_squares
    ),
    Family("inverse root", lambda x, c: reciprocal(ops.sqrt(_plus(x, c))), _above),
    Family(
        "inverse root of a square", lambda x, c: reciprocal(ops.sqrt(_plus(_squared(x), c))),
        _above_squares,
    ),
    Family(
        "inverse circle", lambda x, c: reciprocal(ops.sqrt(_less(c, _squared(x)))),
        _ahead_of_squares,
    ),
    Family("Bose", lambda x, k: reciprocal(_plus(ops.exp(_times(k, x)), -1)), _steps),
    Family("Fermi", lambda x, k: reciprocal(_plus(ops.exp(_times(k, x)), 1)), _rates),
    Family(
        "Bose of 1/x", lambda x, k: reciprocal(_plus(ops.exp(_under(k, x)), -1)),
        lambda x: 1 / _steps(x),
    ),
    Family("power", power, _exponents),
    Family("sinc", lambda x, k: ops.div(ops.sin(_times(k, x)), x), _waves),
)  # fmt: skip
