"""What a term is made of: a column, and a shape with its spelling, its constants and its starts.

A shape is written once, as nodes over its columns and its constants; its values and its slopes
are computed from these nodes, so that what is fitted is what will be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import Plan, Run
from closedform.ir import Array, Node, rewrite, substitute
from closedform.passes.differentiate import gradient
from closedform.passes.rounding import significant
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
        raw: whether it lies far from 0 and is there once more with its centre: then it is for
            products, quotients and powers alone.
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
    raw: bool = False

    @property
    def spelt(self) -> Node:
        """The node that terms read."""
        return ops.lin(-self.centre, (1, self.node)) if self.centre else self.node


Build = Callable[..., Node]
Starts = Callable[..., Sequence[Sequence[float]]]
Fits = Callable[..., bool]
Odd = Callable[[Sequence[Column], Sequence[float]], float]
Plain = Callable[[Sequence[float]], Sequence[float]]


def no_constants(*_: Column) -> Sequence[Sequence[float]]:
    """Return the one start of a shape without constants."""
    return [()]


def never_odd(columns: Sequence[Column], theta: Sequence[float]) -> float:
    """Return 0: nothing is to be paid."""
    return 0.0


def curvable(*columns: Column) -> bool:
    """Tell whether columns may be bent: they have more than two values, and lie near 0."""
    return not any(c.indicator or c.raw for c in columns)


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
        jumps: the positions of constants that no slope moves: thresholds.
        plain: constants → those of the same curve, up to its sign, that one would write.
    """

    name: str
    arity: int
    build: Build
    neutral: tuple[tuple[float, ...], ...] = ()
    starts: Starts = no_constants
    fits: Fits = curvable
    shifts: bool = False
    odd: Odd = never_odd
    jumps: tuple[int, ...] = ()
    plain: Plain = tuple
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
        folded = substitute([self._node], held)[0]
        short = simplified([folded])[folded]
        joined = substitute([short], {ops.input_(i): c for i, c in enumerate(columns)})[0]
        return rewrite([joined], _tidied)[joined]


def _tidied(n: Node) -> Node | None:
    """`(x - a) - b -> x - (a + b)`, `x*y^(-2) -> x/y^2`."""
    if n.op is ops.LIN:
        inner = [
            abs(w) == 1 and a.op is ops.LIN for w, a in zip(n.data.weights, n.args, strict=True)
        ]
        return _joined(n, inner) if any(inner) else None
    if n.op is ops.POW and n.args[1].op is ops.CONST and n.args[1].data < 0:
        return power_of(n.args[0], n.args[1].data)
    if n.op is ops.MUL and any(a.op is ops.DIV for a in n.args):
        return times(*n.args)
    return None


def _joined(n: Node, inner: Sequence[bool]) -> Node:
    bias, terms = n.data.bias, list[tuple[float, Node]]()
    for w, a, nested in zip(n.data.weights.tolist(), n.args, inner, strict=True):
        if nested:
            bias += w * a.data.bias
            terms += [(w * v, x) for v, x in zip(a.data.weights.tolist(), a.args, strict=True)]
        else:
            terms.append((w, a))
    return ops.lin(significant([bias], 12)[0], *terms)


def power_of(x: Node, exponent: float) -> Node:
    """Return a power as a reader writes it: below the line where the exponent is negative."""
    size = abs(exponent)
    above = ops.sqrt(x) if size == 0.5 else x if size == 1 else ops.power(x, size)
    return above if exponent > 0 else ops.div(ops.const(1), above)


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


def product_of(a: Shape, b: Shape) -> Shape:
    """Return the product of two shapes, over the columns of the first and then of the second."""
    n, m = a.arity, b.arity

    def build(*nodes: Node) -> Node:
        columns, constants = nodes[: n + m], nodes[n + m :]
        left = a.build(*columns[:n], *constants[: a.count])
        return times(left, b.build(*columns[n:], *constants[a.count :]))

    def odd(columns: Sequence[Column], theta: Sequence[float]) -> float:
        left, right = theta[: a.count], theta[a.count :]
        return max(a.odd(columns[:n], left), b.odd(columns[n:], right))

    jumps = (*a.jumps, *(a.count + i for i in b.jumps))
    neutral = (*a.neutral, *b.neutral)
    return Shape(f"{a.name} · {b.name}", n + m, build, neutral, odd=odd, jumps=jumps)
