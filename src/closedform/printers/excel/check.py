"""The sheet of a workbook on which its results stand beside what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from closedform.formula import Formula
from closedform.ir import Type
from closedform.printers.excel.cells import FIRST, INFINITY, ROW, letters
from closedform.printers.excel.sheets import Book, Sheet, lines_of

TOLERANCE = "1E-9"
"""Of the largest value of an output; rounding alone is some 1E-15 of it."""


class Said(Protocol):
    """What an output should be, and who says so."""

    @property
    def name(self) -> str:
        """The output."""

    @property
    def who(self) -> str:
        """The model, or the formula."""

    @property
    def values(self) -> tuple[Any, ...]:
        """Row after row."""


def write_check(
    book: Book, formula: Formula, said: Sequence[Said], rows: int, results: Mapping[str, str]
) -> None:
    """Write what each output is and should be, three columns each, and the verdict on top.

    Args:
        book: the workbook.
        formula: what it computes.
        said: what each output should be.
        rows: how many cases there are.
        results: the formula of each output's result, for the row of a case.
    """
    sheet = book.sheet("Check", "Check")
    wrong = f'COUNTIF($A$5:${letters(3 * len(said))}$5,"DIFFERS")'
    text = f'IF({wrong}=0,"All {len(said)} agree.",{wrong}&" of {len(said)} DIFFER.")'
    one = f'IF({wrong}=0,"The result agrees.","The result DIFFERS.")'
    sheet.formula(2, 0, text if len(said) > 1 else one, "note")
    last = FIRST + 1 + max(rows, 1)
    sheet.text(FIRST, 0, "case", "heading")
    sheet.text(FIRST + 1, 0, "", "kind")
    for row in range(rows):
        sheet.value(FIRST + 2 + row, 0, row + 1, "case")
    for k, output in enumerate(said):
        label = formula.outputs[output.name].type is Type.LABEL
        _columns(sheet, 1 + 3 * k, output, results[output.name], label=label)
    ends = [f"{letters(3 + 3 * k)}" for k in range(len(said))]
    _verdict(sheet, ends, last)
    sheet.width(0, 0, 20)
    sheet.height(FIRST, 1 + lines_of((output.name for output in said), 18))
    sheet.width(1, 3 * len(said), 18)
    sheet.freeze(FIRST + 2, 1)
    sheet.fit_page()
    for at in ends:
        where = f"{at}{FIRST + 2}:{at}{last}"
        sheet.colour(where, f"=AND(ISNUMBER({at}{FIRST + 2}),{at}{FIRST + 2}=0)", "good")
        sheet.colour(where, f"=ISTEXT({at}{FIRST + 2})", "bad")


def _columns(sheet: Sheet, first: int, output: Said, result: str, *, label: bool) -> None:
    names = (f"{output.name}: {output.who}", f"{output.name}: workbook", f"{output.name}: apart")
    kinds = ("what it should be", "what it is", "difference")
    a, b = letters(first), letters(first + 1)
    for k, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        sheet.text(FIRST, first + k, name, "heading")
        sheet.text(FIRST + 1, first + k, kind, "kind")
    for row, value in enumerate(output.values, FIRST + 2):
        if isinstance(value, float) and value == value:
            value = max(-INFINITY, min(INFINITY, value))
        sheet.value(row, first, value, "step")
        # Of the calculation, not the cell of Inputs: a value that is kept there would stand here.
        sheet.formula(row, first + 1, result.replace(ROW, str(row - 2)))
        x, y = f"${a}{ROW}", f"${b}{ROW}"
        none = f'IF(AND({x}="",{y}=""),0,"differs")'
        same = f"IF(AND(ISTEXT({x})=ISTEXT({y}),EXACT({x},{y})),0,{none})"
        apart = f"IF(AND(ISNUMBER({x}),ISNUMBER({y})),ABS({x}-{y}),{none})"
        sheet.formula(row, first + 2, same if label else apart)
    start, last = FIRST + 2, FIRST + 1 + max(1, len(output.values))
    own = letters(first + 2)
    sheet.formula(3, first + 2, f"MAX({own}{start}:{own}{last})")
    sheet.formula(4, first + 2, f'COUNTIF({own}{start}:{own}{last},"differs")')
    spread = f"MAX({a}{start}:{a}{last},0-MIN({a}{start}:{a}{last}))"
    text = f'IF(AND({own}4=0,{own}3<={TOLERANCE}*{spread}),"agrees","DIFFERS")'
    sheet.formula(5, first + 2, text)


def _verdict(sheet: Sheet, ends: Sequence[str], last: int) -> None:
    for row, text in ((3, "largest difference"), (4, "cases that differ"), (5, "verdict")):
        sheet.text(row, 0, text, "block")
    for at in ends:
        sheet.colour(f"{at}5", f'={at}5="agrees"', "good")
        sheet.colour(f"{at}5", f'={at}5="DIFFERS"', "bad")
