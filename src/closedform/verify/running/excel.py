"""Excel workbooks: filled in and down as a person would do it, and computed by LibreOffice.

Where there is no LibreOffice, the Python package `formulas` computes small workbooks.
"""

from __future__ import annotations

import math
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import escape, unescape
from zipfile import ZIP_DEFLATED, ZipFile

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.printers.excel.cells import FIRST, INFINITY, letters
from closedform.verify.running.process import Outputs, run

Rows = list[list[Any]]


class Computed(str):
    """A value that is typed as a formula, for what LibreOffice would not keep as text."""


Engine = Callable[[bytes, int, int, int], Rows]
"""function(workbook, first column, columns, rows) → what stands in these cells of Inputs."""


def run_excel(
    program: bytes, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any], *, engine: Engine | None = None,
) -> tuple[Outputs, str]:  # fmt: skip
    """Compute a workbook on some rows: its first case filled down, and the inputs typed in.

    What comes back has the 15 digits that LibreOffice writes.
    """
    count = len(columns[0]) if columns else 1
    filled = filled_in(program, columns, count)
    rows = (engine or tool())(filled, len(inputs) + 2, len(outputs), count)
    return returned(outputs, rows, _texts(program))


def returned(outputs: Sequence[str], rows: Rows, texts: Iterable[str]) -> tuple[Outputs, str]:
    """Return what stands in the rows as the columns of some outputs, or why there are none.

    Args:
        outputs: their names.
        rows: what stands in the cells.
        texts: those that may be there; LibreOffice gives them without their carriage returns.
    """
    if not rows:
        return {}, "the workbook gave nothing: it could not be opened"
    words: dict[Any, str] = {_without_returns(t): t for t in texts if "\r" in t}
    return {
        name: [words.get(_line(row[k]), row[k]) for row in rows] for k, name in enumerate(outputs)
    }, ""


def tool() -> Engine:
    """Return what computes a workbook: LibreOffice, or the package `formulas`.

    Raises:
        UnsupportedTarget: there is neither.
    """
    if shutil.which("soffice") and find_spec("openpyxl"):
        return by_libreoffice
    if find_spec("formulas"):
        return by_formulas
    raise UnsupportedTarget(
        "A workbook cannot be computed here: there is neither LibreOffice nor formulas.",
        hint="Type: pip install formulas openpyxl (or install LibreOffice, and openpyxl).",
    )


def _texts(program: bytes) -> list[str]:
    """Return the texts that a workbook holds."""
    with ZipFile(BytesIO(program)) as book:
        text = book.read("xl/sharedStrings.xml").decode("utf-8")
    return [_unescaped(unescape(t)) for t in re.findall(r"(?s)<t[^>]*>([^<]*)</t>", text)]


def _line(value: Any) -> Any:
    return _without_returns(value) if isinstance(value, str) else value


def _without_returns(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text)


# --- filling in ---------------------------------------------------------------------------------


def filled_in(program: bytes, columns: list[list[Any]], count: int) -> bytes:
    """Return a workbook with as many cases as wanted, the columns of inputs among them."""
    made = BytesIO()
    with ZipFile(BytesIO(program)) as old, ZipFile(made, "w", ZIP_DEFLATED) as new:
        names = _sheets(old)
        for item in old.namelist():
            data = old.read(item)
            sheet = names.get(item, "")
            if sheet in ("Inputs", "Calculation") or sheet.startswith("Paths"):
                typed = columns if sheet == "Inputs" else []
                data = _filled_down(data.decode("utf-8"), typed, count).encode("utf-8")
            # A result that is kept in the file would be taken for one that was computed.
            new.writestr(item, _KEPT.sub(rb"\1\3", data) if sheet else data)
    return made.getvalue()


_KEPT = re.compile(rb'(<c [^>]*?)( t="[a-z]+")?(><f>[^<]*</f>)<v>[^<]*</v>')
"""A formula with its result: all but the result and its type is in the groups 1 and 3."""


def _sheets(book: ZipFile) -> dict[str, str]:
    """Return the name of the sheet in each file of a workbook."""
    text = book.read("xl/workbook.xml").decode("utf-8")
    found = re.findall(r'<sheet name="([^"]*)" sheetId="(\d+)"', text)
    return {f"xl/worksheets/sheet{number}.xml": name for name, number in found}


def _filled_down(text: str, columns: list[list[Any]], count: int) -> str:
    head, rest = text.split("<sheetData>", 1)
    body, tail = rest.split("</sheetData>", 1)
    rows = {int(r): row for r, row in re.findall(r'(?s)(?=<row r="(\d+)")(<row.*?</row>)', body)}
    above = "".join(row for r, row in rows.items() if r < FIRST)
    first = rows.get(FIRST, f'<row r="{FIRST}"></row>')
    typed = {f"{letters(i + 1)}{FIRST}" for i in range(len(columns))}
    kept = [
        m[0]
        for m in re.finditer(r'(?s)<c r="([A-Z]+\d+)"[^>]*?(?:/>|>.*?</c>)', first)
        if m[1] not in typed
    ]
    parts = _pieces("".join(kept[1:]))
    number = _pieces("".join(kept[:1]))
    filled = []
    for row in range(FIRST, FIRST + count):
        given = "".join(_typed(c[row - FIRST], i, row) for i, c in enumerate(columns))
        r = str(row)
        filled.append(f'<row r="{r}">{r.join(number)}{given}{r.join(parts)}</row>')
    return f"{head}<sheetData>{above}{''.join(filled)}</sheetData>{tail}"


def _pieces(cells: str) -> list[str]:
    """Return cells in pieces, between which the number of their row belongs."""
    return re.split(
        rf'(?:(?<=<c r="[A-Z])|(?<=<c r="[A-Z]{{2}})|(?<=<c r="[A-Z]{{3}})'
        rf"|(?<=\$[A-Z])|(?<=\$[A-Z]{{2}})|(?<=\$[A-Z]{{3}})){FIRST}(?!\d)",
        cells,
    )


def _typed(value: Any, column: int, row: int) -> str:
    place = f'<c r="{letters(column + 1)}{row}"'
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return f'{place} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, Computed):
        return f"{place}><f>{escape(value)}</f></c>"
    if isinstance(value, str):
        return f'{place} t="inlineStr"><is><t xml:space="preserve">{_escaped(value)}</t></is></c>'
    number = value if isinstance(value, int) else max(-INFINITY, min(INFINITY, float(value)))
    return f"{place}><v>{number!r}</v></c>"


def _escaped(text: str) -> str:
    """Return a text for XML; signs that it cannot hold as workbooks write them: _x000D_."""
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f]", lambda m: f"_x{ord(m[0]):04X}_", text)
    return escape(text)


# --- computing ----------------------------------------------------------------------------------


def by_libreoffice(book: bytes, first: int, columns: int, rows: int) -> Rows:
    """Compute a workbook in LibreOffice, without a window and with settings of its own."""
    with TemporaryDirectory() as folder:
        Path(folder, "model.xlsx").write_bytes(book)
        profile = Path(folder, "profile").as_uri()
        command = ["soffice", "--headless", "--norestore", f"-env:UserInstallation={profile}"]
        command += ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", "out", "model.xlsx"]
        run(command, folder)
        made = Path(folder, "out", "model.xlsx")
        return list(_read(made, first, columns, rows)) if made.exists() else []


def _read(path: Path, first: int, columns: int, rows: int) -> Iterator[list[Any]]:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles that it does not know
        book = load_workbook(path, read_only=True, data_only=True)
    cells = book["Inputs"].iter_rows(
        FIRST, FIRST + rows - 1, first + 1, first + columns, values_only=True
    )
    for line in cells:
        yield [_value(v) for v in line]
    book.close()


def by_formulas(book: bytes, first: int, columns: int, rows: int) -> Rows:
    """Compute a small workbook with the package `formulas`."""
    import formulas

    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "model.xlsx")
        path.write_bytes(_decoded(book))
        found = formulas.ExcelModel().loads(str(path)).finish().calculate()
        return [
            [
                _plain(found, f"'[model.xlsx]INPUTS'!{letters(first + k)}{row}")
                for k in range(columns)
            ]
            for row in range(FIRST, FIRST + rows)
        ]


def _decoded(book: bytes) -> bytes:
    """Return a workbook whose carriage returns are XML's: openpyxl takes _x000D_ for a text."""
    with ZipFile(BytesIO(book)) as before, ZipFile(made := BytesIO(), "w") as after:
        for name in before.namelist():
            text = before.read(name)
            if name == "xl/sharedStrings.xml" or name.startswith("xl/worksheets/sheet"):
                text = re.sub(rb"<t[ >][^<]*", lambda m: m[0].replace(b"_x000D_", b"&#13;"), text)
            after.writestr(name, text)
    return made.getvalue()


def _plain(found: Any, cell: str) -> Any:
    value = found[cell].value[0, 0]
    value = value.item() if hasattr(value, "item") else value
    return _value(str(value) if isinstance(value, str) else value)


def _value(value: Any) -> Any:
    """Return what a cell stands for: nothing, infinity, a text, a number or a truth."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _unescaped(value)
    if isinstance(value, bool):
        return value
    if abs(value) >= INFINITY:
        return math.copysign(math.inf, value)
    return float(value)


def _unescaped(text: str) -> str:
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), text)
