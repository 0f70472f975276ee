"""What drives the model and the formula that is shown first: the explanations, for a page."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from closedform.explanations.effects import Effect, effect
from closedform.explanations.importance import Importance
from closedform.explanations.interactions import interactions
from closedform.explanations.sides import FORMULA
from closedform.ir import Array
from closedform.reports.case import Case
from closedform.reports.charts import text_at
from closedform.reports.markup import Html, element, joined, shown, table
from closedform.reports.sections import bar, keys_of, left_out, notes_of, sentences

MOST = 12
"""Inputs that are listed, the most important ones."""
CURVES, POINTS, ASKING = 6, 20, 2.0
"""Inputs whose effect is drawn, at how many values, and the seconds for each."""
PAIRS = 6
LETTERS = 36
"""So many find room below a curve: where the categories have more, the first and last are named."""
WIDE, HIGH = 320, 200
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 10, 26


def drives_of(case: Case, contributions: Html) -> Html:
    """Return how much each input matters to both, side by side, with what it adds to answers."""
    found = case.importance
    return joined(
        element("p", f"How much each input matters for {found.target}: {_article(found.measure)} "
                "where the values of that input are exchanged among the rows."),
        sentences(case.sides.notes), keys_of(found.values), _importance(found),
        left_out(found.inputs - MOST),
        notes_of([*found.basis, *found.caution]), contributions, _effects(case), _together(case),
    )  # fmt: skip


def _importance(found: Importance) -> Html:
    order = [int(i) for i in found.leading[:MOST]]
    most = max((float(v[i]) for v in found.values.values() for i in order), default=0.0)
    rows = [(found.names[i], *(bar(float(held[i]), most, side)
             for side, held in found.values.items())) for i in order]  # fmt: skip
    heads = ("Input", *(f"The {side}" for side in found.values))
    return table(heads, rows, "Importance of each input", class_="bars wide")


def _article(measure: str) -> str:
    return measure if measure.startswith("how ") else f"the {measure}"


def _effects(case: Case) -> Html | None:
    """Return the mean answer along each leading input, of the model and of the formula."""
    found = [effect(case.sides, i, points=POINTS, seconds=ASKING) for i in case.leading[:CURVES]]
    values = np.concatenate([v for e in found for v in e.partial.values()] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    ends = _rounded(float(values.min()), float(values.max()))
    return joined(
        element("h3", "How the answer moves with each input"),
        element("p", f"The mean of {case.sides.target.name} where all rows have the value, all "
                "else as it is (partial dependence). All on one scale."),
        keys_of(found[0].partial),
        element("div", [_curve(e, ends) for e in found], class_="cards"),
    )  # fmt: skip


def _rounded(lo: float, hi: float) -> tuple[float, float]:
    """Return the ends of a scale that holds a range, at whole tenths of its power of ten."""
    if not 1e-300 < hi - lo < 1e300:
        return lo, hi
    step = 10.0 ** (math.floor(math.log10(hi - lo)) - 1)
    return math.floor(lo / step) * step, math.ceil(hi / step) * step


def _together(case: Case) -> Html | None:
    """Return the pairs of inputs that do most together, beyond what each does alone."""
    leading = case.leading[:CURVES]
    if len(leading) < 2:
        return None
    found = interactions(case.sides, leading, seconds=ASKING * len(leading))
    acting = [int(k) for k in found.order if any(held[k] > 0 for held in found.effect.values())]
    title = element("h3", "Which inputs act together")
    if not acting:
        return joined(title, element("p", "No two of the most important inputs do."))
    most = max(float(held[k]) for held in found.effect.values() for k in acting)
    rows = [(found.names[k], *(bar(float(held[k]), most, side)
             for side, held in found.effect.items())) for k in acting[:PAIRS]]  # fmt: skip
    heads = ("Inputs", *(f"The {side}" for side in found.effect))
    about = (f"The standard deviation of what two inputs do together beyond what each does alone, "
             f"in units of {found.target}; on {found.rows} rows.")  # fmt: skip
    made = table(heads, rows, "Pairs of inputs that act together", class_="bars wide")
    return joined(title, element("p", about), made)


def _curve(e: Effect, ends: tuple[float, float]) -> Html:
    """Return one picture: of a number lines, of categories points."""
    x = _across(e)
    parts = [*_frame(e, ends)]
    for side, said in e.partial.items():
        up = [_up(float(v), ends) for v in said]
        at = [(a, b) for a, b in zip(x, up, strict=True) if math.isfinite(b)]
        if e.numeric:
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
            parts.append(element("polyline", points=points, class_=f"line {side}"))
        else:
            shift = 4 if side == FORMULA else -4
            parts += [element("circle", cx=f"{a + shift:.1f}", cy=f"{b:.1f}", r=4,
                              class_=f"mark {side}") for a, b in at]  # fmt: skip
    told = f"{e.target} along {e.input}: " + "; ".join(_words(e, side) for side in e.partial)
    return element(
        "figure", element("figcaption", element("b", e.input)),
        element("svg", parts, viewBox=f"0 0 {WIDE} {HIGH}", class_="chart", role="img",
                aria_label=told),
    )  # fmt: skip


def _frame(e: Effect, ends: tuple[float, float]) -> Iterator[Html]:
    """Yield the lines of the scale, and what stands below the first and the last value."""
    right, below = WIDE - RIGHT, HIGH - BOTTOM + 19
    for value in (ends[0], sum(ends) / 2, ends[1]):
        y = _up(value, ends)
        yield element("line", x1=LEFT, x2=right, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid")
        yield text_at(LEFT - 6, y + 4, shown(value, 3), "end")
    if not e.numeric and max(len(_called(v)) for v in e.values) * len(e.values) <= LETTERS:
        yield from map(text_at, _across(e), [below] * len(e.values), map(_called, e.values))
        return
    if len(e.values):
        yield text_at(LEFT, below, _called(e.values[0]), "start")
    if len(e.values) > 1:
        yield text_at(right, below, _called(e.values[-1]), "end")


def _across(e: Effect) -> list[float]:
    room = WIDE - LEFT - RIGHT
    if not e.numeric:
        return [LEFT + room * (i + 0.5) / len(e.values) for i in range(len(e.values))]
    values: Array = np.array(e.values, dtype=float)
    width = float(np.ptp(values)) if len(values) else 0.0
    return [LEFT + room * (float(v - values[0]) / width if width else 0.5) for v in values]


def _up(value: float, ends: tuple[float, float]) -> float:
    lo, hi = ends
    share = (value - lo) / (hi - lo) if hi > lo else 0.5
    return TOP + (HIGH - TOP - BOTTOM) * (1 - share)


def _called(value: float | str) -> str:
    text = shown(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 18 else text[:17] + "…"


def _words(e: Effect, side: str) -> str:
    said = e.partial[side]
    if not np.isfinite(said).any():
        return f"the {side} gives no number"
    least, most = int(np.nanargmin(said)), int(np.nanargmax(said))
    return (f"the {side} gives {shown(float(said[least]), 3)} at {_called(e.values[least])} and "
            f"{shown(float(said[most]), 3)} at {_called(e.values[most])}")  # fmt: skip
