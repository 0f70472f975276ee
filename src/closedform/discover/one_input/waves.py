"""Sums of waves and exponentials, damped or not, from values at even distances.

The matrix pencil (Hua and Sarkar, Matrix pencil method for estimating parameters of exponentially
damped/undamped sinusoids in noise, 1990): such values obey a linear recurrence, whose roots tell
the rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from closedform import ops
from closedform.discover.outputs import View
from closedform.discover.sample import Sample
from closedform.ir import Array, Node

MOST, ALONE = 5, 2
"""Rates: two waves and a constant; of these so many exponentials, which add up to anything."""
SLOW = 1e-3
"""A rate that changes the values by less than this over the whole range is none."""


def waves(sample: Sample, view: View, limit: float) -> Iterator[Node]:
    """Yield sums of waves and exponentials, the fewest first, until one fits.

    Args:
        sample: of one input at even distances.
        view: what is fitted.
        limit: the error that fits.
    """
    x = sample.columns[0]
    step = float(x[1] - x[0])
    count = len(x)
    width = count // 3
    hankel = np.lib.stride_tricks.sliding_window_view(view.target, width + 1)
    _, sizes, right = np.linalg.svd(hankel, full_matrices=False)
    for order in range(1, MOST + 1):
        if sizes[order - 1] < 1e-13 * sizes[0]:
            return
        shift = np.linalg.lstsq(right[:order, :-1].T, right[:order, 1:].T, rcond=None)[0]
        with np.errstate(all="ignore"):
            rates = np.log(np.linalg.eigvals(shift).astype(complex)) / step
        found = _sum(x, view, rates, sample.scale)
        if found is None:
            continue
        error, node = found
        if error < 30 * limit + 1e-6:
            yield node
        if error <= limit:
            return


def _sum(x: Array, view: View, rates: Array, scale: float) -> tuple[float, Node] | None:
    """Return a sum of exponentials with some rates, and its error; None where one is no number."""
    span = float(np.ptp(x))
    turning = np.abs(rates.imag) * span > 0.5
    if not np.isfinite(rates).all() or (np.abs(rates) * span > 200).any():
        return None
    pairs = [(r.real, abs(r.imag)) for r, t in zip(rates, turning, strict=True) if t and r.imag > 0]
    alone = [(r.real, 0.0) for r, t in zip(rates, turning, strict=True) if not t]
    if len(alone) > ALONE:
        return None
    terms: list[tuple[float, float, bool]] = []
    for rate, turn in (*alone, *pairs):
        slow = abs(rate) * span < SLOW * (50 if turn else 1)
        rate = 0.0 if slow else rate
        terms += [(rate, turn, False)] + ([(rate, turn, True)] if turn else [])
    middle = float(x.mean())
    table = [np.exp(r * (x - middle)) * (np.sin if s else np.cos)(t * x) for r, t, s in terms]
    if not table:
        return None
    weighted = np.array(table) * view.weight
    got = np.linalg.lstsq(weighted.T, view.target * view.weight, rcond=1e-12)[0]
    away = (got @ weighted - view.target * view.weight) / scale
    return float(np.sqrt(np.mean(away * away))), _written(terms, got.tolist(), middle)


def _written(terms: list[tuple[float, float, bool]], got: list[float], middle: float) -> Node:
    x, bias, parts = ops.input_(0), 0.0, []
    at = 0
    while at < len(terms):
        rate, turn, _ = terms[at]
        grown = ops.exp(ops.lin(0.0, (rate, x)))
        lift = float(np.exp(-rate * middle))
        if turn:
            # a·cos(t) + b·sin(t) is √(a² + b²)·sin(t + φ).
            size, phase = math.hypot(got[at], got[at + 1]), math.atan2(got[at], got[at + 1])
            wave = ops.sin(ops.lin(phase, (turn, x)))
            parts.append((size * lift, ops.mul(grown, wave) if rate else wave))
            at += 2
            continue
        if rate:
            parts.append((got[at] * lift, grown))
        else:
            bias += got[at]
        at += 1
    return ops.lin(bias, *parts)
