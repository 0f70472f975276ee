"""Nested values as JSON can hold them, and records that tell themselves so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return nested values as JSON can hold them; NaN and infinities become text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


class Told:
    """What every record of a check or a proof can say of itself: a text, plain values, JSON.

    A record is a dataclass with a `verdict`, and a text whose first line that is.
    """

    @property
    def verdict(self) -> str:
        """One line: what is known."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the text, which is what a console should show."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; floats that JSON lacks become text ("nan", "inf")."""
        made = {"ok": self.ok} if hasattr(self, "ok") else {}
        return made | {"verdict": self.verdict} | plain(asdict(self))  # type: ignore[call-overload, no-any-return]

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        first, *rest = str(self).splitlines()
        return f"<div>{self._headline(first)}{listed(rest)}</div>"

    def _headline(self, line: str, colour: str = "") -> str:
        # Mixed with the colour of the text, it can be read on a light and on a dark page.
        mixed = f"color-mix(in srgb, {colour} 60%, currentColor)"
        style = f' style="color:{mixed}"' if colour else ""
        return f"<strong{style}>{escape(line)}</strong>"


def listed(notes: Iterable[str]) -> str:
    """Return notes as a list in HTML."""
    return "<ul>" + "".join(f"<li>{escape(note.strip())}</li>" for note in notes) + "</ul>"
