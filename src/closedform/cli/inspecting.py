"""`closedform inspect`: what a file is, and whether it can be read."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from closedform.cli.answers import Answer, problems_of
from closedform.cli.sources import OPENED, SAVED, example_of, open_trusted
from closedform.errors import BadFile, ClosedformError
from closedform.formula import Feature, Formula
from closedform.loading import FileReport, inspect_file
from closedform.loading.report import HINTS, KINDS
from closedform.readers import read
from closedform.readers.registry import FILES, read_inspected
from closedform.store import content_hash, load


def inspect(args: Namespace, notes: list[str]) -> Answer:
    """Say what a file is; with trust, what the model in it is too."""
    report = inspect_file(args.file)
    if report.kind == SAVED:
        formula = load(args.file)
        return _answer(report, "formula: " + formula.source, facts_of(formula), formula)
    if report.kind in FILES:
        return _model(report, lambda: read_inspected(report, example=example_of(args)))
    if report.kind not in OPENED or not _opens(report, args):
        if report.kind in OPENED:
            notes.append(f"nothing of it was run. To see the model, trust the file: {_how(report)}")
        elif report.kind in HINTS:
            notes.append(HINTS[report.kind])
        return Answer(str(report), {"file": report.to_json()})
    model = open_trusted(args, notes)
    notes[:] = [note for note in notes if note not in report.notes]
    return _model(report, lambda: read(model, example=example_of(args)), _steps(model))


def _opens(report: FileReport, args: Namespace) -> bool:
    if report.kind in ("pickle", "joblib"):
        return bool(args.trust_pickle)
    return report.kind == "skops" and set(report.unfamiliar) <= set(args.trust_type)


def _how(report: FileReport) -> str:
    types = " ".join(f"--trust-type {name}" for name in report.unfamiliar)
    return types if report.kind == "skops" else "--trust-pickle"


def _model(report: FileReport, read_it: Callable[[], Formula], steps: str = "") -> Answer:
    try:
        formula = read_it()
        steps = steps or formula.source
    except BadFile:
        raise
    except ClosedformError as error:
        facts = {"readable": False, "error": error.message, "hint": error.hint}
        steps = steps or KINDS[report.kind].removeprefix("a model saved by ")
        text = f"{report}\n\nmodel: {steps}\ncannot be read as a formula: {error}"
        return Answer(text, {"file": report.to_json(), "model": steps} | facts | problems_of(error))
    facts = {"model": steps, "readable": True} | facts_of(formula)
    return _answer(report, f"model: {steps}\ncan be read as a formula", facts, formula)


def _steps(model: Any) -> str:
    from closedform.readers.sklearn.dispatch import describe

    return describe(model)


def _answer(report: FileReport, title: str, facts: dict[str, Any], formula: Formula) -> Answer:
    text = "\n".join([str(report), "", title, *_lines(formula)])
    return Answer(text, {"file": report.to_json()} | facts)


def facts_of(formula: Formula) -> dict[str, Any]:
    """Return what a formula is, as plain values."""
    return {
        "source": formula.source,
        "summary": formula.summary(),
        "task": formula.task.kind,
        "inputs": [_input(f) for f in formula.inputs],
        "outputs": list(formula.outputs),
        "sha256": content_hash(formula),
    }


def _input(feature: Feature) -> dict[str, Any]:
    made: dict[str, Any] = {"name": feature.name, "type": feature.type.value}
    if feature.categories is not None:
        made["categories"] = list(feature.categories)
    return made | {"missing": feature.missing, "unseen": feature.unseen}


def _lines(formula: Formula) -> Iterator[str]:
    yield f"  {formula.task.kind}: {formula.summary()}"
    yield "  inputs:"
    for feature in formula.inputs:
        yield "    " + _described(feature)
    yield "  outputs: " + ", ".join(formula.outputs)


def _described(feature: Feature) -> str:
    kinds = feature.categories
    what = "a number"
    if kinds is not None:
        shown = ", ".join(map(str, kinds[:6])) + (", …" if len(kinds) > 6 else "")
        what = f"one of {len(kinds)}: {shown}" + (", or another" if feature.unseen else "")
    elif feature.type.value == "label":
        what = "a category"
    return f"{feature.name}: {what}" + ("; may be missing" if feature.missing else "")
