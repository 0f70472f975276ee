"""`closedform verify` and `closedform compare`: how far apart, and why."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from closedform import verify as checks
from closedform.cli.answers import Answer
from closedform.cli.sources import SAVED, Rows, Source, open_source, with_rows
from closedform.errors import BadInput
from closedform.readers.registry import open_inspected
from closedform.store import load
from closedform.verify import Certificate


def verify(args: Namespace, notes: list[str]) -> Answer:
    """Check a formula against its model, or a printed program against its formula."""
    source, rows = with_rows(_source(args, notes), args, notes)
    assert rows is not None  # --data is required
    if args.prove is not None:
        return _proof(args, source, rows)
    certificate = _certificate(args, source, rows)
    return Answer(str(certificate), certificate.to_dict(), ok=certificate.ok)


def _proof(args: Namespace, source: Source, rows: Rows) -> Answer:
    if args.program is not None:
        raise BadInput(
            "What is proven is about a formula, not about a printed program.",
            hint="Leave out --program, or --prove.",
        )
    proof = source.formula.certify(source.model, X=rows.X, epsilon=args.prove)
    return Answer(str(proof), proof.to_dict(), ok=bool(proof))


def _source(args: Namespace, notes: list[str]) -> Source:
    source = open_source(args, notes)
    if args.formula is not None:
        source = replace(source, formula=load(args.formula))
    if source.model is None and args.program is None:
        if source.file.kind != SAVED:
            return replace(source, model=open_inspected(source.file))
        raise BadInput(
            f"{args.file} is a formula, so there is no model to check it against.",
            hint="Check it against its model: closedform verify MODEL --formula "
            f"{args.file} --data ROWS. Or run it as a program: --program python.",
        )
    return source


def _certificate(args: Namespace, source: Source, rows: Rows) -> Certificate:
    if args.program is not None:
        return checks.verify_program(
            source.formula, args.program, rows.X, model=source.model, tolerance=args.tolerance
        )
    return checks.verify(source.formula, source.model, rows.X, y=rows.y, tolerance=args.tolerance)


def compare(args: Namespace, notes: list[str]) -> Answer:
    """Say where and why a user's own expression differs."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    found = checks.compare(
        source.formula, args.expression.strip(), None if rows is None else rows.X,
        output=args.output, tolerance=args.tolerance,
    )  # fmt: skip
    if rows is None:
        notes.append("compared on rows made up from what the model knows; --data gives real ones")
    return Answer(str(found), {"ok": found.agrees} | found.to_dict(), ok=found.agrees)
