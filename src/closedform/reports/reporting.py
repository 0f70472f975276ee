"""cf.report: a model, its rows, and where the page is to lie."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.frontiers import Frontier, frontier
from closedform.progress import Wanted, present, watching
from closedform.reports.case import Case
from closedform.reports.checked import certificate_of, made_of, slopes_of
from closedform.reports.contributions import contributions_of
from closedform.reports.controls import section_of
from closedform.reports.decisions import decision_of
from closedform.reports.documents import appendix_of, certificates_of, provenance_of
from closedform.reports.drives import drives_of
from closedform.reports.formulas import Room, formulas_of
from closedform.reports.imitations import imitations_of
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
from closedform.reports.proven import proof_of
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
from closedform.verify import Certificate

LARGEST, ROOM = 1_500_000, 900_000
"""Bytes of a page, and those of them for formulas and their texts."""
REASONS = 20_000
"""Bytes in which a page says what it leaves out."""
STAGES = 7
"""Stages of the writing, of which a bar tells how many are over."""


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
        progress: as of `frontier`; the writing of the page is told, too.

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
        text = written(case, title=title, purpose=purpose, started=started)
    put(where, text)
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
    watch = present()
    named = plain_name(title or "") or default_title(case)
    inputs, joint = inputs_of(case), joint_of(case)
    misfits = [misfit_section(case, misfit_of(case, e.formula)) for e in case.entries]
    watch.at("comparing formula and model", 0, STAGES)
    certificate = certificate_of(case)
    head = joined(lead_of(case, certificate), facts_of(case, certificate))
    fixed = [
        Section("try", "Move the inputs", section_of(case, inputs)),
        Section("frontier", "Shorter, or nearer to the model", frontier_of(case)),
        Section("misfit", "Where formula and model disagree",
                place_of("misfit", misfits[case.chosen])),
        *_explained(case),
        *_filed(case, certificate, inputs, purpose, begun),
    ]  # fmt: skip
    watch.at("writing", STAGES - 1, STAGES)

    def whole(room: Room) -> str:
        shown = formulas_of(case, room)
        formulas = [formula_of(case, i, s) for i, s in enumerate(shown)]
        first = joined(place_of("formula", formulas[case.chosen]), copies())
        swaps = {"formula": formulas, "misfit": misfits}
        sections = [Section("formula", "The formula", first), *fixed]
        return page_of(
            case, named, head, sections, shown, swaps, data_of(case, shown, inputs, joint)
        )

    return fitting(whole)


def fitting(write: Callable[[Room], str]) -> str:
    """Return a page that keeps to `LARGEST`: where the rest of it is long, formulas have less room.

    Args:
        write: the room for formulas → the page; what finds none is said to be left out.
    """
    room = Room(ROOM)
    text, taken = write(room), ROOM - room.left
    while taken and (over := len(text.encode()) - LARGEST) > 0:
        given = max(taken - over - REASONS, 0)
        room = Room(given)
        text, taken = write(room), given - room.left
    return text


def _explained(case: Case) -> Iterator[Section]:
    """Yield what drives the model, where its decision turns, and what imitates it."""
    watch = present()
    watch.at("SHAP values", 1, STAGES)
    contributions = contributions_of(case)
    watch.at("what drives it", 2, STAGES)
    yield Section("drives", "What drives it", drives_of(case, contributions))
    watch.at("where the decision turns", 3, STAGES)
    turns = decision_of(case)
    if turns is not None:
        yield Section("boundary", "Where the decision turns", turns)
    watch.at("a tree and rules that imitate it", 4, STAGES)
    yield Section("surrogates", "What imitates it", imitations_of(case))


def _filed(
    case: Case, certificate: Certificate | str, inputs: Sequence[Mapping[str, Any]], purpose: str,
    begun: float,
) -> Iterator[Section]:  # fmt: skip
    """Yield what was checked and proven, where it comes from, and what a validator asks."""
    watch = present()
    watch.at("proofs", 5, STAGES)
    proof = proof_of(case)
    slopes = slopes_of(case, case.entries[case.chosen].formula)
    checked = joined(certificates_of(case, certificate), proof)
    yield Section("checked", "What was checked", checked)
    made = made_of(case, time.perf_counter() - begun)
    yield Section("provenance", "How it came to be", provenance_of(case, made))
    filed = appendix_of(case, inputs, slopes, purpose)
    yield Section("documentation", "For the model's file", filed)
