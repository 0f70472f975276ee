"""Excel formulas with LET: each name in a cell of its own, computed as a workbook is.

LibreOffice has LET from version 24.8 on only, and `formulas` has no LAMBDA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Feature
from closedform.printers.excel.cells import FIRST, ROW, letters
from closedform.printers.excel.formula import text as spelled
from closedform.printers.excel.sheets import Book, Sheet
from closedform.verify.running.excel import Computed, Engine, filled_in, returned
from closedform.verify.running.excel import tool as tool
from closedform.verify.running.process import Outputs


def run_excel_formula(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any], *, engine: Engine | None = None,
) -> tuple[Outputs, str]:  # fmt: skip
    """Compute printed formulas on some rows.

    Raises:
        BadInput: they are LAMBDAs, which have no cells to read.
    """
    if options.get("form", "let") != "let":
        raise BadInput("A LAMBDA cannot be run by itself.", hint="Check the same with form='let'.")
    book = Book()
    sheet = book.sheet("Inputs", "Formulas")
    sheet.value(FIRST, 0, 1, "case")
    results, at = [], len(inputs) + 1
    for text in re.split(r"(?m)^(?==)", program)[1:]:
        at = _write(sheet, text, at)
        results.append(at - 1)
    for k, column in enumerate(results):
        sheet.formula(FIRST, at + k, f"${letters(column)}{ROW}")
    count = len(columns[0]) if columns else 1
    texts = [v for column in columns for v in column if isinstance(v, str)]
    typed = [[_typed(v) for v in column] for column in columns]
    filled = filled_in(book.finished(), typed, count)
    rows = (engine or tool())(filled, at, len(outputs), count)
    return returned(outputs, rows, texts)


def _typed(value: Any) -> Any:
    """Return a value; a text with a carriage return, which LibreOffice drops, as a formula."""
    return Computed(spelled(value)) if isinstance(value, str) and "\r" in value else value


def _write(sheet: Sheet, text: str, at: int) -> int:
    """Write the names of a LET and its result from some column on; return the next column."""
    text = re.sub(r"\n' .*\Z", "", text.strip()).removeprefix("=").strip()
    whole = re.fullmatch(r"(?s)LET\((.*)\)", text)
    *pairs, last = list(_parts(whole[1])) if whole else [text]
    cells: dict[str, str] = {}
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        sheet.formula(FIRST, at, _with_cells(value, cells))
        cells[name] = f"${letters(at)}{ROW}"
        at += 1
    sheet.formula(FIRST, at, _with_cells(last, cells))
    return at + 1


def _parts(text: str) -> Iterator[str]:
    """Yield the arguments of a function."""
    depth, now, quoted = 0, "", False
    for sign in text:
        quoted ^= sign == '"'
        depth += 0 if quoted else (sign in "({") - (sign in ")}")
        if sign == "," and depth == 0 and not quoted:
            yield now.strip()
            now = ""
        else:
            now += sign
    yield now.strip()


def _with_cells(text: str, cells: Mapping[str, str]) -> str:
    """Return a formula with cells in the place of names; the first input is in column B here."""

    def one(found: re.Match[str]) -> str:
        word = found[0]
        if word.startswith('"'):
            return word
        if word in cells:
            return cells[word]
        place = re.fullmatch(r"([A-Z]{1,3})2", word)
        return f"${_next(place[1])}{ROW}" if place else word

    return re.sub(r'"[^"]*"|[A-Za-z_][A-Za-z0-9_.]*', one, text)


def _next(column: str) -> str:
    number = 0
    for letter in column:
        number = number * 26 + ord(letter) - 64
    return letters(number)
