"""Elementary functions by name, for readers of expressions: made of what `ops` has."""

from __future__ import annotations

import math
from collections.abc import Callable

from closedform.readers import tensors as t
from closedform.readers.tensors import Element
from closedform.readers.torch import elements as e

One = Callable[[Element], Element]


def negative(x: Element) -> Element:
    """Return −x."""
    return t.multiply(x, -1.0)


def inverse(x: Element) -> Element:
    """Return 1 / x."""
    return t.divide(1.0, x)


def cube_root(x: Element) -> Element:
    """Return the real cube root, of negative numbers too."""
    return t.multiply(t.function("sign")(x), t.power(t.function("abs")(x), 1 / 3))


def fraction(x: Element) -> Element:
    """Return x − floor(x)."""
    return t.add(x, t.function("floor")(x), -1.0)


JUMPS = (
    "a remainder is x − y·floor(x / y): next to a multiple of y, rounding may leave y instead of 0"
)
"""What a reader says of `modulus`, where y is no power of 2."""


def modulus(x: Element, y: Element) -> Element:
    """Return x − y·floor(x / y), which has the sign of y."""
    return t.add(x, t.multiply(y, t.function("floor")(t.divide(x, y))), -1.0)


def relu(x: Element) -> Element:
    """Return x above 0, else 0."""
    return t.greatest(x, 0.0)


def _over(function: One) -> One:
    return lambda x: inverse(function(x))


def _of_inverse(function: One) -> One:
    return lambda x: function(inverse(x))


def _log(number: float) -> One:
    return lambda x: t.multiply(t.function("log")(x), 1 / math.log(number))


def _power(exponent: float) -> One:
    return lambda x: t.power(x, exponent)


FUNCTIONS: dict[str, One] = {
    **{name: t.function(name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "softplus", "erf",
        "sin", "cos", "atan", "asin", "acos", "floor", "sign",
    )},
    "neg": negative,
    "inv": inverse,
    "square": _power(2.0),
    "cube": _power(3.0),
    "cbrt": cube_root,
    "log2": _log(2.0),
    "log10": _log(10.0),
    "exp2": lambda x: t.power(2.0, x),
    "ceil": e.ceil,
    "frac": fraction,
    "erfc": e.erfc,
    "relu": relu,
    "tan": e.tan,
    "sinh": e.sinh,
    "cosh": e.cosh,
    "asinh": e.asinh,
    "acosh": e.acosh,
    "atanh": e.atanh,
    "sec": _over(t.function("cos")),
    "csc": _over(t.function("sin")),
    "cot": lambda x: t.divide(t.function("cos")(x), t.function("sin")(x)),
    "sech": _over(e.cosh),
    "csch": _over(e.sinh),
    "coth": _over(t.function("tanh")),
    "asec": _of_inverse(t.function("acos")),
    "acsc": _of_inverse(t.function("asin")),
    "acot": _of_inverse(t.function("atan")),
    "asech": _of_inverse(e.acosh),
    "acsch": _of_inverse(e.asinh),
    "acoth": _of_inverse(e.atanh),
}  # fmt: skip
"""Functions of one number; what has no real value is missing."""
