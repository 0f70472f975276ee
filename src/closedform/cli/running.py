"""Running a verb: its exit status, and no traceback for anything that a user can mend."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from closedform.cli.answers import Answer, problems_of, tell, tell_error, tell_notes
from closedform.cli.arguments import parse
from closedform.errors import ClosedformError, UntrustedFile, first_line
from closedform.loading import inspect_file

DIFFERS, REFUSED, BROKEN, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 130, 141
_REPORT = "This is an error of closedform. See it whole with --debug, and please report it."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: the words after the command's name; default: those that it was called with.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _accept_any_text()
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on. The interpreter would complain when it closes the stream at its end.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _accept_any_text() -> None:
    """Let no letter that a terminal cannot show end in an error, and no stream that is closed."""
    # Python has None for a stream that was closed by the caller, as `2>&-`.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(words: list[str]) -> int:
    as_json, debug = "--json" in words, "--debug" in words
    notes: list[str] = []
    args: Namespace | None = None
    try:
        args = parse(words)
        answer = _answer(args, notes)
        tell(answer, notes, as_json=as_json)
        return DIFFERS if answer.ok is False else 0
    except SystemExit as asked:  # --help or --version
        return int(asked.code or 0)
    except ClosedformError as error:
        problem, status = error, REFUSED
        cause: Exception = error
    except BrokenPipeError:
        raise
    except Exception as error:
        name = type(error).__name__
        problem, status = ClosedformError(f"{name}: {first_line(error)}", hint=_REPORT), BROKEN
        cause = error
    if debug:
        traceback.print_exception(cause)
    if not as_json:
        tell_notes(notes)
    tell_error(problem, _more(problem, args), as_json=as_json)
    return status


def _answer(args: Namespace, notes: list[str]) -> Answer:
    # What packages print while they are asked is no part of an answer.
    with _warnings_as(notes), redirect_stdout(sys.stderr):
        answer: Answer = args.verb(args, notes)
    return answer


@contextmanager
def _warnings_as(notes: list[str]) -> Iterator[None]:
    """Turn what packages warn of into notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        finally:
            said = dict.fromkeys(first_line(w.message) for w in caught)
            notes.extend(note for note in said if note not in notes)


def _more(error: ClosedformError, args: Namespace | None) -> dict[str, Any]:
    if isinstance(error, UntrustedFile) and args is not None:
        with suppress(ClosedformError):
            return {"file": inspect_file(args.file).to_json()}
    return problems_of(error)
