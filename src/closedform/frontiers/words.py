"""A frontier in words: its table for a terminal, and a formula on one line."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from closedform import ops
from closedform.errors import ClosedformError
from closedform.formula import Formula
from closedform.ir import OPS, Node, rewrite, substitute
from closedform.passes.lower import lowered
from closedform.passes.simplify import simplified

if TYPE_CHECKING:
    from closedform.frontiers.front import Entry, Frontier

LEGIBLE = 400
"""Symbols: a formula of more is not spelled in a table, and not recommended for its error on y."""
TOO_LONG = "(too long for a table)"
WIDTH = 120
"""Characters of a line of the table, where the terminal does not say how wide it is."""
NARROWEST = 60
"""Characters: in fewer, the columns of numbers alone do not fit."""
ROOM = 30
"""Characters of a formula; where there is room for fewer, it stands on a line of its own."""
LONGEST_METHOD = 32
"""Characters of a method: "a small expression through its exponential" leaves no room."""
SURELY = {True: "at most", False: "95 % within"}
"""The heading of what an error keeps within, for a classifier or a regression."""
ABOUT = {
    True: "with 99.9 % confidence, the true share on rows like these, for all formulas together",
    False: "the difference that 95 % of these rows keep within, in the units of the output",
}
NUMBERS = ("#", "length", "numbers", "inputs", "error", "{}", "error on y")
HEADINGS = ("", *NUMBERS, "method", "formula")


def one_line(formula: Formula) -> str:
    """Return the scores of a formula on one line, with four digits, or `TOO_LONG`.

    Of one that looks at nothing, the answer.
    """
    if formula.length > LEGIBLE:
        return TOO_LONG
    try:
        told = _without_gaps(formula) if formula.used else formula.only(*formula.answer)
        text = told.to("text", form="line", digits=4, width=10_000)
    except ClosedformError:
        return TOO_LONG
    lines = [line.strip() for line in str(text).splitlines() if " = " in line]
    return " · ".join(lines)


def _without_gaps(formula: Formula) -> Formula:
    """Return the scores of a formula, without what only a missing value can see.

    Tests that no row which it takes can pass go, and that what is missing gives nothing.
    """
    scores = formula.only(*formula.scores)
    never = {
        ops.missing(ops.input_(i, f.type)): ops.boolean(False)
        for i, f in enumerate(formula.inputs)
        if not f.missing
    }
    became = lowered(scores.roots, set(OPS) - {"tree", "table", "piecewise"})
    told = substitute([became[n] for n in scores.roots], never)
    plain = rewrite(told, _present)
    shorter = simplified([plain[n] for n in told], ("exact",))
    outputs = {name: shorter[plain[n]] for name, n in zip(scores.outputs, told, strict=True)}
    return replace(scores, outputs=outputs)


def _present(n: Node) -> Node | None:
    """`where(missing(x), nan, y) -> y`"""
    if n.op is not ops.WHERE or n.args[0].op is not ops.ABSENT or n.args[1].op is not ops.CONST:
        return None
    return n.args[2] if n.args[1].data != n.args[1].data else None


def table_lines(front: Frontier) -> Iterator[str]:
    """Yield the lines of a frontier as text, as wide as the terminal."""
    width = max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns)
    last = "exact one" if front.entries[-1].method == "exact" else "longest"
    text = [
        f"{len(front)} formulas for {front.source or 'the model'}, from a constant to the {last}",
        f"error: {front.about}, on {front.rows:,} rows kept aside from the search; "
        f"against {front.against}",
    ]
    if front.observed:
        own = shown(front.model_error)
        text.append(
            f"error on y: the same against what was observed; the model's own is {own}; too good "
            "where the model was trained on these rows"
        )
    yield from _wrapped([*text, f"{SURELY[front.classifies]}: {ABOUT[front.classifies]}"], width)
    yield ""
    heads = [h.format(SURELY[front.classifies]) for h in HEADINGS]
    rows = [_cells(front, i, e) for i, e in enumerate(front.entries)]
    picked = [h for h in range(len(heads)) if front.observed or h != 7]
    yield from _aligned([heads, *rows], picked, width)
    yield ""
    notes = [f"note: {note}" for note in front.notes]
    yield from _wrapped([f"* best: {front.reason}", *notes], width)


def _wrapped(lines: Sequence[str], width: int) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            line, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )


def _cells(front: Frontier, i: int, e: Entry) -> tuple[str, ...]:
    star = "*" if i == front.choice.index else ""
    numbers = (f"{e.length:,}", f"{e.numbers:,}", f"{e.inputs:,}")
    errors = (shown(e.error), shown(front.surely(e)), shown(e.error_y))
    return (star, str(i), *numbers, *errors, _cut(e.method, LONGEST_METHOD), e.text)


def shown(error: float) -> str:
    """Return an error as a table shows it."""
    if math.isnan(error):
        return ""
    return "0" if error == 0 else f"{error:.3g}"


def _aligned(
    rows: Sequence[Sequence[str]], picked: Sequence[int], width: int
) -> Iterator[str]:  # fmt: skip
    widths = [max(len(row[c]) for row in rows) for c in picked[:-1]]
    room = width - sum(w + 2 for w in widths)
    for row in rows:
        left = "  ".join(
            row[c].rjust(w) if 0 < c <= len(NUMBERS) else row[c].ljust(w)
            for c, w in zip(picked, widths, strict=False)
        )
        text = row[picked[-1]]
        if room >= ROOM:
            yield f"{left}  {_cut(text, room)}".rstrip()
        else:
            yield left.rstrip()
            yield f"     {_cut(text, width - 5)}".rstrip()


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
