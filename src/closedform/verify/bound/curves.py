"""Functions of one number with all that a bound needs: slope, curvature, where they turn.

A range is taken from the two ends and from the turning points between them; every value is widened
by what NumPy may be off. `convex_below` is the point where a function passes from convex to
concave: a chord then bounds it from both sides, see `chord`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from closedform.ir import Array
from closedform.ops import meaning, special
from closedform.verify.bound.rounded import FUNCTION_UNITS, UNIT, widened

Function = Callable[[Array], Array]
Points = Sequence[tuple[float, float]]
INF = math.inf
SLACK = 4 * FUNCTION_UNITS
"""Units of rounding for slopes and curvatures: up to six operations on a function's value."""


@dataclass(frozen=True)
class Curve:
    """A function that is smooth inside its domain.

    Attributes:
        value, slope, curvature: the function and its first two derivatives, on columns.
        turns: (point, value) where the function turns; `slope_turns`, `curvature_turns` likewise.
        domain: between which numbers it is defined and smooth.
        pole: whether 0 is outside the domain.
        into: between which numbers its values lie.
        size: what rounding errors of the slope and curvature are relative to, beside themselves.
        convex_below: convex at lower numbers, concave at higher ones; None where not known.
        flat_at: slope -> a number where the function has about this slope, on its concave side
            (on its convex one where it has no other).
        odd: whether its slope is the same at x and -x.
        period: of functions that repeat: the phase of the value's highest point.
    """

    value: Function
    slope: Function
    curvature: Function
    turns: Points = ()
    slope_turns: Points = ()
    curvature_turns: Points = ()
    domain: tuple[float, float] = (-INF, INF)
    pole: bool = False
    into: tuple[float, float] = (-INF, INF)
    size: float = 0.0
    convex_below: float | None = None
    flat_at: Function | None = None
    odd: bool = False
    period: float | None = None

    def range(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """Return bounds of the value over intervals inside the domain."""
        if self.period is not None:
            return wave(lo, hi, self.value, self.period)
        a, b = spread(self.value, self.turns, lo, hi, 0.0)
        return np.maximum(a, self.into[0]), np.minimum(b, self.into[1])

    def slopes(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """Return bounds of the slope."""
        if self.period is not None:
            return wave(lo, hi, self.slope, self.period - math.pi / 2)
        return spread(self.slope, self.slope_turns, lo, hi, self.size)

    def curvatures(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """Return bounds of the second derivative."""
        if self.period is not None:
            return wave(lo, hi, self.curvature, self.period - math.pi)
        return spread(self.curvature, self.curvature_turns, lo, hi, self.size)


def spread(
    function: Function, turns: Points, lo: Array, hi: Array, size: float
) -> tuple[Array, Array]:
    """Return the range of a function from its values at the ends and where it turns between."""
    a, b = function(lo), function(hi)
    low, high = np.minimum(a, b), np.maximum(a, b)
    for at, value in turns:
        near = 1e-9 * (1 + abs(at))  # the turning points are known to 1e-16
        inside = (lo <= at + near) & (at - near <= hi)
        low, high = (
            np.where(inside, np.minimum(low, value), low),
            np.where(inside, np.maximum(high, value), high),
        )
    return widened(low, high, SLACK, size)


def wave(lo: Array, hi: Array, function: Function, peak: float) -> tuple[Array, Array]:
    """Return the range of a wave of height 1 whose peaks lie at `peak` + 2πk."""
    a, b = function(lo), function(hi)
    slack = 1e-9 * (1 + np.maximum(np.abs(lo), np.abs(hi)))

    def holds(at: float) -> Array:
        first = at + 2 * math.pi * np.ceil((lo - slack - at) / (2 * math.pi))
        far = ~(slack < 1e-3)  # the phase is lost
        return np.asarray(far | (first <= hi + slack))

    low, high = widened(np.minimum(a, b), np.maximum(a, b), SLACK, 1.0)
    low = np.where(holds(peak + math.pi), -1.0, np.maximum(low, -1.0))
    return low, np.where(holds(peak), 1.0, np.minimum(high, 1.0))


def _tanh_slope(x: Array) -> Array:
    return np.asarray(1 / np.square(np.cosh(np.clip(x, -350, 350))))


def _sigmoid_slope(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(small / np.square(1 + small))


def _bell(x: Array) -> Array:
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-np.square(x)))


def _logit(p: Array) -> Array:
    p = np.clip(p, 1e-300, 1 - 1e-16)
    return np.asarray(np.log(p) - np.log1p(-p))


def _root(x: Array) -> Array:
    return np.sqrt(np.maximum(x, 0.0))


def _tanh_flat(slope: Array) -> Array:
    return np.arctanh(np.minimum(_root(1 - slope), 1 - 1e-16))


_TANH = 0.6584789484624084, 4 / (3 * math.sqrt(3))
_SIGMOID = 1.3169578969248166, math.sqrt(3) / 18
_ERF = 1 / math.sqrt(2), 4 / math.sqrt(2 * math.pi * math.e)
_ATAN = 1 / math.sqrt(3), 3 * math.sqrt(3) / 8


def _pair(at_and_value: tuple[float, float]) -> Points:
    at, value = at_and_value
    return ((-at, value), (at, -value))


CURVES: dict[str, Curve] = {
    "exp": Curve(
        np.exp, np.exp, np.exp, into=(0, INF), convex_below=INF,
        flat_at=lambda s: np.log(np.maximum(s, TINY_SLOPE)),
    ),
    "expm1": Curve(
        np.expm1, np.exp, np.exp, into=(-1, INF), convex_below=INF,
        flat_at=lambda s: np.log(np.maximum(s, TINY_SLOPE)),
    ),
    "log": Curve(
        np.log, lambda x: 1 / x, lambda x: -1 / np.square(x), domain=(0, INF),
        convex_below=-INF, flat_at=lambda s: 1 / np.maximum(s, TINY_SLOPE),
    ),
    "log1p": Curve(
        np.log1p, lambda x: 1 / (1 + x), lambda x: -1 / np.square(1 + x), domain=(-1, INF),
        convex_below=-INF, flat_at=lambda s: 1 / np.maximum(s, TINY_SLOPE) - 1,
    ),
    "sqrt": Curve(
        np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda x: -0.25 / (x * np.sqrt(x)),
        domain=(0, INF), into=(0, INF), convex_below=-INF,
        flat_at=lambda s: 0.25 / np.square(np.maximum(s, TINY_SLOPE)),
    ),
    "tanh": Curve(
        np.tanh, _tanh_slope, lambda x: -2 * np.tanh(x) * _tanh_slope(x), into=(-1, 1),
        slope_turns=((0, 1),), curvature_turns=_pair(_TANH), size=1.0, convex_below=0.0, odd=True,
        flat_at=_tanh_flat,
    ),
    "sigmoid": Curve(
        meaning.sigmoid, _sigmoid_slope, lambda x: -np.tanh(x / 2) * _sigmoid_slope(x),
        into=(0, 1), slope_turns=((0, 0.25),), curvature_turns=_pair(_SIGMOID), size=1.0,
        convex_below=0.0, odd=True, flat_at=lambda s: 2 * _tanh_flat(4 * s),
    ),
    "softplus": Curve(
        meaning.softplus, meaning.sigmoid, _sigmoid_slope, into=(0, INF),
        curvature_turns=((0, 0.25),), size=1.0, convex_below=INF, flat_at=_logit,
    ),
    "erf": Curve(
        special.erf, _bell, lambda x: -2 * x * _bell(x), into=(-1, 1),
        slope_turns=((0, 2 / math.sqrt(math.pi)),), curvature_turns=_pair(_ERF), size=1.0,
        convex_below=0.0, odd=True,
        flat_at=lambda s: _root(-np.log(np.maximum(s, TINY_SLOPE) * math.sqrt(math.pi) / 2)),
    ),
    "atan": Curve(
        np.arctan, lambda x: 1 / (1 + np.square(x)), lambda x: -2 * x / np.square(1 + np.square(x)),
        slope_turns=((0, 1),), curvature_turns=_pair(_ATAN), size=1.0, convex_below=0.0, odd=True,
        flat_at=lambda s: _root(1 / np.maximum(s, TINY_SLOPE) - 1),
    ),
    "asin": Curve(
        np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x)),
        lambda x: x / ((1 - x) * (1 + x)) ** 1.5, domain=(-1, 1), slope_turns=((0, 1),), size=1.0,
    ),
    "acos": Curve(
        np.arccos, lambda x: -1 / np.sqrt((1 - x) * (1 + x)),
        lambda x: -x / ((1 - x) * (1 + x)) ** 1.5, domain=(-1, 1), slope_turns=((0, -1),), size=1.0,
    ),
    "sin": Curve(np.sin, np.cos, lambda x: -np.sin(x), period=math.pi / 2, size=1.0),
    "cos": Curve(np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), period=0.0, size=1.0),
}  # fmt: skip
TINY_SLOPE = 1e-300


@lru_cache(maxsize=256)
def power(exponent: float) -> Curve | None:
    """Return x to a constant power: for any x where it is whole, else for x > 0."""
    p = exponent
    if not math.isfinite(p) or p in (0.0, 1.0) or abs(p) > 1e6:
        return None
    whole = p.is_integer()
    flat = ((0.0, 0.0),) if whole and p > 0 else ()
    bent = ((0.0, p * (p - 1) * (p == 2)),) if whole and p > 0 else ()
    return Curve(
        lambda x: np.power(x, p), lambda x: p * np.power(x, p - 1),
        lambda x: p * (p - 1) * np.power(x, p - 2), turns=flat, slope_turns=flat,
        curvature_turns=bent, domain=(-INF, INF) if whole else (0, INF), pole=p < 0 and whole,
        into=(0, INF) if not whole or p % 2 == 0 else (-INF, INF),
    )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line that a function keeps close to: value = at + slope·(x − origin) + [lo, hi].

    `slack` is the part of lo and hi that is not curvature: the rounding of slope and value.
    """

    slope: Array
    at: Array
    lo: Array
    hi: Array
    slack: Array


def tangent(curve: Curve, lo: Array, hi: Array, origin: Array) -> tuple[Line, Array, Array]:
    """Return the tangent at `origin` with Taylor's remainder, and the curvature over lo … hi."""
    reach = np.maximum(hi - origin, origin - lo)
    at, slope = curve.value(origin), curve.slope(origin)
    low, high = curve.curvatures(lo, hi)
    # The slope itself is rounded, and so are the value and the remainder.
    off = SLACK * UNIT * ((np.abs(slope) + curve.size) * reach + 2 * np.abs(at)) + 1e-300
    half = 0.5 * reach * (1 + 8 * UNIT)
    down_to = np.minimum(low, 0) * half * reach - off
    up_to = np.maximum(high, 0) * half * reach + off
    return Line(slope, at, down_to, up_to, off), low, high


def chord(curve: Curve, lo: Array, hi: Array, origin: Array) -> Line | None:
    """Return the chord over lo … hi, and by how much the function leaves it on either side.

    On its convex stretch a function is at most at its ends' chord and at least on a tangent; on its
    concave one the reverse. So each side is bounded by the ends and by one tangent, at whichever
    point: its choice only decides how tight the bound is.
    """
    if curve.convex_below is None or curve.flat_at is None:
        return None
    a, b = curve.value(lo), curve.value(hi)
    slope = np.where(hi > lo, (b - a) / np.where(hi > lo, hi - lo, 1.0), 0.0)
    flat = curve.flat_at(slope)
    bend = np.clip(curve.convex_below, lo, hi)
    at = curve.value(bend)
    ends = [f - slope * (x - origin) for f, x in ((a, lo), (b, hi), (at, bend))]
    high = _beyond(curve, slope, origin, bend, hi, flat, 1.0)
    low = _beyond(curve, slope, origin, lo, bend, -flat if curve.odd else flat, -1.0)
    size = np.abs(a) + np.abs(b) + np.abs(slope) * np.maximum(hi - origin, origin - lo)
    off = 2 * SLACK * UNIT * (size + curve.size) + 1e-300
    return Line(
        slope, np.zeros_like(slope),
        np.minimum(np.minimum.reduce(ends), low) - off,
        np.maximum(np.maximum.reduce(ends), high) + off, off,
    )  # fmt: skip


def _beyond(
    curve: Curve, slope: Array, origin: Array, lo: Array, hi: Array, flat: Array, sign: float
) -> Array:
    """Return how far the function leaves the line where it is concave (sign 1) or convex (−1)."""
    x = np.clip(flat, lo, hi)
    rest = curve.slope(x) - slope
    leaning = np.maximum(sign * rest * (hi - x), sign * rest * (lo - x))
    return np.asarray(curve.value(x) - slope * (x - origin) + sign * leaning)
