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
"""Characters of a line."""
NARROWEST = 14
"""Text is folded no narrower than that, to keep a table within its lines."""

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
        yield from textwrap.wrap(self.title, WIDTH)
        if not self.rows:
            yield "  none"
        else:
            yield from self._body()
        yield from noted(self.notes)

    def _body(self) -> Iterator[str]:
        """Yield headings and rows; what is too wide, in blocks that begin with the same column."""
        right = self._right()
        limits = [WIDEST_NAME] * len(right)
        cells = self._folded(limits)
        over = 2 * len(right) + sum(_widths(cells)) - WIDTH
        for c in reversed(range(len(right))):
            if over > 0 and not right[c]:
                own = _widths(cells)[c]
                limits[c] = max(min(own, NARROWEST), own - over)
                over -= own - limits[c]
        cells = self._folded(limits)
        widths = _widths(cells)
        for k, block in enumerate(_blocks(widths)):
            if k:
                yield ""
            for row in cells if any(self.heads) else cells[1:]:
                for parts in zip_longest(*row, fillvalue=""):
                    placed = (
                        parts[c].rjust(widths[c]) if right[c] else parts[c].ljust(widths[c])
                        for c in block
                    )
                    yield ("  " + "  ".join(placed)).rstrip()

    def _folded(self, limits: Sequence[int]) -> list[list[list[str]]]:
        """Return the lines of the headings and of each cell: rows, columns, lines."""
        folded = [
            [textwrap.wrap(figure(cell), w) or [""] for cell, w in zip(row, limits, strict=True)]
            for row in self.rows
        ]
        return [[[head] for head in self.heads], *folded]

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


def noted(notes: Sequence[str]) -> Iterator[str]:
    """Yield notes as lines."""
    for note in notes:
        yield from textwrap.wrap(f"note: {note}", WIDTH, subsequent_indent="  ")


def _widths(cells: Sequence[Sequence[Sequence[str]]]) -> list[int]:
    return [max(len(part) for row in cells for part in row[c]) for c in range(len(cells[0]))]


def _blocks(widths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the columns that go side by side within the width, the first of all in each."""
    block, used = [0], 2 + widths[0]
    for c, width in enumerate(widths[1:], start=1):
        if len(block) > 1 and used + 2 + width > WIDTH:
            yield block
            block, used = [0], 2 + widths[0]
        block.append(c)
        used += 2 + width
    yield block


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
