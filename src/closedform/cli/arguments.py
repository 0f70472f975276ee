"""What can be said on the command line, and its help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from closedform.cli import checking, explaining, inspecting, printing, reporting, shortening
from closedform.cli.answers import Answer
from closedform.errors import BadInput
from closedform.explanations.explaining import ASKED
from closedform.printers import targets

_ABOUT = "Read a trained model as a formula, and say, checked, how far the formula is from it."
_STATUS = """\
exit status:
  0  done; what was verified agrees
  1  a verification or comparison found a difference
  2  a wrong call, or a file that is refused or cannot be read
  3  an error of closedform itself

A pickle (.pkl, .joblib) can run any code when it is opened. It is looked at without running it, and
refused unless you say --trust-pickle. What a file is, is decided by its content, not by its name.
"""
_EXAMPLES = {
    "": """\
examples:
  closedform inspect model.joblib
  closedform read model.joblib --trust-pickle
  closedform verify model.joblib --trust-pickle --data rows.csv
  closedform export model.skops --to python -o model.py --check --data rows.csv
""",
    "inspect": """\
examples:
  closedform inspect model.joblib                  what is it, and what would it import?
  closedform inspect model.joblib --trust-pickle   and can it be read as a formula?
  closedform inspect formula.json --json
""",
    "read": """\
examples:
  closedform read model.joblib --trust-pickle
  closedform read model.skops --to latex --digits 4 --data rows.csv
  closedform read formula.json --to python -o formula.py
""",
    "verify": """\
examples:
  closedform verify model.joblib --trust-pickle --data rows.csv
  closedform verify model.skops --formula formula.json --data rows.parquet --tolerance 1e-6
  closedform verify formula.json --program python --data rows.csv
""",
    "compare": """\
examples:
  closedform compare model.joblib "1.2*age + 0.3*bmi - 4" --trust-pickle --data rows.csv
""",
    "frontier": """\
examples:
  closedform frontier model.joblib --trust-pickle --data rows.csv --target price
  closedform frontier model.skops --data rows.csv --html frontier.html --time-limit 20
  closedform frontier formula.json --data rows.csv --max-error 0.05 -o short.json
""",
    "distill": """\
examples:
  closedform distill model.joblib --trust-pickle --data rows.csv
  closedform distill network.onnx --data rows.csv --target force --time-limit 120 -o law.json
  closedform distill --data rows.csv --target E --units m=kg --units v=m/s --units E=J
""",
    "explain": """\
examples:
  closedform explain model.joblib --trust-pickle --data rows.csv --target price
  closedform explain model.skops --data rows.csv --input age --what shap interactions -o drives.png
  closedform explain model.skops --formula short.json --data rows.csv --json
""",
    "report": """\
examples:
  closedform report model.joblib --trust-pickle --data rows.csv --target price
  closedform report model.skops --data rows.csv -o report.html --title "Prices of houses"
""",
    "export": """\
examples:
  closedform export model.joblib --trust-pickle --to json -o formula.json
  closedform export formula.json --to python -o formula.py --check --data rows.csv
""",
}
_MORE = {
    "data": "a CSV or Parquet file with named columns; those that the model does not know are "
    "left out",
    "example": "rows as the model takes them (CSV or Parquet), where the file does not hold all: "
    "of CatBoost's categories it holds a hash alone",
    "target": "the column that the model predicts; may be repeated",
    "form": "text and latex: line, steps, matrix (networks) or rules (trees); sympy: expression or "
    "steps",
    "digits": "round numbers to so many significant digits; how far the output moves is said "
    "where --data is given",
    "option": "an option of the target's own, as name=iris; may be repeated",
    "accepted": "the greatest error against the model that is accepted: the best formula is then "
    "the shortest one within it",
    "metric": "how errors are measured: disagreement (classifiers), rmse, mae or max",
    "method": "use this method alone; may be repeated",
    "operators": "functions that a law may have beside sums, products, quotients and powers, "
    "separated by commas: sqrt, exp, log, sin, cos …; default: all",
    "units": "the unit of a column, as mass=kg; once for each column; laws that break them are not "
    "looked for",
    "noise": "the error of the model, as a share of the deviation of what it says; default: "
    "estimated",
    "outside": "compare with the model beyond the range of the rows too, by this share of it",
    "engines": "evolutionary searches to use beside the asking, separated by commas",
    "progress": "say how far it is, as lines with the time, also where standard error is no "
    "terminal",
    "out": "the file to write; it is replaced at once, or left as it was",
    "tolerance": "the greatest relative difference that passes (default: %(default)g)",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise BadInput."""
        usage = " ".join(self.format_usage().split())
        raise BadInput(f"{message}.", hint=f"{usage}; more with --help")


Verb = argparse.ArgumentParser
Fill = Callable[[Verb], None]
Run = Callable[[argparse.Namespace, list[str]], Answer]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return what was said; `verb` is the function to call.

    Raises:
        BadInput: a wrong call.
        SystemExit: help or the version was asked for, and has been printed.
    """
    words = [_no_option(word) for word in argv] if "compare" in argv[:1] else list(argv)
    return _parser().parse_args(words)


def _no_option(word: str) -> str:
    """Keep an expression as `-3*age+2` from being taken for an option: one with a space is none."""
    return f" {word}" if re.match(r"-(\d|\.|\(|[A-Za-z_]\w*\s*[-+*/^(])", word) else word


def _parser() -> argparse.ArgumentParser:
    from closedform.about import __version__

    parser = _new(_Parser, "", prog="closedform", description=_ABOUT)
    parser.add_argument("--version", action="version", version=f"closedform {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", title="verbs", required=True)
    for name, (about, fill, verb) in _VERBS.items():
        one = _new(verbs.add_parser, name, name=name, help=about, description=about.capitalize())
        _common(one, optional=name == "distill")
        fill(one)
        one.set_defaults(verb=verb)
    return parser


def _new(make: Callable[..., Verb], verb: str, name: str | None = None, **more: str) -> Verb:
    return make(
        *([name] if name else []),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES[verb] + "\n" + _STATUS,
        allow_abbrev=False,
        **more,
    )


def _common(verb: Verb, *, optional: bool) -> None:
    file = "a model, or a formula saved as JSON"
    if optional:
        file += "; without one, laws are looked for in the data"
    verb.add_argument("file", metavar="FILE", nargs="?" if optional else None, help=file)
    trust = verb.add_argument_group("trust")
    trust.add_argument("--trust-pickle", action="store_true", help="let a pickle run")
    trust.add_argument(
        "--trust-type", action="append", default=[], metavar="NAME",
        help="trust a type in a skops file, as module.Name; may be repeated",
    )  # fmt: skip
    verb.add_argument("--example", metavar="ROWS", help=_MORE["example"])
    told = verb.add_argument_group("output")
    told.add_argument("--json", action="store_true", help="one JSON object on standard output")
    told.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _data(verb: Verb, *, required: bool) -> None:
    verb.add_argument("--data", metavar="ROWS", required=required, help=_MORE["data"])
    verb.add_argument(
        "--target", action="append", default=[], metavar="COLUMN", help=_MORE["target"]
    )


def _target_language(verb: Verb, *, required: bool) -> None:
    languages = ", ".join((*targets(), "json"))
    verb.add_argument(
        "--to", metavar="TARGET", required=required, default=None if required else "text",
        help=languages + ("" if required else " (default: text)"),
    )  # fmt: skip
    verb.add_argument("--form", help=_MORE["form"])
    verb.add_argument("--document", action="store_true", help="latex: a whole document")
    verb.add_argument("--digits", type=_at_least_one, metavar="N", help=_MORE["digits"])
    verb.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help=_MORE["option"]
    )


def _read(verb: Verb) -> None:
    _target_language(verb, required=False)
    verb.add_argument("--brief", action="store_true", help="text: one screen, rounded for the eye")
    _data(verb, required=False)
    verb.add_argument("-o", "--out", metavar="OUT", help=_MORE["out"])


def _verify(verb: Verb) -> None:
    _data(verb, required=True)
    verb.add_argument("--formula", metavar="JSON", help="a saved formula to check, not a new one")
    verb.add_argument(
        "--program", metavar="TARGET", help="print the formula in this target, run that, check it"
    )
    verb.add_argument(
        "--prove", type=_not_negative, metavar="X",
        help="prove that the two are never further apart, anywhere in the range of the rows",
    )  # fmt: skip
    _tolerance(verb)


def _compare(verb: Verb) -> None:
    verb.add_argument("expression", metavar="EXPRESSION", help='yours: "1.2*age + 0.3*bmi - 4"')
    _data(verb, required=False)
    verb.add_argument(
        "--output", metavar="NAME", help="compare with this output, not the prediction"
    )
    _tolerance(verb, 1e-6)


def _frontier(verb: Verb) -> None:
    _data(verb, required=True)
    verb.add_argument("--tolerance", type=_not_negative, metavar="X", help=_MORE["accepted"])
    verb.add_argument("--metric", metavar="NAME", help=_MORE["metric"])
    verb.add_argument("--method", action="append", default=[], metavar="NAME", help=_MORE["method"])
    _search(verb, "frontier")


def _explain(verb: Verb) -> None:
    _data(verb, required=True)
    verb.add_argument("--formula", metavar="JSON", help="a saved formula beside the model")
    verb.add_argument("--output", metavar="NAME", help="explain this output, or this class")
    verb.add_argument(
        "--input", action="append", default=[], metavar="NAME",
        help="also say what this input does; may be repeated",
    )  # fmt: skip
    verb.add_argument(
        "--what", nargs="+", action="extend", default=[], metavar="PART",
        choices=[*ASKED, explaining.ALL],
        help=f"also tell of these parts: {', '.join(ASKED)}; or of all",
    )  # fmt: skip
    _limits(verb)
    _watched(verb)
    verb.add_argument("-o", "--out", metavar="PICTURE", help="draw it: a .png, .svg or .pdf file")


def _distill(verb: Verb) -> None:
    _data(verb, required=True)
    verb.add_argument("--operators", metavar="NAMES", help=_MORE["operators"])
    verb.add_argument(
        "--units", action="append", default=[], metavar="COLUMN=UNIT", help=_MORE["units"]
    )
    verb.add_argument("--noise", type=_not_negative, metavar="X", help=_MORE["noise"])
    verb.add_argument("--engines", metavar="NAMES", help=_MORE["engines"])
    verb.add_argument(
        "--outside", type=_not_negative, default=0, metavar="X", help=_MORE["outside"]
    )
    verb.add_argument("--jobs", type=int, metavar="N", help="so many outputs at a time")
    verb.add_argument("--tolerance", type=_not_negative, metavar="X", help=_MORE["accepted"])
    _search(verb, "laws")


def _report(verb: Verb) -> None:
    _data(verb, required=True)
    verb.add_argument(
        "-o", "--out", metavar="PAGE",
        help="the page (default: FILE.report.html in this folder); it is replaced at once, or left",
    )  # fmt: skip
    verb.add_argument("--formula", metavar="JSON", help="the saved formula that it opens with")
    verb.add_argument("--output", metavar="NAME", help="the output, or class, that curves show")
    verb.add_argument("--title", help="of the page")
    verb.add_argument("--purpose", default="", metavar="TEXT", help="what the model is for")
    _limits(verb)
    _watched(verb)


def _limits(verb: Verb) -> None:
    verb.add_argument(
        "--time-limit", type=_not_negative, default=60, metavar="S", help="seconds (default: 60)"
    )
    verb.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")


def _watched(verb: Verb) -> None:
    told = verb.add_mutually_exclusive_group()
    told.add_argument("--quiet", action="store_true", help="show no bar while it runs")
    told.add_argument("--progress", action="store_true", help=_MORE["progress"])


def _search(verb: Verb, kind: str) -> None:
    _limits(verb)
    _watched(verb)
    verb.add_argument(
        "--html", nargs="?", const="", metavar="PAGE",
        help=f"also write the table as a page (default: FILE.{kind}.html in this folder)",
    )  # fmt: skip
    picked = verb.add_argument_group("the formula that -o writes, as JSON; default: the best")
    picked.add_argument("--max-error", type=_not_negative, metavar="X", help="the shortest within")
    picked.add_argument("--max-length", type=_not_negative, metavar="N", help="the nearest within")
    verb.add_argument("-o", "--out", metavar="OUT", help=_MORE["out"])


def _export(verb: Verb) -> None:
    _target_language(verb, required=True)
    verb.add_argument("-o", "--out", metavar="OUT", required=True, help=_MORE["out"])
    verb.add_argument(
        "--check", action="store_true",
        help="run what was printed on --data first; where it differs, nothing is written",
    )  # fmt: skip
    _data(verb, required=False)
    _tolerance(verb)


def _tolerance(verb: Verb, default: float = 1e-9) -> None:
    verb.add_argument(
        "--tolerance", type=_not_negative, default=default, metavar="X", help=_MORE["tolerance"]
    )


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return number


_VERBS: dict[str, tuple[str, Fill, Run]] = {
    "inspect": ("say what a file is, and whether it can be read", lambda _: None,
                inspecting.inspect),
    "read": ("print a model as a formula", _read, printing.read),
    "verify": ("check a formula, or a printed program, against the model", _verify,
               checking.verify),
    "compare": ("say why your own expression differs from the model", _compare, checking.compare),
    "frontier": ("shorter formulas for a model, with their errors", _frontier, shortening.frontier),
    "distill": ("the law that a model has learned, or that data follow", _distill,
                shortening.distill),
    "explain": ("what drives a model and its formula", _explain, explaining.explain),
    "report": ("one page on a model: formulas that run in it, errors, proofs", _report,
               reporting.report),
    "export": ("write a formula to a file, in any target", _export, printing.export),
}  # fmt: skip
