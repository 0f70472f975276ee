"""The shapes that may take the place of units: of one input, and products of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from closedform import ops
from closedform.ir import Array, Node

WIDE = 4
"""The most inputs of which all squares and products are tried together."""
PAIRS = 8
"""The most inputs of which each product is tried by itself."""


def shapes_of(inputs: tuple[Node, ...], columns: Sequence[Array]) -> Iterator[tuple[Node, ...]]:
    """Yield sets of shapes over some inputs; with none of them, the line alone."""
    yield ()
    if len(inputs) == 1:
        yield from _of_one(inputs[0], columns[0])
    elif len(inputs) <= WIDE:
        pairs = list(combinations(inputs, 2))
        yield tuple(ops.mul(a, b) for a, b in pairs)
        # The square of what is 0 or 1 is that itself.
        varied = [x for x, c in zip(inputs, columns, strict=True) if len(np.unique(c[:100])) > 2]
        yield tuple(ops.mul(a, b) for a, b in [*pairs, *((x, x) for x in varied)])
    else:
        yield from ((ops.mul(a, b),) for a, b in combinations(inputs, 2) if len(inputs) <= PAIRS)


ONE: dict[str, Callable[[Node], Node]] = {
    "log": ops.log,
    "sqrt": ops.sqrt,
    "inverse": lambda x: ops.div(ops.const(1.0), x),
}
"""Shapes of an input that is positive on all rows."""


def _of_one(x: Node, column: Array) -> Iterator[tuple[Node, ...]]:
    spread = float(np.std(column)) or 1.0
    shares = [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9]
    ends = [_short(q, spread) for q in np.quantile(column, shares).tolist()]
    yield (ops.mul(x, x),)
    if column.min() > 0:
        yield from ((make(x),) for make in ONE.values())
    for rate in (0.5, 1.0, 1.5, 2.0, 3.0):
        yield from _waves(x, rate / spread)
    for b in ends:
        away = ops.lin(-b, (1.0, x))
        yield (ops.absolute(away),)
        yield (ops.maximum(away, ops.const(0.0)),)
        yield (step_of(x, b, spread),)
    for b in ends[1:-1:2]:
        for width in (0.5, 1.0, 2.0):
            u = ops.lin(-b / (width * spread), (1 / (width * spread), x))
            yield (ops.exp(ops.lin(0.0, (-1.0, ops.mul(u, u)))),)


def step_of(x: Node, at: float, spread: float) -> Node:
    """Return 1 where x is above a number, which is rounded to a hundredth of x's spread."""
    above = ops.less(ops.const(_short(at, spread)), x)
    return ops.where(above, ops.const(1.0), ops.const(0.0))


def _short(value: float, spread: float) -> float:
    """Return a number with as few decimals as it takes to a hundredth of a spread."""
    return float(round(value, 2 - int(np.floor(np.log10(spread)))))


def _waves(x: Node, rate: float) -> Iterator[tuple[Node, ...]]:
    for phase in (0.0, 0.8, 1.57, 2.4):
        yield (ops.sin(ops.lin(phase, (rate, x))),)
