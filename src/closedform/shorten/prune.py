"""A model's own constants removed, one after another, as far as its answers allow.

Optimal brain surgeon (Hassibi and Stork, 1993) on the weights of any formula that is made of sums:
networks above all. A small student is shorter wherever 95 to 98 % agreement will do; beyond, the
model's own units are the better start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import bounds
from closedform.fitting.constants import slots_of
from closedform.fitting.layered import fits
from closedform.formula import Formula
from closedform.ir import Interval, Node, toposort, with_args
from closedform.passes.simplify import simplified
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import number, whole
from closedform.shorten.scores import score_nodes
from closedform.shorten.students.goal import Fit, fit, weights_and_biases
from closedform.shorten.students.large import LARGE, laid_out
from closedform.shorten.students.school import School
from closedform.shorten.students.shrinking import shrink
from closedform.shorten.teacher import Teacher

SLOW = 300
"""The most constants of a formula that is not made of layers: 0.5 s for one step, of thirty."""
SATURATED = 1e-6
"""A unit that moves by no more than this, whatever the inputs, is a constant."""
HOPELESS = 0.5
"""Where more than this of the variance is left, a student of the same size is far better."""
ZERO = ops.const(0.0)
UNITS = ("max", "tanh", "sigmoid", "softplus", "exp")
LATE = 3
"""After so many formulas in a row that miss the error asked for, none will meet it."""


def prune(
    formula: Formula, X: Any, *, y: Any = None, max_error: float = 0.01,
    constants: int | None = None, seed: int = 0, time_limit: float | None = 60.0,
    progress: Wanted = None,
) -> Formula:  # fmt: skip
    """Return a model's formula with as few of its weights as its answers allow.

    Args:
        formula: the exact formula of the model.
        X: rows like those that it is for, at least 10; more are made up like them.
        y: what was observed on them; not used.
        max_error: how far the answers may move: for classes, the share of rows with another one;
            for numbers, the root mean square difference as a share of their own deviation.
        constants: prune to at most so many constants instead, whatever the error.
        seed: of everything random.
        time_limit: in seconds; None for no limit. What is shortest by then is returned.
        progress: as of `frontier`.

    Returns:
        The shortest formula found that keeps to `max_error`, with its numbers rounded; its last
        step says how many constants it has and how far it is from the model, on rows that no step
        was fitted to. The formula as it was where nothing can go.

    Raises:
        BadInput: the rows do not fit the formula, it has no weights, or an option makes no sense.
    """
    constants = None if constants is None else whole("constants", constants, 1)
    max_error = number("max_error", max_error, "a share from 0 on, as 0.01 for 1 %")
    teacher, clock = Teacher.of(formula, X, y, seed=seed), Clock(time_limit)
    if _start(teacher) is None:
        raise BadInput(
            "The formula has no weights that could be pruned: it is not made of sums, or of too "
            "many that are not layers of a network.",
            hint="Fit something shorter to it instead: closedform.students(formula, X).",
        )
    found = gathered(_kept(_pruned(teacher, clock), max_error, constants), clock, "prune", progress)
    return found[-1] if found else formula


def _kept(made: Iterator[Formula], max_error: float, constants: int | None) -> Iterator[Formula]:
    """Yield the formulas that are close enough, until it is clear that no more will be."""
    late = 0
    for one in made:
        found = one.trail[-1].found
        if constants is not None:
            yield one
            if found["constants"] <= constants:
                return
            continue
        late = 0 if found["error"] <= max_error else late + 1
        if not late:
            yield one
        if late >= LATE:
            return


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield the teacher's own formula with fewer and fewer constants; nothing of trees.

    Of a forest of 50 trees it gave 43 formulas of 39,000 symbols or more, in 27 s: `fewer` is for
    these.
    """
    if teacher.formula is not None and not _of_trees(teacher.formula):
        yield from _pruned(teacher, clock)


def _of_trees(formula: Formula) -> bool:
    """Tell whether most of the constants are those of trees."""
    leaves = sum(len(n.data.splits.leaf) for n in formula.nodes if n.op is ops.TREE)
    return leaves > sum(len(slots_of(n)) for n in formula.nodes)


def _pruned(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    roots = _start(teacher)
    if roots is None:
        return
    school = School.of(teacher, clock, itself=True)
    start = _fitted(school, roots)
    for now in shrink(start, school.drawn, (), clock, partial(_folded, teacher=teacher)):
        if now.loss > HOPELESS:
            return
        made = school.shown(now)
        if made is not None:
            yield made


def _fitted(school: School, roots: list[Node]) -> Fit:
    goal = school.drawn(4000)
    start = laid_out(goal, roots, ())
    if start is not None and len(start.theta) > LARGE:
        return start
    return fit(goal, roots, (), steps=0)


def _start(teacher: Teacher) -> list[Node] | None:
    """Return the scores of a model, what never moves folded; None where nothing can be pruned."""
    if teacher.formula is None:
        return None
    roots = _tidy([_merged(n) for n in score_nodes(teacher.formula)])
    roots = _folded(roots, teacher)
    free = weights_and_biases(roots, ())
    slots = [slot for n in toposort(roots) for slot in slots_of(n) if free(slot)]
    many = len(slots) > SLOW and not fits(roots, slots)
    return None if many or not slots else roots


def _tidy(roots: Sequence[Node]) -> list[Node]:
    became = simplified(roots)
    return [became[root] for root in roots]


def _merged(root: Node) -> Node:
    """Return a difference of sums over the same units as one sum."""
    if root.op is not ops.LIN or not all(a.op is ops.LIN for a in root.args):
        return root
    bias, terms = root.data.bias, []
    for w, a in zip(root.data.weights.tolist(), root.args, strict=True):
        bias += w * a.data.bias
        terms += [(w * v, x) for v, x in zip(a.data.weights.tolist(), a.args, strict=True)]
    return ops.lin(bias, *terms)


def _folded(roots: Sequence[Node], teacher: Teacher) -> list[Node]:
    """Return the nodes without units that never switch, or never move, on the box of the rows."""
    order = toposort(roots)
    ranges = dict(zip(order, bounds(order, _box(teacher)), strict=True))
    became: dict[Node, Node] = {}
    for n in order:
        at = ranges[n]
        if n.op.name in UNITS and not at.missing and at.hi - at.lo <= SATURATED:
            became[n] = ops.const((at.lo + at.hi) / 2)
        elif _rectifies(n) and at.lo > 0:
            # Its other argument, which is never below 0 here.
            became[n] = next(became[a] for a in n.args if a is not ZERO)
        else:
            became[n] = with_args(n, tuple(became[a] for a in n.args))
    folded = _tidy([became[root] for root in roots])
    return _tidy(_scaled(folded, _box(teacher)))


def _box(teacher: Teacher) -> dict[int, Interval]:
    return {
        i: Interval(float(np.nanmin(c)), float(np.nanmax(c)), bool(np.isnan(c).any()))
        for i, c in enumerate(teacher.inputs)
        if c.dtype.kind == "f" and np.isfinite(c).any()
    }


def _rectifies(n: Node) -> bool:
    return n.op is ops.MAX and len(n.args) == 2 and n.args.count(ZERO) == 1


def _scaled(roots: Sequence[Node], box: Mapping[int, Interval]) -> list[Node]:
    """Return rectifiers as `w*max(x + …, 0)`: the greatest of their weights before them.

    `max(w*x + …, 0)` is |w| times that, so that each unit has one number less.
    """
    order = toposort(roots)
    ranges = dict(zip(order, bounds(order, box), strict=True))
    became: dict[Node, Node] = {}
    sizes: dict[Node, tuple[float, Node]] = {}
    for n in order:
        inner = next((a for a in n.args if a is not ZERO), None)
        if n.op is ops.LIN:
            pairs = zip(n.data.weights.tolist(), n.args, strict=True)
            terms = [
                (w * sizes[a][0], sizes[a][1]) if a in sizes else (w, became[a]) for w, a in pairs
            ]
            became[n] = ops.lin(n.data.bias, *terms)
        elif _rectifies(n) and inner is not None and inner.op is ops.LIN:
            sizes[n] = _unit(inner, became[inner], ranges)
            became[n] = ops.lin(0.0, sizes[n])
        else:
            became[n] = with_args(n, tuple(became[a] for a in n.args))
    return [became[root] for root in roots]


def _unit(inner: Node, new: Node, ranges: Mapping[Node, Interval]) -> tuple[float, Node]:
    """Return by how much a rectifier's sum is divided, and the rectifier of what is left."""
    widths = [ranges[a].hi - ranges[a].lo for a in inner.args]
    reach = np.nan_to_num(np.abs(inner.data.weights) * widths)
    size = float(abs(new.data.weights[int(np.argmax(reach))])) if len(reach) else 0.0
    if size == 0:
        return 1.0, ops.maximum(new, ZERO)
    weights = [w / size for w in new.data.weights.tolist()]
    return size, ops.maximum(ops.linear(new.data.bias / size, weights, new.args), ZERO)
