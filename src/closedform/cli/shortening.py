"""`closedform frontier` and `closedform distill`: shorter formulas for a model, and its laws."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from closedform.cli.answers import Answer
from closedform.cli.sources import Rows, Table, open_source, with_rows
from closedform.errors import BadInput, ClosedformError
from closedform.formula import Formula
from closedform.frontiers import Frontier
from closedform.frontiers import frontier as search
from closedform.laws import distill as search_laws
from closedform.loading import read_table
from closedform.store.files import put, refuse_unwritable


def frontier(args: Namespace, notes: list[str]) -> Answer:
    """Search, print the table, and write the page and the picked formula where wanted."""
    page = _page(args, "frontier")
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    front = search(
        source.formula if source.model is None else source.model, rows.X, rows.y,
        formula=source.formula, tolerance=args.tolerance, metric=args.metric,
        time_limit=args.time_limit, seed=args.seed, methods=args.method or None,
        progress=progress_of(args),
    )  # fmt: skip
    return _answer(front, args, page)


def distill(args: Namespace, notes: list[str]) -> Answer:
    """Look for laws, print the table and the best one, and write what is wanted.

    Raises:
        BadInput: there is neither a model nor a target.
    """
    page = _page(args, "laws")
    model, rows = _asked(args, notes)
    laws = search_laws(
        model, rows.X, rows.y, operators=_words(args.operators), units=_units(args.units),
        time_limit=args.time_limit, n_jobs=args.jobs, seed=args.seed, noise=args.noise,
        engines=_words(args.engines), tolerance=args.tolerance, outside=args.outside,
        progress=progress_of(args),
    )  # fmt: skip
    told = ["", f"The best law, number {laws.choice.index}:", str(laws.best)]
    sure = [f"  {constant}" for constant in laws.uncertainties()]
    told += ["Its constants, each with its standard deviation:", *sure] if sure else []
    return _answer(laws, args, page, "\n".join(["", *told]))


def _asked(args: Namespace, notes: list[str]) -> tuple[Any, Rows]:
    """Return what is asked, and the rows; without a file, the data alone."""
    if args.file is None:
        if not args.target:
            raise BadInput(
                "There is neither a model nor a target.",
                hint="closedform distill FILE --data ROWS, or, for the law that data follow, "
                "closedform distill --data ROWS --target COLUMN.",
            )
        table = Table(read_table(args.data), tuple(args.target))
        observed = table.observed  # refuses a column that is not there
        y = {name: np.asarray(table.columns[name]) for name in table.targets}
        return None, Rows(table.pick(table.others, set(), args.data), y if len(observed) else None)
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    return source.formula if source.model is None else source.model, rows


def _words(given: str | None) -> list[str] | None:
    """Return what is separated by commas; of an empty text, nothing; None for what is not given."""
    return None if given is None else [word.strip() for word in given.split(",") if word.strip()]


def _units(given: Sequence[str]) -> dict[str, str] | None:
    """Return units by column, from texts as `mass=kg`.

    Raises:
        BadInput: a text has no `=`.
    """
    pairs = [text.rpartition("=") for text in given]
    for text, (name, _, _) in zip(given, pairs, strict=True):
        if not name:
            raise BadInput(f"--units {text!r} is no pair.", hint="Write COLUMN=UNIT, as mass=kg.")
    return {name: unit for name, _, unit in pairs} or None


def _page(args: Namespace, kind: str) -> str | None:
    """Return where the page is written; files that cannot be are refused before the search."""
    stem = Path(args.data if args.file is None else args.file).stem
    page = f"{stem}.{kind}.html" if args.html == "" else args.html
    for path in (page, args.out):
        if path is not None:
            refuse_unwritable(path)
    return None if page is None else str(page)


def _answer(front: Frontier, args: Namespace, page: str | None, more: str = "") -> Answer:
    try:
        text = "\n".join([str(front) + more, *_written(front, args, page)])
    except ClosedformError:
        print(front, file=sys.stderr)  # what took a minute to find is not lost with it
        raise
    return Answer(text, json.loads(front.to_json()))


def progress_of(args: Namespace) -> bool | None:
    """Return whether the search shows how far it is; None: where there is a terminal."""
    return True if args.progress else False if args.quiet else None


def _written(front: Frontier, args: Namespace, page: str | None) -> list[str]:
    """Write what is wanted, and return a line for each file."""
    told = []
    if page is not None:
        front.to_html(page)
        told.append(f"wrote {page}")
    if args.out is not None:
        from closedform.store import to_json

        put(args.out, to_json(_picked(front, args)))
        told.append(f"wrote {args.out}")
    return told


def _picked(front: Frontier, args: Namespace) -> Formula:
    if args.max_error is None and args.max_length is None:
        return front.best
    return front.pick(max_error=args.max_error, max_length=args.max_length)
