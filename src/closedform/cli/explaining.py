"""`closedform explain`: what drives a model and its formula."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from closedform.cli.answers import Answer
from closedform.cli.shortening import progress_of
from closedform.cli.sources import open_source, with_rows
from closedform.errors import BadInput, ClosedformError, first_line
from closedform.explanations.explaining import ASKED, Explanation
from closedform.explanations.sides import Sides
from closedform.formula import Formula
from closedform.store import load
from closedform.store.files import refuse_unwritable

PICTURES = (".png", ".svg", ".pdf")
ALL = "all"


def explain(args: Namespace, notes: list[str]) -> Answer:
    """Say what matters, what each input that was named does, and draw a picture where wanted."""
    picture = None if args.out is None else _picture(args.out)
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    formula = None if args.formula is None else load(args.formula)
    sides = Sides.of(
        source.formula if source.model is None else source.model, rows.X, rows.y,
        formula=formula, output=output_of(args.output, source.formula), seed=args.seed,
        read_as=source.formula,
    )  # fmt: skip
    told = Explanation(sides, args.time_limit, progress_of(args))
    effects = [told.effect(name) for name in args.input]
    asked = _asked(told, args.what, notes)
    parts = [str(told.table()), *map(str, effects), *(str(told.part(name)) for name in asked)]
    if picture is not None:
        told.plot().figure_.savefig(picture)
        parts.append(f"wrote {picture}")
    data = told.to_dict(*asked) if args.json else {}
    return Answer("\n\n".join(parts), data | {"asked": [e.to_dict() for e in effects]})


def _asked(told: Explanation, wanted: Sequence[str], notes: list[str]) -> list[str]:
    """Return the parts that were named; of all, those that this model has."""
    if ALL not in wanted:
        return list(dict.fromkeys(wanted))
    found = []
    for name in ASKED:
        try:
            told.part(name)
        except ClosedformError as problem:
            notes.append(f"{name} is left out: {first_line(problem)}")
        else:
            found.append(name)
    return found


def output_of(given: str | None, formula: Formula) -> Any:
    """Return an output or a class by how it is spelled: classes may be numbers."""
    if given is None or given in formula.outputs:
        return given
    return next((c for c in formula.task.classes if str(c) == given), given)


def _picture(path: str) -> str:
    """Return where the picture is written; what cannot be written is refused before the asking.

    Raises:
        BadInput: no picture has such a name.
        BadFile: its folder is missing or may not be written to, or it is a folder.
    """
    if Path(path).suffix not in PICTURES:
        raise BadInput(
            f"{path} is no name of a picture.", hint=f"Give one that ends in {', '.join(PICTURES)}."
        )
    refuse_unwritable(path)
    return path
