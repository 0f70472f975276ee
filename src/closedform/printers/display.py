"""A formula as a notebook shows it: its mathematics, and what can be opened below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

from closedform.errors import ClosedformError
from closedform.ir import Type

if TYPE_CHECKING:
    from closedform.formula import Feature, Formula

SPELLED = 400
"""Symbols up to which it is set as mathematics; a longer one is shown as text, cut to a screen."""
MOST = 40
"""Inputs, steps and classes that are listed; of more, it is said how many there are."""
LONGEST = 120
"""Characters of one thing that is listed."""
GUARD = """
.cf-text { display: none !important; }
.cf-set[hidden] { display: block !important; }
"""
"""A page of which somebody took the styles out shows the text instead: see `guarded`."""
TORN = "Here the same was set for the eye, and this page took it apart: the text above holds."
STYLE = (
    GUARD
    + """
.cf-formula { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; overflow-wrap: anywhere; }
.cf-formula math { font-size: 115%; overflow-wrap: normal; }
.cf-formula math[display] { display: block; text-align: left; margin: .6rem 0;
  overflow: auto hidden; }
.cf-formula mtd { text-align: left; padding: .1em .15em; }
.cf-formula pre { overflow-x: auto; line-height: 1.35; }
.cf-formula details { border: 1px solid rgba(128, 128, 128, .45); border-radius: 4px;
  margin: .25rem 0; padding: .15rem .6rem; }
.cf-formula summary { cursor: pointer; }
.cf-formula table { border-collapse: collapse; margin: .3rem 0; }
.cf-formula th, .cf-formula td { text-align: left; padding: .1rem .8rem .1rem 0; }
.cf-formula .told { opacity: .75; }
"""
)
KINDS = {
    "read": "read from the model", "exact": "the same floats", "real": "the same over the reals",
    "approx": "moves the answers",
}  # fmt: skip


def text(formula: Formula) -> str:
    """Return a formula as plain text, in the form that suits its size; never raises."""
    try:
        return str(formula.to("text", brief=True, header=True)).rstrip()
    except Exception as error:  # a debugger shows it in the place of the formula
        said = f"{type(error).__name__}: {error}"
        return f"{formula.source or 'a formula'}, which cannot be written ({said})"


def fragment(formula: Formula) -> str:
    """Return a formula as HTML; never raises, and takes no longer than its text does."""
    try:
        parts = [_head(formula), _body(formula), *_details(formula)]
    except Exception:  # a notebook shows an error of a display in the place of the result
        parts = [f"<pre>{_safe(text(formula))}</pre>"]
    return f'<div class="cf-formula"><style>{STYLE}</style>{"".join(parts)}</div>'


def guarded(markup: str, plain: str) -> str:
    """Return markup that is shown only together with the style `GUARD`, and text shown without it.

    JupyterLab takes elements of MathML and SVG out of a notebook that is not trusted, and leaves
    the text that was in them: x² would be x2, and a fraction a product. The styles go with them.
    """
    # JupyterLab takes out an attribute that is empty, as a bare `hidden` is.
    told = f'<p class="cf-text">{TORN}</p>'
    return (
        f'<pre class="cf-text" style="white-space: pre; overflow-x: auto">{_safe(plain)}</pre>'
        f'<div class="cf-set" hidden="hidden" style="display: none">{told}{markup}</div>'
    )


def latex(formula: Formula) -> str | None:
    """Return a formula as one display of LaTeX; None where LaTeX has no words for it."""
    try:
        return str(formula.to("latex", notebook=True))
    except Exception:  # as for `fragment`
        return None


def with_text(said: str, formula: Formula) -> str:
    """Return what is said of a formula, as text, and below it the formula, as HTML."""
    return f"<div><pre>{_safe(said)}</pre>{fragment(formula)}</div>"


def _head(formula: Formula) -> str:
    source = _safe(formula.source or "A formula", LONGEST)
    told = _safe(formula.summary())
    return f'<div><strong>{source}</strong><br><span class="told">{told}</span></div>'


def _body(formula: Formula) -> str:
    plain = _without_summary(str(formula))
    if formula.length <= SPELLED:
        with suppress(ClosedformError):
            return guarded(str(formula.to("mathml", notebook=True)), plain)
    return f"<pre>{_safe(plain)}</pre>"


def _without_summary(plain: str) -> str:
    """Return the text of a formula without its first line, which stands above it already."""
    return plain.partition("\n")[2].strip("\n")


def _details(formula: Formula) -> Iterator[str]:
    task = formula.task
    told = [("predicts", ", ".join(formula.answer)), ("kind", task.kind)]
    if task.classes:
        told.append(("classes", _some(map(str, task.classes), len(task.classes))))
    others = [name for name in formula.outputs if name not in formula.answer]
    if others:
        told.append(("other outputs", _some(others, len(others))))
    yield _opened(f"Task: {task.kind}", _table((), told))
    used = set(formula.used)
    rows = [(f.name, *_about(f), "" if i in used else "not read")
            for i, f in enumerate(formula.inputs[:MOST])]  # fmt: skip
    heads = ("input", "kind", "values", "missing", "")
    yield _opened(f"Inputs: {len(formula.inputs):,}", _table(heads, rows, len(formula.inputs)))
    trail = [(s.name, KINDS.get(s.kind, s.kind), _words(s.options), _words(s.found))
             for s in formula.trail[:MOST]]  # fmt: skip
    titles = ("step", "", "with", "found")
    yield _opened(f"Steps: {len(formula.trail):,}", _table(titles, trail, len(formula.trail)))


def _about(feature: Feature) -> tuple[str, str, str]:
    kind = "number" if feature.type is Type.REAL else "category"
    known = feature.categories or ()
    values = _some(map(str, known), len(known))
    if kind == "category" and not feature.unseen:
        values += " and no other"
    return kind, values, "taken" if feature.missing else "refused"


def _words(found: Mapping[str, Any]) -> str:
    """Return what was measured in a few words: numbers and texts; arrays are named alone."""
    told = []
    for name, value in found.items():
        short = f"{value:.4g}" if isinstance(value, float) else value
        plain = isinstance(value, int | float | str | bool)
        told.append(f"{name} {short}" if plain else str(name))
    return ", ".join(told)


def _some(names: Iterable[str], count: int) -> str:
    """Return the first of some names, and how many there are more."""
    first = [name for name, _ in zip(names, range(MOST), strict=False)]
    return ", ".join(first) + (f" and {count - MOST:,} more" if count > MOST else "")


def _opened(summary: str, content: str) -> str:
    return f"<details><summary>{_safe(summary)}</summary>{content}</details>"


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]], count: int = 0) -> str:
    head = "".join(f'<th scope="col">{_safe(h)}</th>' for h in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(cell, LONGEST)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    more = f"<p>and {count - MOST:,} more</p>" if count > MOST else ""
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f"<table>{top}<tbody>{body}</tbody></table>{more}"


def _safe(plain: str, most: int | None = None) -> str:
    """Return a text for HTML: escaped, cut, and without what is no character of a page."""
    shown = plain if most is None or len(plain) <= most else plain[: most - 1] + "…"
    return escape("".join(c if c.isprintable() or c == "\n" else " " for c in shown), quote=True)
