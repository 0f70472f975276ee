"""Sound interval bounds of the elementary operations, rounded outwards.

Every bound encloses what NumPy computes in float64, so that a proof over the formula is a proof
over the program: monotone functions are widened by 8 ulp (NumPy's own stated worst error of 4, at
the end of the interval and inside it), sums by γₙ = n·u / (1 − n·u) of their absolute terms
(Higham, Accuracy and Stability, 2002, §3.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from closedform.ir import EVERYTHING, Array, Interval, ulps
from closedform.ops.payloads import Centre, Weights

_SLACK = 8  # ulp


def widened(lo: float, hi: float, missing: bool, by: int = _SLACK) -> Interval:
    """Return an interval made `by` ulp wider on both sides."""
    if math.isnan(lo) or math.isnan(hi):
        return EVERYTHING
    return Interval(ulps(lo, -by), ulps(hi, by), missing)


def _at(function: Callable[[Any], Any], x: float) -> float:
    with np.errstate(all="ignore"):
        return float(function(np.float64(x)))


def rising(
    function: Callable[[Any], Any], *, domain: tuple[float, float] = (-math.inf, math.inf),
    into: tuple[float, float] = (-math.inf, math.inf), by: int = _SLACK,
) -> Callable[..., Interval]:  # fmt: skip
    """Return the bounds rule of a function that never falls, but for an error of `by` ulp.

    Outside `domain` it is missing; it gives nothing outside `into`.
    """

    def bounds(_: Any, x: Interval) -> Interval:
        lo, hi = max(x.lo, domain[0]), min(x.hi, domain[1])
        missing = x.missing or x.lo < domain[0] or x.hi > domain[1]
        if lo > hi:
            return Interval(math.inf, -math.inf, missing)
        wide = widened(_at(function, lo), _at(function, hi), missing, by)
        return Interval(max(wide.lo, into[0]), min(wide.hi, into[1]), wide.missing)

    return bounds


def falling(function: Callable[[Any], Any], **options: Any) -> Callable[..., Interval]:
    """Return the bounds rule of a function that never rises; options as in `rising`."""
    lo, hi = options.pop("into", (-math.inf, math.inf))
    turned = rising(lambda x: -function(x), into=(-hi, -lo), **options)

    def bounds(_: Any, x: Interval) -> Interval:
        found = turned(_, x)
        return Interval(-found.hi, -found.lo, found.missing)

    return bounds


asin_bounds = rising(np.arcsin, domain=(-1, 1))
acos_bounds = falling(np.arccos, domain=(-1, 1), into=(0, 4))


def whole(lo: float, hi: float) -> Callable[..., Interval]:
    """Return the bounds rule of a function that is only known to stay within lo … hi."""
    return lambda _, *xs: Interval(lo, hi, any(x.missing for x in xs))


def lin_bounds(data: Weights, *xs: Interval) -> Interval:
    """Return the range of bias + Σ wᵢxᵢ, with the rounding of any order of summation."""
    w = data.weights
    lows = np.array([x.lo for x in xs])
    highs = np.array([x.hi for x in xs])
    missing = any(x.missing for x in xs)
    if any(x.empty for x in xs):
        return Interval(math.inf, -math.inf, missing)
    if not (np.isfinite(lows).all() and np.isfinite(highs).all() and np.isfinite(w).all()):
        return _unbounded_lin(data, lows, highs, missing)
    a, b = w * lows, w * highs
    terms = len(w) + 2
    unit = np.finfo(float).eps / 2
    size = abs(data.bias) + float(np.maximum(abs(a), abs(b)).sum())
    slack = 2 * size * terms * unit / (1 - terms * unit) + terms * 5e-324
    lo = data.bias + float(np.minimum(a, b).sum()) - slack
    hi = data.bias + float(np.maximum(a, b).sum()) + slack
    return widened(lo, hi, missing or not math.isfinite(size))


def _unbounded_lin(data: Weights, lows: Array, highs: Array, missing: bool) -> Interval:
    if len(lows) == 1 and data.weights[0] != 0 and math.isfinite(data.weights[0]):
        ends = sorted(data.bias + data.weights[0] * x for x in (lows[0], highs[0]))
        return widened(ends[0], ends[1], missing)
    # ∞ − ∞ and 0·∞ are NaN: with an infinite end, a sum of several terms may go missing.
    return EVERYTHING


def squared_distance_bounds(data: Centre, *xs: Interval) -> Interval:
    """Return the range of Σ wᵢ(xᵢ − cᵢ)²."""
    squares = [_square(x, c) for x, c in zip(xs, data.point.tolist(), strict=True)]
    return lin_bounds(Weights.of(0.0, data.weights), *squares)


def _square(x: Interval, centre: float) -> Interval:
    lo, hi = ulps(x.lo - centre, -1), ulps(x.hi - centre, 1)
    if x.empty or math.isnan(lo) or math.isnan(hi):
        return x if x.empty else EVERYTHING
    ends = (lo * lo, hi * hi)
    wide = widened(0.0 if lo <= 0 <= hi else min(ends), max(ends), x.missing, 2)
    return Interval(max(wide.lo, 0.0), wide.hi, wide.missing)


def sum32_bounds(_: Any, *xs: Interval) -> Interval:
    """Return the range of a float32 sum: rounding never turns the order of two sums."""
    missing = any(x.missing for x in xs)
    if any(x.empty for x in xs):
        return Interval(math.inf, -math.inf, missing)
    ends = np.array([[x.lo, x.hi] for x in xs])
    with np.errstate(over="ignore", invalid="ignore"):
        total = ends[0].astype(np.float32)
        for pair in ends[1:]:
            total = total + pair.astype(np.float32)
    if np.isnan(total).any() or np.isinf(total).any():
        return EVERYTHING  # inf − inf is missing
    return Interval(float(total[0]), float(total[1]), missing)


def kth_bounds(k: int, *xs: Interval) -> Interval:
    """Return the range of the k-th smallest."""
    missing = any(x.missing for x in xs)
    if any(x.empty for x in xs):
        return Interval(math.inf, -math.inf, missing)
    return Interval(sorted(x.lo for x in xs)[k - 1], sorted(x.hi for x in xs)[k - 1], missing)


def weighted_median_bounds(_: Any, *xs: Interval) -> Interval:
    """Return the range of all arguments together."""
    missing = any(x.missing for x in xs)
    if any(x.empty for x in xs):
        return Interval(math.inf, -math.inf, missing)
    return Interval(min(x.lo for x in xs), max(x.hi for x in xs), missing)


def mul_bounds(_: Any, *xs: Interval) -> Interval:
    """Return the range of a product."""
    out = xs[0]
    for x in xs[1:]:
        ends = [a * b for a in (out.lo, out.hi) for b in (x.lo, x.hi)]
        if out.empty or x.empty:
            return Interval(math.inf, -math.inf, out.missing or x.missing)
        if any(math.isnan(e) or math.isinf(e) for e in ends):
            return EVERYTHING
        out = widened(min(ends), max(ends), out.missing or x.missing)
    return out


def div_bounds(_: Any, a: Interval, b: Interval) -> Interval:
    """Return the range of a quotient; a divisor that may be zero makes it unbounded."""
    if b.lo <= 0 <= b.hi or math.isinf(a.lo) or math.isinf(a.hi):
        return EVERYTHING
    if math.isinf(b.lo) and math.isinf(b.hi):
        return EVERYTHING
    ends = [x / y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return widened(min(ends), max(ends), a.missing or b.missing)


def pow_bounds(_: Any, a: Interval, b: Interval) -> Interval:
    """Return the range of a power: of a positive base, or to a whole constant."""
    missing = a.missing or b.missing
    if a.empty or b.empty:
        # x⁰ and 1ʸ are 1 even where x or y is missing.
        one = (a.missing and 0.0 in b) or (b.missing and 1.0 in a) or (a.empty and b.empty)
        return Interval(1.0, 1.0, missing) if one else Interval(math.inf, -math.inf, missing)
    ends = [_at(partial(np.power, x), y) for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    if any(math.isnan(e) for e in ends):
        return EVERYTHING
    if a.lo > 0:
        return widened(min(ends), max(ends), missing)
    if b.lo == b.hi and b.lo > 0 and b.lo.is_integer():
        if b.lo % 2 == 0 and a.lo <= 0 <= a.hi:
            ends.append(0.0)
        return widened(min(ends), max(ends), missing)
    return EVERYTHING


def abs_bounds(_: Any, x: Interval) -> Interval:
    """Return the range of |x|."""
    ends = (abs(x.lo), abs(x.hi))
    return Interval(0.0 if x.lo <= 0 <= x.hi else min(ends), max(ends), x.missing)


def wave_bounds(function: Callable[[float], float], peak: float) -> Callable[..., Interval]:
    """Return the bounds rule of sine (peak π/2) or cosine (peak 0)."""

    def holds(x: Interval, at: float) -> bool:
        # Large arguments lose the phase: from 2²⁰ on, every peak counts as reached.
        turn, slack = 2 * math.pi, 1e-9 * max(1.0, abs(x.lo), abs(x.hi))
        first = at + turn * math.ceil((x.lo - slack - at) / turn)
        return first <= x.hi + slack

    def bounds(_: Any, x: Interval) -> Interval:
        if x.empty:
            return Interval(math.inf, -math.inf, x.missing)
        if math.isinf(x.lo) or math.isinf(x.hi):
            return Interval(-1.0, 1.0, missing=True)
        if max(abs(x.lo), abs(x.hi)) > 2.0**20:
            return Interval(-1.0, 1.0, x.missing)
        ends = sorted((function(x.lo), function(x.hi)))
        wide = widened(ends[0], ends[1], x.missing)
        lo = -1.0 if holds(x, peak + math.pi) else max(-1.0, wide.lo)
        return Interval(lo, 1.0 if holds(x, peak) else min(1.0, wide.hi), x.missing)

    return bounds


def extreme_bounds(pick: Callable[..., float]) -> Callable[..., Interval]:
    """Return the bounds rule of min or max over several arguments."""

    def bounds(_: Any, *xs: Interval) -> Interval:
        missing = any(x.missing for x in xs)
        if any(x.empty for x in xs):
            return Interval(math.inf, -math.inf, missing)
        return Interval(pick(x.lo for x in xs), pick(x.hi for x in xs), missing)

    return bounds


def truth(known: bool | None) -> Interval:
    """Return a BOOL's bounds: certainly true, certainly false, or not known."""
    return Interval(float(known is True), float(known is not False))


def less_bounds(or_equal: bool) -> Callable[..., Interval]:
    """Return the bounds rule of a < b, or of a <= b."""

    def bounds(_: Any, a: Interval, b: Interval) -> Interval:
        if a.empty or b.empty:
            return truth(False)
        if a.lo > b.hi or (a.lo == b.hi and not or_equal):
            return truth(False)
        certain = a.hi < b.lo or (a.hi == b.lo and or_equal)
        return truth(True) if certain and not (a.missing or b.missing) else truth(None)

    return bounds


def equal_bounds(_: Any, a: Interval, b: Interval) -> Interval:
    """Return the bounds of a = b."""
    if a.empty or b.empty or a.lo > b.hi or b.lo > a.hi:
        return truth(False)
    certain = a.lo == a.hi == b.lo == b.hi and not (a.missing or b.missing)
    return truth(True) if certain else truth(None)


def where_bounds(_: Any, c: Interval, a: Interval, b: Interval) -> Interval:
    """Return the bounds of `a if c else b`."""
    if c.lo == 1.0:
        return a
    return b if c.hi == 0.0 else a | b
