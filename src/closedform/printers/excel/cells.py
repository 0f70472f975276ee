"""Cells of a workbook: columns of steps, blocks of coefficients, and the names of both.

Row after row is alike: a formula holds `ROW` where the number of its row belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.printers.identifiers import identifier

ROW = "\x1f"
"""Stands for the number of a row in a formula; no formula holds this sign."""

FIRST = 6
"""The row of the first case, on every sheet that has a row for each case."""

MOST_COLUMNS = 16_384
MOST_ROWS = 1_048_576

INFINITY = 1e308
"""Stands for infinity, which Excel lacks; its greatest number is some 1.8E+308."""


def letters(column: int) -> str:
    """Return the letters of a column, counted from 0: A, B … Z, AA …"""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found


@dataclass(frozen=True)
class Column:
    """One step: what it is called, what it is, and its formula."""

    name: str
    what: str
    formula: str


@dataclass
class Grid:
    """A sheet with a row for each case and a column for each step; column A numbers the cases."""

    sheet: str
    columns: list[Column] = field(default_factory=list)

    def add(self, name: str, what: str, formula: str) -> int:
        """Return the number of a new column, counted from 0 for A.

        Raises:
            UnsupportedTarget: Excel has no more columns.
        """
        self.columns.append(Column(name, what, formula))
        if len(self.columns) + 1 > MOST_COLUMNS:
            raise UnsupportedTarget(
                f"A workbook has {MOST_COLUMNS:,} columns at most, and the formula has more steps.",
                hint="Write it in another target, or make it smaller first.",
            )
        return len(self.columns)


@dataclass(frozen=True)
class Block:
    """A table of coefficients: a title, a heading, and rows of texts and numbers."""

    title: str
    heading: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass
class Store:
    """The sheet of coefficients, block under block, and the names of its ranges."""

    sheet: str
    blocks: list[Block] = field(default_factory=list)
    ranges: dict[str, str] = field(default_factory=dict)
    next_row: int = 4
    taken: set[str] = field(default_factory=set)

    def add(self, block: Block) -> int:
        """Return the row of a new block's first line, counted from 1.

        Raises:
            UnsupportedTarget: Excel has no more rows or columns.
        """
        first = self.next_row + 2
        self.blocks.append(block)
        self.next_row = first + len(block.rows) + 1
        if self.next_row > MOST_ROWS or len(block.heading) > MOST_COLUMNS:
            raise UnsupportedTarget(
                f"A sheet has {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns at most, and the "
                "formula has more coefficients.",
                hint="Write it in another target, or make it smaller first.",
            )
        return first

    def name(self, wanted: str, row: int, column: int, rows: int = 1, columns: int = 1) -> str:
        """Return the name of a new range, its first cell at a row (from 1) and a column (from 0).

        Names are told apart by their letters alone, as Excel does, which takes A and a for one.
        """
        plain = made = wanted[:200]
        count = 1
        while made.lower() in self.taken:
            count += 1
            made = f"{plain}_{count}"
        self.taken.add(made.lower())
        start = f"${letters(column)}${row}"
        end = f":${letters(column + columns - 1)}${row + rows - 1}" if rows * columns > 1 else ""
        self.ranges[made] = f"='{self.sheet}'!{start}{end}"
        return made


def plain_name(prefix: str, name: str) -> str:
    """Return `prefix_name` as Excel takes it for the name of a range, never for that of a cell."""
    return f"{prefix}_{identifier(name, 'x')}"


def shown(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return what cells hold: numbers, truths and texts."""
    return tuple(v if isinstance(v, str | bool | int | float) else str(v) for v in values)


def run_of(columns: Sequence[int]) -> bool:
    """Tell whether some columns stand side by side, in this order."""
    return all(b == a + 1 for a, b in pairwise(columns))
