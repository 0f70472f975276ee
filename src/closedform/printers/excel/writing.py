"""Excel: a workbook that computes the formula step by step, from coefficients that one may change.

Numbers stand in cells with all their digits: a number that is typed, or that stands in the text of
a formula, has 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.about import __version__
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.excel.cells import (
    FIRST,
    INFINITY,
    MOST_COLUMNS,
    MOST_ROWS,
    letters,
)
from closedform.printers.excel.check import write_check
from closedform.printers.excel.sheets import Book, Sheet, lines_of, write_blocks, write_grid
from closedform.printers.excel.steps import Steps
from closedform.printers.excel.trees import NODES
from closedform.printers.notes import roundings
from closedform.printers.program import printable
from closedform.printers.samples import Samples, samples

NEVER: dict[str, str] = {}
"""Operations that have no spelling: none."""


def write(
    formula: Formula, *, rows: Any = None, predictions: Any = None, cases: int | None = None
) -> bytes:
    """Return a workbook (.xlsx) that computes the formula in live cells.

    Its sheets are Read me; Inputs, one case a row, with the results beside it; Coefficients, whose
    numbers may be changed; Calculation, one step a column; Trees and Paths, where there are trees;
    and Check, where the results stand beside what the model says.

    Args:
        formula: what to write.
        rows: the cases that stand in it, as in calling the formula; default: made up.
        predictions: what the model itself gives for these rows: an array of what `predict`
            returns, or a dict of columns by the name of an output. Check compares with it, and
            for other outputs with what the formula gave when it was written.
        cases: how many rows compute; default: as many as there are rows. Further ones are empty.

    Raises:
        MissingExtra: XlsxWriter is not installed.
        BadInput: rows, predictions or cases that do not fit.
        UnsupportedTarget: the formula needs more rows or columns than Excel has.
    """
    _require_columns(formula)
    given = samples(formula, rows, MADE_UP if rows is None else MOST_ROWS)
    live = _live(cases, len(given.rows))
    steps = Steps(formula)
    book = Book()
    said = expected(formula, given, predictions)
    pages = _Pages(formula, steps, book, given, live, rows)
    pages.read_me(said)
    pages.inputs()
    _coefficients(steps, book)
    write_grid(book, steps.calculation, "Calculation", CALCULATION, live)
    _trees(steps, book)
    for grid in steps.trees.paths:
        write_grid(book, grid, grid.sheet, PATHS, live)
    write_check(book, formula, said, len(given.rows), pages.results)
    pages.categories()
    return book.finished()


MADE_UP = 10
"""Cases in a workbook for which no rows are given."""

CALCULATION = (
    "One step a column, one case a row. #N/A is a missing value: whatever is computed from it is "
    "missing too, and a comparison with it is false."
)
PATHS = "The nodes of the sheet Trees that a case passes, from the root of each tree to a leaf."


def _live(cases: int | None, given: int) -> int:
    live = max(1, given) if cases is None else cases
    if isinstance(live, bool) or not isinstance(live, int) or live < max(1, given):
        raise BadInput(
            f"cases={cases!r} is no number of rows that holds the {given} given.",
            hint="Give fewer rows, or more cases.",
        )
    if live + FIRST + 2 > MOST_ROWS:
        raise BadInput(
            f"{live:,} cases are too many: a sheet has {MOST_ROWS:,} rows.", hint="Take fewer."
        )
    return live


def _require_columns(formula: Formula) -> None:
    needed = len(formula.inputs) + len(formula.outputs) + 2
    if needed > MOST_COLUMNS:
        raise UnsupportedTarget(
            f"The inputs and outputs need {needed:,} columns; a sheet has {MOST_COLUMNS:,}.",
            hint="Write the formula in another target, or fewer of its outputs: formula.only(…).",
        )


@dataclass(frozen=True)
class Expected:
    """What an output should be for the rows given, and who says so."""

    name: str
    who: str
    values: tuple[Any, ...]


def expected(formula: Formula, given: Samples, predictions: Any) -> list[Expected]:
    """Return what each output should be: by the model where it has said so, else by the formula.

    Raises:
        BadInput: predictions of another length, or for outputs that are not there.
    """
    columns = list(zip(*given.answers, strict=True)) or [()] * len(formula.outputs)
    found = {
        name: Expected(name, "formula", tuple(column))
        for name, column in zip(formula.outputs, columns, strict=True)
    }
    for name, column in _by_name(formula, predictions).items():
        values = tuple(v.item() if isinstance(v, np.generic) else v for v in column)
        if len(values) != len(given.rows):
            raise BadInput(
                f"There are {len(values)} predictions of {name!r} for {len(given.rows)} rows.",
                hint="Give what the model says for these rows, and the rows with it: rows=X.",
            )
        found[name] = Expected(name, "model", values)
    return list(found.values())


def _by_name(formula: Formula, predictions: Any) -> Mapping[str, Sequence[Any]]:
    if predictions is None:
        return {}
    if isinstance(predictions, Mapping):
        unknown = [name for name in predictions if name not in formula.outputs]
        if unknown:
            raise BadInput(
                f"predictions has {unknown[0]!r}, which is no output.",
                hint="The outputs are: " + ", ".join(formula.outputs) + ".",
            )
        return {name: list(column) for name, column in predictions.items()}
    table = np.asarray(predictions)
    table = table.reshape(len(table), -1) if table.ndim else table.reshape(1, 1)
    if table.shape[1] != len(formula.answer):
        raise BadInput(
            f"predictions has {table.shape[1]} columns; the prediction has {len(formula.answer)}.",
            hint="Give what model.predict(rows) returns, or a dict by the name of the output.",
        )
    return {name: list(table[:, k]) for k, name in enumerate(formula.answer)}


class _Pages:
    """The sheets that belong to a person: Read me, Inputs, and the lists to choose from."""

    def __init__(
        self, formula: Formula, steps: Steps, book: Book, given: Samples, live: int, rows: Any
    ) -> None:
        self.formula, self.steps, self.book = formula, steps, book
        self.given, self.live, self.rows = given, live, rows
        self.results = {name: self._result(name) for name in formula.outputs}

    def read_me(self, said: Sequence[Expected]) -> None:
        """Write what the workbook is and how it is used."""
        title = printable(self.formula.source or "A formula")
        sheet = self.book.sheet("Read me", title, f"Written by closedform {__version__}.")
        row = 4
        for head, lines in self._sections(said):
            sheet.text(row, 0, head, "block")
            for line in lines:
                sheet.text(row, 1, line, "wrapped")
                sheet.height(row, lines_of([line], 100))
                row += 1
            row += 1
        sheet.width(0, 0, 16)
        sheet.width(1, 1, 110)
        sheet.fit_page()

    def _sections(self, said: Sequence[Expected]) -> Iterator[tuple[str, list[str]]]:
        yield "What it is", [
            self.formula.summary() + ".", *map(printable, roundings(self.formula)),
        ]  # fmt: skip
        yield "How to use it", [text for sheet, text in HOW.items() if self._has(sheet)]
        yield "Sheets", [text for name, text in SHEETS.items() if self._has(name)]
        yield "Missing values", MISSING
        yield "Exactness", EXACT
        who = {s.who for s in said}
        compared = "the model's own predictions" if "model" in who else "the formula's own results"
        yield "Check", [f"The sheet Check compares the results with {compared} for these cases."]

    def _has(self, sheet: str) -> bool:
        if sheet in ("Trees", "Paths"):
            return bool(self.steps.trees.shapes)
        if sheet == "Coefficients":
            return bool(self.steps.coefficients.blocks)
        if sheet == "Constants":
            return self.steps.names_constants
        if sheet == "Categories":
            return any(self._listed(f) for f in self.formula.inputs)
        return True

    def _listed(self, feature: Feature) -> bool:
        return feature.type is Type.LABEL and bool(feature.categories)

    def inputs(self) -> None:
        """Write the cases, and the results beside them."""
        sheet = self.book.sheet("Inputs", "Inputs and results", INPUTS)
        sheet.text(FIRST - 2, 0, "case", "heading")
        sheet.text(FIRST - 1, 0, "", "kind")
        for i, feature in enumerate(self.formula.inputs):
            sheet.text(FIRST - 2, i + 1, feature.name, "heading")
            sheet.text(FIRST - 1, i + 1, self._kind(i, feature), "kind")
            self._column(sheet, i, feature)
        last = len(self.formula.inputs) + 1
        for k, name in enumerate(self.formula.outputs, last + 1):
            sheet.text(FIRST - 2, k, name, "heading")
            sheet.text(FIRST - 1, k, "result", "kind")
            known = [answers[k - last - 1] for answers in self.given.answers]
            known += [None] * (self.live - len(known))
            for row, value in enumerate(known, FIRST):
                sheet.formula(row, k, self.results[name], "result", cell_of(value))
        for row in range(self.live):
            sheet.value(FIRST + row, 0, row + 1, "case")
        names = [*(f.name for f in self.formula.inputs), *self.formula.outputs]
        sheet.height(FIRST - 2, lines_of(names, 17))
        sheet.width(0, 0, 7)
        sheet.width(1, last + len(self.formula.outputs), 20)
        sheet.width(last, last, 3)
        sheet.freeze(FIRST, 1)
        sheet.fit_page()

    def _kind(self, i: int, feature: Feature) -> str:
        if i not in self.formula.needed:
            return "not read"
        kind = "category" if feature.type is Type.LABEL else "number"
        return kind + (", may be empty" if feature.missing else ", never empty")

    def _column(self, sheet: Sheet, i: int, feature: Feature) -> None:
        label = feature.type is Type.LABEL
        text = label and any(isinstance(v, str) for v in feature.categories or ("",))
        # As text, since Excel would turn a category 007 that is typed into the number 7.
        style = "label" if text else "given"
        style = style if i in self.formula.needed else "idle"
        values = [row[i] for row in self.given.rows]
        if label and i not in self.formula.needed:
            values = _unread(self.rows, feature.name) or values
        values += [None] * (self.live - len(values))
        for row, value in enumerate(values, FIRST):
            sheet.value(row, i + 1, None if value == "" else cell_of(value), style)
        last = FIRST + self.live - 1
        where = f"{letters(i + 1)}{FIRST}:{letters(i + 1)}{last}"
        if label and feature.categories:
            self._choose(sheet, where, i, feature)
        elif not label:
            sheet.colour(where, f"=ISTEXT({letters(i + 1)}{FIRST})", "bad")
            sheet.sheet.data_validation(where, NUMBER)

    def _choose(self, sheet: Sheet, where: str, i: int, feature: Feature) -> None:
        at = letters(i)
        last = FIRST - 2 + len(feature.categories or ())
        sheet.sheet.data_validation(where, {
            "validate": "list", "source": f"=Categories!${at}${FIRST - 1}:${at}${last}",
            "error_type": "information" if feature.unseen else "stop",
            "error_title": "Not among the categories",
            "error_message": "The model was not trained on this category.",
        })  # fmt: skip

    def _result(self, name: str) -> str:
        n = self.formula.outputs[name]
        cell = elsewhere(self.steps.cells[n])
        value = self.steps.labels.written(n, cell) if n.type is Type.LABEL else cell
        refused = self.steps.refused
        if refused is not None:
            value = f'IF({elsewhere(refused)},"",{value})'
        return f'IFERROR({value},"")'

    def categories(self) -> None:
        """Write the lists of categories to choose from."""
        if not self._has("Categories"):
            return
        sheet = self.book.sheet("Categories", "Categories", "What each column may hold.")
        for i, feature in enumerate(self.formula.inputs):
            if self._listed(feature):
                sheet.text(FIRST - 2, i, feature.name, "heading")
                for k, value in enumerate(feature.categories or ()):
                    sheet.value(FIRST - 1 + k, i, cell_of(value), "text")
        sheet.width(0, len(self.formula.inputs), 16)
        sheet.freeze(FIRST - 1, 0)


def _unread(rows: Any, name: str) -> list[Any]:
    """Return the labels of a column that the formula does not read, of rows that have names."""
    if not isinstance(rows, Mapping) and not hasattr(rows, "columns"):
        return []
    plain = [v.item() if isinstance(v, np.generic) else v for v in rows.get(name, ())]
    return [v if isinstance(v, str | bool | int | float) else None for v in plain]


NUMBER = {
    "validate": "decimal", "criteria": "between", "minimum": -INFINITY, "maximum": INFINITY,
    "error_type": "stop", "error_title": "Not a number",
    "error_message": "Type a number, or leave the cell empty where the value is missing.",
}  # fmt: skip


def elsewhere(text: str) -> str:
    """Return a cell of the sheet Calculation as another sheet names it; a constant as it is."""
    return f"Calculation!{text}" if text.startswith("$") else text


def cell_of(value: Any) -> Any:
    """Return what a cell holds for a value; nothing where it is missing."""
    if isinstance(value, float) and value == value:
        return max(-INFINITY, min(INFINITY, value))
    return value


def _coefficients(steps: Steps, book: Book) -> None:
    store = steps.coefficients
    if store.blocks:
        write_blocks(book, store.blocks, store.sheet, "Coefficients", COEFFICIENTS)
        book.define(store.ranges)
    if not steps.names_constants:
        return
    sheet = book.sheet("Constants", "Constants", "Other numbers that the steps name.")
    sheet.line(3, ("name", "value"), "heading")
    ranges = {}
    for row, (value, name) in enumerate(steps.constants.items(), 4):
        sheet.text(row, 0, name)
        sheet.value(row, 1, value, "coefficient")
        ranges[name] = f"=Constants!$B${row}"
    sheet.width(0, 1, 24)
    book.define(ranges)


def _trees(steps: Steps, book: Book) -> None:
    trees = steps.trees
    if not trees.shapes:
        return
    sheet = book.sheet("Trees", "Trees", TREES)
    sheet.line(NODES - 1, trees.heading(), "heading")
    sheet.rows(NODES, trees.rows(steps.name), "coefficient")
    sheet.width(0, len(trees.heading()), 13)
    sheet.height(NODES - 1, 2)
    sheet.fit_page()
    sheet.freeze(NODES, 2)
    book.define(trees.ranges())


INPUTS = "Type over the yellow cells; a missing value is an empty one. Green cells are computed."
COEFFICIENTS = (
    "Blue numbers may be changed: all cases are computed anew. The steps name these cells, as "
    "weights_… and bias_…."
)
TREES = (
    "One node a row. A case goes left where the input is at most the limit (below it, where the "
    "tree says so), and stays in a leaf, which is its own left and right."
)
HOW = {
    "Inputs": "Type values into the yellow cells of the sheet Inputs; the results stand beside "
    "them.",
    "Calculation": "For more cases, select the last row of each sheet that has a row for each case "
    "(Inputs, Calculation and, where there are trees, Paths) and fill it down by as many rows.",
    "Coefficients": "Change a number of the sheet Coefficients to see what it does to the results.",
    "Trees": "Change a limit or a value of the sheet Trees to see what it does to the results.",
}
"""How to use a workbook, by the sheet that it is about."""
SHEETS = {
    "Inputs": "Inputs: the cases, and the result of each.",
    "Coefficients": "Coefficients: the model's own numbers, with all their digits.",
    "Constants": "Constants: other numbers, and 1E+308, which stands for infinity.",
    "Calculation": "Calculation: the formula step by step, each step in a column of its own.",
    "Trees": "Trees: the tests and the leaves of all trees.",
    "Paths": "Paths: the nodes that each case passes in each tree.",
    "Check": "Check: the results beside what they should be, and the largest difference.",
    "Categories": "Categories: what the columns of categories may hold.",
}
MISSING = [
    "An empty cell is a missing value. Inside the calculation it is #N/A, and a missing result is "
    "an empty cell again. So is the result of a case that the model does not take.",
    "A category that the model does not know is not missing. Capital letters matter.",
]
EXACT = [
    "Cells hold all digits of a number (17), though Excel shows and lets you type 15.",
    "Comparisons are written as INDEX(FREQUENCY(a,b),1)=1, which is a <= b to the last bit: "
    "Excel's own <= takes numbers that agree to 15 digits for equal.",
    "Infinity is 1E+308. What a product or a sum makes greater than Excel's greatest number is a "
    "missing value.",
]
