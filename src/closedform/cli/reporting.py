"""`closedform report`: one page on a model, for people who have neither it nor Python."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from closedform.cli.answers import Answer
from closedform.cli.explaining import output_of
from closedform.cli.shortening import progress_of
from closedform.cli.sources import open_source, with_rows
from closedform.reports.reporting import write_report
from closedform.store import load


def report(args: Namespace, notes: list[str]) -> Answer:
    """Write the page, and say where it lies."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    out = args.out or f"{Path(args.file).stem}.report.html"
    where = write_report(
        source.formula if source.model is None else source.model, rows.X, rows.y, out,
        read_as=source.formula, formula=None if args.formula is None else load(args.formula),
        output=output_of(args.output, source.formula), title=args.title,
        purpose=args.purpose, time_limit=args.time_limit, seed=args.seed,
        progress=progress_of(args),
    )  # fmt: skip
    size = where.stat().st_size
    return Answer(f"wrote {where} ({size / 1e3:,.0f} kB)", {"page": str(where), "bytes": size})
