"""`closedform read` and `closedform export`: a formula in a target, on the screen or in a file."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from closedform.cli.answers import Answer
from closedform.cli.inspecting import facts_of
from closedform.cli.sources import Rows, Source, open_source, with_rows
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.printers import content, has_option
from closedform.probes.containers import take
from closedform.store import from_json, to_json
from closedform.store.files import put
from closedform.verify import Certificate, verify, verify_program
from closedform.verify.oracle import predictions

_OPTIONS: Final = ("form", "digits", "brief", "document")
CASES = 100
"""So many of the rows of `--data`, at most, stand in a program or a workbook."""


def read(args: Namespace, notes: list[str]) -> Answer:
    """Print a formula, or write it to a file."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    text = printed(source.formula, args.to, options_of(args, source, rows, notes))
    facts = facts_of(source.formula) | {"target": args.to}
    if args.out is None:
        if isinstance(text, bytes):
            raise BadInput(f"{args.to} is no text for a screen.", hint="Add -o FILE.")
        return Answer(text.removesuffix("\n"), facts | {"text": text})
    put(args.out, text)
    return Answer(f"wrote {args.out}", facts | {"out": args.out})


def export(args: Namespace, notes: list[str]) -> Answer:
    """Write a formula to a file; with `--check`, only if what was printed agrees when it is run."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    options = options_of(args, source, rows, notes)
    text = printed(source.formula, args.to, options)
    facts = facts_of(source.formula) | {"target": args.to, "out": args.out, "written": True}
    certificate = _checked(args, source, rows, text, options) if args.check else None
    if certificate is None:
        put(args.out, text)
        return Answer(f"wrote {args.out}", facts)
    if rows is None:
        notes.append("checked on rows made up from what the formula tests; --data gives real ones")
    facts |= {"written": certificate.ok, "certificate": certificate.to_dict()}
    if not certificate.ok:
        return Answer(f"{certificate}\n{args.out} was not written", facts, ok=False)
    put(args.out, text)
    return Answer(f"{certificate}\nwrote {args.out}", facts, ok=True)


def options_of(
    args: Namespace, source: Source, rows: Rows | None, notes: list[str]
) -> dict[str, Any]:
    """Return the options for a printer that were really given, and the rows where it takes them."""
    own = {name: value for name in _OPTIONS if (value := getattr(args, name, None))}
    strange = [name for name in own if not _takes(args.to, name)]
    if strange:
        raise BadInput(f"--{strange[0]} does not go with --to {args.to}.",
                       hint="Leave it out, or print in another target: --to text.")  # fmt: skip
    options = own | dict(map(_option, args.option))
    if rows and args.digits is not None:
        options["data"] = rows.X
    if rows is None or "rows" in options:
        return options
    return _cases(args.to, source, rows, notes) | options


def _cases(target: str, source: Source, rows: Rows, notes: list[str]) -> dict[str, Any]:
    """Return the rows that a target carries in it, with what the model gives for them."""
    if not _takes(target, "rows"):
        return {}
    count = columns_of(source.formula.inputs, rows.X, source.formula.needed)[1]
    first = take(rows.X, np.arange(min(count, CASES)))
    if not _takes(target, "predictions"):
        return {"rows": first}
    if count > CASES:
        notes.append(f"{target} holds the first {CASES} of {count:,} rows")
    if source.model is None:
        return {"rows": first}
    return {"rows": first, "predictions": predictions(source.formula, source.model, first)}


def _option(given: str) -> tuple[str, Any]:
    """Return the name and the value of NAME=VALUE; a value that is no JSON is text."""
    name, sign, value = given.partition("=")
    if not sign or not name:
        raise BadInput(f"--option {given} is not NAME=VALUE.", hint="As in: --option name=iris.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _takes(target: str, option: str) -> bool:
    """Tell whether a target has an option; JSON, which holds the formula exactly, has none."""
    return target != "json" and has_option(target, option)


def printed(formula: Formula, target: str, options: dict[str, Any]) -> str | bytes:
    """Return a formula in a target; `json` is the form in which it can be opened again.

    Raises:
        UnsupportedTarget: the target is not known, or cannot spell some part.
    """
    if target == "json":
        return to_json(formula)
    return content(formula, target, **options)


def _checked(
    args: Namespace, source: Source, rows: Rows | None, text: str | bytes,
    options: Mapping[str, Any],
) -> Certificate:  # fmt: skip
    if args.to != "json":
        X, model = (None, None) if rows is None else (rows.X, source.model)
        return verify_program(
            source.formula, args.to, X, model=model, tolerance=args.tolerance, **options
        )
    if source.model is None:
        raise BadInput("There is no model to check this formula against.",
                       hint="Give the model's file instead of the formula's.")  # fmt: skip
    if rows is None:
        raise BadInput("--check needs rows to ask the model.", hint="Add --data rows.csv.")
    return verify(from_json(str(text)), source.model, rows.X, tolerance=args.tolerance)
