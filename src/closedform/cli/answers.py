"""What a verb answers, and how it is told: to a person, or as one JSON object."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from closedform.errors import ClosedformError, UnsupportedModel

RED, GREEN, YELLOW = "31", "32", "33"


@dataclass(frozen=True)
class Answer:
    """What a verb found out.

    Attributes:
        text: for a person.
        data: the same for a program, as plain values.
        ok: whether what was checked agrees; None where nothing was.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    ok: bool | None = None


def tell(answer: Answer, notes: list[str], *, as_json: bool) -> None:
    """Print an answer; notes go to standard error, or into the object."""
    if as_json:
        _object({**answer.data, "notes": notes})
        return
    tell_notes(notes)
    text = answer.text if answer.text.endswith("\n") else answer.text + "\n"
    if answer.ok is not None:
        first, rest = text.split("\n", 1)
        text = coloured(first, GREEN if answer.ok else RED, sys.stdout) + "\n" + rest
    sys.stdout.write(text)


def tell_error(error: ClosedformError, more: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what went wrong and what to do."""
    if as_json:
        said = {"error": error.message, "hint": error.hint, "kind": type(error).__name__}
        _object({**said, **more})
        return
    label = coloured("error:", RED, sys.stderr)
    print(f"closedform: {label} {error}", file=sys.stderr)


def tell_notes(notes: list[str]) -> None:
    """Print notes for a person."""
    for note in notes:
        print(f"{coloured('note:', YELLOW, sys.stderr)} {note}", file=sys.stderr)


def problems_of(error: ClosedformError) -> dict[str, Any]:
    """Return every part of a model that has no formula, as plain values."""
    if not isinstance(error, UnsupportedModel):
        return {}
    return {"problems": [{"what": what, "hint": hint or None} for what, hint in error.problems]}


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return text in a colour, where somebody looks and has not said NO_COLOR."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain else f"\x1b[{colour}m{text}\x1b[0m"


def _object(data: Mapping[str, Any]) -> None:
    # ASCII, so that it arrives whatever the terminal's encoding is.
    json.dump(plain(data), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """Return what JSON takes: a float that it lacks becomes "nan", "inf" or "-inf"."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
