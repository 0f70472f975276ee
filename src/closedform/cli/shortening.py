"""`closedform frontier`: every useful formula for a model, from exact down to a constant."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from closedform.cli.answers import Answer
from closedform.cli.sources import open_source, with_rows
from closedform.formula import Formula
from closedform.frontiers import Frontier
from closedform.frontiers import frontier as search
from closedform.store.files import put


def frontier(args: Namespace, notes: list[str]) -> Answer:
    """Search, print the table, and write the page and the picked formula where wanted."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    front = search(
        source.formula if source.model is None else source.model, rows.X, rows.y,
        formula=source.formula, tolerance=args.tolerance, metric=args.metric,
        time_limit=args.time_limit, seed=args.seed, methods=args.method or None,
    )  # fmt: skip
    facts = json.loads(front.to_json())
    text = str(front)
    if args.html is not None:
        page = args.html or f"{Path(args.file).stem}.frontier.html"
        front.to_html(page)
        text += f"\nwrote {page}"
    if args.out is not None:
        from closedform.store import to_json

        put(args.out, to_json(_picked(front, args)))
        text += f"\nwrote {args.out}"
    return Answer(text, facts)


def _picked(front: Frontier, args: Namespace) -> Formula:
    if args.max_error is None and args.max_length is None:
        return front.best
    return front.pick(max_error=args.max_error, max_length=args.max_length)
