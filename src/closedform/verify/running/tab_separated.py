"""Rows as text between tabs, as PostgreSQL and ClickHouse read them."""

from __future__ import annotations

from typing import Any


def cell(value: Any) -> str:
    """Return a number, a text or None as one cell; numbers keep all their digits."""
    if value is None:
        return "\\N"
    if isinstance(value, float):
        return "NaN" if value != value else str(value).replace("inf", "Infinity")
    text = str(value)
    for sign, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, escaped)
    return text


_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def value_of(text: str) -> Any:
    """Return what a cell holds: None, a number where it reads as one, or a text."""
    if text == "\\N":
        return None
    try:
        return float(text.replace("Infinity", "inf"))
    except ValueError:
        parts = text.split("\\")
        out = parts[0]
        rest = iter(parts[1:])
        for part in rest:
            out += "\\" + next(rest, "") if not part else _ESCAPES.get(part[0], part[0]) + part[1:]
        return out
