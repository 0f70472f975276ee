"""Rows and answers as lines of text, for programs that read their input word by word.

Numbers pass in full, labels as the codes of their bytes: no quotes, no spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def told(
    columns: list[list[Any]], texts: Sequence[bool], number: Callable[[float], str] = repr,
    codec: str = "utf-8",
) -> str:  # fmt: skip
    """Return the count of rows and then each value, on a line of its own.

    Args:
        columns: the values of each input.
        texts: which of them are text: -1 for a missing one, else the count of bytes and the bytes.
        number: how a number is written; repr has all digits, `float.hex` all bits.
        codec: how a label is written as bytes.
    """
    rows = list(zip(*columns, strict=True))
    words = [str(len(rows))]
    for row in rows:
        for value, text in zip(row, texts, strict=True):
            words.append(_label(value, codec) if text else _number(value, number))
    return "\n".join(words) + "\n"


def _number(value: Any, number: Callable[[float], str]) -> str:
    return "nan" if value is None else number(float(value))


def _label(value: Any, codec: str) -> str:
    if value is None:
        return "-1"
    codes = str(value).encode(codec, "surrogatepass")
    return " ".join(map(str, (len(codes), *codes)))


def answers(
    told: str, texts: Sequence[bool], outputs: Sequence[str],
    number: Callable[[str], float] = float, codec: str = "utf-8",
) -> dict[str, list[Any]]:  # fmt: skip
    """Return what a program told, a line for each output of each row, by the outputs' names."""
    lines = told.splitlines()
    found: dict[str, list[Any]] = {}
    for i, (name, text) in enumerate(zip(outputs, texts, strict=True)):
        column = lines[i :: len(texts)]
        found[name] = [_text(line, codec) if text else number(line) for line in column]
    return found


def _text(line: str, codec: str) -> str | None:
    size, *codes = map(int, line.split())
    return None if size < 0 else bytes(codes).decode(codec, "surrogatepass")
