"""Rules of `simplify` about sums: scalers fold into the weights behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedform import ops as o
from closedform.ir import Node
from closedform.passes.rules import Place, Rule, is_const, rule


@rule("real", o.LIN)
def plain_term(n: Node, _: Place) -> Node | None:
    """`lin(0, (1, x)) -> x`"""
    plain = len(n.args) == 1 and n.data.bias == 0 and n.data.weights[0] == 1
    return n.args[0] if plain else None


@rule("real", o.LIN)
def zero_weights(n: Node, _: Place) -> Node | None:
    """`lin(p, (0, x), (q, y)) -> lin(p, (q, y))`"""
    if n.data.weights.all():
        return None
    kept = [(w, a) for w, a in zip(n.data.weights.tolist(), n.args, strict=True) if w]
    return o.lin(n.data.bias, *kept)


@rule("real", o.LIN)
def constant_terms(n: Node, _: Place) -> Node | None:
    """`lin(p, (q, const(r)), (k, x)) -> lin(p + q * r, (k, x))`"""
    if not any(is_const(a) for a in n.args) or adds_trees(n):
        return None
    terms = list(zip(n.data.weights.tolist(), n.args, strict=True))
    bias = _sum([n.data.bias, *(w * a.data for w, a in terms if is_const(a))])
    return o.lin(bias, *((w, a) for w, a in terms if not is_const(a)))


@rule("real", o.LIN)
def repeated_terms(n: Node, _: Place) -> Node | None:
    """`lin(p, (q, x), (r, x)) -> lin(p, (q + r, x))`"""
    if len(set(n.args)) == len(n.args) or adds_trees(n):
        return None
    weights: dict[Node, list[float]] = {}
    for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
        weights.setdefault(a, []).append(w)
    return o.lin(n.data.bias, *((_sum(ws), a) for a, ws in weights.items()))


FAR = 1e5
"""A column whose mean lies so many of its own spreads off stays scaled step by step.

Folded into the weights behind it, the mean must cancel again: seconds since 1970 that spread over
one minute lost 8e-9 of the prediction, against 3e-11 at most where the mean is nearer than this.
"""


def _is_far_off(a: Node, spread: float) -> bool:
    return a.op is o.LIN and abs(a.data.bias) > FAR * abs(spread)


def _scales_far_off(a: Node) -> bool:
    """Tell whether a brings one column to a range of about 1, as a MinMaxScaler, from far off."""
    return len(a.args) == 1 and abs(a.data.weights[0]) != 1 and _is_far_off(a, 1.0)


@rule("real", o.DIV)
def over_a_constant(n: Node, _: Place) -> Node | None:
    """`div(x, const(4)) -> lin(0, (0.25, x))`"""
    a, b = n.args
    if not is_const(b) or _is_of_trees(a) or _is_far_off(a, b.data):
        return None
    inverse = 1 / b.data if b.data else math.inf
    return o.lin(0, (inverse, a)) if _usable(inverse) else None


@rule("real", o.MUL)
def constant_factors(n: Node, _: Place) -> Node | None:
    """`mul(const(2), x, const(3), y) -> lin(0, (6, mul(x, y)))`"""
    factor = math.prod(a.data for a in n.args if is_const(a))
    kept = [a for a in n.args if not is_const(a)]
    if len(kept) == len(n.args) or not kept or not _usable(factor):
        return None
    return o.lin(0, (factor, o.mul(*kept)))


@rule("real", o.LIN)
def nested_sum(n: Node, place: Place) -> Node | None:
    """`lin(p, (q, lin(r, (k, x)))) -> lin(p + q * r, (q * k, x))`"""
    # A sum of trees stays as it is: a tie between two classes must remain a tie.
    if not any(a.op is o.LIN and not adds_trees(a) for a in n.args) or adds_trees(n):
        return None
    bias, terms, merged = [n.data.bias], [], False
    for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
        inner = _merged(n, w, a, place)
        if inner is None:
            terms.append((w, a))
        else:
            merged = True
            bias.append(inner[0])
            terms.extend(inner[1])
    total = _sum(bias)
    return o.lin(total, *terms) if merged and math.isfinite(total) else None


def _merged(
    n: Node, w: float, a: Node, place: Place
) -> tuple[float, list[tuple[float, Node]]] | None:
    """Return w·a as a bias and terms, where that makes nothing longer."""
    if a.op is not o.LIN or adds_trees(a) or _scales_far_off(a):
        return None
    # A scaled input goes into each of the 60 units that read it; a hidden layer does not.
    single = len(a.args) == 1 and (abs(w) != 1 or len(n.args) == 1)
    if not single and not place.once(a):
        return None
    weights = [w * v for v in a.data.weights.tolist()]
    fits = all(map(_usable, weights)) and math.isfinite(w * a.data.bias)
    return (w * a.data.bias, list(zip(weights, a.args, strict=True))) if fits else None


@rule("real", o.SQUARED_DISTANCE)
def distance_of_scaled(n: Node, _: Place) -> Node | None:
    """`squared_distance([lin(r, (k, x))], [q], [p]) -> squared_distance([x], [-1.25], [4.5])`"""
    # w(r + k·x − c)² = w·k²·(x − (c − r)/k)²
    scales = [_scale_of(a) for a in n.args]
    if all(scale is None for scale in scales):
        return None
    args, points, weights = list(n.args), n.data.point.tolist(), n.data.weights.tolist()
    for i, scale in enumerate(scales):
        if scale is not None:
            bias, factor = scale
            args[i] = n.args[i].args[0]
            points[i] = (points[i] - bias) / factor
            weights[i] *= factor * factor
    # A weight that was 0 adds nothing, and one that became 0 would be lost.
    lost = any(w == 0 != v for w, v in zip(weights, n.data.weights.tolist(), strict=True))
    safe = not lost and all(map(math.isfinite, [*points, *weights]))
    return o.squared_distance(args, points, weights) if safe else None


def _scale_of(a: Node) -> tuple[float, float] | None:
    """Return r and k of r + k·x, where the mean that is in them may be taken into a point."""
    if a.op is not o.LIN or len(a.args) != 1 or adds_trees(a):
        return None
    bias, factor = a.data.bias, a.data.weights[0].item()
    return None if not _usable(factor) or abs(bias) > FAR else (bias, factor)


@rule("real", o.LIN)
def several_tables(n: Node, place: Place) -> Node | None:
    """`lin(0, (p, dummy(s, "A")), (q, dummy(s, "B"))) -> lin(0, (1, lookup(s, A=p, B=q)))`"""
    groups: dict[Node, list[int]] = {}
    for i, a in enumerate(n.args):
        if a.op is o.TABLE:
            groups.setdefault(a.args[0], []).append(i)
    groups = {x: at for x, at in groups.items() if len(at) > 1}
    if not groups or place.hidden:
        return None
    weights = n.data.weights.tolist()
    one = {at[0]: _one_table(x, [(weights[i], n.args[i]) for i in at]) for x, at in groups.items()}
    gone = {i for at in groups.values() for i in at[1:]}
    terms = [
        (1.0, one[i]) if i in one else (w, a)
        for i, (w, a) in enumerate(zip(weights, n.args, strict=True))
        if i not in gone
    ]
    return o.lin(n.data.bias, *terms)


def _one_table(x: Node, terms: Sequence[tuple[float, Node]]) -> Node:
    entries = [dict(zip(t.data.labels, t.data.values.tolist(), strict=True)) for _, t in terms]
    labels = dict.fromkeys(label for found in entries for label in found)
    weighted = [(w, t.data, found) for (w, t), found in zip(terms, entries, strict=True)]
    if any(t.default for _, t, _ in weighted):
        values = {s: [w * found.get(s, t.default) for w, t, found in weighted] for s in labels}
    else:  # what is 0 adds nothing: 8,000 indicators of one column in 0.1 s instead of 6
        values = {s: [] for s in labels}
        for w, _, found in weighted:
            for s, value in found.items():
                values[s].append(w * value)
    return o.table(
        x,
        {s: _sum(parts) for s, parts in values.items()},
        _sum([w * t.default for w, t, _ in weighted]),
        _sum([w * t.missing for w, t, _ in weighted]),
    )


def _is_of_trees(n: Node) -> bool:
    """Tell whether a node is a tree or a sum of trees, whose mean is divided at the end."""
    return n.op in (o.TREE, o.SUM32) or adds_trees(n)


def adds_trees(n: Node) -> bool:
    """Tell whether a node is a sum of trees, whose order of addition its libraries keep."""
    return n.op is o.LIN and any(a.op is o.TREE for a in n.args)


def _usable(value: float) -> bool:
    return math.isfinite(value) and value != 0


def _sum(values: Sequence[float]) -> float:
    """Return a sum, rounded once."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


SUM_RULES: tuple[Rule, ...] = (
    plain_term,
    zero_weights,
    constant_terms,
    repeated_terms,
    over_a_constant,
    constant_factors,
    nested_sum,
    distance_of_scaled,
    several_tables,
)
"""In the order in which they are tried."""
