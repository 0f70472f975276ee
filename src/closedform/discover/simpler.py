"""Expressions that are simpler than one: a term less, a function straightened, a part held."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from closedform import ops
from closedform.discover.sample import Sample
from closedform.ir import Array, Node, substitute, toposort
from closedform.passes.algebra import tidied

_FRACTIONS = {p / q for q in (1, 2, 3, 4) for p in range(-6 * q, 6 * q + 1)}
POWERS = tuple(sorted(_FRACTIONS | {float(p) for p in range(-12, 13)}))
"""Exponents that a law has, up to the twelfth power with which atoms push each other away."""


def simpler(node: Node, sample: Sample) -> Iterator[Node]:
    """Yield expressions simpler than one, each with constants that nearly fit where it does.

    Args:
        node: the expression.
        sample: rows; what is replaced is replaced by what it is on average there.
    """
    order = [n for n in toposort([node]) if n.op is not ops.CONST]
    values = dict(zip(order, sample.said(order), strict=True))
    seen = {node, tidied(node)}
    for n in order:
        for other in _instead(n, values):
            made = tidied(substitute([node], {n: other})[0])
            if made not in seen:
                seen.add(made)
                yield made


def _instead(n: Node, values: dict[Node, Array]) -> Iterator[Node]:
    """Yield what may stand in the place of one part."""
    if n.op is ops.INPUT:
        return
    if n.op is ops.LIN:
        yield from _fewer_terms(n)
    elif n.op is ops.POW and n.args[1].op is ops.CONST:
        yield from _neater_powers(n)
    yield from _straightened(n, values)
    if n.op in (ops.MUL, ops.DIV):
        yield from _fewer_factors(n, values)
    mean = _mean(values[n])
    if mean is not None:
        yield ops.const(mean)


def _fewer_terms(n: Node) -> Iterator[Node]:
    terms = list(zip(n.data.weights.tolist(), n.args, strict=True))
    if n.data.bias:
        yield ops.lin(0.0, *terms)
    if len(terms) > 1:
        for i in range(len(terms)):
            yield ops.lin(n.data.bias, *terms[:i], *terms[i + 1 :])


def _neater_powers(n: Node) -> Iterator[Node]:
    base, p = n.args[0], n.args[1].data
    near = sorted(POWERS, key=lambda q: abs(q - p))[:4]
    yield from (ops.power(base, q) for q in near if q != p)


def _straightened(n: Node, values: dict[Node, Array]) -> Iterator[Node]:
    """Yield a + b·u for f(u)."""
    if len(n.args) != 1 and n.op is not ops.POW:
        return
    u = n.args[0]
    if n.op is ops.LIN or u not in values:
        return
    line = _line(values[u], values[n])
    if line is not None:
        yield ops.lin(line[0], (line[1], u))
        yield u


def _fewer_factors(n: Node, values: dict[Node, Array]) -> Iterator[Node]:
    for i, a in enumerate(n.args):
        if a.op is ops.CONST:
            continue
        mean = _mean(values[a])
        if mean is not None and mean:
            held = ops.const(mean)
            yield _with(n, i, held)


def _with(n: Node, i: int, other: Node) -> Node:
    args = (*n.args[:i], other, *n.args[i + 1 :])
    return ops.mul(*args) if n.op is ops.MUL else ops.div(*args)


def _mean(values: Array) -> float | None:
    mean = float(values.mean()) if np.isfinite(values).all() else np.nan
    return mean if np.isfinite(mean) else None


def _line(u: Array, values: Array) -> tuple[float, float] | None:
    """Return a and b of the line a + b·u that is nearest to some values."""
    if not (np.isfinite(u).all() and np.isfinite(values).all()) or not np.ptp(u):
        return None
    scale = np.abs(u).max()
    slope, bias = np.polyfit(u / scale, values, 1)
    fine = np.isfinite(slope) and np.isfinite(bias)
    return (float(bias), float(slope / scale)) if fine else None
