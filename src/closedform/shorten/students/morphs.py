"""Units that became simple again: a group of them turned into a line, a square, a wave, a step.

A shape takes the place of units *in context*: everything is fitted again with it, and it stays
only if that pays (a shape fitted to a unit by itself makes x·y wrong, as networks of splines do).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.ir import Array, Node, toposort
from closedform.shorten.clock import Clock
from closedform.shorten.students.goal import PRICE, Fit, Goal, crowded, fit, terms_of, tidy
from closedform.shorten.students.surgeon import Surgery

WIDE = 4
"""The most inputs of which all squares and products are tried."""
BEST = 3
"""Shapes of a group that are fitted in context: those which alone come nearest."""

Term = tuple[float, Node]


@dataclass(frozen=True, eq=False)
class Group:
    """Units that read the same few inputs, and those inputs."""

    units: tuple[Node, ...]
    inputs: tuple[Node, ...]


def morphed(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit:
    """Return a student with shapes in the place of units, wherever that pays."""
    tried: set[tuple[Node, ...]] = set()
    while not clock.out():
        better = None
        for group in _groups(now.roots, given):
            names = group.inputs
            if names in tried or clock.out():
                continue
            tried.add(names)
            better = _best_shape(now, group, goal, given, clock)
            if better is not None:
                break
        if better is None:
            return now
        now, tried = better, set()
    return now


def worth(found: Fit, goal: Goal) -> float:
    """Return what a fit is worth, the less the better: its loss, and the constants it takes."""
    length = found.count + crowded(found.roots, goal)
    return float(np.log(max(found.loss, 1e-9)) + PRICE * length)


def _best_shape(
    now: Fit, group: Group, goal: Goal, given: Collection[Node], clock: Clock
) -> Fit | None:
    best, least = None, worth(now, goal)
    for shapes in _nearest(now, group, goal):
        roots = _replaced(now.roots, group, shapes, goal)
        tried = spared(fit(goal, roots, given, steps=10, stop=clock.out), goal, given, clock)
        if worth(tried, goal) < least:
            best, least = tried, worth(tried, goal)
        if clock.out():
            break
    return best


def spared(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit:
    """Return a fit without the constants that are not worth their place."""
    if len(now.theta) < 2:
        return now
    surgery = Surgery(now.theta, now.normal)
    loss = max(now.loss, 1e-9)
    while surgery.there.sum() > 1:
        i = int(np.argmin(surgery.cost))
        cost = surgery.cost[i]
        if cost > PRICE * loss:
            break
        surgery.fix(i)
        loss += cost
    if surgery.there.all():
        return now
    return fit(goal, tidy(now.constants.put(surgery.theta)), given, steps=10, stop=clock.out)


def _groups(roots: Sequence[Node], given: Collection[Node]) -> Iterator[Group]:
    """Yield the units of each set of inputs, then those of overlapping sets, the smaller first."""
    units = {n: _support(n, given) for root in roots for _, n in terms_of(root)[1] if _is_unit(n)}
    sets = sorted(set(units.values()), key=len)
    unions = [tuple(dict.fromkeys(a + b)) for a, b in combinations(sets, 2) if set(a) & set(b)]
    unions.append(tuple(dict.fromkeys(x for s in sets for x in s)))
    order = {x: i for i, x in enumerate(given)}
    seen: set[tuple[Node, ...]] = set()
    for inputs in [*sets, *sorted(unions, key=len)]:
        inputs = tuple(sorted(inputs, key=order.__getitem__))
        mine = tuple(n for n, support in units.items() if set(support) <= set(inputs))
        if inputs and inputs not in seen:
            seen.add(inputs)
            yield Group(mine, inputs)


def _is_unit(n: Node) -> bool:
    return n.op is ops.TANH


def _support(n: Node, given: Collection[Node]) -> tuple[Node, ...]:
    below = set(toposort([n]))
    return tuple(x for x in given if x in below)


def _nearest(now: Fit, group: Group, goal: Goal) -> list[tuple[Node, ...]]:
    """Return the sets of shapes that come nearest to what the units of a group add."""
    told = _added(now.roots, group, goal)
    weight = goal.weight.sum(axis=1)
    scale = np.sqrt(weight / weight.sum())[:, None]
    columns = _columns(group.inputs, goal)
    options = list(_shapes(group.inputs, columns))
    scored: list[tuple[float, tuple[Node, ...]]] = []
    for shapes in options:
        design = np.column_stack([np.ones(goal.rows), *columns, *_columns(shapes, goal)])
        if not np.isfinite(design).all():
            continue
        _, away = _regressed(design * scale, told * scale)
        scored.append((float((away * away).sum()), shapes))
    scored.sort(key=lambda pair: pair[0])
    line = [pair for pair in scored if not pair[1]]
    return [shapes for _, shapes in [*line, *[p for p in scored if p[1]][:BEST]]]


def _added(roots: Sequence[Node], group: Group, goal: Goal) -> Array:
    """Return what the units of a group add to each score, shape (rows, scores)."""
    mine = set(group.units)
    parts = [ops.lin(0.0, *(t for t in terms_of(root)[1] if t[1] in mine)) for root in roots]
    return np.column_stack(compute(parts, goal.inputs, goal.rows))


def _columns(nodes: Sequence[Node], goal: Goal) -> list[Array]:
    with np.errstate(all="ignore"):
        return compute(list(nodes), goal.inputs, goal.rows) if nodes else []


def _regressed(design: Array, told: Array) -> tuple[Array, Array]:
    size = np.sqrt((design * design).sum(axis=0))
    size[size == 0] = 1.0
    found = np.linalg.lstsq(design / size, told, rcond=1e-10)[0]
    return found / size[:, None], told - design @ (found / size[:, None])


def _replaced(
    roots: Sequence[Node], group: Group, shapes: tuple[Node, ...], goal: Goal
) -> list[Node]:
    """Return the scores with shapes, and a line, in the place of a group's units."""
    told = _added(roots, group, goal)
    terms = [*group.inputs, *shapes]
    weight = goal.weight.sum(axis=1)
    scale = np.sqrt(weight / weight.sum())[:, None]
    design = np.column_stack([np.ones(goal.rows), *_columns(terms, goal)])
    weights, _ = _regressed(design * scale, told * scale)
    mine = set(group.units)
    made = []
    for root, found in zip(roots, weights.T.tolist(), strict=True):
        bias, old = terms_of(root)
        kept = [t for t in old if t[1] not in mine]
        made.append(ops.lin(bias + found[0], *kept, *zip(found[1:], terms, strict=True)))
    return tidy(made)


def _shapes(inputs: tuple[Node, ...], columns: Sequence[Array]) -> Iterator[tuple[Node, ...]]:
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
        yield from ((ops.mul(a, b),) for a, b in combinations(inputs, 2) if len(inputs) <= 8)


ONE: dict[str, Callable[[Node], Node]] = {
    "log": ops.log,
    "sqrt": ops.sqrt,
    "inverse": lambda x: ops.div(ops.const(1.0), x),
}
"""Shapes of an input that is positive on all rows."""


def _of_one(x: Node, column: Array) -> Iterator[tuple[Node, ...]]:
    spread = float(np.std(column)) or 1.0
    ends = [float(q) for q in np.quantile(column, [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])]
    yield (ops.mul(x, x),)
    if column.min() > 0:
        yield from ((make(x),) for make in ONE.values())
    for rate in (0.5, 1.0, 1.5, 2.0, 3.0):
        yield from _waves(x, rate / spread)
    for b in ends:
        away = ops.lin(-b, (1.0, x))
        yield (ops.absolute(away),)
        yield (ops.maximum(away, ops.const(0.0)),)
        yield (ops.where(ops.less(ops.const(b), x), ops.const(1.0), ops.const(0.0)),)
    for b in ends[1:-1:2]:
        for width in (0.5, 1.0, 2.0):
            u = ops.lin(-b / (width * spread), (1 / (width * spread), x))
            yield (ops.exp(ops.lin(0.0, (-1.0, ops.mul(u, u)))),)


def _waves(x: Node, rate: float) -> Iterator[tuple[Node, ...]]:
    for phase in (0.0, 0.8, 1.57, 2.4):
        yield (ops.sin(ops.lin(phase, (rate, x))),)
