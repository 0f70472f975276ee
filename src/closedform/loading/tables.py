"""Data for the command line: CSV, Parquet and Feather tables, as columns."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, BinaryIO, Final, TextIO

import numpy as np
import numpy.typing as npt

from closedform.errors import BadFile, MissingExtra
from closedform.loading.stream import open_regular

_HEAD: Final = 1 << 16
_DELIMITERS: Final = ",;\t|"
_ARROW: Final = (b"PAR1", b"ARROW1")
"""How a Parquet and a Feather file begin."""
_NO_TABLES: Final = (
    (rb"PK\x03\x04|\xd0\xcf\x11\xe0", "a workbook or an archive"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "compressed"),
    (rb"\xff\xfe|\xfe\xff", "text in UTF-16"),
    (rb"\s*(\[\s*[\[{]|\{\s*[\"}])", "JSON"),  # a column may be called [N]
    (rb"\x80", "a pickle"),
    (rb"(?s:.*)\x00", "binary"),
)
"""How files begin that people take for tables, and what they are."""
# How R, SQL and pandas spell a missing number. In a column of text they stay text: NA is Namibia.
_MISSING: Final = frozenset(
    ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NULL", "null", "None", "none", ".")
)
_TRUTHS: Final = {
    "True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False,
}  # fmt: skip


def read_table(path: str | os.PathLike[str], *, texts: Collection[str] = ()) -> Any:
    """Read a CSV, Parquet or Feather file, decided by its content.

    A CSV file is UTF-8, its first line names the columns, and commas, semicolons, tabs or bars
    stand between cells. A column of numbers becomes float64 with NaN for an empty cell, True and
    False become booleans, and anything else stays text.

    Args:
        path: the file.
        texts: columns of a CSV file that stay text whatever they hold, as codes like 01097.

    Returns:
        A pandas DataFrame if pandas is installed; otherwise a dict from column to 1-D array, in
        which a missing text is None.

    Raises:
        BadFile: missing, empty, not a table, or with ragged rows or repeated column names.
        MissingExtra: a Parquet or Feather file without pandas and pyarrow.
    """
    with open_regular(path) as file:
        head = file.read(_HEAD)
        file.seek(0)
        name = os.fspath(path)
        if not head.strip():
            raise _empty(name)
        if head.startswith(_ARROW):
            return _arrow(file, name, feather=not head.startswith(b"PAR1"))
    _refuse_others(head, name)
    columns = _csv(name, texts)
    return _frame(columns) if find_spec("pandas") else columns


def _empty(name: str) -> BadFile:
    return BadFile(f"{name} is empty.", hint="Give a table with a line of column names.")


def _refuse_others(head: bytes, name: str) -> None:
    what = next((what for begins, what in _NO_TABLES if re.match(begins, head)), None)
    if what is not None:
        raise BadFile(
            f"{name} is not a table of text, but {what}.",
            hint="Save the data as CSV (UTF-8) or Parquet.",
        )


def _arrow(file: BinaryIO, name: str, *, feather: bool) -> Any:
    for package in ("pandas", "pyarrow"):
        if not find_spec(package):
            raise MissingExtra(package, "parquet", f"Reading {name}")
    import pandas

    try:
        table = (
            pandas.read_feather(file) if feather else pandas.read_parquet(file, engine="pyarrow")
        )
    except Exception as error:  # pyarrow has its own family of errors
        raise BadFile(
            f"{name} is damaged: {error}", hint="Copy or download it again, or save it again."
        ) from error
    _check_names([str(column) for column in table.columns], name)
    return table


def _csv(name: str, texts: Collection[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            header, rows = _rows(file, name)
    except UnicodeDecodeError as error:
        raise BadFile(
            f"{name} is not UTF-8 text (byte {error.start:,}).",
            hint="Save it as CSV with the encoding UTF-8.",
        ) from error
    columns = zip(*rows, strict=True) if rows else ()
    named = zip(header, columns, strict=True)
    return {key: _text(cells) if key in texts else _column(cells) for key, cells in named}


def _rows(file: TextIO, name: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows, all of one length; the line counts from 1."""
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    try:
        header = next((row for row in reader if row), [])
        numbered = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise BadFile(
            f"{name}, line {reader.line_num}: {error}.",
            hint="Check the quotes around cells in that line.",
        ) from error
    if not header:
        raise _empty(name)
    header = [cell.strip() or f"Unnamed: {i}" for i, cell in enumerate(header)]
    _check_names(header, name)
    _check_shape(header, numbered, name)
    return header, [row for _, row in numbered]


def _check_names(header: list[str], name: str) -> None:
    repeated = [column for column, times in Counter(header).items() if times > 1]
    if repeated:
        raise BadFile(
            f"{name} has several columns named {', '.join(map(repr, repeated))}.",
            hint="Give every column a name of its own.",
        )
    numbers = [_number(column) for column in header]
    if any(it is not None and it % 1 != 0 for it in numbers) and None not in numbers:
        raise BadFile(
            f"The first line of {name} holds numbers, not names of columns.",
            hint="Add a first line with the names of the columns.",
        )


def _check_shape(header: list[str], rows: list[tuple[int, list[str]]], name: str) -> None:
    if not rows:
        raise BadFile(f"{name} has no rows.", hint="Add rows below the line of column names.")
    ragged = [(line, len(row)) for line, row in rows if len(row) != len(header)]
    if ragged:
        listed = ", ".join(f"line {line} has {cells}" for line, cells in ragged[:5])
        more = f" and {len(ragged) - 5:,} more lines differ" if len(ragged) > 5 else ""
        raise BadFile(
            f"{name} names {len(header)} column{'s' * (len(header) != 1)}, but {listed}{more}.",
            hint="Quote cells that hold the delimiter, and fill up short lines.",
        )


def _number(cell: str) -> float | None:
    """Read a number; Python's `1_000` is none in a table."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _column(cells: tuple[str, ...]) -> npt.NDArray[Any]:
    for convert in (_truths, _numbers):
        found = convert(cells)
        if found is not None:
            return found
    return _text(cells)


def _text(cells: tuple[str, ...]) -> npt.NDArray[Any]:
    return np.array([cell or None for cell in cells], dtype=object)


def _truths(cells: tuple[str, ...]) -> npt.NDArray[Any] | None:
    if cells[0] not in _TRUTHS:
        return None
    found = [_TRUTHS.get(cell) for cell in cells]
    return None if None in found else np.array(found, dtype=bool)


def _numbers(cells: tuple[str, ...]) -> npt.NDArray[Any] | None:
    """Return floats, or None when a cell is neither a number nor a spelling of a missing one."""
    with suppress(ValueError):
        if "_" not in "".join(cells):
            return np.array([*map(float, cells)])  # three times as fast as cell by cell
    values = []
    seen = False
    for cell in cells:
        value = _number(cell)
        if value is None and cell.strip() not in _MISSING:
            return None
        seen = seen or value is not None
        values.append(np.nan if value is None else value)
    empty = not any(cells)
    return np.array(values) if seen or empty else None


def _frame(columns: dict[str, npt.NDArray[Any]]) -> Any:
    """Return a DataFrame; a missing text becomes what pandas reads from an empty cell, NaN."""
    import pandas

    def cells(values: npt.NDArray[Any]) -> Any:
        return [np.nan if v is None else v for v in values] if values.dtype == object else values

    return pandas.DataFrame({name: cells(values) for name, values in columns.items()})
