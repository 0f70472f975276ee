"""The frontier as a picture whose points can be chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from closedform.frontiers import Entry
from closedform.reports.case import Case
from closedform.reports.markup import Html, element, shown

WIDE, HIGH = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 68, 24, 44, 60


def chart_of(case: Case) -> Html:
    """Return error against length, each formula a point that is a radio button."""
    entries = case.entries
    across = [math.log10(max(e.length, 1)) for e in entries]
    errors = [e.error for e in entries if math.isfinite(e.error)]
    if case.observed:
        errors += [e.error_y for e in entries if math.isfinite(e.error_y)]
    most = _ceiling(max(errors, default=1.0))
    decades = max([0.3, *across]) * 1.04
    x = [LEFT + (WIDE - LEFT - RIGHT) * v / decades for v in across]
    parts: list[Html] = [*_grid(decades, most)]
    if case.observed:
        up = [_up(e.error_y, most) for e in entries]
        parts.append(_line(x, up, "observed"))
        parts += [element("rect", x=f"{a - 3:.1f}", y=f"{b - 3:.1f}", width=6, height=6,
                          class_="observed") for a, b in zip(x, up, strict=True)]  # fmt: skip
    up = [_up(e.error, most) for e in entries]
    parts.append(_line(x, up, "model"))
    parts += [_point(case, i, a, b) for i, (a, b) in enumerate(zip(x, up, strict=True))]
    points = element("g", parts, role="radiogroup", aria_label="Formulas, from short to faithful")
    return element(
        "svg", points, viewBox=f"0 0 {WIDE} {HIGH}", class_="chart", id="frontier-chart",
        aria_label="Error against length of each formula; the table below says the same.",
        role="group",
    )  # fmt: skip


def _ceiling(value: float) -> float:
    """Return the next number above whose quarters have few digits."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        k * power for k in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10, 12) if k * power >= value * 0.999
    )


def _up(error: float, most: float) -> float:
    share = min(error, most) / most if math.isfinite(error) else 1.0
    return TOP + (HIGH - TOP - BOTTOM) * (1 - share)


def _line(x: Sequence[float], y: Sequence[float], kind: str) -> Html:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return element("polyline", points=points, class_=f"line {kind}")


def _point(case: Case, i: int, x: float, y: float) -> Html:
    e, chosen = case.entries[i], i == case.chosen
    return element(
        "g",
        element("title", told(case, i)),
        # What is pressed is larger than what is seen: 24 px is the least for a finger.
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=14, class_="hit"),
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=10, class_="ring"),
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=5, class_="dot"),
        role="radio", aria_checked="true" if chosen else "false", tabindex=0 if chosen else -1,
        aria_label=told(case, i), data_show=i, class_="point" + " refitted" * e.refitted,
    )  # fmt: skip


def told(case: Case, i: int) -> str:
    """Return a formula in a few words, for those who do not see the picture."""
    e: Entry = case.entries[i]
    best = ", the best" if i == case.front.choice.index and e in case.front.entries else ""
    return f"Formula {i}{best}: length {e.length:,}, error {shown(e.error, 3)}, {e.method}"


def _grid(decades: float, most: float) -> Iterator[Html]:
    low, end = HIGH - BOTTOM, WIDE - RIGHT
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _up(share * most, most)
        yield element("line", x1=LEFT, x2=end, y1=f"{y:.1f}", y2=f"{y:.1f}",
                      class_="axis" if share == 0 else "grid")  # fmt: skip
        yield text_at(LEFT - 10, y + 5, shown(share * most, 3), "end")
    for power in range(int(decades) + 1):
        x = LEFT + (end - LEFT) * power / decades
        yield element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=low, y2=low + 5, class_="axis")
        yield text_at(x, low + 22, f"{10**power:,}")
    yield text_at(end, HIGH - 8, "length: symbols to read →", "end", "title")
    yield text_at(4, TOP - 24, "error ↑", "start", "title")


def text_at(x: float, y: float, text: str, anchor: str = "middle", kind: str = "tick") -> Html:
    """Return a text in a picture."""
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind)
