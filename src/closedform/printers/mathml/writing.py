"""MathML Core for web pages: what LaTeX sets on paper, a browser sets without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from closedform.formula import Formula
from closedform.printers.blocks import Sentence
from closedform.printers.draft import Extent
from closedform.printers.latex.spelling import Numerals, scribe
from closedform.printers.latex.writing import NOTEBOOK, PAGE, SHORT, Layout, pieces
from closedform.printers.mathml.marks import cells_of, row_of
from closedform.printers.outline import before_rounding, page
from closedform.printers.program import printable

WIDE = PAGE + 30
"""Digits side by side on a line of a page: a browser's window is wider than an article."""

DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<title>{title}</title>
<style>
body {{ font-family: serif; margin: 2em; max-width: 60em; }}
math {{ font-size: 110%; }}
math[display] {{ width: fit-content; margin: 1em 0; }}
mtd {{ padding: 0.15em 0.2em; text-align: left; }}
.summary {{ color: #555; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="summary">{summary}.</p>
{body}
</body>
</html>
"""

__all__ = ["before_rounding", "write"]


def write(
    formula: Formula, *, form: str = "auto", width: int | None = None, document: bool = False,
    header: bool = False, limit: int | None = None, notebook: bool = False,
) -> str:  # fmt: skip
    """Return a formula as MathML: displays in <math>, and what must be said of them in <p>.

    Every number is written in full, every name of an input or a class as it is.

    Args:
        form: "line", "steps", "matrix", "kernels", "rules" or "auto"; see `text.write`.
        width: how many digits fit side by side on a line.
        document: whether a whole page of HTML comes back, or a fragment to be put in one.
        header: whether a comment says how exact and how long the formula is.
        limit: so many trees of an ensemble are shown; None shows all.
        notebook: numbers are shown to 5 digits, and the page says so.

    Raises:
        BadInput: there is no such form.
        UnsupportedTarget: the formula has no such form, or is too long for it.
    """
    number = Numerals(NOTEBOOK.digits if notebook else None)
    hand = scribe(number, unicode=True)
    hand = replace(hand, language=replace(hand.language, name="mathml"))
    made = page(formula, hand, hand, form, Extent(trees=limit, digits=number.digits))
    if number.rounded:
        made.append([SHORT])
    parts = Layout(width or WIDE, unicode=True).parts(made)
    body = "\n".join(sentence(p) if isinstance(p, Sentence) else display(p) for p in parts)
    if header:
        # Two hyphens would end a comment of XML.
        body = f"<!-- {formula.summary().replace('--', '- -')} -->\n{body}"
    if not document:
        return body
    title = escape(printable(formula.source or "A formula"))
    return DOCUMENT.format(title=title, summary=escape(formula.summary()), body=body)


def display(paragraphs: Sequence[Sequence[str]]) -> str:
    """Return paragraphs of rows as one display; a little room stands between them."""
    made: list[str] = []
    for rows in filter(None, paragraphs):
        # As in an `align` of LaTeX: what stands before each second mark is set to the right.
        made.append(row_of(rows[0], ";padding-top:1em" if made else ""))
        made += map(row_of, rows[1:])
    body = "\n".join(made)
    table = f'<mtable displaystyle="true">\n{body}\n</mtable>'
    return f'<math display="block">{table}</math>'


def sentence(block: Sentence) -> str:
    """Return plain words, with the names between them set as in the formula."""
    parts = [
        escape(words, quote=False) + (f"<math>{inline(name)}</math>" if name else "")
        for words, name in pieces(block)
    ]
    return f"<p>{''.join(parts)}</p>"


def inline(latex: str) -> str:
    """Return a name as elements."""
    return "".join(cells_of(latex))
