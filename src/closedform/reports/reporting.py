"""cf.report: a model, its rows, and where the page is to lie."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.frontiers import Frontier, frontier
from closedform.progress import Wanted, present, watching
from closedform.reports.case import Case
from closedform.reports.checked import certificate_of, made_of, slopes_of
from closedform.reports.controls import section_of
from closedform.reports.documents import appendix_of, certificates_of, provenance_of
from closedform.reports.drives import drives_of
from closedform.reports.formulas import Room, formulas_of
from closedform.reports.inputs import inputs_of, joint_of
from closedform.reports.markup import joined
from closedform.reports.misfit import misfit_of
from closedform.reports.page import (
    Section,
    data_of,
    default_title,
    page_of,
    place_of,
    plain_name,
)
from closedform.reports.sections import (
    copies,
    facts_of,
    formula_of,
    frontier_of,
    lead_of,
    misfit_section,
)
from closedform.shorten.options import refuse_no_formula
from closedform.store.files import put, refuse_unwritable

LARGEST, ROOM = 1_500_000, 900_000
"""Bytes of a page, and those of them for formulas and their texts."""


def report(
    model: Any, X: Any, y: Any = None, path: Any = "report.html", *,
    formula: Formula | None = None, front: Frontier | None = None, output: Any = None,
    title: str | None = None, purpose: str = "", time_limit: float | None = 60, seed: int = 0,
    progress: Wanted = None,
) -> Path:  # fmt: skip
    """Write one page on a model: its formula, shorter ones, what drives it, what is checked.

    The page needs no server and loads nothing: its formulas run in it. It holds means and ranges
    of the rows, and no row.

    Args:
        model: anything that `frontier` takes: what `read` reads, a formula, an object with
            `predict`, or any function of the rows.
        X: rows as the model takes them, at least 30.
        y: what was observed on them.
        path: the file; it is replaced at once, or left as it was.
        formula: the formula that the page opens with; default: the best of the frontier.
        front: the frontier of this model, where it has been made already.
        output: which number the curves and maps show: the name of an output, or a class; as of
            `explain`.
        title: of the page; default: what the model is called.
        purpose: what the model is for: the first field of the documentation, which readers can
            edit.
        time_limit: seconds for the search of shorter formulas, None for no limit.
        seed: of everything random.
        progress: as of `frontier`.

    Returns:
        Where the page lies.

    Raises:
        BadInput: the rows do not fit the model, are too few, or an option has no meaning.
        BadFile: the file cannot be written.
        UnsupportedModel: the model can be neither read nor asked.
    """
    return write_report(
        model, X, y, path, formula=formula, front=front, output=output, title=title,
        purpose=purpose, time_limit=time_limit, seed=seed, progress=progress,
    )  # fmt: skip


def write_report(
    model: Any, X: Any, y: Any, path: Any, *, read_as: Formula | None = None,
    formula: Formula | None = None, front: Frontier | None = None, output: Any = None,
    title: str | None = None, purpose: str = "", time_limit: float | None = 60, seed: int = 0,
    progress: Wanted = None,
) -> Path:  # fmt: skip
    """Do what `report` does, for a model whose formula has been read as `read_as`."""
    started = time.perf_counter()
    where = Path(path)
    refuse_unwritable(where)
    _check(front, formula)
    if front is None:
        front = frontier(
            model, X, y, formula=read_as, time_limit=time_limit, seed=seed, progress=progress
        )
    with watching(progress, "report"):
        case = Case.of(
            model, X, y, front, formula=formula, output=output, seed=seed, read_as=read_as
        )
        put(where, written(case, title=title, purpose=purpose, started=started))
    return where


def _check(front: Any, formula: Any) -> None:
    if not (front is None or isinstance(front, Frontier)):
        raise BadInput(f"front={front!r:.60} is no frontier.", hint="Give cf.frontier(model, X).")
    refuse_no_formula(formula)


def written(
    case: Case, *, title: str | None = None, purpose: str = "", started: float | None = None
) -> str:
    """Return the page as text.

    Args:
        case: the model and its formulas.
        title, purpose: as of `report`.
        started: when the work began, by `time.perf_counter`.
    """
    begun = time.perf_counter() if started is None else started
    named = plain_name(title or "") or default_title(case)
    chosen = case.entries[case.chosen].formula
    watch = present()
    watch.at("certificate")
    certificate, slopes = certificate_of(case), slopes_of(case, chosen)
    watch.at("what drives it", 1, 3)
    drives, inputs, joint = drives_of(case), inputs_of(case), joint_of(case)
    watch.at("disagreement", 2, 3)
    misfits = [misfit_section(case, misfit_of(case, e.formula)) for e in case.entries]
    head = joined(lead_of(case, certificate), facts_of(case, certificate))
    made = made_of(case, time.perf_counter() - begun)
    fixed = [
        Section("try", "Move the inputs", section_of(case, inputs)),
        Section("frontier", "Shorter, or nearer to the model", frontier_of(case)),
        Section("misfit", "Where formula and model disagree",
                place_of("misfit", misfits[case.chosen])),
        Section("drives", "What drives it", drives),
        Section("checked", "What was checked", certificates_of(case, certificate)),
        Section("provenance", "How it came to be", provenance_of(case, made)),
        Section("documentation", "For the model's file",
                appendix_of(case, inputs, slopes, purpose)),
    ]  # fmt: skip

    def whole(room: int) -> str:
        shown = formulas_of(case, Room(room))
        formulas = [formula_of(case, i, s) for i, s in enumerate(shown)]
        first = joined(place_of("formula", formulas[case.chosen]), copies())
        swaps = {"formula": formulas, "misfit": misfits}
        sections = [Section("formula", "The formula", first), *fixed]
        return page_of(
            case, named, head, sections, shown, swaps, data_of(case, shown, inputs, joint)
        )

    text = whole(ROOM)
    over = len(text.encode()) - LARGEST
    # Hundreds of inputs with long names leave less room for formulas.
    return text if over <= 0 else whole(max(ROOM - over, 0))
