"""Which rows and columns of a matrix stand on a page, and how a row of it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby


def kept_of(count: int, most: int) -> list[int | None]:
    """Return which of so many rows are shown, None standing for those left out."""
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, count - 1]


def fitting(wide: Sequence[float], room: float) -> list[int | None]:
    """Return which columns fit, None standing for those left out."""
    if sum(wide) <= room:
        return list(range(len(wide)))
    used, kept = wide[-1] + 4, 0
    while used + wide[kept] <= room:
        used += wide[kept]
        kept += 1
    return [*range(kept), None, len(wide) - 1] if kept else [0, None]


def row_of(entries: Sequence[str], across: Sequence[int | None]) -> str:
    """Return a row of entries, dots for those left out."""
    return "  " + " & ".join(r"\cdots" if i is None else entries[i] for i in across)


def dots(across: Sequence[int | None]) -> str:
    """Return the row that stands for rows left out."""
    return "  " + " & ".join(r"\ddots" if i is None else r"\vdots" for i in across)


def side_by_side(rows: Sequence[str]) -> Iterator[str]:
    """Yield rows of one display: those of two columns as one array of their own.

    The second column of the display would stand behind the widest row of all, off the page.
    """
    for paired, group in groupby(rows, key=lambda row: " && " in row):
        if paired:
            lines = " \\\\\n".join(row.removeprefix("&").replace(" && ", " & ") for row in group)
            yield f"&\\begin{{array}}{{ll}}\n{lines}\n\\end{{array}}"
        else:
            yield from group
