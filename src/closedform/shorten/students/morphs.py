"""Units that became simple again: a group of them turned into a line, a square, a wave, a step.

A shape takes the place of units *in context*: everything is fitted again with it, and it stays
only if that pays (a shape fitted to a unit by itself makes x·y wrong, as networks of splines do).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.ir import Array, Node, toposort
from closedform.shorten.clock import Clock
from closedform.shorten.students.clearing import cleared
from closedform.shorten.students.goal import PRICE, Fit, Goal, crowded, fit, terms_of
from closedform.shorten.students.shapes import shapes_of, step_of
from closedform.shorten.surgeon import Surgery

BEST = 3
"""Shapes of a group that are fitted in context: those which alone come nearest."""

EXACT = 1e-5
"""Who leaves less of the variance unexplained, 0.3 % of the spread, has found it."""

STEEP = 3.0
"""A unit that turns so many times within a spread of its input may be a step."""

Term = tuple[float, Node]


@dataclass(frozen=True, eq=False)
class Group:
    """Units that read the same few inputs, those inputs, and the scores that they add to."""

    units: tuple[Node, ...]
    inputs: tuple[Node, ...]
    scores: tuple[int, ...]


def morphed(now: Fit, goal: Goal, given: Collection[Node], clock: Clock) -> Fit:
    """Return a student with shapes in the place of units, wherever that pays."""
    while not clock.out():
        tried = (
            _best_shape(now, group, goal, given, clock)
            for group in _groups(now.roots, given)
            if not clock.out()
        )
        better = next((found for found in tried if found is not None), None)
        if better is None:
            return now
        now = better
    return now


def worth(found: Fit, goal: Goal) -> float:
    """Return what a fit is worth, the less the better: its loss, and the constants it takes."""
    length = found.count + crowded(found.roots, goal)
    return float(np.log(max(goal.loss(found.roots), EXACT)) + PRICE * length)


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
    return fit(goal, cleared(now.constants.put(surgery.theta)), given, steps=10, stop=clock.out)


def _groups(roots: Sequence[Node], given: Collection[Node]) -> Iterator[Group]:
    """Yield the units of each set of inputs, then those of overlapping sets, the smaller first."""
    units = {n: _support(n, given) for root in roots for _, n in terms_of(root)[1] if _is_unit(n)}
    sets = sorted(set(units.values()), key=len)
    unions = [tuple(dict.fromkeys(a + b)) for a, b in combinations(sets, 2) if set(a) & set(b)]
    unions.append(tuple(dict.fromkeys(x for s in sets for x in s)))
    order = {x: i for i, x in enumerate(given)}
    among = [tuple(sorted(x, key=order.__getitem__)) for x in [*sets, *sorted(unions, key=len)]]
    whole = tuple(range(len(roots)))
    seen: set[tuple[object, ...]] = set()
    for inputs in filter(None, among):
        same = tuple(n for n, support in units.items() if set(support) == set(inputs))
        inside = tuple(n for n, support in units.items() if set(support) <= set(inputs))
        for mine, scores in product((same, inside), {whole, *((k,) for k in whole)}):
            read = tuple(k for k in scores if set(mine) & {n for _, n in terms_of(roots[k])[1]})
            if read and (mine, inputs, read) not in seen:
                seen.add((mine, inputs, read))
                yield Group(mine, inputs, read)


def _is_unit(n: Node) -> bool:
    return n.op is ops.TANH


def _support(n: Node, given: Collection[Node]) -> tuple[Node, ...]:
    below = set(toposort([n]))
    return tuple(x for x in given if x in below)


def _nearest(now: Fit, group: Group, goal: Goal) -> list[tuple[Node, ...]]:
    """Return the sets of shapes that come nearest to what the units of a group add."""
    told = _added(now.roots, group, goal)
    if not np.isfinite(told).all():
        return []
    scale = _scale(goal, group)
    columns = _columns(group.inputs, goal)
    options = [*shapes_of(group.inputs, columns), *_steps(group, columns)]
    scored: list[tuple[float, tuple[Node, ...]]] = []
    for shapes in options:
        design = np.column_stack([np.ones(goal.rows), *columns, *_columns(shapes, goal)])
        if not np.isfinite(design).all():
            continue
        _, away = _regressed(design * scale, told * scale)
        price = goal.weight[0, group.scores] / goal.weight[0, group.scores].max()
        scored.append((float((away * away * price).sum()), shapes))
    scored.sort(key=lambda pair: pair[0])
    line = [pair for pair in scored if not pair[1]]
    return [shapes for _, shapes in [*line, *[p for p in scored if p[1]][:BEST]]]


def _steps(group: Group, columns: Sequence[Array]) -> Iterator[tuple[Node, ...]]:
    """Yield a step where each steep unit of one input has its middle."""
    if len(group.inputs) > 1:
        return
    x, spread = group.inputs[0], float(np.std(columns[0]))
    for unit in group.units:
        inner = unit.args[0]
        if (
            inner.op is ops.LIN
            and inner.args == (x,)
            and abs(inner.data.weights[0]) * spread > STEEP
        ):
            yield (step_of(x, -inner.data.bias / float(inner.data.weights[0]), spread),)


def _added(roots: Sequence[Node], group: Group, goal: Goal) -> Array:
    """Return what the units of a group add to each of its scores, shape (rows, scores)."""
    mine = set(group.units)
    kept = [[t for t in terms_of(roots[k])[1] if t[1] in mine] for k in group.scores]
    return goal.made([ops.lin(0.0, *terms) for terms in kept])


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
    scale = _scale(goal, group)
    design = np.column_stack([np.ones(goal.rows), *_columns(terms, goal)])
    weights, _ = _regressed(design * scale, told * scale)
    mine = set(group.units)
    made = list(roots)
    for k, found in zip(group.scores, weights.T.tolist(), strict=True):
        bias, old = terms_of(roots[k])
        kept = [t for t in old if t[1] not in mine]
        made[k] = ops.lin(bias + found[0], *kept, *zip(found[1:], terms, strict=True))
    return cleared(made)


def _scale(goal: Goal, group: Group) -> Array:
    weight = goal.weight[:, group.scores].sum(axis=1)
    return np.asarray(np.sqrt(weight / weight.sum())[:, None])
