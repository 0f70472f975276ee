"""What a function may be seen through: its logarithm, inverse, square, the sine of it …"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.algebra import reciprocal


@dataclass(frozen=True)
class Output:
    """A way to look at a function's values, and the way back.

    Attributes:
        name: in a report.
        see: values → what is fitted.
        slope: values → how what is fitted moves with them.
        back: what was fitted → the function.
        fits: values → whether the way back leads to them.
        mixed: whether a sum of two functions is looked for there, and not one alone.
    """

    name: str
    see: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    back: Callable[[Node], Node]
    fits: Callable[[Array], bool] = lambda y: True
    mixed: bool = True

    @property
    def rank(self) -> int:
        """Its place among all: which of two that fit as well is tried first."""
        return next((i for i, one in enumerate(OUTPUTS) if one is self), 0)


def _positive(y: Array) -> bool:
    return bool((y > 0).all())


def _no_zero(y: Array) -> bool:
    return bool((y > 0).all() or (y < 0).all())


def _within(lo: float, hi: float) -> Callable[[Array], bool]:
    return lambda y: bool((y >= lo).all() and (y <= hi).all())


HALF = float(np.pi / 2)

OUTPUTS = (
    Output("itself", lambda y: y, np.ones_like, lambda n: n),
    Output("inverse", lambda y: 1 / y, lambda y: 1 / y**2, reciprocal, _no_zero),
    Output("logarithm", np.log, lambda y: 1 / y, ops.exp, _positive),
    Output("square", np.square, lambda y: 2 * y, ops.sqrt, _positive),
    Output(
        "inverse square", lambda y: y**-2, lambda y: 2 * y**-3, lambda n: reciprocal(ops.sqrt(n)),
        _positive,
    ),
    Output(
        "root", np.sqrt, lambda y: 0.5 / np.sqrt(y), lambda n: ops.power(n, 2), _positive,
    ),
    Output(
        "inverse root", lambda y: y**-0.5, lambda y: 0.5 * y**-1.5,
        lambda n: reciprocal(ops.power(n, 2)), _positive, mixed=False),
    Output("exponential", np.exp, np.exp, ops.log, _within(-30, 30)),
    Output("sine", np.sin, np.cos, lambda n: ops.unary("asin", n), _within(-HALF, HALF)),
    Output(
        "cosine", np.cos, np.sin, lambda n: ops.unary("acos", n), _within(0, 2 * HALF),
        mixed=False,
    ),
    Output(
        "tangent", np.tan, lambda y: 1 / np.cos(y) ** 2, ops.atan, _within(-HALF, HALF),
        mixed=False,
    ),
    Output(
        "arc tangent of a hyperbola", np.arctanh, lambda y: 1 / (1 - y * y), ops.tanh,
        _within(-0.99999, 0.99999), mixed=False),
    Output(
        "arc sine", np.arcsin, lambda y: 1 / np.sqrt(1 - y * y), ops.sin,
        _within(-0.99999, 0.99999), mixed=False),
    Output(
        "less 1 inverse logarithm", lambda y: np.log1p(1 / y), lambda y: 1 / (y * (y + 1)),
        lambda n: reciprocal(ops.lin(-1.0, (1.0, ops.exp(n)))), _positive, mixed=False),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class View:
    """A function's values seen through another function.

    Attributes:
        output: the other function.
        target: what is fitted, shape (rows,).
        weight: by which its errors count, so that they are those of the values, shape (rows,).
    """

    output: Output
    target: Array
    weight: Array

    @property
    def rank(self) -> int:
        """Its place among all ways to see a function, the plainest first."""
        return self.output.rank

    def name(self, made: str) -> str:
        """Return how a law is made, with what it was seen through."""
        through = self.output.name
        return made if through == "itself" else f"{made} through its {through}"


def views_of(y: Array) -> list[View]:
    """Return the views of some values that are numbers everywhere."""
    found = []
    for output in OUTPUTS:
        if output.fits(y):
            with np.errstate(all="ignore"):
                target, weight = output.see(y), 1 / np.abs(output.slope(y))
            if np.isfinite(target).all() and np.isfinite(weight).all():
                found.append(View(output, target, weight))
    return found


def times_powers(y: Array, x: Array) -> list[View]:
    """Return the views of some values as y·x, y·x², y/x …, where x has no zero."""
    found = []
    with np.errstate(all="ignore"):
        for p in (1, 2, 3, -1, -2, -3):
            target, weight = y * x**p, np.abs(x) ** -p
            if np.isfinite(target).all() and np.isfinite(weight).all() and weight.all():
                found.append(View(_over_a_power(p), target, weight))
    return found


def _over_a_power(p: int) -> Output:
    x = ops.power(ops.input_(0), abs(p)) if abs(p) > 1 else ops.input_(0)
    back = (lambda n: ops.div(n, x)) if p > 0 else (lambda n: ops.mul(n, x))
    return Output(f"product with x^{p}", lambda y: y, np.ones_like, back)
