"""Functions of single elements, broadcast over tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from closedform import ops
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor, elementwise

Function = Callable[..., Any]


class NoFormula(Exception):
    """An operation, or an option of one, that has no formula; the text says which."""


class Absent:
    """A second result that has no formula; using it says so."""

    def __init__(self, what: str) -> None:
        """Say what it would be."""
        self.what = what


def one(name: str) -> Function:
    made = t.function(name)
    return lambda x: elementwise(made, x)


def each(function: Callable[[Element], Element]) -> Function:
    return lambda x: elementwise(function, x)


def two(function: Callable[[Element, Element], Element]) -> Function:
    return lambda a, b: elementwise(function, a, b)


def add(a: Any, b: Any, alpha: float = 1) -> Tensor:
    return elementwise(lambda x, y: t.add(x, y, float(alpha)), a, b)


def sub(a: Any, b: Any, alpha: float = 1) -> Tensor:
    return add(a, b, -alpha)


def div(a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    made = elementwise(t.divide, a, b)
    if rounding_mode == "floor":
        return elementwise(t.function("floor"), made)
    return elementwise(t.truncated, made) if rounding_mode == "trunc" else made


def remainder(a: Any, b: Any) -> Tensor:
    return sub(a, elementwise(t.multiply, div(a, b, "floor"), b))


def clamp(x: Tensor, low: Any = None, high: Any = None, **given: Any) -> Tensor:
    low, high = given.get("min", low), given.get("max", high)
    if low is not None:
        x = elementwise(t.greatest, x, low)
    return x if high is None else elementwise(t.smallest, x, high)


def leaky(x: Tensor, slope: float = 0.01) -> Tensor:
    return elementwise(lambda v: t.choice(t.less(0.0, v), v, t.multiply(v, slope)), x)


def elu(x: Tensor, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Tensor:
    def unit(v: Element) -> Element:
        below = t.function("expm1")(t.multiply(v, input_scale))
        return t.choice(t.less(0.0, v), t.multiply(v, scale), t.multiply(below, alpha * scale))

    return elementwise(unit, x)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Hendrycks, D. and Gimpel, K. (2016), Gaussian error linear units, arXiv:1606.08415."""
    shape = gelu_by_tanh if approximate == "tanh" else gelu_by_erf
    return elementwise(shape, x)


def gelu_by_erf(v: Element) -> Element:
    share = t.function("erf")(t.multiply(v, 1 / math.sqrt(2)))
    return t.multiply(v, t.add(0.5, share, 0.5))


def gelu_by_tanh(v: Element) -> Element:
    inner = t.add(v, t.power(v, 3.0), 0.044715)
    share = t.function("tanh")(t.multiply(inner, math.sqrt(2 / math.pi)))
    return t.multiply(v, t.add(0.5, share, 0.5))


def ceil(x: Element) -> Element:
    return t.multiply(t.function("floor")(t.multiply(x, -1.0)), -1.0)


def nearest(x: Element) -> Element:
    """To the nearest whole number, halves to the even one."""
    down = t.function("floor")(x)
    rest = t.add(x, down, -1.0)
    odd = t.less(
        0.0, t.add(down, t.multiply(t.function("floor")(t.multiply(down, 0.5)), 2.0), -1.0)
    )
    up = t.either(t.less(0.5, rest), t.both(t.equal(rest, 0.5), odd))
    return t.choice(up, t.add(down, 1.0), down)


def sinh(x: Element) -> Element:
    e = t.function("expm1")
    return t.multiply(t.add(e(x), e(t.multiply(x, -1.0)), -1.0), 0.5)


def cosh(x: Element) -> Element:
    e = t.function("exp")
    return t.multiply(t.add(e(x), e(t.multiply(x, -1.0))), 0.5)


def tan(x: Element) -> Element:
    return t.divide(t.function("sin")(x), t.function("cos")(x))


def missing(x: Element) -> Element:
    return ops.missing(t.node_of(t.number(x)))
