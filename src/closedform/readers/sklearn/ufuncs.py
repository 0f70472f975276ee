"""NumPy's ufuncs on elements: nodes over the inputs, and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.elementary import FUNCTIONS as ELEMENTARY
from closedform.readers.elementary import inverse, modulus
from closedform.readers.tensors import Element
from closedform.readers.torch import elements as e


class Untraced(Exception):
    """A function does something for which there is no formula."""


class TextWanted(Untraced):
    """A column that was taken for numbers is compared with text.

    Attributes:
        input: the number of the column; None of one that is computed.
    """

    def __init__(self, cell: Element) -> None:
        super().__init__("it compares a number with text")
        raw = isinstance(cell, Node) and cell.op is ops.INPUT
        self.input: int | None = cell.data if isinstance(cell, Node) and raw else None


def _log_to(number: float) -> Callable[[Element], Element]:
    return lambda x: t.divide(t.function("log")(x), float(np.log(number)))


def filled(x: Element) -> Element:
    """Return what nan_to_num does: 0 for a missing number, the greatest for an infinite one."""
    most = float(np.finfo(np.float64).max)
    kept = t.smallest(t.greatest(x, -most), most)
    return t.choice(ops.missing(t.node_of(t.number(x))), 0.0, kept)


def _remainder(x: Element, y: Element) -> Element:
    if isinstance(y, Node) or not y or abs(math.frexp(y)[0]) != 0.5:
        raise Untraced("it takes remainders, which next to a multiple are a matter of rounding")
    return modulus(x, y)


def _not(function: Callable[..., Element]) -> Callable[..., Element]:
    return lambda *xs: t.negation(function(*xs))


UFUNCS: dict[str, Callable[..., Element]] = {
    **{name: ELEMENTARY[name] for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "floor", "sign", "square",
        "cbrt", "exp2", "ceil", "tan", "sinh", "cosh", "erf",
    )},
    **{f"arc{name[1:]}": ELEMENTARY[name] for name in (
        "asin", "acos", "atan", "asinh", "acosh", "atanh",
    )},
    **dict.fromkeys(("absolute", "fabs"), ELEMENTARY["abs"]),
    "log2": _log_to(2),
    "log10": _log_to(10),
    "negative": ELEMENTARY["neg"],
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "reciprocal": inverse,
    "rint": e.nearest,
    "trunc": t.truncated,
    "expit": ELEMENTARY["sigmoid"],
    "logit": lambda x: t.function("log")(t.divide(x, t.add(1.0, x, -1.0))),
    "deg2rad": lambda x: t.multiply(x, float(np.pi / 180)),
    "radians": lambda x: t.multiply(x, float(np.pi / 180)),
    "rad2deg": lambda x: t.multiply(x, float(180 / np.pi)),
    "degrees": lambda x: t.multiply(x, float(180 / np.pi)),
    "isnan": lambda x: ops.missing(t.node_of(t.number(x))),
    "add": t.add,
    "subtract": lambda a, b: t.add(a, b, -1.0),
    "multiply": t.multiply,
    "divide": t.divide,
    "power": t.power,
    "float_power": t.power,
    "remainder": _remainder,
    "minimum": t.smallest,
    "maximum": t.greatest,
    "less": t.less,
    "less_equal": t.less_equal,
    "greater": lambda a, b: t.less(b, a),
    "greater_equal": lambda a, b: t.less_equal(b, a),
    "equal": t.equal,
    "not_equal": _not(t.equal),
    "logical_and": t.both,
    "bitwise_and": t.both,
    "logical_or": t.either,
    "bitwise_or": t.either,
    "logical_not": t.negation,
    "invert": t.negation,
}  # fmt: skip
"""Ufuncs by their own names → the same on one element of each argument."""
TRUTHS = {"bitwise_and", "bitwise_or", "invert"}
"""Of numbers, these work on bits."""


def _sum_of_known(xs: Sequence[Element]) -> Element:
    return t.total([t.choice(UFUNCS["isnan"](x), 0.0, x) for x in xs])


def _mean_of_known(xs: Sequence[Element]) -> Element:
    known = t.total([t.number(t.negation(UFUNCS["isnan"](x))) for x in xs])
    return t.divide(_sum_of_known(xs), known)


REDUCED: dict[str, Callable[[Sequence[Element]], Element]] = {
    "sum": t.total,
    "mean": t.mean,
    "max": lambda xs: t.greatest(*xs),
    "amax": lambda xs: t.greatest(*xs),
    "min": lambda xs: t.smallest(*xs),
    "amin": lambda xs: t.smallest(*xs),
    "prod": lambda xs: reduce(t.multiply, xs),
    "any": lambda xs: reduce(t.either, xs),
    "all": lambda xs: reduce(t.both, xs),
}
"""What gathers the columns of a row into one number."""

REDUCED_FRAMES: dict[str, Callable[[Sequence[Element]], Element]] = {
    "sum": _sum_of_known,
    "mean": _mean_of_known,
    "any": REDUCED["any"],
    "all": REDUCED["all"],
}
"""The same of frames, which leave out what is missing."""
