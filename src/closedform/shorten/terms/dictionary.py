"""The shapes that terms are taken from, with where their constants start and where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.shorten.terms import odd
from closedform.shorten.terms.shapes import Column, Shape, Starts, curvable, sum_of, times

WAVES = (0.7, 1.3, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
"""Frequencies for a deviation of 1: so near that steps find any between, up to four periods."""
PLACES = tuple(range(1, 12))
"""Twelfths of a range where a line may be cut off."""


def _changes_sign(x: Column) -> bool:
    return curvable(x) and x.lo < -0.2 * x.deviation and x.hi > 0.2 * x.deviation


def _square(x: Node) -> Node:
    return ops.mul(x, x)


def _bell(x: Node, k: Node) -> Node:
    return ops.exp(ops.lin(0, (-1, ops.mul(k, _square(x)))))


def _damped(x: Node, k: Node) -> Node:
    return ops.div(ops.const(1), ops.lin(1, (1, ops.mul(k, _square(x)))))


def _apart(x: Node, y: Node, b: Node, c: Node) -> Node:
    return ops.lin(0, (1, x), (-1, ops.mul(b, y)), (-1, c))


def _distance(x: Node, y: Node, b: Node, c: Node, k: Node) -> Node:
    along, across = ops.lin(0, (1, x), (-1, b)), ops.lin(0, (1, y), (-1, c))
    return ops.sqrt(ops.lin(0, (1, _square(along)), (1, ops.mul(k, _square(across)))))


def _above(x: Node, b: Node) -> Node:
    return ops.where(ops.less(b, x), ops.const(1), ops.const(0))


def _positive(*columns: Column) -> bool:
    return all(c.lo > 0 and not c.centre and not c.indicator for c in columns)


def _not_zero(x: Column) -> bool:
    far, near = max(abs(x.lo), abs(x.hi)), min(abs(x.lo), abs(x.hi))
    bent = far > 1.2 * near or not x.raw
    return bent and not x.indicator and not x.centre and (x.lo > 0 or x.hi < 0)


def _wide(x: Column) -> bool:
    """Tell whether a positive column spans enough for a logarithm to bend."""
    return _positive(x) and x.hi > 3 * x.lo


def _scaled(x: Column) -> bool:
    """Tell whether a power of a positive column is told from another one."""
    return _positive(x) and x.hi > 1.2 * x.lo


def _factor(*columns: Column) -> bool:
    return True


def _near_zero(*columns: Column) -> bool:
    return not any(c.raw for c in columns)


def _as_they_are(*columns: Column) -> bool:
    return not any(c.indicator or c.centre for c in columns)


def _cut(x: Column, y: Column) -> bool:
    return curvable(y) and not (x.raw or x.indicator)


def _per_spread(*factors: float) -> Starts:
    return lambda *cs: [(f / cs[-1].deviation,) for f in factors]


def _per_square(*widths: float) -> Starts:
    return lambda *cs: [((w * cs[-1].deviation) ** -2.0,) for w in widths]


def _places(*shares: float) -> Starts:
    return lambda x: [(x.mean + s * x.deviation,) for s in shares]


def _poles(*cs: Column) -> list[tuple[float]]:
    """Return places of a pole below all values, and above them."""
    x = cs[-1]
    below = [(s * x.deviation - x.lo,) for s in (0.3, 1.0, 3.0)]
    return below if x.lo >= 0 else [*below, (-x.deviation - x.hi,)]


def _waves(x: Column) -> list[tuple[float, float]]:
    both = product(WAVES, (0.0, 1.57))
    return [(w / x.deviation, p - w / x.deviation * x.mean) for w, p in both]


def _bends(x: Column) -> list[tuple[float, float]]:
    both = product((1.0, 3.0), (-1.0, -0.3, 0.3, 1.0))
    return [(a / x.deviation, -a * (x.mean / x.deviation + b)) for a, b in both]


def _bumps(x: Column) -> list[tuple[float, float]]:
    both = product((0.7, 1.5), (-1.0, 1.0))
    return [((w * x.deviation) ** -2.0, x.mean + b * x.deviation) for w, b in both]


def _ridges(*cs: Column) -> list[tuple[float, ...]]:
    found = []
    for signs in product((1.0, -1.0), repeat=len(cs) - 1):
        slopes = [s / c.deviation for s, c in zip((1.0, *signs), cs, strict=True)]
        found.append((*slopes, -sum(a * c.mean for a, c in zip(slopes, cs, strict=True))))
    return found


def _turns(x: Column, y: Column) -> list[tuple[float]]:
    reach = max(abs(x.lo), abs(x.hi)) * max(abs(y.lo), abs(y.hi))
    return [(turn / reach,) for turn in (1.5, 3.0, 6.0)]


def _folds(x: Column, y: Column) -> list[tuple[float, float]]:
    ratio = x.deviation / y.deviation
    slopes = {1.0 if 0.3 < ratio < 3 else ratio, ratio, -ratio}
    return [(b, c) for b in sorted(slopes) for c in sorted({0.0, x.mean - b * y.mean})]


def _crossings(x: Column, y: Column) -> list[tuple[float, float]]:
    return [(b, c) for b, c in _folds(x, y) if b > 0]


def _centres(x: Column, y: Column) -> list[tuple[float, float, float]]:
    ratio = (x.deviation / y.deviation) ** 2
    scale = 1.0 if 0.1 < ratio < 10 else ratio
    shares = ((0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
    places = [(x.mean + s * x.deviation, y.mean + t * y.deviation, scale) for s, t in shares]
    return [(0.0, 0.0, scale), *places]


def _cuts(x: Column, y: Column) -> list[tuple[float]]:
    return [(y.lo + (y.hi - y.lo) * k / (len(PLACES) + 1),) for k in PLACES]


def _plain_wave(theta: Sequence[float]) -> tuple[float, ...]:
    """sin(w·x + p) = ±sin(|w|·x + p'), p' between −π/2 and π/2."""
    w, p = (theta[0], theta[1]) if theta[0] >= 0 else (-theta[0], -theta[1])
    return (w, p - np.pi * round(p / np.pi))


FREE = ((1.0, -1.0),)
ZERO = ((0.0,),)
POWERS = (0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)
LINE = Shape("x", 1, lambda x: x, fits=_near_zero, shifts=True)
ONE: tuple[Shape, ...] = (
    LINE,
    Shape("x²", 1, _square),
    Shape("(x−b)²", 1, lambda x, b: _square(ops.lin(0, (1, x), (-1, b))), ZERO,
          lambda x: [(x.mean,)] if x.mean else [], odd=odd.far_vertex),
    Shape("x³", 1, lambda x: ops.power(x, 3), odd=odd.strange(0.03)),
    Shape("|x|", 1, ops.absolute, fits=_changes_sign),
    Shape("log x", 1, ops.log, fits=_wide),
    Shape("log(x+c)", 1, lambda x, c: ops.log(sum_of(x, c)), ((0.0, 1.0),),
          lambda x: [(s * x.deviation - x.lo,) for s in (0.1, 0.5)], odd=odd.near_pole),
    Shape("√x", 1, ops.sqrt, fits=lambda x: _scaled(x) and x.hi > 1.5 * x.lo),
    Shape("xᵖ", 1, ops.power, (POWERS,), lambda x: [(0.7,), (-0.5,), (1.5,)], fits=_wide,
          odd=odd.nearly_constant),
    Shape("1/x", 1, lambda x: ops.div(ops.const(1), x), fits=_not_zero,
          odd=lambda columns, theta: odd.near_pole(columns, (0.0,))),
    Shape("1/(x+c)", 1, lambda x, c: ops.div(ops.const(1), sum_of(x, c)), ZERO, _poles,
          odd=odd.near_pole),
    Shape("exp", 1, lambda x, k: ops.exp(ops.mul(k, x)), FREE,
          _per_spread(0.5, -0.5, 1.5, -1.5), odd=odd.hardly_grown),
    Shape("sin", 1, lambda x, w, p: ops.sin(sum_of(ops.mul(w, x), p)), (*FREE, (0.0,)), _waves,
          odd=odd.part_of_a_wave, plain=_plain_wave),
    Shape("cos", 1, lambda x, w: ops.cos(ops.mul(w, x)), FREE, _per_spread(0.7, 1.3, 2, 3),
          odd=odd.part_of_a_wave),
    Shape("tanh", 1, lambda x, a, c: ops.tanh(sum_of(ops.mul(a, x), c)), (*FREE, (0.0,)), _bends,
          odd=odd.one_sided),
    Shape("bell", 1, _bell, ((1.0,),), _per_square(0.5, 1, 2), odd=odd.hardly_bent),
    Shape("bump", 1, lambda x, k, b: _bell(ops.lin(0, (1, x), (-1, b)), k), ((1.0,), (0.0,)),
          _bumps, odd=odd.strange(0.06)),
    Shape("1/(1+x²)", 1, _damped, ((1.0,),), _per_square(0.5, 1), odd=odd.damped),
    Shape("hinge", 1, lambda x, b: ops.maximum(ops.lin(0, (1, x), (-1, b)), ops.const(0)), ZERO,
          _places(-1, -0.3, 0.3, 1), odd=odd.beyond),
    Shape("cap", 1, ops.minimum, ZERO, _places(-1, -0.3, 0.3, 1), odd=odd.beyond),
)  # fmt: skip
"""Shapes of one column. Of an indicator, the number itself alone makes sense."""

TWO: tuple[Shape, ...] = (
    Shape("x·y", 2, ops.mul, fits=_factor),
    Shape("x·y²", 2, lambda x, y: ops.mul(x, _square(y)), fits=lambda x, y: not y.indicator,
          odd=odd.strange(0.03)),
    Shape("x/y", 2, ops.div, fits=lambda x, y: not x.indicator and _not_zero(y)),
    Shape("x·yᵖ", 2, lambda x, y, p: times(x, ops.power(y, p)), (POWERS,),
          lambda x, y: [(0.5,), (-0.5,), (-2.0,)], odd=odd.nearly_constant,
          fits=lambda x, y: not x.indicator and (_wide(y) or (y.raw and _scaled(y)))),
    Shape("x/(y+c)", 2, lambda x, y, c: ops.div(x, sum_of(y, c)), ZERO, _poles, odd=odd.near_pole),
    Shape("x·y/(y+c)", 2, lambda x, y, c: ops.div(ops.mul(x, y), sum_of(y, c)), ((1.0,),),
          _poles, odd=odd.near_pole),
    Shape("x·exp", 2, lambda x, y, k: ops.mul(x, ops.exp(ops.mul(k, y))), FREE,
          _per_spread(0.7, -0.7), odd=odd.hardly_grown),
    Shape("x above", 2, lambda x, y, b: ops.mul(x, _above(y, b)), ZERO, _cuts, fits=_cut,
          odd=odd.cut_off, jumps=(0,)),
    Shape("sin x·y", 2, lambda x, y, w: ops.sin(ops.mul(w, x, y)), FREE, _turns,
          odd=odd.strange(0.25)),
    Shape("x/(1+y²)", 2, lambda x, y, k: times(x, _damped(y, k)), ((1.0,),), _per_square(0.5, 1),
          odd=odd.damped),
    Shape("tanh of both", 2,
          lambda x, y, a, b, c: ops.tanh(sum_of(ops.mul(a, x), ops.mul(b, y), c)),
          (*FREE, *FREE, (0.0,)), _ridges,
          odd=lambda columns, theta: 0.05 + odd.one_sided(columns, theta)),
    Shape("|x−y|", 2, lambda x, y, b, c: ops.absolute(_apart(x, y, b, c)), (*FREE, (0.0,)),
          _folds, fits=_as_they_are, odd=odd.never_folded),
    Shape("greater", 2, lambda x, y, b, c: ops.maximum(x, sum_of(ops.mul(b, y), c)),
          (*FREE, (0.0,)), _crossings, fits=_as_they_are, odd=odd.never_folded),
    Shape("distance", 2, _distance, ((0.0,), (0.0,), (1.0,)), _centres, odd=odd.far_point),
)  # fmt: skip
"""Shapes of two columns."""

THREE: tuple[Shape, ...] = (
    Shape("x·y·z", 3, ops.mul, fits=_factor),
    Shape("x·y·zᵖ", 3, lambda x, y, z, p: times(x, y, ops.power(z, p)), (POWERS,),
          lambda x, y, z: [(-1.0,), (0.5,)], odd=odd.nearly_constant,
          fits=lambda x, y, z: not x.indicator and not y.indicator and _wide(z)),
    Shape("tanh of three", 3,
          lambda x, y, z, a, b, d, c: ops.tanh(
              sum_of(ops.mul(a, x), ops.mul(b, y), ops.mul(d, z), c)),
          (*FREE, *FREE, *FREE, (0.0,)), _ridges,
          odd=lambda columns, theta: 0.05 + odd.one_sided(columns, theta)),
)  # fmt: skip
"""Shapes of three columns, of which each acts together with each other one."""

OF_LOGARITHMS = (
    *(s for s in ONE if s.name not in ("xᵖ", "√x", "1/x", "log x", "log(x+c)", "1/(x+c)", "exp")),
    Shape("log x", 1, ops.log, fits=_scaled),
    Shape("1/x", 1, lambda x: ops.div(ops.const(1), x), fits=_not_zero, odd=odd.strange(0.03)),
    TWO[0],
)  # fmt: skip
"""Shapes for the logarithm of a target, whose exponential is to be read."""

SYMMETRIC = frozenset({"x·y", "sin x·y", "tanh of both", "|x−y|", "greater", "distance"})
"""Of these, one order of the columns is enough."""

FACTORS = tuple(s for s in ONE if s.name in ("x", "x²", "1/x", "bell", "1/(1+x²)", "tanh", "sin"))
"""What an existing term is multiplied by, to make a term of more columns."""

SIMPLER: dict[int, tuple[Shape, ...]] = {
    1: tuple(s for s in ONE if s.name in (
        "x", "x²", "|x|", "log x", "√x", "1/x", "bell", "cos", "exp", "hinge", "cap")),
    2: tuple(s for s in TWO if s.name in ("x·y", "x·y²", "x/y")),
}  # fmt: skip
"""What stands for a term with more constants, where it does as well."""
