"""`closedform read` and `closedform export`: a formula in a target, on the screen or in a file."""

from __future__ import annotations

from argparse import Namespace
from importlib import import_module
from inspect import signature
from typing import Any, Final

from closedform.cli.answers import Answer
from closedform.cli.inspecting import facts_of
from closedform.cli.sources import Rows, Source, open_source, with_rows
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.printers import TARGETS
from closedform.store import from_json, to_json
from closedform.store.files import put
from closedform.verify import Certificate, verify, verify_program

_OPTIONS: Final = ("form", "digits", "brief", "document")


def read(args: Namespace, notes: list[str]) -> Answer:
    """Print a formula, or write it to a file."""
    source, rows = with_rows(open_source(args, notes), args, notes)
    text = printed(source.formula, args.to, options_of(args, rows))
    facts = facts_of(source.formula) | {"target": args.to}
    if args.out is None:
        return Answer(text, facts | {"text": text})
    _write(args.out, text)
    return Answer(f"wrote {args.out}", facts | {"out": args.out})


def export(args: Namespace, notes: list[str]) -> Answer:
    """Write a formula to a file; with `--check`, only if what was printed agrees when it is run."""
    if args.check and args.data is None:
        raise BadInput("--check needs rows to run the program on.", hint="Add --data rows.csv.")
    source, rows = with_rows(open_source(args, notes), args, notes)
    text = printed(source.formula, args.to, options_of(args, rows))
    facts = facts_of(source.formula) | {"target": args.to, "out": args.out, "written": True}
    certificate = _checked(args, source, rows, text) if args.check and rows else None
    if certificate is None:
        _write(args.out, text)
        return Answer(f"wrote {args.out}", facts)
    facts |= {"written": certificate.ok, "certificate": certificate.to_dict()}
    if not certificate.ok:
        return Answer(f"{certificate}\n{args.out} was not written", facts, ok=False)
    _write(args.out, text)
    return Answer(f"{certificate}\nwrote {args.out}", facts, ok=True)


def _write(path: str, text: str) -> None:
    put(path, text if text.endswith("\n") else text + "\n")


def options_of(args: Namespace, rows: Rows | None) -> dict[str, Any]:
    """Return the options for a printer that were really given."""
    options = {name: value for name in _OPTIONS if (value := getattr(args, name, None))}
    strange = [name for name in options if not _takes(args.to, name)]
    if strange:
        raise BadInput(f"--{strange[0]} does not go with --to {args.to}.",
                       hint="Leave it out, or print in another target: --to text.")  # fmt: skip
    return options | ({"data": rows.X} if rows and args.digits is not None else {})


def _takes(target: str, option: str) -> bool:
    """Tell whether a target has an option; that of a plugin may have any."""
    if target == "json" or option == "digits":
        return target != "json"  # JSON holds the formula exactly
    if target not in TARGETS:
        return True
    return option in signature(import_module(TARGETS[target]).write).parameters


def printed(formula: Formula, target: str, options: dict[str, Any]) -> str:
    """Return a formula in a target; `json` is the form in which it can be opened again.

    Raises:
        UnsupportedTarget: the target is not known, or cannot spell some part.
    """
    if target == "json":
        return to_json(formula)
    # SymPy's objects are of use inside Python alone; here the program that builds them is wanted.
    text = {"as_text": True} if target in TARGETS and _takes(target, "as_text") else {}
    return str(formula.to(target, **options, **text))


def _checked(args: Namespace, source: Source, rows: Rows, text: str) -> Certificate:
    if args.to != "json":
        return verify_program(
            source.formula, args.to, rows.X, model=source.model, tolerance=args.tolerance,
            **options_of(args, rows),
        )  # fmt: skip
    if source.model is None:
        raise BadInput("There is no model to check this formula against.",
                       hint="Give the model's file instead of the formula's.")  # fmt: skip
    return verify(from_json(text), source.model, rows.X, tolerance=args.tolerance)
