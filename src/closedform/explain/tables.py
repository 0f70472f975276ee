"""Explanations as tables: in a terminal, in a notebook, and as plain values."""

from __future__ import annotations

import math
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np

WIDEST_NAME = 36
"""Characters of a name on one line: a longer one goes on below, whole."""
WIDTH = 100
"""Characters of a line of a note."""

Cell = str | float


@dataclass(frozen=True)
class Table:
    """Rows of names and numbers.

    Attributes:
        title: what it tells.
        heads: the heading of each column.
        rows: their cells: text stands left, numbers right; NaN is an empty cell.
        notes: what a reader should know of it.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as text."""
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text."""
        right = self._right()
        cells = [[[head] for head in self.heads]]
        cells += [[_folded(cell) for cell in row] for row in self.rows]
        widths = [max(len(part) for row in cells for part in row[c]) for c in range(len(right))]
        yield from textwrap.wrap(self.title, WIDTH)
        for row in cells:
            for parts in zip_longest(*row, fillvalue=""):
                placed = (
                    part.rjust(w) if r else part.ljust(w)
                    for part, w, r in zip(parts, widths, right, strict=True)
                )
                yield ("  " + "  ".join(placed)).rstrip()
        for note in self.notes:
            yield from textwrap.wrap(f"note: {note}", WIDTH, subsequent_indent="  ")

    def html(self) -> str:
        """Return it as an HTML table, without styles of its own."""
        right = self._right()
        head = "".join(_cell("th", h, r, ' scope="col"') for h, r in zip(
            self.heads, right, strict=True))  # fmt: skip
        body = "".join(
            "<tr>" + "".join(_cell("td", c, r) for c, r in zip(row, right, strict=True)) + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f'<table class="cf-explain"><caption>{escape(self.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"{f'<ul>{notes}</ul>' if notes else ''}"
        )

    def _right(self) -> list[bool]:
        """Tell which columns hold numbers."""
        return [
            any(not isinstance(row[c], str) for row in self.rows) for c in range(len(self.heads))
        ]


def _folded(cell: Cell) -> list[str]:
    return textwrap.wrap(figure(cell), WIDEST_NAME) or [""]


def _cell(tag: str, cell: Cell, right: bool, more: str = "") -> str:
    side = "right" if right else "left"
    return f'<{tag}{more} style="text-align:{side}">{escape(figure(cell))}</{tag}>'


def figure(value: Cell) -> str:
    """Return a number as a table shows it, with four digits; text as it is.

    >>> figure(1234567.0), figure(-0.123456), figure(1e-9)
    ('1,234,567', '-0.1235', '1e-09')
    """
    if isinstance(value, str) or value is None:
        return value or ""
    value = float(value)
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


class Record(ABC):
    """What an explanation found: a frozen dataclass of arrays, with a value for each side."""

    withheld: ClassVar[tuple[str, ...]] = ()
    """Fields that say something of single rows: they are in no file and on no page."""

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """Return what it tells a reader, in one table or several."""

    def __str__(self) -> str:
        """Return the tables as text."""
        return "\n\n".join(map(str, self.tables()))

    def __repr__(self) -> str:
        """Return the tables, which is what a console should show."""
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables())

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values, as JSON takes them, without what tells of single rows.

        A missing number is None; an infinite one is the text "inf" or "-inf".
        """
        return {
            field.name: plain(getattr(self, field.name))
            for field in fields(self)  # type: ignore[arg-type]
            if field.name not in self.withheld
        }


def plain(value: Any) -> Any:
    """Return arrays, records and mappings as lists, dicts and numbers of Python."""
    if isinstance(value, Record):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
