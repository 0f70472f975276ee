"""What drives the model and the formula that is shown first: the explanations, for a page."""

from __future__ import annotations

from closedform.explain.importance import Importance
from closedform.report.case import Case
from closedform.report.markup import Html, element, joined, table
from closedform.report.sections import bar

MOST = 12
"""Inputs that are listed, the most important ones."""


def drives_of(case: Case) -> Html:
    """Return how much each input matters to both, side by side."""
    found = case.importance
    rest = found.inputs - MOST
    return joined(
        element("p", f"How much each input matters for {found.target}: {found.measure}, where the "
                "values of that input are exchanged among the rows."),
        _importance(found),
        element("p", f"{rest} inputs with less are not listed.", class_="note") if rest > 0 else None,
        _notes(found),
    )  # fmt: skip


def _importance(found: Importance) -> Html:
    order = [int(i) for i in found.order[:MOST]]
    most = max((float(v[i]) for v in found.values.values() for i in order), default=0.0)
    rows = [
        (found.names[i], *(bar(float(held[i]), most) for held in found.values.values()))
        for i in order
    ]
    heads = ("Input", *(f"The {side}" for side in found.values))
    return table(heads, rows, "Importance of each input", class_="bars wide")


def _notes(found: Importance) -> Html:
    told = [note for table_ in found.tables()[:1] for note in table_.notes]
    return joined([element("p", note[:1].upper() + note[1:] + ".", class_="note") for note in told])
