"""Sparse polynomials: the products and simple curves of inputs that explain most, one by one.

Orthogonal least squares (Chen, Billings and Luo, Orthogonal least squares methods and their
application to non-linear system identification, 1989): the next column is the one whose part that
is orthogonal to those chosen lowers the loss most. Several scores choose their columns together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.finish import finished_formula
from closedform.shorten.gathering import gathered
from closedform.shorten.neat import rounded
from closedform.shorten.numbers import snapped
from closedform.shorten.options import whole
from closedform.shorten.teacher import Teacher
from closedform.shorten.views import View

ROWS = 6_000
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25)
"""Terms of the formulas that are given."""
MOST_VIEWS = {1: 60, 2: 40, 3: 15}
"""So many inputs enter terms of a degree, the most telling first: 800 columns at the third."""
GAIN = 1e-4
"""A term that explains less of the variance than this ends the search."""


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Give linear formulas, polynomials with simple curves, and without, of 1 to 25 terms."""
    seen: set[tuple[Node, ...]] = set()
    for kind, degree, curves in KINDS:
        if clock.out():
            return
        for formula in _of_kind(teacher, clock, kind, degree, curves):
            if tuple(formula.roots) not in seen:  # a polynomial that is linear has been given
                seen.add(tuple(formula.roots))
                yield formula


KINDS = (("linear", 1, False), ("polynomial with curves", 2, True), ("polynomial", 3, False))
"""Name, degree, and whether simple curves are among the terms."""


def polynomial(
    formula: Formula, X: Any, *, y: Any = None, degree: int = 3, curves: bool = False,
    seed: int = 0, time_limit: float | None = None, progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return sparse polynomials for a model, from one term on.

    Args:
        formula: the exact formula of the model.
        X: rows like those that it will be used on.
        y: what was observed there; not used for the fit.
        degree: of the polynomial, 1 to 3.
        curves: whether |x − c|, max(x − c, 0), log x and √x may be terms too.
        seed: of the rows that are made up beside X.
        time_limit: seconds; what was found by then, or until Ctrl-C, is returned.
        progress: as of `frontier`.

    Raises:
        BadInput: the degree is not 1, 2 or 3, or the rows do not fit the formula.
    """
    degree = whole("degree", degree, 1, max(MOST_VIEWS))
    teacher = Teacher.of(formula, X, y, seed=seed)
    kind = "polynomial with curves" if curves else "linear" if degree == 1 else "polynomial"
    clock = Clock(time_limit)
    found = _of_kind(teacher, clock, kind, degree, curves)
    return gathered(found, clock, "polynomials", progress)


@dataclass(frozen=True, eq=False)
class Term:
    """One column that a polynomial may use.

    Attributes:
        node: over the raw inputs.
        column: its values on the rows to fit on.
        price: a share of what it explains that it must make up for: longer terms come later.
    """

    node: Node
    column: Array
    price: float


def _of_kind(
    teacher: Teacher, clock: Clock, kind: str, degree: int, curves: bool
) -> Iterator[Formula]:
    inputs, target = teacher.sample(ROWS, seed=5)
    if not teacher.views or not len(target):
        return
    weight = teacher.weights(target)
    terms = terms_of(teacher.views, teacher.design(inputs), target, weight, degree, curves)
    path = chosen(terms, target, weight) if terms else []
    for count in [s for s in SIZES if s <= len(path)]:
        if clock.out():
            return
        scores = _fitted([terms[j] for j in path[:count]], target, weight)
        step = Step(kind, "approx", {"terms": count, "degree": degree, "seed": teacher.seed})
        short = snapped(teacher.formula_of(scores, step), teacher, clock=clock)
        yield finished_formula(short, teacher.inputs)


def terms_of(
    views: Sequence[View], design: Array, target: Array, weight: Array, degree: int, curves: bool
) -> list[Term]:
    """Return the columns of a polynomial of some degree in the most telling inputs.

    Args:
        views: the inputs as numbers.
        design: their values, shape (rows, views).
        target: the scores, shape (rows, scores); weight: of each row.
        degree: 1 to 3.
        curves: whether simple curves are there too.
    """
    order = telling(design, target, weight)
    made: list[Term] = []
    for power in range(1, degree + 1):
        picked = sorted(order[: MOST_VIEWS[power]])
        for places in combinations_with_replacement(picked, power):
            if not _idle([views[i] for i in places], places):
                made.append(_product(views, design, places))
    for i in sorted(order[: MOST_VIEWS[2]]) if curves else ():
        made += _curves(views[i], design[:, i])
    return [t for t in made if np.isfinite(t.column).all() and t.column.std() > 0]


def telling(design: Array, target: Array, weight: Array) -> list[int]:
    """Return the inputs in the order of what a parabola in each explains of the scores."""
    told = np.zeros(design.shape[1])
    for i in range(design.shape[1]):
        x = (design[:, i] - design[:, i].mean()) / (design[:, i].std() or 1.0)
        told[i] = _explained(np.column_stack([x, x * x]), target, weight)
    return [int(i) for i in np.argsort(-told, kind="stable")]


def _explained(columns: Array, target: Array, weight: Array) -> float:
    root = np.sqrt(weight / weight.sum())[:, None]
    table, wanted = (root * (t - np.average(t, axis=0, weights=weight)) for t in (columns, target))
    found = np.linalg.lstsq(table, wanted, rcond=None)[0]
    return float(((table @ found) ** 2).sum())


def _idle(views: Sequence[View], places: Sequence[int]) -> bool:
    """Tell a product that says nothing new: x·x of 0 or 1, two categories of one input."""
    if any(v.indicator and places.count(i) > 1 for v, i in zip(views, places, strict=True)):
        return True
    return any(
        a.input == b.input and a is not b and (a.indicator or b.indicator)
        for a, b in combinations(views, 2)
    )


def _product(views: Sequence[View], design: Array, places: Sequence[int]) -> Term:
    if len(places) == 1:
        return Term(views[places[0]].node, design[:, places[0]], 0.0)
    nodes, column = [], np.ones(len(design))
    for i in dict.fromkeys(places):
        centre, power = _centre(views[i]), places.count(i)
        away = ops.lin(-centre, (1, views[i].node)) if centre else views[i].node
        nodes.append(away if power == 1 else ops.power(away, power))
        column = column * (design[:, i] - centre) ** power
    return Term(ops.mul(*nodes), column, 0.03 * (len(places) - 1))


def _centre(view: View) -> float:
    """Return what is taken off an input before it is multiplied: nothing where 0 is near.

    Far from 0, x and x² are nearly one column, and their terms would cancel each other.
    """
    return 0.0 if view.indicator or abs(view.mean) < view.deviation else rounded(view.mean, 2)


def _curves(view: View, x: Array) -> Iterator[Term]:
    if view.indicator:
        return
    for cut in np.unique(np.quantile(x, (0.25, 0.5, 0.75))).tolist():
        cut = rounded(cut, 2)
        away = ops.lin(-cut, (1, view.node)) if cut else view.node
        yield Term(ops.absolute(away), abs(x - cut), 0.03)
        yield Term(ops.maximum(away, ops.const(0)), np.maximum(x - cut, 0), 0.03)
    for name, function, least in CURVES:
        if view.lo > least:
            yield Term(ops.unary(name, view.node), function(x), 0.03)


CURVES: tuple[tuple[str, Callable[[Array], Array], float], ...] = (
    ("log", np.log, 0.0),
    ("sqrt", np.sqrt, 0.0),
)
"""Curves of a number, and above what they are taken."""


def chosen(terms: Sequence[Term], target: Array, weight: Array) -> list[int]:
    """Return which columns are taken, the one that explains most first.

    In the space of the normal equations: what is chosen is projected out of all that is left.
    """
    share = weight / weight.sum()
    table = np.column_stack([t.column for t in terms])
    table = table - share @ table
    table /= np.sqrt(share @ table**2)
    wanted = target - share @ target
    wanted = wanted / np.maximum(np.sqrt(share @ wanted**2), 1e-300)
    normal, slope = table.T @ (table * share[:, None]), table.T @ (wanted * share[:, None])
    price = 1 - np.array([t.price for t in terms])
    path: list[int] = []
    for _ in range(min(max(SIZES), len(terms))):
        left = np.diag(normal).copy()
        left[left < 1e-7] = np.inf  # a column that those chosen make up already
        gain = (slope**2).sum(axis=1) / left
        best = int(np.argmax(gain * price))
        if gain[best] < GAIN * target.shape[1]:
            break
        path.append(best)
        column = normal[:, best] / normal[best, best]
        slope = slope - np.outer(column, slope[best])
        normal = normal - np.outer(column, normal[best])
    return path


def _fitted(terms: Sequence[Term], target: Array, weight: Array) -> list[Node]:
    """Return one sum a score, fitted by weighted least squares."""
    root = np.sqrt(weight)[:, None]
    table = np.column_stack([np.ones(len(target)), *(t.column for t in terms)])
    scale = np.sqrt((table**2).mean(axis=0))
    found = np.linalg.lstsq(table / scale * root, target * root, rcond=None)[0] / scale[:, None]
    return [
        ops.lin(bias, *((w, t.node) for w, t in zip(weights, terms, strict=True)))
        for bias, *weights in found.T.tolist()
    ]
