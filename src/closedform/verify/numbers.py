"""Hypotheses about columns and numbers: their order, their units, one number that is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, combinations_with_replacement

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type, substitute
from closedform.verify.case import Case, Hypothesis, Rows
from closedform.verify.steps import found_in, last_columns, reads

MOST_INPUTS = 40
"""Up to so many inputs, every pair is tried to be swapped."""

UNITS: dict[float, str] = {
    1000.0: "1000, as from kilo- to the unit itself",
    100.0: "100, as from metres to centimetres or from a share to per cent",
    10.0: "10",
    1e6: "a million",
    60.0: "60, as from hours to minutes",
    3600.0: "3600, as from hours to seconds",
    24.0: "24, as from days to hours",
    7.0: "7, as from weeks to days",
    12.0: "12, as from years to months or from feet to inches",
    365.25: "365.25, as from years to days",
    365.0: "365, as from years to days",
    86400.0: "86400, as from days to seconds",
    2.54: "2.54, as from inches to centimetres",
    0.3048: "0.3048, as from feet to metres",
    0.45359237: "0.4536, as from pounds to kilograms",
    1.609344: "1.609, as from miles to kilometres",
    4.184: "4.184, as from calories to joules",
    3.6: "3.6, as from m/s to km/h",
    math.pi / 180: "pi/180, as from degrees to radians",
    18.0156: "18.016, as from mmol/l to mg/dl of glucose",
    38.67: "38.67, as from mmol/l to mg/dl of cholesterol",
    88.57: "88.57, as from mmol/l to mg/dl of triglycerides",
    88.42: "88.42, as from mg/dl to µmol/l of creatinine",
    133.322: "133.3, as from mmHg to pascal",
}
"""Factors between units that people mix up, and what they are."""

SHIFTS: tuple[tuple[float, float, str], ...] = (
    (1.8, 32.0, "°F where your numbers are °C"),
    (1 / 1.8, -32 / 1.8, "°C where your numbers are °F"),
    (1.0, 273.15, "kelvin where your numbers are °C"),
    (1.0, -273.15, "°C where your numbers are kelvin"),
)
"""Units with another zero: (factor, offset, what it is)."""


def _number_inputs(case: Case) -> list[int]:
    return [i for i, f in enumerate(case.formula.inputs) if f.type is Type.REAL]


def _name(case: Case, i: int) -> str:
    return case.formula.inputs[i].name


# --- the order of the columns -------------------------------------------------------------------


def column_orders(
    case: Case, mine: Node, then: Callable[[Node], Node] = lambda n: n
) -> Iterator[Hypothesis]:
    """Yield the expression with its columns in other orders, and with a step put right `then`.

    Pairs swapped, rotated, reversed, alphabetical; and for a straight line any order at all, found
    from its weights. Columns that the user has scaled by hand are moved as they are.
    """
    inputs = _number_inputs(case)
    for places in (_raw(inputs), scaled_by_hand(case)):
        for order, says in _orders(case, inputs, [i for i in inputs if places[i] is not None]):
            told = f"The columns are in another order: {says}."
            yield from _reordered(case, mine, then, places, order, told)
    for theirs in case.outputs.values():
        found = _by_weights(case, mine, then, theirs, inputs)
        if found:
            pairs = [f"`{_name(case, b)}` for your `{_name(case, a)}`" for a, b in found.items()]
            told = "The columns are in another order: " + ", ".join(pairs[:8]) + "."
            yield from _reordered(case, mine, then, _raw(inputs), found, told)


Places = dict[int, tuple[list[Node], Node] | None]
"""For each input its places in the user's expression, and the column that belongs there."""


def _raw(inputs: Sequence[int]) -> Places:
    return {i: ([ops.input_(i)], ops.input_(i)) for i in inputs}


def scaled_by_hand(case: Case) -> Places:
    """Return where the user's expression holds the columns that the last steps give."""
    last = last_columns([s for s in case.formula.stages if s.kind == "transform"])
    found = found_in(case, list(last.values()))
    places: Places = dict.fromkeys(_number_inputs(case))
    for old, new in last.items():
        if new in found:
            places[old.data] = (found[new], new)
    return places


def _orders(
    case: Case, inputs: Sequence[int], there: Sequence[int]
) -> Iterator[tuple[dict[int, int], str]]:
    if len(there) <= MOST_INPUTS:
        for a, b in combinations(there, 2):
            yield {a: b, b: a}, f"`{_name(case, a)}` and `{_name(case, b)}` are swapped"
    if len(there) == len(inputs):
        yield from _rearranged(case, inputs)


def _rearranged(case: Case, inputs: Sequence[int]) -> Iterator[tuple[dict[int, int], str]]:
    n = len(inputs)
    for shift in range(1, min(n, MOST_INPUTS)):
        moved = [*inputs[shift:], *inputs[:shift]]
        places = f"{min(shift, n - shift)} place" + "s" * (min(shift, n - shift) != 1)
        yield dict(zip(inputs, moved, strict=True)), f"they are shifted by {places}"
    yield dict(zip(inputs, inputs[::-1], strict=True)), "they are reversed"
    alphabetical = sorted(inputs, key=lambda i: _name(case, i))
    lower = sorted(inputs, key=lambda i: _name(case, i).lower())
    for ordered in (alphabetical, lower):
        if ordered != list(inputs):
            yield dict(zip(ordered, inputs, strict=True)), "yours are alphabetical"
            yield dict(zip(inputs, ordered, strict=True)), "the model's are alphabetical"


def _reordered(
    case: Case, mine: Node, then: Callable[[Node], Node], places: Places, order: dict[int, int],
    says: str,
) -> Iterator[Hypothesis]:  # fmt: skip
    new: dict[Node, Node] = {}
    for a, b in order.items():
        here, there = places[a], places[b]
        if a != b and here is not None and there is not None:
            new.update(dict.fromkeys(here[0], there[1]))
    made = substitute([mine], new)[0]
    if made is not mine:
        for name, theirs in case.outputs.items():
            yield Hypothesis("order", says, then(made), theirs, name)


def _by_weights(
    case: Case, mine: Node, then: Callable[[Node], Node], theirs: Node, inputs: Sequence[int]
) -> dict[int, int] | None:
    """Return which input each column of the user's is, where both sides are straight lines."""
    total = ops.linear(0.0, [1.0] * len(inputs), [ops.input_(i) for i in inputs])
    ours, right, scales = (_weights(case, n, inputs) for n in (mine, theirs, then(total)))
    if ours is None or right is None or scales is None or not scales.all():
        return None
    right = right / scales  # what the user's own numbers would be, on columns that `then` scales
    left = np.argsort(ours, kind="stable"), np.argsort(right, kind="stable")
    scale = np.abs(right).max(initial=0.0)
    if not np.allclose(ours[left[0]], right[left[1]], rtol=0.01, atol=1e-4 * scale):
        return None
    pairs = {inputs[a]: inputs[b] for a, b in zip(*left, strict=True)}
    return {a: b for a, b in pairs.items() if a != b}


def _weights(case: Case, n: Node, inputs: Sequence[int]) -> Array | None:
    """Return the weight of each input in a node that is a straight line of them, else None."""
    start = case.sample.take(np.arange(1))
    base = [np.nan_to_num(c) if c.dtype.kind == "f" else c for c in start.columns]
    size = len(inputs) + 2
    columns = [np.repeat(c, size) for c in base]
    for row, i in enumerate(inputs):
        columns[i][row] += 1.0
        columns[i][-2] += 3.0 + row
    made = Rows(columns, size).values([n])[0]
    slopes = made[: len(inputs)] - made[-1]
    straight = made[-1] + float(slopes @ (3.0 + np.arange(len(inputs))))
    return slopes if np.isclose(straight, made[-2], rtol=1e-6) else None


# --- units --------------------------------------------------------------------------------------


def other_units(case: Case, mine: Node) -> Iterator[Hypothesis]:
    """Yield the expression with one of its columns in other units."""
    lines = [(k, 0.0, f"off by a factor of {said}") for k, said in UNITS.items()]
    lines += [(1 / k, 0.0, f"off by a factor of 1/({said})") for k, said in UNITS.items()]
    lines += [(a, b, f"in {said}") for a, b, said in SHIFTS]
    used = reads(mine)
    for i in _number_inputs(case):
        if i not in used:
            continue
        for name, theirs in case.outputs.items():
            for a, b, said in _near(case, mine, theirs, i, lines):
                x = ops.input_(i)
                made = substitute([mine], {x: ops.lin(b, (a, x))})[0]
                says = f"`{_name(case, i)}` is in other units: {said}."
                yield Hypothesis("units", says, made, theirs, name, (_write(case, i, a, b),))


def _write(case: Case, i: int, a: float, b: float) -> str:
    name, offset = _name(case, i), "" if b == 0 else f" {'+' if b > 0 else '-'} {abs(b):.8g}"
    return f"write ({a:.8g}*{name}{offset}) for {name}"


def _near(
    case: Case, mine: Node, theirs: Node, i: int, lines: list[tuple[float, float, str]]
) -> list[tuple[float, float, str]]:
    """Return the lines which bring both sides near each other on the sample, all tried at once."""
    rows = case.sample
    tiled = [np.tile(c, len(lines)) for c in rows.columns]
    a, b = (np.repeat([line[k] for line in lines], rows.count) for k in (0, 1))
    tiled[i] = a * tiled[i] + b
    got = Rows(tiled, rows.count * len(lines)).values([mine])[0].reshape(len(lines), -1)
    with np.errstate(all="ignore"):
        apart = np.nanmax(np.abs(got - case.value(rows, theirs)), axis=1, initial=0.0)
    return [line for line, d in zip(lines, apart, strict=True) if d <= 0.05 * case.spread(theirs)]


# --- single numbers -----------------------------------------------------------------------------


def single_numbers(case: Case, mine: Node) -> Iterator[Hypothesis]:
    """Yield the expression with one number put right: intercept, factor, coefficient, term."""
    one = ops.const(1.0)
    for name, theirs in case.outputs.items():
        for says, kind, parts in _single(case, mine):
            made = _fitted(case, mine, theirs, parts)
            if made is not None:
                (c, *_), corrected = made
                yield Hypothesis(kind, says(c), corrected, theirs, name)
        # Of one input, any straight line is any other one, multiplied and moved.
        several = len(reads(theirs)) > 1
        both = _fitted(case, ops.const(0.0), theirs, [mine, one]) if several else None
        if both is not None:
            (a, b), corrected = both
            says_both = f"Your expression is to be multiplied by {a:.6g}, and {b:.6g} added."
            yield Hypothesis("factor", says_both, corrected, theirs, name)


def _single(case: Case, mine: Node) -> Iterator[tuple[Callable[[float], str], str, list[Node]]]:
    """Yield what to say, its kind, and what is added to the expression, but for its factor."""
    yield (lambda c: f"The intercept is off: add {c:.6g}."), "intercept", [ops.const(1.0)]
    yield (lambda c: f"The whole is off by a factor: multiply by {1 + c:.6g}."), "factor", [mine]
    weights = _weights(case, mine, _number_inputs(case))
    for k, i in enumerate(_number_inputs(case)):
        w = 0.0 if weights is None else float(weights[k])
        yield _coefficient(_name(case, i), w), "coefficient", [ops.input_(i)]
    yield from _terms(case)


def _coefficient(name: str, w: float) -> Callable[[float], str]:
    def says(c: float) -> str:
        if abs(w) <= 1e-12 * abs(c):
            return f"The term {c:.6g}*{name} is missing."
        right = w + c
        return f"The coefficient of `{name}` is {right:.6g}, not {w:.6g} ({right / w:.4g} times)."

    return says


def _terms(case: Case) -> Iterator[tuple[Callable[[float], str], str, list[Node]]]:
    numbers = _number_inputs(case)[:MOST_INPUTS]
    for i, j in combinations_with_replacement(numbers, 2):
        text = f"{_name(case, i)}**2" if i == j else f"{_name(case, i)}*{_name(case, j)}"
        yield _term(text), "term", [ops.mul(ops.input_(i), ops.input_(j))]
    for i in numbers:
        for function in ("log", "sqrt", "exp"):
            yield (
                _term(f"{function}({_name(case, i)})"),
                "term",
                [ops.unary(function, ops.input_(i))],
            )


def _term(text: str) -> Callable[[float], str]:
    return lambda c: f"The term {c:.6g}*{text} is missing."


def _fitted(
    case: Case, mine: Node, theirs: Node, parts: list[Node]
) -> tuple[list[float], Node] | None:
    """Return the factors with which the parts are to be added, and the sum, if that is near."""
    wanted = case.value(case.sample, theirs) - case.value(case.sample, mine)
    columns = np.column_stack(
        [np.broadcast_to(case.value(case.sample, p), wanted.shape) for p in parts]
    )
    known = np.isfinite(wanted) & np.isfinite(columns).all(axis=1)
    if known.sum() < len(parts) + 2 or not columns[known].any(axis=0).all():
        return None
    size = np.abs(columns[known]).max(axis=0)
    found, *_ = np.linalg.lstsq(columns[known] / size, wanted[known], rcond=None)
    left = np.abs(columns[known] / size @ found - wanted[known]).max()
    if not left <= 0.05 * case.spread(theirs) or left > 0.1 * np.abs(wanted[known]).max():
        return None
    factors = [float(c) for c in found / size]
    return factors, ops.lin(0, (1, mine), *zip(factors, parts, strict=True))


def categories(case: Case, mine: Node) -> Iterator[Hypothesis]:
    """Yield the expression with a number added for each category of one column."""
    from closedform.ops.payloads import labels_of

    for i, feature in enumerate(case.formula.inputs):
        if feature.type is not Type.LABEL:
            continue
        codes = case.sample.columns[i]
        for name, theirs in case.outputs.items():
            apart = case.value(case.sample, theirs) - case.value(case.sample, mine)
            entries = {c: float(np.median(apart[codes == c])) for c in np.unique(codes).tolist()}
            named = {labels_of(np.array([c]))[0]: v for c, v in entries.items() if c >= 0}
            if not np.isfinite(list(named.values())).all() or not named:
                continue
            made = ops.lin(0, (1, mine), (1, ops.table(ops.input_(i, Type.LABEL), named, 0.0, 0.0)))
            shown = ", ".join(f"{k}: {v:+.6g}" for k, v in list(named.items())[:8])
            says = f"The effect of `{feature.name}` is missing or has another reference: {shown}."
            yield Hypothesis("category", says, made, theirs, name)


def coefficients(case: Case, mine: Node) -> Iterator[Hypothesis]:
    """Yield the expression with several coefficients put right, where both are straight lines."""
    inputs = _number_inputs(case)
    ours = _weights(case, mine, inputs)
    for name, theirs in case.outputs.items():
        right = _weights(case, theirs, inputs)
        if ours is None or right is None:
            continue
        scale = np.abs(right).max(initial=0.0)
        wrong = [k for k in range(len(inputs)) if abs(ours[k] - right[k]) > 1e-6 * scale]
        if not wrong or len(wrong) > len(inputs) // 2:
            continue
        parts = [(float(right[k] - ours[k]), ops.input_(inputs[k])) for k in wrong]
        said = [f"{_name(case, inputs[k])}: {right[k]:.6g}, not {ours[k]:.6g}" for k in wrong]
        says = f"{len(wrong)} of {len(inputs)} coefficients differ: " + "; ".join(said) + "."
        corrected = ops.lin(0, (1, mine), *parts)
        yield Hypothesis("coefficient", says, corrected, theirs, name)
        shifted = _fitted(case, corrected, theirs, [ops.const(1.0)])
        if shifted is not None:
            (c,), corrected = shifted
            says = f"{says} The intercept is off: add {c:.6g}."
            yield Hypothesis("coefficient+intercept", says, corrected, theirs, name)
