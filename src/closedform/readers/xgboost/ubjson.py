"""Universal Binary JSON (ubjson.org, draft 12), as far as XGBoost writes it.

Typed arrays become NumPy arrays. Nothing is made larger than the bytes that are there.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from closedform.loading.stream import Broken

_NUMBERS = {
    b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8",
}  # fmt: skip
_WORDS = {b"Z": None, b"T": True, b"F": False}
DEEPEST = 64
"""Levels of nesting; XGBoost uses 8."""


class _Bytes:
    """A place in the bytes of a document."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.raw):
            raise Broken("the file ends too early")
        self.at += size
        return self.raw[self.at - size : self.at]

    def peek(self) -> bytes:
        return self.raw[self.at : self.at + 1]

    def number(self, mark: bytes) -> int | float:
        kind = np.dtype(_NUMBERS[mark])
        found: int | float = np.frombuffer(self.take(kind.itemsize), kind)[0].item()
        return found

    def count(self) -> int:
        mark = self.take(1)
        found = self.number(mark) if mark in _NUMBERS and mark not in b"dD" else -1
        if found < 0:
            raise Broken(f"byte {self.at:,} is no length")
        return int(found)

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8")


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the object in a UBJSON document.

    Raises:
        Broken: it is truncated, nested too deep, or not UBJSON.
    """
    place = _Bytes(raw)
    try:
        made = _value(place, place.take(1), 0)
    except (UnicodeDecodeError, struct.error, ValueError) as error:
        raise Broken(f"it is no UBJSON ({error})") from error
    if not isinstance(made, dict):
        raise Broken("it holds no object")
    return made


def _value(place: _Bytes, mark: bytes, depth: int) -> Any:
    if depth > DEEPEST:
        raise Broken("it is nested too deep")
    if mark in _NUMBERS:
        return place.number(mark)
    if mark in _WORDS:
        return _WORDS[mark]
    if mark == b"S":
        return place.text()
    if mark == b"C":
        return place.take(1).decode("ascii")
    if mark == b"{":
        return _object(place, depth)
    if mark == b"[":
        return _array(place, depth)
    raise Broken(f"byte {place.at:,} begins no value")


def _head(place: _Bytes) -> tuple[bytes | None, int | None]:
    """Return the type that all members share, and how many there are, where that is said."""
    kind = None
    if place.peek() == b"$":
        place.take(1)
        kind = place.take(1)
        if place.peek() != b"#":
            raise Broken(f"byte {place.at:,}: a shared type without a count")
    if place.peek() != b"#":
        return kind, None
    place.take(1)
    return kind, place.count()


def _object(place: _Bytes, depth: int) -> dict[str, Any]:
    kind, count = _head(place)
    made: dict[str, Any] = {}
    left = -1 if count is None else count
    while left and (count is not None or place.peek() != b"}"):
        name = place.text()
        made[name] = _value(place, kind or place.take(1), depth + 1)
        left -= 1
    if count is None:
        place.take(1)
    return made


def _array(place: _Bytes, depth: int) -> Any:
    kind, count = _head(place)
    if kind in _NUMBERS and count is not None:
        number = np.dtype(_NUMBERS[kind])
        found = np.frombuffer(place.take(count * number.itemsize), number)
        return found.astype(number.newbyteorder("="))
    if kind in _WORDS:
        raise Broken(f"byte {place.at:,}: an array whose members take no bytes")
    made: list[Any] = []
    left = -1 if count is None else count
    while left and (count is not None or place.peek() != b"]"):
        made.append(_value(place, kind or place.take(1), depth + 1))
        left -= 1
    if count is None:
        place.take(1)
    return made
