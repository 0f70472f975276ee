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


class Deferred:
    """A second result that is made only where it is used: positions take n² comparisons."""

    def __init__(self, make: Callable[[], Tensor]) -> None:
        """Note how it is made."""
        self.make = make


def one(name: str) -> Function:
    """Return one of the elementary functions of `ops`, by name."""
    made = t.function(name)
    return lambda x: elementwise(made, x)


def each(function: Callable[[Element], Element]) -> Function:
    """Return a function of one element as one of a tensor."""
    return lambda x: elementwise(function, x)


def two(function: Callable[[Element, Element], Element]) -> Function:
    """Return a function of two elements as one of two tensors."""
    return lambda a, b: elementwise(function, a, b)


def add(a: Any, b: Any, alpha: float = 1) -> Tensor:
    """Return a + alpha·b: aten.add."""
    return elementwise(lambda x, y: t.add(x, y, float(alpha)), a, b)


def sub(a: Any, b: Any, alpha: float = 1) -> Tensor:
    """Return a − alpha·b: aten.sub."""
    return add(a, b, -alpha)


def div(a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    """Return a / b, rounded down or towards 0 where asked for: aten.div."""
    made = elementwise(t.divide, a, b)
    if rounding_mode == "floor":
        return elementwise(t.function("floor"), made)
    return elementwise(t.truncated, made) if rounding_mode == "trunc" else made


def remainder(a: Any, b: Any) -> Tensor:
    """Return a − b·floor(a / b): aten.remainder."""
    return sub(a, elementwise(t.multiply, div(a, b, "floor"), b))


def clamp(x: Tensor, low: Any = None, high: Any = None, **given: Any) -> Tensor:
    """Return x, at least `low` and at most `high`: aten.clamp."""
    low, high = given.get("min", low), given.get("max", high)
    if low is not None:
        x = elementwise(t.greatest, x, low)
    return x if high is None else elementwise(t.smallest, x, high)


def hardtanh(x: Tensor, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Return x within −1 and 1, or other limits: aten.hardtanh."""
    return clamp(x, low, high)


def leaky(x: Tensor, slope: float = 0.01) -> Tensor:
    """Return x above 0, slope·x below: aten.leaky_relu."""
    return elementwise(lambda v: t.choice(t.less(0.0, v), v, t.multiply(v, slope)), x)


def elu(x: Tensor, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Tensor:
    """Return scale·x above 0, scale·alpha·(exp(input_scale·x) − 1) below: aten.elu."""

    def unit(v: Element) -> Element:
        below = t.function("expm1")(t.multiply(v, input_scale))
        return t.choice(t.less(0.0, v), t.multiply(v, scale), t.multiply(below, alpha * scale))

    return elementwise(unit, x)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Hendrycks, D. and Gimpel, K. (2016), Gaussian error linear units, arXiv:1606.08415."""
    shape = gelu_by_tanh if approximate == "tanh" else gelu_by_erf
    return elementwise(shape, x)


def gelu_by_erf(v: Element) -> Element:
    """Return x·(1 + erf(x / √2)) / 2."""
    share = t.function("erf")(t.multiply(v, 1 / math.sqrt(2)))
    return t.multiply(v, t.add(0.5, share, 0.5))


def gelu_by_tanh(v: Element) -> Element:
    """Return the approximation of GELU by a hyperbolic tangent."""
    inner = t.add(v, t.power(v, 3.0), 0.044715)
    share = t.function("tanh")(t.multiply(inner, math.sqrt(2 / math.pi)))
    return t.multiply(v, t.add(0.5, share, 0.5))


def ceil(x: Element) -> Element:
    """Return the smallest whole number from x on: aten.ceil."""
    return t.multiply(t.function("floor")(t.multiply(x, -1.0)), -1.0)


def rounded(x: Tensor, *, decimals: int = 0) -> Tensor:
    """aten.round: to some places behind the point, or before it."""
    if decimals == 0:
        return elementwise(nearest, x)
    ten = 10.0 ** abs(decimals)
    there, back = (t.multiply, t.divide) if decimals > 0 else (t.divide, t.multiply)
    return elementwise(lambda v: back(nearest(there(v, ten)), ten), x)


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
    """Return (exp(x) − exp(−x)) / 2, exact near 0: aten.sinh."""
    e = t.function("expm1")
    return t.multiply(t.add(e(x), e(t.multiply(x, -1.0)), -1.0), 0.5)


def cosh(x: Element) -> Element:
    """Return (exp(x) + exp(−x)) / 2: aten.cosh."""
    e = t.function("exp")
    return t.multiply(t.add(e(x), e(t.multiply(x, -1.0))), 0.5)


def tan(x: Element) -> Element:
    """Return sin(x) / cos(x): aten.tan."""
    return t.divide(t.function("sin")(x), t.function("cos")(x))


def missing(x: Element) -> Element:
    """Return whether x is missing: aten.isnan."""
    return ops.missing(t.node_of(t.number(x)))


def infinite(x: Element) -> Element:
    """Return whether x is infinite: aten.isinf."""
    return t.equal(t.function("abs")(x), math.inf)


def erfc(x: Element) -> Element:
    """Return 1 − erf(x): aten.erfc."""
    return t.add(1.0, t.function("erf")(x), -1.0)


def known(pick: Callable[..., Element]) -> Callable[[Element, Element], Element]:
    """Return the smaller or greater of two numbers, or the one that is known: aten.fmin, fmax."""

    def made(a: Element, b: Element) -> Element:
        return t.choice(missing(a), b, t.choice(missing(b), a, pick(a, b)))

    return made


def slope_between(
    x: Tensor, noise: Any, low: float = 1 / 8, high: float = 1 / 3, training: bool = False
) -> tuple[Tensor, Absent]:
    """Return aten.rrelu_with_noise_functional: in evaluation, the middle of the slope's range."""
    if training:
        raise NoFormula("rrelu in training, which draws its slope at random,")
    return leaky(x, (low + high) / 2), Absent("the noise of rrelu")


def asinh(x: Element) -> Element:
    """Return sign(x)·log(|x| + √(x² + 1)), exact near 0: aten.asinh."""
    size = t.function("abs")(x)
    square = t.multiply(size, size)
    root = t.function("sqrt")(t.add(1.0, square))
    grown = t.add(size, t.divide(square, t.add(1.0, root)))
    return t.multiply(t.function("sign")(x), t.function("log1p")(grown))


def acosh(x: Element) -> Element:
    """Return log1p(d + √d·√(d + 2)) of d = x − 1, exact near 1: aten.acosh."""
    root, above = t.function("sqrt"), t.add(x, -1.0)
    grown = t.multiply(root(above), root(t.add(above, 2.0)))
    return t.function("log1p")(t.add(above, grown))


def atanh(x: Element) -> Element:
    """Return (log(1 + x) − log(1 − x)) / 2: aten.atanh."""
    log = t.function("log1p")
    return t.multiply(t.add(log(x), log(t.multiply(x, -1.0)), -1.0), 0.5)


def atan2(y: Element, x: Element) -> Element:
    """Return the angle of the point (x, y), 0 at the origin, −0 being 0: aten.atan2."""
    turn = t.choice(t.less(y, 0.0), -math.pi, math.pi)
    beside = t.add(t.function("atan")(t.divide(y, x)), t.choice(t.less(x, 0.0), turn, 0.0))
    return t.choice(t.equal(x, 0.0), t.multiply(t.function("sign")(y), math.pi / 2), beside)


def below_zero(x: Element) -> Element:
    """Return whether x is less than 0, or −0: aten.signbit."""
    return t.either(t.less(x, 0.0), t.less(t.divide(1.0, x), 0.0))


def copysign(x: Element, y: Element) -> Element:
    """Return |x| with the sign of y, also of −0: aten.copysign."""
    size = t.function("abs")(x)
    return t.choice(below_zero(y), t.multiply(size, -1.0), size)


def angle(y: Element, x: Element) -> Element:
    """Return the angle of the point (x, y), −0 being below 0: aten.atan2."""
    turn = t.choice(below_zero(y), -math.pi, math.pi)
    beside = t.add(t.function("atan")(t.divide(y, x)), t.choice(t.less(x, 0.0), turn, 0.0))
    origin = t.choice(below_zero(x), turn, y)
    above = t.choice(t.equal(y, 0.0), origin, t.multiply(t.function("sign")(y), math.pi / 2))
    return t.choice(t.equal(x, 0.0), above, beside)


def hypot(x: Element, y: Element) -> Element:
    """Return √(x² + y²): aten.hypot."""
    return t.function("sqrt")(t.total([t.multiply(x, x), t.multiply(y, y)]))


def erfinv(x: Element) -> Element:
    """Return the inverse of erf, by the normal quantile: aten.erfinv."""
    return t.multiply(t.function("probit")(t.add(0.5, x, 0.5)), math.sqrt(0.5))


def truths_alone(function: Callable[..., Element]) -> Callable[..., Element]:
    """Return an operation on bits as one of conditions, and refuse it of numbers."""

    def made(*values: Element) -> Element:
        if not all(isinstance(v, bool) or t.is_condition(v) for v in values):
            raise NoFormula("an operation on the bits of whole numbers")
        return function(*values)

    return made


def xor(a: Element, b: Element) -> Element:
    """Return whether one of two conditions holds and the other does not: aten.logical_xor."""
    return t.both(t.either(a, b), t.negation(t.both(a, b)))
