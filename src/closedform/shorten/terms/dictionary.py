"""The shapes that terms are taken from: each a spelling, its constants, and where these start.

A shape is written once, as nodes over its columns and its constants; its values and its slopes
are computed from these nodes, so that what is fitted is what will be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import Plan, Run
from closedform.ir import Array, Node, substitute
from closedform.passes.differentiate import gradient
from closedform.passes.simplify import simplified


@dataclass(frozen=True)
class Column:
    """One number that terms are built on.

    Attributes:
        name: as a reader knows it.
        input: the position of the input that it comes from.
        node: the number itself, over the raw inputs.
        centre: what is taken off before it is used: 0 unless the numbers lie far from it.
        lo, hi, mean, deviation: of the column without its centre.
        indicator: whether it has two values alone, so that no shape bends it.
    """

    name: str
    input: int
    node: Node
    centre: float
    lo: float
    hi: float
    mean: float
    deviation: float
    indicator: bool

    @property
    def spelt(self) -> Node:
        """The node that terms read."""
        return ops.lin(-self.centre, (1, self.node)) if self.centre else self.node


PART_OF_A_WAVE = 0.4
"""So much, as a share of the loss, must a part of a wave be better than a simpler shape."""

Build = Callable[..., Node]
Starts = Callable[..., Sequence[Sequence[float]]]
Fits = Callable[..., bool]
Odd = Callable[[Sequence[Column], Sequence[float]], float]


def _no_constants(*_: Column) -> Sequence[Sequence[float]]:
    return [()]


def _never(columns: Sequence[Column], theta: Sequence[float]) -> float:
    return 0.0


def _part_of_a_wave(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A wave of which less than a period is seen is a bend: x² saturates into cos x."""
    return PART_OF_A_WAVE * (abs(theta[0]) * 4 * columns[0].deviation < 2 * np.pi)


def _nearly_constant(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A power of nearly 0 is a logarithm that cancels a constant."""
    return 0.02 + (abs(theta[0]) < 0.2)


def _hardly_bent(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A bell that is cut off near its top is a square that cancels a constant."""
    far = max(abs(columns[-1].lo), abs(columns[-1].hi))
    return 0.02 + 0.5 * (theta[0] * far**2 < 0.5)


def _never_folded(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """|x − b·y| of which one side alone is seen is a sum."""
    x, y = columns
    ends = (theta[0] * y.lo, theta[0] * y.hi)
    return 0.05 + (x.lo >= max(ends) or x.hi <= min(ends))


def _beyond(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """A hinge beyond the data is a line, or nothing."""
    return float(not columns[0].lo < theta[0] < columns[0].hi)


def _strange(share: float) -> Odd:
    """Return what is to be paid for a shape that readers meet seldom."""
    return lambda columns, theta: share


def _changes_sign(x: Column) -> bool:
    return _always(x) and x.lo < -0.2 * x.deviation and x.hi > 0.2 * x.deviation


def _always(*columns: Column) -> bool:
    return not any(c.indicator for c in columns)


@dataclass(frozen=True, eq=False)
class Shape:
    """A kind of term.

    Attributes:
        name: in the report, and what tells it from other shapes.
        arity: how many columns it reads.
        build: columns and constants, all of them nodes → the term.
        neutral: for each constant, the values at which it need not be written.
        starts: columns → starting values of the constants.
        fits: columns → whether the shape makes sense for them.
        shifts: whether a shift of its column is a constant more, and nothing else.
        odd: columns and constants → what is to be paid, as constants are, for a shape that these
            columns do not show.
    """

    name: str
    arity: int
    build: Build
    neutral: tuple[tuple[float, ...], ...] = ()
    starts: Starts = _no_constants
    fits: Fits = _always
    shifts: bool = False
    odd: Odd = _never
    _plans: dict[bool, Plan] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many constants it has."""
        return len(self.neutral)

    @cached_property
    def _node(self) -> Node:
        return self.build(*(ops.input_(i) for i in range(self.arity + self.count)))

    def values(self, columns: Sequence[Array], theta: Sequence[float]) -> Array:
        """Return the term's value on each row."""
        return self._run(False, columns, theta)[0]

    def both(self, columns: Sequence[Array], theta: Sequence[float]) -> list[Array]:
        """Return the term's value on each row, and its slope along each constant."""
        return self._run(True, columns, theta)

    def _run(self, slopes: bool, columns: Sequence[Array], theta: Sequence[float]) -> list[Array]:
        if slopes not in self._plans:
            at = range(self.arity, self.arity + self.count)
            more = gradient(self._node, list(at)) if slopes else []
            self._plans[slopes] = Plan([self._node, *more])
        constants: list[Any] = [np.float64(t) for t in theta]
        with np.errstate(all="ignore"):
            return self._plans[slopes](Run([*columns, *constants], None, len(columns[0])))

    def spelt(self, columns: Sequence[Node], theta: Sequence[float]) -> Node:
        """Return the term over other nodes, its constants written as numbers."""
        held = {ops.input_(self.arity + i): ops.const(t) for i, t in enumerate(theta)}
        folded = substitute([self._node], held)
        short = simplified(folded)[folded[0]]
        return substitute([short], {ops.input_(i): c for i, c in enumerate(columns)})[0]


def sum_of(*nodes: Node) -> Node:
    """Return a sum of nodes."""
    return ops.lin(0, *((1, n) for n in nodes))


def times(*factors: Node) -> Node:
    """Return a product, written as one product over one denominator."""
    over = [f for f in factors if f.op is ops.DIV]
    above = [f.args[0] if f in over else f for f in factors]
    flat = [x for f in above for x in (f.args if f.op is ops.MUL else (f,))]
    flat = [x for x in flat if x is not ops.const(1)]
    product = ops.mul(*flat) if flat else ops.const(1)
    below = [f.args[1] for f in over]
    return ops.div(product, ops.mul(*below)) if below else product


def _square(x: Node) -> Node:
    return ops.mul(x, x)


def _bell(x: Node, k: Node) -> Node:
    return ops.exp(ops.lin(0, (-1, ops.mul(k, _square(x)))))


def _damped(x: Node, k: Node) -> Node:
    return ops.div(ops.const(1), ops.lin(1, (1, ops.mul(k, _square(x)))))


def _positive(*columns: Column) -> bool:
    return _always(*columns) and all(c.lo > 0 and not c.centre for c in columns)


def _not_zero(x: Column) -> bool:
    return _always(x) and not x.centre and (x.lo > 0 or x.hi < 0)


def _wide(x: Column) -> bool:
    """Tell whether a positive column spans enough for a logarithm to bend."""
    return _positive(x) and x.hi > 3 * x.lo


def _any(*_: Column) -> bool:
    return True


def _per_spread(*factors: float) -> Starts:
    return lambda *cs: [(f / cs[-1].deviation,) for f in factors]


def _per_square(*widths: float) -> Starts:
    return lambda *cs: [((w * cs[-1].deviation) ** -2.0,) for w in widths]


def _places(*shares: float) -> Starts:
    return lambda x: [(x.mean + s * x.deviation,) for s in shares]


def _waves(x: Column) -> list[tuple[float, float]]:
    both = product((0.7, 1.3, 2.0, 3.0), (0.0, 1.57))
    return [(w / x.deviation, p - w / x.deviation * x.mean) for w, p in both]


def _bends(x: Column) -> list[tuple[float, float]]:
    both = product((1.0, 3.0), (-1.0, -0.3, 0.3, 1.0))
    return [(a / x.deviation, -a * (x.mean / x.deviation + b)) for a, b in both]


def _bumps(x: Column) -> list[tuple[float, float]]:
    both = product((0.7, 1.5), (-1.0, 1.0))
    return [((w * x.deviation) ** -2.0, x.mean + b * x.deviation) for w, b in both]


def _ridges(x: Column, y: Column) -> list[tuple[float, float, float]]:
    a, b = 1 / x.deviation, 1 / y.deviation
    return [(a, s * b, -a * x.mean - s * b * y.mean) for s in (1.0, -1.0)]


def _turns(x: Column, y: Column) -> list[tuple[float]]:
    reach = max(abs(x.lo), abs(x.hi)) * max(abs(y.lo), abs(y.hi))
    return [(turn / reach,) for turn in (1.5, 3.0, 6.0)]


FREE = ((1.0, -1.0),)
POWERS = (0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)
ONE: tuple[Shape, ...] = (
    Shape("x", 1, lambda x: x, fits=_any, shifts=True),
    Shape("x²", 1, _square),
    Shape(
        "(x−b)²",
        1,
        lambda x, b: _square(ops.lin(0, (1, x), (-1, b))),
        ((0.0,),),
        lambda x: [(x.mean,)] if x.mean else [],
    ),
    Shape("x³", 1, lambda x: ops.power(x, 3), odd=_strange(0.03)),
    Shape("|x|", 1, ops.absolute, fits=_changes_sign),
    Shape("log x", 1, ops.log, fits=_wide),
    Shape("√x", 1, ops.sqrt, fits=_positive),
    Shape(
        "xᵖ",
        1,
        ops.power,
        (POWERS,),
        lambda x: [(0.7,), (-0.5,), (1.5,)],
        fits=_wide,
        odd=_nearly_constant,
    ),
    Shape("1/x", 1, lambda x: ops.div(ops.const(1), x), fits=_not_zero),
    Shape(
        "sin",
        1,
        lambda x, w, p: ops.sin(sum_of(ops.mul(w, x), p)),
        (*FREE, (0.0,)),
        _waves,
        odd=_part_of_a_wave,
    ),
    Shape(
        "cos",
        1,
        lambda x, w: ops.cos(ops.mul(w, x)),
        FREE,
        _per_spread(0.7, 1.3, 2, 3),
        odd=_part_of_a_wave,
    ),
    Shape(
        "tanh",
        1,
        lambda x, a, c: ops.tanh(sum_of(ops.mul(a, x), c)),
        (*FREE, (0.0,)),
        _bends,
    ),
    Shape("bell", 1, _bell, ((1.0,),), _per_square(0.5, 1, 2), odd=_hardly_bent),
    Shape(
        "bump",
        1,
        lambda x, k, b: _bell(ops.lin(0, (1, x), (-1, b)), k),
        ((1.0,), (0.0,)),
        _bumps,
        odd=_strange(0.06),
    ),
    Shape("1/(1+x²)", 1, _damped, ((1.0,),), _per_square(0.5, 1), odd=_hardly_bent),
    Shape(
        "hinge",
        1,
        lambda x, b: ops.maximum(ops.lin(0, (1, x), (-1, b)), ops.const(0)),
        ((0.0,),),
        _places(-1, -0.3, 0.3, 1),
        odd=_beyond,
    ),
)
"""Shapes of one column. Of an indicator, the number itself alone makes sense."""

TWO: tuple[Shape, ...] = (
    Shape("x·y", 2, ops.mul, fits=_any),
    Shape("x·y²", 2, lambda x, y: ops.mul(x, _square(y)), odd=_strange(0.03)),
    Shape("x/y", 2, ops.div, fits=lambda x, y: not x.indicator and _not_zero(y)),
    Shape("x·yᵖ", 2, lambda x, y, p: times(x, ops.power(y, p)), (POWERS,),
          lambda x, y: [(0.5,), (-0.5,)], fits=lambda x, y: not x.indicator and _wide(y),
          odd=_nearly_constant),
    Shape("sin x·y", 2, lambda x, y, w: ops.sin(ops.mul(w, x, y)), FREE, _turns,
          odd=_strange(0.25)),
    Shape(
        "x/(1+y²)", 2, lambda x, y, k: times(x, _damped(y, k)), ((1.0,),), _per_square(0.5, 1)
    ),
    Shape(
        "tanh of both",
        2,
        lambda x, y, a, b, c: ops.tanh(sum_of(ops.mul(a, x), ops.mul(b, y), c)),
        (*FREE, *FREE, (0.0,)),
        _ridges,
        odd=_strange(0.05),
    ),
    Shape(
        "|x−y|", 2, lambda x, y, b: ops.absolute(ops.lin(0, (1, x), (-1, ops.mul(b, y)))),
        FREE, lambda x, y: [(x.deviation / y.deviation,), (-x.deviation / y.deviation,)],
        odd=_never_folded,
    ),
)  # fmt: skip
"""Shapes of two columns."""

OF_LOGARITHMS = (*(s for s in ONE if s.name not in ("xᵖ", "√x", "1/x")), TWO[0])
"""Shapes for the logarithm of a target, whose exponential is to be read."""

SYMMETRIC = frozenset({"x·y", "sin x·y", "tanh of both", "|x−y|"})
"""Of these, one order of the columns is enough."""

FACTORS = tuple(s for s in ONE if s.name in ("x", "x²", "1/x", "bell", "1/(1+x²)", "tanh", "sin"))
"""What an existing term is multiplied by, to make a term of more columns."""

SIMPLER: dict[int, tuple[Shape, ...]] = {
    1: tuple(s for s in ONE if s.name in ("x", "x²", "|x|", "log x", "√x", "1/x", "bell", "cos")),
    2: TWO[:2],
}
"""What stands for a term with more constants, where it does as well."""


def product_of(a: Shape, b: Shape) -> Shape:
    """Return the product of two shapes, over the columns of the first and then of the second."""
    n, m = a.arity, b.arity

    def build(*nodes: Node) -> Node:
        columns, constants = nodes[: n + m], nodes[n + m :]
        left = a.build(*columns[:n], *constants[: a.count])
        return times(left, b.build(*columns[n:], *constants[a.count :]))

    return Shape(f"{a.name} · {b.name}", n + m, build, (*a.neutral, *b.neutral))
