"""PySR's operators by name, as its `predict` computes them: with NumPy, on real numbers."""

from __future__ import annotations

from collections.abc import Callable

from closedform.readers import tensors as t
from closedform.readers.elementary import FUNCTIONS as ONE
from closedform.readers.elementary import modulus, relu
from closedform.readers.infix import Function
from closedform.readers.tensors import Element


def _size(x: Element) -> Element:
    return t.function("abs")(x)


def _of_size(name: str) -> Callable[[Element], Element]:
    return lambda x: ONE[name](_size(x))


def _is(test: Callable[[Element, Element], Element]) -> Callable[[Element, Element], Element]:
    return lambda x, y: t.choice(test(x, y), 1.0, 0.0)


def _positive(x: Element) -> Element:
    return t.less(0.0, x)


def _clamp(x: Element, low: Element, high: Element) -> Element:
    return t.choice(t.less(x, low), low, t.choice(t.less(high, x), high, x))


def _clipped_atanh(x: Element) -> Element:
    return ONE["atanh"](t.add(modulus(t.add(x, 1.0), 2.0), -1.0))


def _multiply_add(x: Element, y: Element, z: Element) -> Element:
    return t.add(t.multiply(x, y), z)


_SAME_NAME = (
    "inv", "sqrt", "cbrt", "square", "cube", "neg", "cos", "sin", "tan", "cosh", "sinh", "tanh",
    "exp", "acos", "asin", "atan", "acosh", "asinh", "abs", "erf", "erfc", "log", "log10",
    "log2", "log1p", "floor", "ceil", "sign",
)  # fmt: skip

_ONE: dict[str, Callable[[Element], Element]] = {
    **{name: ONE[name] for name in _SAME_NAME},
    "relu": relu,
    "sqrt_abs": _of_size("sqrt"),
    "log_abs": _of_size("log"),
    "log10_abs": _of_size("log10"),
    "log2_abs": _of_size("log2"),
    "log1p_abs": _of_size("log1p"),
    "acosh_abs": lambda x: ONE["acosh"](t.add(_size(x), 1.0)),
    "atanh": _clipped_atanh,
    "atanh_clip": _clipped_atanh,
    "round": lambda x: ONE["ceil"](t.add(x, -0.5)),
}

_TWO: dict[str, Callable[[Element, Element], Element]] = {
    "plus": t.add,
    "sub": lambda x, y: t.add(x, y, -1.0),
    "mult": t.multiply,
    "div": t.divide,
    "pow": t.power,
    "pow_abs": lambda x, y: t.power(_size(x), y),
    "mod": modulus,
    "greater": _is(lambda x, y: t.less(y, x)),
    "less": _is(t.less),
    "greater_equal": _is(lambda x, y: t.less_equal(y, x)),
    "less_equal": _is(t.less_equal),
    "cond": lambda x, y: t.choice(_positive(x), y, 0.0),
    "logical_or": _is(lambda x, y: t.either(_positive(x), _positive(y))),
    "logical_and": _is(lambda x, y: t.both(_positive(x), _positive(y))),
}

OPERATORS: dict[str, Function] = {
    **{name: (1, 1, function) for name, function in _ONE.items()},
    **{name: (2, 2, function) for name, function in _TWO.items()},
    "max": (1, 99, t.greatest),
    "min": (1, 99, t.smallest),
    "fma": (3, 3, _multiply_add),
    "muladd": (3, 3, _multiply_add),
    "clamp": (3, 3, _clamp),
}
"""Name in an equation → least and most arguments, and what it computes."""
# Older files have Julia's own names for operators that give NaN where they have no real value.
OPERATORS |= {f"safe_{name}": f for name, f in OPERATORS.items() if f[1] < 3}
