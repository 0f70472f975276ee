"""A workbook written as bytes: exact numbers, nothing that is text ever a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from closedform.errors import MissingExtra
from closedform.printers.excel.cells import FIRST, ROW, Block, Grid, letters

DARK, PALE, BLUE = "#1F3864", "#D9E2F3", "#0000FF"
MOST_SIGNS = 32_000
"""Longer texts are refused by Excel."""

FONT = {"font_name": "Calibri", "font_size": 11}
STYLES: Mapping[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 14, "font_color": DARK},
    "note": {"italic": True, "font_color": "#595959"},
    "heading": {"bold": True, "bg_color": DARK, "font_color": "#FFFFFF", "text_wrap": True,
                "valign": "top", "border": 1, "border_color": "#FFFFFF", "quote_prefix": True},
    "kind": {"italic": True, "bg_color": PALE, "font_color": "#404040", "quote_prefix": True},
    "block": {"bold": True, "font_color": DARK, "valign": "top", "quote_prefix": True},
    "text": {"quote_prefix": True},
    "wrapped": {"text_wrap": True, "valign": "top", "quote_prefix": True},
    "given": {"font_color": BLUE, "bg_color": "#FFF9E5", "border": 1, "border_color": "#E7E0C8"},
    "label": {"font_color": BLUE, "bg_color": "#FFF9E5", "border": 1, "border_color": "#E7E0C8",
              "num_format": "@", "quote_prefix": True},
    "idle": {"font_color": "#A6A6A6"},
    "coefficient": {"font_color": BLUE},
    "step": {},
    "case": {"font_color": "#7F7F7F"},
    "result": {"bold": True, "bg_color": "#E2EFDA", "border": 1, "border_color": "#C6D9B8"},
    "good": {"bg_color": "#C6EFCE", "font_color": "#006100"},
    "bad": {"bg_color": "#FFC7CE", "font_color": "#9C0006"},
    "pale": {"font_color": "#BFBFBF"},
}  # fmt: skip
"""Blue is what a person may change, black is computed, green is the result."""


class Book:
    """A workbook under way."""

    def __init__(self) -> None:
        """Begin one.

        Raises:
            MissingExtra: XlsxWriter is not installed.
        """
        try:
            from xlsxwriter import Workbook
        except ImportError:
            raise MissingExtra("XlsxWriter", "excel", "Writing a workbook") from None
        self.bytes = BytesIO()
        self.book = Workbook(self.bytes, {"in_memory": True})
        # The same formula gives the same bytes, whenever it is written.
        self.book.set_properties({"created": datetime(2000, 1, 1)})
        self.sheet_class = _exact_sheet()
        self.styles = {name: self.book.add_format(FONT | s) for name, s in STYLES.items()}

    def sheet(self, name: str, title: str, note: str = "") -> Sheet:
        """Return a new sheet with a title."""
        made = self.book.add_worksheet(name, self.sheet_class)
        made.hide_gridlines(2)
        sheet = Sheet(made, self.styles)
        sheet.text(1, 0, title, "title")
        if note:
            sheet.text(2, 0, note, "note")
        return sheet

    def define(self, ranges: Mapping[str, str]) -> None:
        """Name some ranges."""
        for name, where in ranges.items():
            self.book.define_name(name, where)

    def finished(self) -> bytes:
        """Return the file."""
        self.book.close()
        return self.bytes.getvalue()


def _exact_sheet() -> Any:
    """Return the class of sheets whose numbers have all digits, results of formulas among them.

    XlsxWriter itself writes 16 digits, of which a float may need 17, and 0 for what a formula
    gives where nobody says, which LibreOffice and previews would show without computing anything.
    """
    from xlsxwriter.worksheet import Worksheet

    class Exact(Worksheet):  # type: ignore[misc]
        below: str = ""

        def _write_rows(self) -> None:
            super()._write_rows()
            self.fh.write(self.below)

        def _xml_number_element(self, number: Any, attributes: Any = ()) -> None:
            value = number if isinstance(number, int) else repr(float(number))
            self.fh.write(f"<c{_attributes(attributes)}><v>{value}</v></c>")

        def _prepare_formula(self, formula: str, *_: Any, **__: Any) -> str:
            # It looks for newer functions 29 times in each formula: 31 s of 48 for 500 trees.
            return formula.removeprefix("=")

        def _xml_formula_element(self, formula: str, result: Any, attributes: Any = ()) -> None:
            value = f"<v>{_xml(result)}</v>" if result not in (None, "") else ""
            self.fh.write(f"<c{_attributes(attributes)}><f>{_xml(formula)}</f>{value}</c>")

    return Exact


def _xml(value: Any) -> str:
    """Return a text or a number for XML; signs that it cannot hold as workbooks write them."""
    text = repr(value) if isinstance(value, float) else str(value)
    if "_x" in text or min(text, default=" ") < " " or max(text, default=" ") > "\ufffd":
        text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
        text = re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda m: f"_x{ord(m[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attributes(pairs: Iterable[tuple[str, Any]]) -> str:
    return "".join([f' {key}="{value}"' for key, value in pairs])


class Sheet:
    """One sheet; rows count from 1, columns from 0, as in `excel_cells`."""

    def __init__(self, sheet: Any, styles: Mapping[str, Any]) -> None:
        """Wrap a sheet of XlsxWriter."""
        self.sheet, self.styles = sheet, styles

    def text(self, row: int, column: int, text: str, style: str = "text") -> None:
        """Write a text, whatever it looks like."""
        self.sheet.write_string(row - 1, column, text[:MOST_SIGNS], self.styles[style])

    def value(self, row: int, column: int, value: Any, style: str) -> None:
        """Write a number, a truth, a text or (`=NA()`) what is missing."""
        if type(value) is int or (type(value) is float and value == value):  # most of all
            self.sheet.write_number(row - 1, column, value, self.styles[style])
        elif value == "=NA()" and isinstance(value, str):
            self.sheet.write_formula(row - 1, column, value, self.styles[style], "#N/A")
        elif isinstance(value, str):
            self.text(row, column, value, style) if value else None
        elif isinstance(value, bool):
            self.sheet.write_boolean(row - 1, column, value, self.styles[style])
        elif value is None or value != value:
            self.sheet.write_blank(row - 1, column, None, self.styles[style])
        else:
            self.sheet.write_number(row - 1, column, value, self.styles[style])

    def line(self, row: int, values: Sequence[Any], style: str, first: int = 0) -> None:
        """Write values side by side."""
        for k, value in enumerate(values, first):
            self.value(row, k, value, style)

    def rows(self, first: int, lines: Iterable[Sequence[Any]], style: str) -> None:
        """Write many rows of numbers and texts, below which nothing else stands.

        As XML at once: XlsxWriter takes 8 µs a cell, 3 s for the nodes of 500 trees of depth 6.
        """
        named = f's="{self.styles[style]._get_xf_index()}"'
        places: list[str] = []
        made = []
        for row, line in enumerate(lines, first):
            places += [letters(k) for k in range(len(places), len(line))]
            cells = [
                self._cell(f'r="{at}{row}" {named}', v) for at, v in zip(places, line, strict=False)
            ]
            made.append(f'<row r="{row}">{"".join(cells)}</row>')
        self._below(first, made, len(places))

    def _cell(self, attributes: str, value: Any) -> str:
        if value == "":
            return ""
        if value == "=NA()":
            return f'<c {attributes} t="e"><f>NA()</f><v>#N/A</v></c>'
        if isinstance(value, str):
            index = self.sheet.str_table._get_shared_string_index(value[:MOST_SIGNS])
            return f'<c {attributes} t="s"><v>{index}</v></c>'
        if isinstance(value, bool):
            return f'<c {attributes} t="b"><v>{value:d}</v></c>'
        return f"<c {attributes}><v>{value!r}</v></c>"

    def cases(self, first: int, count: int, formulas: Sequence[str], style: str) -> None:
        """Write formulas, column by column from the second, for so many rows below all others."""
        named = f's="{self.styles[style]._get_xf_index()}"'
        number = self.styles["case"]._get_xf_index()
        parts = [f'<c r="A{ROW}" s="{number}"><f>Inputs!$A{ROW}</f></c>']
        parts += [
            f'<c r="{letters(k)}{ROW}" {named}><f>{ROW.join(map(_xml, text.split(ROW)))}</f></c>'
            for k, text in enumerate(formulas, 1)
        ]
        pieces = f'<row r="{ROW}">{"".join(parts)}</row>'.split(ROW)
        made = [str(row).join(pieces) for row in range(first, first + count)]
        self._below(first, made, len(parts))

    def _below(self, first: int, rows: Sequence[str], columns: int) -> None:
        self.sheet.below += "".join(rows)
        self.sheet._check_dimensions(first + len(rows) - 2, columns - 1)

    def formula(
        self, row: int, column: int, text: str, style: str = "step", value: Any = None
    ) -> None:
        """Write a formula of one row, and what it gives, where that is known and is something."""
        filled = "=" + text.replace(ROW, str(row))
        # XlsxWriter takes a text like #N/A for the error.
        known = None if value is None or value != value or str(value).startswith("#") else value
        self.sheet.write_formula(row - 1, column, filled, self.styles[style], known)

    def width(self, first: int, last: int, width: float) -> None:
        """Set the width of some columns, in characters."""
        self.sheet.set_column(first, last, width)

    def height(self, row: int, lines: int) -> None:
        """Make a row as high as some lines of text."""
        self.sheet.set_row(row - 1, 15.0 * min(lines, 20))

    def freeze(self, row: int, column: int) -> None:
        """Keep what lies above a row and left of a column in sight."""
        self.sheet.freeze_panes(row - 1, column)

    def colour(self, where: str, condition: str, style: str) -> None:
        """Colour the cells of a range where a condition holds, written for its first cell."""
        rule = {"type": "formula", "criteria": condition, "format": self.styles[style]}
        self.sheet.conditional_format(where, rule)

    def fit_page(self) -> None:
        """Print on landscape pages, as wide as one."""
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)


def lines_of(texts: Iterable[str], width: int) -> int:
    """Return how many lines the longest of some texts takes in cells of some width."""
    return max((1 + len(text) // width for text in texts), default=1)


def write_grid(book: Book, grid: Grid, title: str, note: str, cases: int) -> None:
    """Write the sheet of some steps: their names, what they are, and a row for each case."""
    sheet = book.sheet(grid.sheet, title, note)
    sheet.text(FIRST - 2, 0, "case", "heading")
    sheet.text(FIRST - 1, 0, "what it is", "kind")
    sheet.height(FIRST - 2, lines_of([c.name for c in grid.columns], 14))
    sheet.fit_page()
    for k, column in enumerate(grid.columns, 1):
        sheet.text(FIRST - 2, k, column.name, "heading")
        sheet.text(FIRST - 1, k, column.what, "kind")
    sheet.cases(FIRST, cases, [column.formula for column in grid.columns], "step")
    sheet.width(0, 0, 11)
    sheet.width(1, max(1, len(grid.columns)), 14)
    sheet.freeze(FIRST, 1)
    if grid.columns:
        last = f"{letters(len(grid.columns))}{FIRST + cases - 1}"
        sheet.colour(f"B{FIRST}:{last}", f"=ISERROR(B{FIRST})", "pale")


def write_blocks(
    book: Book, blocks: Sequence[Block], sheet_name: str, title: str, note: str
) -> None:
    """Write the sheet of coefficients, block under block."""
    sheet = book.sheet(sheet_name, title, note)
    row = 4
    for block in blocks:
        sheet.text(row, 0, block.title, "block")
        for k, name in enumerate(block.heading):
            sheet.text(row + 1, k, name, "heading")
        for i, line in enumerate(block.rows, row + 2):
            for k, value in enumerate(line):
                named = k == 0 and isinstance(value, str)
                sheet.value(i, k, value, "text" if named else "coefficient")
        sheet.height(row + 1, lines_of(block.heading, 14))
        row += len(block.rows) + 3
    sheet.fit_page()
    sheet.width(0, 0, 24)
    sheet.width(1, 30, 14)
    sheet.freeze(4, 1)
