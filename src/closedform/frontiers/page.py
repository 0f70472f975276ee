"""A frontier as HTML: its picture, its table and its formulas, without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from closedform.frontiers.words import ABOUT, LEGIBLE, SURELY, shown
from closedform.printers.display import GUARD, guarded

if TYPE_CHECKING:
    from closedform.frontiers.front import Entry, Frontier

STYLE = (
    GUARD
    + """
.cf-frontier { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; overflow-wrap: anywhere;
  container-type: inline-size; --model: color-mix(in srgb, #0072b2 70%, currentColor);
  --observed: color-mix(in srgb, #d55e00 70%, currentColor); }
.cf-frontier table { border-collapse: collapse; width: 100%; table-layout: auto;
  font-variant-numeric: tabular-nums; }
.cf-frontier th, .cf-frontier td { padding: .3rem .7rem; vertical-align: top; text-align: right;
  white-space: nowrap; }
.cf-frontier thead th, .cf-frontier tbody { border-bottom: 1px solid rgba(128, 128, 128, .4); }
.cf-frontier td.left, .cf-frontier th.left { text-align: left; white-space: normal;
  overflow-wrap: normal; }
.cf-frontier td.formula { text-align: left; font-family: ui-monospace, monospace; font-size: 13px;
  white-space: normal; }
.cf-frontier tr.below { display: none; }
.cf-frontier table tbody tr:nth-child(n) { background: none; }
.cf-frontier tbody.best { background: rgba(0, 114, 178, .16); }
.cf-frontier svg { width: 100%; height: auto; max-width: 44rem; }
.cf-frontier pre { overflow-x: auto; background: rgba(128, 128, 128, .1); padding: .8rem; }
.cf-frontier .model { color: var(--model); }
.cf-frontier .observed { color: var(--observed); }
@container (max-width: 60rem) {
  .cf-frontier .beside { display: none; }
  .cf-frontier tr.below { display: table-row; }
}
@container (max-width: 40rem) {
  .cf-frontier .detail { display: none; }
  .cf-frontier th, .cf-frontier td { padding: .3rem .25rem; font-size: 13px; }
  .cf-frontier thead th { white-space: normal; }
}
"""
)
"""The width is that of a notebook's cell, not of its window, and the colours are mixed with that of
the text: a notebook may be dark where the system is light. On a narrow screen a formula stands
below its numbers; on a telephone, fewer of these do."""
WIDE, HIGH = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 28, 46


def page(front: Frontier) -> str:
    """Return a whole HTML document."""
    title = escape(f"{type(front).__name__} of {front.source or 'a model'}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n</head>\n<body>\n"
        f'<div class="cf-frontier"><h1>{title}</h1></div>\n'
        f"{fragment(front)}\n{_spelled(front)}</body>\n</html>\n"
    )


def fragment(front: Frontier) -> str:
    """Return the picture and the table, for a page or a notebook."""
    observed = ""
    if front.observed:
        observed = (
            " “Error on y” is the same against what was observed; the model's own is "
            f"{shown(front.model_error)}; too good where the model was trained on these rows."
        )
    notes = "".join(f"<li>{escape(note)}</li>" for note in front.notes)
    return (
        f'<div class="cf-frontier"><style>{STYLE}</style>'
        f"<p>Error: {escape(front.about)}, on {front.rows:,} rows kept aside from the search, "
        f"against {front.against}.{observed} "
        f"“{SURELY[front.classifies]}”: {ABOUT[front.classifies]}.</p>"
        f"{guarded(_picture(front) + _table(front), str(front))}"
        f"<p><strong>Best</strong> (number {front.choice.index}): {escape(front.reason)}</p>"
        f"{f'<ul>{notes}</ul>' if notes else ''}</div>"
    )


def _table(front: Frontier) -> str:
    sure = SURELY[front.classifies]
    details = {"numbers", "inputs"}
    titles = ["#", "length", "numbers", "inputs", "error", sure, *["error on y"] * front.observed]
    kinds = [' class="detail"' if t in details else "" for t in titles]
    head = "".join(f'<th scope="col"{k}>{t}</th>' for t, k in zip(titles, kinds, strict=True))
    head += (
        '<th scope="col" class="left">method</th><th scope="col" class="left beside">formula</th>'
    )
    rows = "".join(_row(front, i, e, kinds) for i, e in enumerate(front.entries))
    return f"<table><thead><tr>{head}</tr></thead>{rows}</table>"


def _row(front: Frontier, i: int, e: Entry, kinds: Sequence[str]) -> str:
    numbers = [f"{i}", f"{e.length:,}", f"{e.numbers:,}", f"{e.inputs:,}", shown(e.error)]
    numbers.append(shown(front.surely(e)))
    numbers += [shown(e.error_y)] * front.observed
    cells = "".join(f"<td{k}>{n}</td>" for n, k in zip(numbers, kinds, strict=True))
    best = ' class="best"' if i == front.choice.index else ""
    formula = escape(e.text)
    return (
        f'<tbody{best}><tr>{cells}<td class="left">{escape(e.method)}</td>'
        f'<td class="formula beside">{formula}</td></tr>'
        f'<tr class="below"><td class="formula" colspan="{len(kinds) + 1}">{formula}</td></tr>'
        "</tbody>"
    )


def _spelled(front: Frontier) -> str:
    """Return the formulas that can be read, each in full."""
    parts = [
        f"<h2>Formula {i}{', the best' * (i == front.choice.index)}</h2>"
        f"<pre>{escape(str(e.formula))}</pre>"
        for i, e in enumerate(front.entries)
        if e.length <= LEGIBLE
    ]
    return f'<div class="cf-frontier">{"".join(parts)}</div>\n' if parts else ""


# --- the picture --------------------------------------------------------------------------------


def _picture(front: Frontier) -> str:
    entries = front.entries
    across = [math.log10(max(e.length, 1)) for e in entries]
    errors = [e.error for e in entries] + [e.error_y for e in entries if front.observed]
    most = max((e for e in errors if math.isfinite(e)), default=1.0) or 1.0
    x = [LEFT + (WIDE - LEFT - RIGHT) * v / (max(across) or 1.0) for v in across]
    up = [_up(e.error, most) for e in entries]
    parts = [*_axes(max(across), most), _line(x, up, "model", "")]
    if front.observed:
        up_y = [_up(e.error_y, most) for e in entries]
        parts += [_line(x, up_y, "observed", "5 4"), _named(up_y[-1], "against y", "observed")]
    parts.append(_named(up[-1], f"against {front.against}", "model"))
    best = front.choice.index
    parts.append(
        f'<circle class="model" cx="{x[best]:.1f}" cy="{up[best]:.1f}" r="9" fill="none" '
        'stroke="currentColor" stroke-width="2"/>'
    )
    for place, height, e in zip(x, up, entries, strict=True):
        parts.append(
            f'<circle class="model" cx="{place:.1f}" cy="{height:.1f}" r="4" fill="currentColor">'
            f"<title>{e.method}: length {e.length:,}, error {shown(e.error)}</title></circle>"
        )
    told = "Error against length of each formula; the table below says the same."
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{told}">{"".join(parts)}</svg>'


def _up(error: float, most: float) -> float:
    return TOP + (HIGH - TOP - BOTTOM) * (1 - min(error, most) / most)


def _line(x: Sequence[float], y: Sequence[float], kind: str, dashes: str) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<polyline class="{kind}" points="{points}" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-dasharray="{dashes}"/>'
    )


def _named(height: float, name: str, kind: str) -> str:
    x = WIDE - RIGHT + 12
    up = height - 8 if name == "against y" else height + 8
    place = f'x="{x}" y="{up + 4:.1f}"'
    return f'<text class="{kind}" {place} fill="currentColor" font-size="13">{name}</text>'


def _axes(decades: float, most: float) -> Iterator[str]:
    low, end = HIGH - BOTTOM, WIDE - RIGHT
    yield f'<path d="M{LEFT} {TOP}V{low}H{end}" fill="none" stroke="currentColor"/>'
    for power in range(int(decades) + 1):
        x = LEFT + (end - LEFT) * power / (decades or 1.0)
        yield _label(x, low + 18, f"{10**power:,}")
    for share in (0.0, 0.5, 1.0):
        yield _label(LEFT - 8, _up(share * most, most) + 4, f"{share * most:.2g}", "end")
    yield _label((LEFT + end) / 2, HIGH - 6, "length: symbols to read")
    yield _label(4, TOP - 14, "error", "start")


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="currentColor" '
        f'text-anchor="{anchor}">{text}</text>'
    )
