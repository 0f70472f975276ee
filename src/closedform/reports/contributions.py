"""What each input adds to the answers, by SHAP values: means and quantiles over rows, no row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.attributions import Attributions
from closedform.explanations.shapley import shapley
from closedform.ir import Array, Type
from closedform.reports.case import Case
from closedform.reports.charts import text_at
from closedform.reports.markup import Html, element, joined, shown, table
from closedform.reports.ranges import FEWEST
from closedform.reports.sections import bar, keys_of, left_out, notes_of

ASKING = 6.0
"""Seconds in which the model is asked."""
MOST = 12
"""Inputs that are listed, the weightiest."""
SHARES = (0.1, 0.25, 0.75, 0.9)
"""The quantiles that are drawn, where at least `FEWEST` rows lie beyond the outermost."""
LANES = ("Thin: 8 of 10 rows. Thick: the middle half of them. Circles: the mean where the input is "
         "low (hollow) and high (filled), its lowest and highest third.")  # fmt: skip
"""What the pictures show."""
WIDE, LANE, EDGE = 260, 16, 8


@dataclass(frozen=True)
class Spread:
    """How the values of an input are spread over the rows, on one side.

    Attributes:
        quantiles: at `SHARES`.
        low, high: the mean value where the input is low, and where it is high: of the lowest and
            the highest third of the rows; NaN of categories, and of fewer than `FEWEST` rows.
    """

    quantiles: tuple[float, ...]
    low: float
    high: float


def contributions_of(case: Case) -> Html:
    """Return what each input adds to the answers of model and formula, side by side."""
    title = element("h3", "What each input adds to an answer")
    try:
        found = shapley(case.sides, seconds=ASKING)
    except BadInput as problem:
        return joined(title, element("p", str(problem)))
    told = (
        "SHAP values: how far each input leads an answer away from the average one, where an input "
        "that is not known takes its values from other rows, whatever the rest of the row is. "
        f"Their mean size over {len(found.rows)} rows, in units of {found.output}. This is another "
        "question than the one above, which asked how much worse the answers become: the order of "
        "the inputs may be another."
    )
    return joined(
        title, element("p", told), keys_of(found.values), _table(case, found),
        left_out(len(found.features) - MOST), notes_of([*found.basis()]),
    )  # fmt: skip


def _table(case: Case, found: Attributions) -> Html:
    order, importance = found.order[:MOST].tolist(), found.importance
    most = max((float(v[i]) for v in importance.values() for i in order), default=0.0)
    rows = [[found.features[i], *(bar(float(v[i]), most, s) for s, v in importance.items())]
            for i in order]  # fmt: skip
    heads = ["Input", *(f"The {side}" for side in found.values)]
    caption = "Mean size of the SHAP values of each input"
    if len(found.rows) * SHARES[0] < FEWEST:
        return table(heads, rows, caption, class_="bars wide")
    spreads = {i: {side: spread_of(case, found, side, i) for side in found.values} for i in order}
    ends = _ends(spreads)
    for row, i in zip(rows, order, strict=True):
        row.append(_lanes(found.features[i], spreads[i], ends))
    made = table([*heads, _scale(ends)], rows, caption, class_="bars wide spread")
    return joined(made, element("p", LANES, class_="note"))


def spread_of(case: Case, found: Attributions, side: str, i: int) -> Spread:
    """Return how the values of one input are spread over the rows that are explained."""
    values = found.values[side][:, i]
    quantiles = np.nanquantile(values, SHARES).tolist() if np.isfinite(values).any() else ()
    if case.sides.features[i].type is Type.LABEL:
        return Spread(tuple(quantiles), float("nan"), float("nan"))
    low, high = _thirds(case.sides.columns[i][found.rows])
    return Spread(tuple(quantiles), _mean(values[low]), _mean(values[high]))


def _thirds(column: Array) -> tuple[Array, Array]:
    """Return which rows have a low value and which a high one: no row has both."""
    known = column[np.isfinite(column)]
    if not len(known):
        nowhere = np.zeros(len(column), dtype=bool)
        return nowhere, nowhere
    first, second = np.quantile(known, [1 / 3, 2 / 3])
    if first < second:
        return column <= first, column >= second
    # More than a third of the rows have one value: as of what is mostly 0, or mostly 1.
    return (column <= first, column > first) if known.max() > first else (
        column < first, column >= first)  # fmt: skip


def _mean(values: Array) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).sum() >= FEWEST else float("nan")


def _ends(spreads: dict[int, dict[str, Spread]]) -> tuple[float, float]:
    """Return the least and the greatest that is drawn, 0 among them."""
    drawn = [0.0]
    for sides in spreads.values():
        for s in sides.values():
            drawn += [v for v in (*s.quantiles, s.low, s.high) if v == v]
    return min(drawn), max(drawn)


def _across(value: float, ends: tuple[float, float]) -> float:
    lo, hi = ends
    return EDGE + (WIDE - 2 * EDGE) * ((value - lo) / (hi - lo) if hi > lo else 0.5)


def _scale(ends: tuple[float, float]) -> Html:
    """Return the heading of the pictures: where their scale begins and ends, and its zero."""
    marks = [
        text_at(EDGE, 14, shown(ends[0], 3), "start"),
        text_at(WIDE - EDGE, 14, shown(ends[1], 3), "end"),
    ]
    zero = _across(0.0, ends)
    if 0.25 * WIDE < zero < 0.75 * WIDE:
        marks.append(text_at(zero, 14, "0"))
    told = f"Spread over the rows, from {shown(ends[0], 3)} to {shown(ends[1], 3)}"
    return element("svg", marks, viewBox=f"0 0 {WIDE} 18", class_="chart", role="img",
                   aria_label=told)  # fmt: skip


def _lanes(name: str, sides: dict[str, Spread], ends: tuple[float, float]) -> Html:
    high = LANE * len(sides) + 4
    zero = f"{_across(0.0, ends):.1f}"
    parts = [element("line", x1=zero, x2=zero, y1=0, y2=high, class_="grid")]
    for k, (side, spread) in enumerate(sides.items()):
        parts += _lane(spread, side, 2 + LANE * (k + 0.5), ends)
    told = "; ".join(_words(side, spread) for side, spread in sides.items())
    return element("svg", parts, viewBox=f"0 0 {WIDE} {high}", class_="chart lanes", role="img",
                   aria_label=f"{name}: {told}")  # fmt: skip


def _lane(spread: Spread, side: str, y: float, ends: tuple[float, float]) -> Iterator[Html]:
    if not spread.quantiles:
        return
    at = [_across(q, ends) for q in spread.quantiles]
    for (a, b), kind in (((at[0], at[3]), "reach"), ((at[1], at[2]), "half")):
        yield element("line", x1=f"{a:.1f}", x2=f"{b:.1f}", y1=y, y2=y, class_=f"{kind} {side}")
    for value, kind in ((spread.low, "low"), (spread.high, "high")):
        if value == value:
            yield element("circle", cx=f"{_across(value, ends):.1f}", cy=y, r=4,
                          class_=f"{kind} {side}")  # fmt: skip


def _words(side: str, spread: Spread) -> str:
    if not spread.quantiles:
        return f"the {side} gives no number"
    least, most = (shown(spread.quantiles[k], 3) for k in (0, -1))
    told = f"the {side} between {least} and {most} on 8 of 10 rows"
    if spread.low == spread.low and spread.high == spread.high:
        told += (f", {shown(spread.low, 3)} on average where the input is low and "
                 f"{shown(spread.high, 3)} where it is high")  # fmt: skip
    return told
