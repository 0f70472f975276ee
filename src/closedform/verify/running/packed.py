"""Columns as files that R and Octave read without losing a bit: doubles, and texts as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from closedform.formula import Feature
from closedform.ir import Type

STRANGE = -987654321.5
"""A number that stands for a label that no formula knows, where labels are numbers."""


def is_text(feature: Feature, column: Sequence[Any]) -> bool:
    """Tell whether a column holds labels that are texts."""
    if feature.type is not Type.LABEL:
        return False
    known = feature.categories or [v for v in column if v is not None]
    return any(isinstance(v, str) for v in known)


def pack(folder: str, inputs: Sequence[Feature], columns: Sequence[Sequence[Any]]) -> list[bool]:
    """Write columns to numbers.bin and texts.txt, and return which of them are texts."""
    texts = [is_text(f, c) for f, c in zip(inputs, columns, strict=True)]
    numbers: list[float] = []
    lines: list[str] = []
    for column, text in zip(columns, texts, strict=True):
        if text:
            lines += [coded(v) for v in column]
        else:
            numbers += [as_number(v) for v in column]
    Path(folder, "numbers.bin").write_bytes(np.array(numbers, dtype="<f8").tobytes())
    Path(folder, "texts.txt").write_text("".join(f"{line}\n" for line in lines))
    return texts


def as_number(value: Any) -> float:
    """Return a number or a label that is one."""
    if value is None:
        return float("nan")
    return STRANGE if isinstance(value, str) else float(value)


def coded(value: Any) -> str:
    """Return a text as the codes of its bytes, "-" where it is missing."""
    if value is None:
        return "-"
    return "x" + str(value).encode("utf-8", "surrogatepass").hex()


def decoded(line: str) -> str | None:
    """Return the text of some codes."""
    return None if line == "-" else bytes.fromhex(line[1:]).decode("utf-8", "surrogatepass")


def unpack(folder: str, outputs: Sequence[str], rows: int) -> dict[str, list[Any]]:
    """Return the outputs that a program left in kinds.txt, found.bin and found.txt."""
    kinds = Path(folder, "kinds.txt").read_text().split()
    numbers = np.frombuffer(Path(folder, "found.bin").read_bytes(), dtype="<f8").tolist()
    lines = Path(folder, "found.txt").read_text().split()
    found: dict[str, list[Any]] = {}
    for name, kind in zip(outputs, kinds, strict=True):
        if kind == "text":
            found[name], lines = [decoded(line) for line in lines[:rows]], lines[rows:]
        else:
            found[name], numbers = numbers[:rows], numbers[rows:]
    return found
