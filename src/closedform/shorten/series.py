"""Taylor and Padé: what a formula is near one point, and how far from that it can be.

Taylor's remainder is bounded as Lagrange gave it, the derivatives of the next order by interval
arithmetic over the box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import bounds, compute
from closedform.formula import Formula, Step
from closedform.ir import Interval, Node, Type, toposort
from closedform.passes.differentiate import gradient
from closedform.passes.domain import Domain
from closedform.passes.simplify import simplified
from closedform.shorten.scores import score_nodes
from closedform.shorten.teacher import outputs_of

MOST_TERMS = 500
"""Terms of an expansion: 15 inputs have 136 at order 2 and 816 at order 3."""
SMOOTH = {
    "input", "const", "lin", "mul", "div", "pow", "squared_distance", "exp", "log", "log1p",
    "expm1", "sqrt", "tanh", "sigmoid", "softplus", "erf", "probit", "sin", "cos", "atan",
    "asin", "acos",
}  # fmt: skip
"""Operations that have all derivatives wherever they have a value and their bounds are finite."""

Place = tuple[int, ...]


def taylor(
    formula: Formula, point: Any, order: int = 2, *, box: Mapping[str, Any] | None = None
) -> Formula:
    """Return the Taylor polynomial of each score around a point.

    Args:
        formula: any formula of numbers; the scores of a classifier are expanded, not its chances.
        point: one row: a dict of values by name, or an array of shape (inputs,).
        order: of the highest derivatives, at least 0.
        box: the range of inputs by name, over which the remainder is bounded. Inputs left out
            stay at the point.

    Returns:
        The formula, with a Step "taylor" of kind "approx". With a box its `found` has under
        "remainder" a bound of |score − expansion| for each score, ∞ where none is proven, as at
        an edge of a ReLU or tree that lies in the box.

    Raises:
        BadInput: the point is no row of numbers, the order is none or makes too many terms, or a
            score is missing at the point.
    """
    roots, at = score_nodes(formula), _point(formula, point)
    used = [i for i in formula.used if formula.inputs[i].type is Type.REAL]
    _check_order(order, len(used))
    slopes = _derivatives(roots, used, order)
    away = {i: ops.lin(-at[i], (1, ops.input_(i))) if at[i] else ops.input_(i) for i in used}
    scores = [_expansion(mine, away, at) for mine in slopes]
    found: dict[str, Any] = {} if box is None else {
        "remainder": _remainders(formula, roots, slopes, used, at, box)
    }  # fmt: skip
    told = {formula.inputs[i].name: at[i] for i in used}
    step = Step("taylor", "approx", {"order": order, "point": told}, found)
    return with_scores(formula, scores, step)


def _point(formula: Formula, point: Any) -> list[float]:
    row = {k: [v] for k, v in point.items()} if isinstance(point, Mapping) else np.atleast_2d(point)
    columns, rows = columns_of(formula.inputs, row, formula.needed)
    numbers = [i for i in formula.used if formula.inputs[i].type is Type.REAL]
    if rows != 1 or not all(math.isfinite(columns[i][0]) for i in numbers):
        raise BadInput(
            f"A point is one row of numbers, not {point!r}.",
            hint="Give a value of each input, as point={'age': 40, 'size': 1.7}.",
        )
    return [float(c[0]) for c in columns]


def _check_order(order: Any, inputs: int) -> None:
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise BadInput(f"{order!r} is no order.", hint="Give a whole number from 0 on.")
    if math.comb(inputs + order, order) > MOST_TERMS:
        raise BadInput(
            f"An expansion of {inputs} inputs to order {order} has "
            f"{math.comb(inputs + order, order)} terms, more than {MOST_TERMS}.",
            hint="Take a lower order, or a sparse polynomial: cf.polynomial(formula, X).",
        )


def _derivatives(roots: Sequence[Node], used: Sequence[int], order: int) -> list[dict[Place, Node]]:
    """Return every partial derivative up to an order, by the inputs along which it is taken."""
    made: list[dict[Place, Node]] = [{(): root} for root in roots]
    for _ in range(order):
        for mine in made:
            longest = max(map(len, mine))
            for place in [p for p in mine if len(p) == longest]:
                mine |= _slopes(mine[place], place, used)
    return made


def _slopes(n: Node, place: Place, inputs: Sequence[int]) -> dict[Place, Node]:
    """Return the slopes of a derivative along those inputs that come no earlier than its own."""
    along = [i for i in inputs if not place or i >= place[-1]]
    slopes = gradient(n, along)
    # Folded, or the slope of x³ would be 3·x to the power of (3 − 1), with no bounds to speak of.
    became = simplified(slopes)
    return {(*place, i): became[slope] for i, slope in zip(along, slopes, strict=True)}


def _expansion(slopes: Mapping[Place, Node], away: Mapping[int, Node], at: Sequence[float]) -> Node:
    columns = [np.array([v]) for v in at]
    values = [float(v[0]) for v in compute(list(slopes.values()), columns, 1)]
    if not all(map(math.isfinite, values)):
        raise BadInput(
            "At the point, a score or one of its derivatives is missing or infinite.",
            hint="Take another point.",
        )
    terms, bias = [], 0.0
    for place, value in zip(slopes, values, strict=True):
        weight = value / _factorials(place)
        if not place:
            bias = value
        elif weight:
            terms.append((weight, _power(place, away)))
    return ops.lin(bias, *terms)


def _factorials(place: Place) -> float:
    return math.prod(math.factorial(place.count(i)) for i in set(place))


def _power(place: Place, away: Mapping[int, Node]) -> Node:
    factors = []
    for i in dict.fromkeys(place):
        count = place.count(i)
        factors.append(away[i] if count == 1 else ops.power(away[i], count))
    return ops.mul(*factors)


def _remainders(
    formula: Formula, roots: Sequence[Node], slopes: Sequence[dict[Place, Node]],
    used: Sequence[int], at: Sequence[float], box: Mapping[str, Any],
) -> list[float]:  # fmt: skip
    """Return Σ sup|∂ᵅf| / α! · |x − point|ᵅ over all α of the next order, for each score."""
    stated = Domain.of(formula.inputs, None, box).box
    inside = {i: stated.get(i, Interval(at[i], at[i])) for i in used}
    # Between the point and the box, too.
    around = {i: Interval(min(x.lo, at[i]), max(x.hi, at[i]), x.missing) for i, x in inside.items()}
    reach = {i: max(abs(x.lo - at[i]), abs(x.hi - at[i])) for i, x in inside.items()}
    moving = [i for i in used if reach[i] > 0]
    out = []
    for root, mine in zip(roots, slopes, strict=True):
        if any(n.op.name not in SMOOTH for n in toposort([root])):
            out.append(math.inf)
            continue
        out.append(_lagrange(mine, moving, around, reach))
    return out


def _lagrange(
    mine: dict[Place, Node], moving: Sequence[int], around: Mapping[int, Interval],
    reach: Mapping[int, float],
) -> float:  # fmt: skip
    longest = max(map(len, mine))
    last = [p for p in mine if len(p) == longest and all(reach[i] > 0 for i in p)]
    slopes = {w: n for p in last for w, n in _slopes(mine[p], p, moving).items()}
    largest = np.zeros(len(slopes))
    for part in _parts(around, moving):
        found = bounds(list(slopes.values()), part)
        sizes = [math.inf if x.missing or x.empty else max(abs(x.lo), abs(x.hi)) for x in found]
        largest = np.maximum(largest, sizes)
    total = sum(
        size / _factorials(place) * math.prod(reach[i] for i in place)
        for place, size in zip(slopes, largest.tolist(), strict=True)
    )
    return total * (1 + 1e-12)


PARTS = 16
"""So many parts of a box are bounded by themselves: of two inputs, 4 stretches of each."""


def _parts(
    around: Mapping[int, Interval], moving: Sequence[int]
) -> Iterator[Mapping[int, Interval]]:
    """Yield boxes that make up the whole: on smaller ones interval bounds are closer."""
    each = max(1, int(PARTS ** (1 / max(1, len(moving))) + 1e-9))
    stretches = []
    for i in moving:
        edges = np.linspace(around[i].lo, around[i].hi, each + 1).tolist()
        edges[0], edges[-1] = around[i].lo, around[i].hi
        stretches.append([Interval(lo, hi, around[i].missing) for lo, hi in pairwise(edges)])
    for chosen in product(*stretches):
        yield {**around, **dict(zip(moving, chosen, strict=True))}


def with_scores(formula: Formula, scores: Sequence[Node], step: Step) -> Formula:
    """Return a formula whose scores are others, and what follows from them."""
    task, outputs = outputs_of(formula.task, list(scores))
    return replace(
        formula, outputs=outputs, task=task, names={}, stages=(), trail=(*formula.trail, step)
    )


def pade(formula: Formula, point: Any, degrees: tuple[int, int] = (3, 2)) -> Formula:
    """Return the Padé approximant of each score of one input around a point.

    A quotient of polynomials whose Taylor series is the score's as far as it goes; where the
    score saturates it stays close for longer than a polynomial (Baker and Graves-Morris, Padé
    approximants, 1996, §1.4).

    Args:
        formula: a formula of one numeric input.
        point: its value.
        degrees: of the numerator and of the denominator.

    Raises:
        BadInput: there is more than one input, the degrees are none, or no such quotient exists.
    """
    if len(formula.used) != 1 or formula.inputs[formula.used[0]].type is not Type.REAL:
        raise BadInput(
            f"A Padé approximant is of one number, not of {len(formula.used)} inputs.",
            hint="Take cf.chebyshev(formula, X, denominator=2), which treats unit by unit.",
        )
    i, (above, below) = formula.used[0], _two(degrees)
    _check_order(above, 1)
    _check_order(below, 1)
    centre = _number(point.get(formula.inputs[i].name) if isinstance(point, Mapping) else point)
    roots = score_nodes(formula)
    at = [0.0] * len(formula.inputs)
    at[i] = centre
    away = ops.lin(-centre, (1, ops.input_(i))) if centre else ops.input_(i)
    scores = [
        _quotient(_coefficients(mine, at), above, below, away)
        for mine in _derivatives(roots, [i], above + below)
    ]
    step = Step("pade", "approx", {"degrees": tuple(degrees), "point": centre})
    return with_scores(formula, scores, step)


def _two(degrees: Any) -> tuple[Any, Any]:
    if isinstance(degrees, tuple | list) and len(degrees) == 2:
        return degrees[0], degrees[1]
    raise BadInput(f"{degrees!r} are no two degrees.", hint="Give them as degrees=(3, 2).")


def _number(point: Any) -> float:
    """Return a point of one input as a number."""
    try:
        found = np.asarray(point, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        found = np.empty(0)
    if len(found) == 1 and math.isfinite(found[0]):
        return float(found[0])
    raise BadInput(f"{point!r} is no point of one input.", hint="Give its value, as 0.5.")


def _coefficients(slopes: Mapping[Place, Node], at: Sequence[float]) -> np.ndarray[Any, Any]:
    values = compute(list(slopes.values()), [np.array([v]) for v in at], 1)
    found = np.array([float(v[0]) / _factorials(p) for p, v in zip(slopes, values, strict=True)])
    if not np.isfinite(found).all():
        raise BadInput("A derivative is missing at the point.", hint="Take another point.")
    return found


def _quotient(c: np.ndarray[Any, Any], above: int, below: int, away: Node) -> Node:
    """Return p(x) / q(x), q(0) = 1, whose series starts with the coefficients c."""

    def at(k: int) -> float:
        return float(c[k]) if k >= 0 else 0.0

    table = np.array(
        [[at(above + j - k) for k in range(1, below + 1)] for j in range(1, below + 1)]
    )
    wanted = -c[above + 1 : above + below + 1]
    q = np.linalg.lstsq(table, wanted, rcond=1e-12)[0] if below else np.zeros(0)
    if below and not np.allclose(table @ q, wanted, rtol=1e-6, atol=1e-9 * abs(c).max()):
        raise BadInput(
            f"There is no Padé approximant of degrees {above} and {below} here.",
            hint="Take other degrees, or another point.",
        )
    q = np.concatenate([[1.0], q])
    p = [sum(q[k] * at(j - k) for k in range(min(j, below) + 1)) for j in range(above + 1)]
    top, bottom = polynomial_in(p, away), polynomial_in(q.tolist(), away)
    return top if bottom.op is ops.CONST else ops.div(top, bottom)


def polynomial_in(coefs: Sequence[float], x: Node) -> Node:
    """Return Σ coefs[k]·xᵏ; what is 0 to 14 digits is left out."""
    least = 1e-14 * max(map(abs, coefs), default=0.0)
    terms = [
        (float(c), x if k == 1 else ops.power(x, k))
        for k, c in enumerate(coefs)
        if k and abs(c) > least
    ]
    return ops.lin(float(coefs[0]), *terms) if terms else ops.const(float(coefs[0]))
