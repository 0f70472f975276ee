"""Labels in a workbook: each known one has a number, since Excel takes "a" and "A" for equal."""

from __future__ import annotations

from typing import Any

from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers.excel.cells import ROW, Block, Store, letters
from closedform.printers.label_codes import LabelCodes


class LabelCells:
    """The list of a formula's labels, and the formulas that read and write them.

    A label is its place in the list, from 1 on; one that is not in it is minus the number of its
    input, so that it equals no other.
    """

    def __init__(self, formula: Formula, store: Store) -> None:
        """Write the list, texts first, among the coefficients."""
        self.formula, self.codes = formula, LabelCodes(formula)
        known: list[Any] = [*self.codes.texts, *self.codes.own_numbers()]
        self.count, self.texts = len(known), len(self.codes.texts)
        if not known:
            return
        rows = tuple((label, i) for i, label in enumerate(known, 1))
        first = store.add(Block("labels and their numbers", ("label", "number"), rows))
        self.first = first
        parts = {"label_values": (first, 0, self.count)}
        if self.texts:
            parts |= {"label_texts": (first, 0, self.texts), "text_codes": (first, 1, self.texts)}
        if self.texts < self.count:
            parts["label_numbers"] = (first + self.texts, 0, self.count - self.texts)
        for name, (row, column, rows_) in parts.items():
            store.name(name, row, column, rows_)

    def code(self, label: Any) -> str:
        """Return the number of a label; of none, #N/A."""
        return "NA()" if label is None else str(self.codes.code(label) + 1)

    def read(self, i: int) -> str:
        """Return the number of what stands in the column of an input."""
        x, unseen = self.given(i), str(-1 - i)
        text, number = unseen, unseen
        if self.texts:
            found = f"SUMPRODUCT(EXACT(label_texts,{x})*text_codes)"
            text = f"IF({found}=0,{unseen},{found})"
        if self.texts < self.count:
            number = f"IFERROR(MATCH({x}+0,label_numbers,0)+{self.texts},{unseen})"
        return f"IF(ISBLANK({x}),NA(),IF(ISTEXT({x}),{text},{number}))"

    def given(self, i: int) -> str:
        """Return the cell of an input."""
        return f"Inputs!${letters(i + 1)}{ROW}"

    def written(self, n: Node, cell: str) -> str:
        """Return the label that a number stands for."""
        rest = "NA()"
        for i in sorted(set(self.codes.passed(n)), reverse=True):
            rest = f"IF({cell}={-1 - i},{self.given(i)},{rest})"
        if not self.count:
            return rest
        told = f"IF({cell}>0,INDEX(label_values,MAX({cell},1)),{rest})"
        # The cell of the empty text is empty, and what points there would be 0.
        return f'IF({cell}={self.code("")},"",{told})' if "" in self.codes.texts else told
