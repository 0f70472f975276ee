"""Each formula as the page holds it: mathematics, the texts that are copied, and a program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from closedform.errors import ClosedformError, first_line
from closedform.formula import Formula
from closedform.frontiers import Entry
from closedform.reports.case import Case
from closedform.reports.markup import Html, element, joined
from closedform.reports.terms import Terms, terms_of

LANGUAGES: dict[str, tuple[str, str]] = {
    "LaTeX": ("latex", "model.tex"),
    "Python": ("python", "model.py"),
    "SQL": ("sql", "model.sql"),
    "C": ("c", "model.c"),
    "JavaScript": ("javascript", "model.js"),
    "Excel": ("excel_formula", "model.xlsx"),
}
"""What a button copies → the target, and the file that `to()` would write."""
DIGITS = 4
"""Digits of what is read; what is copied and what runs has them all."""
MATH = 60_000
"""Characters of mathematics: more of it fills ten screens, which nobody reads."""
PROGRAM = 120_000
"""Characters of a program that runs at each move of a slider."""


@dataclass
class Room:
    """How many characters a page may still take."""

    left: int

    def take(self, text: str) -> bool:
        """Tell whether a text finds room, and keep it."""
        size = len(text.encode("utf-8", "replace"))
        if not isinstance(text, Html):  # it stands in JSON
            size = len(json.dumps(text)) + 5 * sum(text.count(mark) for mark in "<>&")
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(frozen=True, eq=False)
class Shown:
    """A formula on the page.

    Attributes:
        entry: the formula, and what was measured of it.
        math: for the eye.
        texts: what the buttons copy, by language; None for what is not there.
        reasons: why that is not there.
        program: a module of JavaScript that gives its outputs and terms; None where that is long.
        terms: what is added up, None where it is no sum.
    """

    entry: Entry
    math: Html
    texts: Mapping[str, str | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    program: str | None = None
    terms: Terms | None = None


def formulas_of(case: Case, room: Room) -> list[Shown]:
    """Return every formula; the one that the page opens with first finds room, then the shortest.

    Args:
        case: the model and its formulas.
        room: how much may be written.
    """
    order = sorted(range(len(case.entries)), key=lambda i: (i != case.chosen, i))
    made = {i: _shown(case, case.entries[i], room) for i in order}
    return [made[i] for i in range(len(order))]


def _shown(case: Case, entry: Entry, room: Room) -> Shown:
    formula = entry.formula
    math = _mathematics(case, formula)
    if not room.take(math):
        math = element("p", "There is no room on this page to write this formula.")
    terms = terms_of(case, formula)
    program = _program(case, formula, terms)
    if program is not None and not room.take(program):
        program = None
    texts: dict[str, str | None] = {}
    reasons: dict[str, str] = {}
    for language, (target, file) in LANGUAGES.items():
        try:
            text = str(formula.to(target))
        except ClosedformError as problem:
            texts[language], reasons[language] = None, first_line(problem)
            continue
        fits = room.take(text)
        texts[language] = text if fits else None
        if not fits:
            reasons[language] = f'Too long for this page: formula.to("{target}", "{file}").'
    return Shown(entry, math, texts, reasons, program, terms)


def _mathematics(case: Case, formula: Formula) -> Html:
    """Return a formula for the eye, its numbers rounded; or a summary of it."""
    for options in ({"digits": DIGITS, "data": case.sides.X}, {}):
        try:
            made = str(formula.to("mathml", **options))
        except ClosedformError:
            continue
        if len(made) <= MATH:
            return Html(made)
        break
    return joined(
        element("p", f"Too long to be read: {formula.length:,} symbols. In short:"),
        element(
            "pre", str(formula), tabindex="0", role="region", aria_label="The formula in short"
        ),
    )


def _program(case: Case, formula: Formula, terms: Terms | None) -> str | None:
    """Return the module that the page runs; None where it is too long, or cannot be written."""
    names = [*formula.answer, *formula.task.probability, case.name_in(formula)]
    outputs = {n: formula.outputs[n] for n in names if n in formula.outputs}
    if terms is not None:
        outputs |= {term_name(i): n for i, n in enumerate(terms.nodes.values())}
    try:
        # Without its source: that is the one name which the banner would write as it is.
        text = str(replace(formula, outputs=outputs, source="").to("javascript"))
    except ClosedformError:
        return None
    return inlined(text) if len(text) <= PROGRAM else None


def term_name(i: int) -> str:
    """Return what the program calls a term: no output of a model begins with this character."""
    return f"\x1fterm {i}"


def inlined(program: str) -> str:
    r"""Return a program that may stand in a page: no text in it ends or opens a script.

    In JavaScript these characters are together in texts and comments alone, where `<\/` is `</`.
    """
    return re.sub(r"<(?=[/!])", r"<\\", program)


def texts_of(shown: Shown) -> dict[str, Any]:
    """Return what the buttons of a formula copy, and why some cannot."""
    return {
        language: {"text": shown.texts.get(language), "why": shown.reasons.get(language, "")}
        for language in LANGUAGES
    }
