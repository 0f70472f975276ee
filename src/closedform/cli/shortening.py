"""`closedform frontier`: every useful formula for a model, from exact down to a constant."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from closedform.cli.answers import Answer
from closedform.cli.sources import open_source, with_rows
from closedform.errors import BadFile, ClosedformError
from closedform.formula import Formula
from closedform.frontiers import Frontier
from closedform.frontiers import frontier as search
from closedform.store.files import put


def frontier(args: Namespace, notes: list[str]) -> Answer:
    """Search, print the table, and write the page and the picked formula where wanted."""
    page = f"{Path(args.file).stem}.frontier.html" if args.html == "" else args.html
    for path in (page, args.out):
        if path is not None:
            _refuse_unwritable(path)
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    front = search(
        source.formula if source.model is None else source.model, rows.X, rows.y,
        formula=source.formula, tolerance=args.tolerance, metric=args.metric,
        time_limit=args.time_limit, seed=args.seed, methods=args.method or None,
        progress=None if args.json or not sys.stderr.isatty() else _tell,
    )  # fmt: skip
    try:
        text = "\n".join([str(front), *_written(front, args, page)])
    except ClosedformError:
        print(front, file=sys.stderr)  # what took a minute to find is not lost with it
        raise
    return Answer(text, json.loads(front.to_json()))


def _refuse_unwritable(path: str) -> None:
    """Refuse a file that cannot be written before the search, rather than after it.

    Raises:
        BadFile: its folder is missing or may not be written to, or it is a folder.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if target.is_dir() else f"in {folder} no file can be made"
        raise BadFile(
            f"{path} cannot be written: {why}.", hint="Check the folder and its permissions."
        )


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


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
