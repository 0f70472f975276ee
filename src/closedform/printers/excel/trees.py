"""Trees in a workbook: one table of nodes, and for each tree the nodes that a case passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits
from closedform.printers.excel.cells import INFINITY, MOST_ROWS, ROW, Grid, letters

NODES = 5
"""The row of the first node on the sheet of trees."""

WIDEST = 16_000
"""Columns of steps on one sheet; the next tree begins another one."""

HEADING = ("tree", "node", "input", "its number", "limit", "missing goes left", "left", "right")
"""The columns of the table of nodes; sets of codes, where there are any, and values follow."""


@dataclass
class Shape:
    """One table of tests: where it begins, what it reads, and the values of its leaves."""

    number: int
    splits: Splits
    args: tuple[Node, ...]
    first: int
    values: list[Array] = field(default_factory=list)


class TreeCells:
    """The tables of all trees, and their steps.

    Attributes:
        shapes: the tables, one after the other; trees of one shape over one row share it.
        paths: the sheets with the nodes that each case passes.
        sets: whether a node asks for one of some codes.
        widest: how many columns of values there are.
    """

    def __init__(self, formula: Formula) -> None:
        """Lay the tables out."""
        self.shapes: dict[Any, Shape] = {}
        self.where: dict[Node, tuple[Shape, int]] = {}
        self.at: dict[Any, str] = {}
        self.paths: list[Grid] = []
        size = 0
        for n in formula.nodes:
            if n.op is ops.TREE:
                key = (n.data.splits.key, n.args)
                if key not in self.shapes:
                    self.shapes[key] = Shape(len(self.shapes) + 1, n.data.splits, n.args, size + 1)
                    size += len(n.data.splits.child)
                shape = self.shapes[key]
                self.where[n] = (shape, len(shape.values))
                shape.values.append(n.data.values)
        self.size = size
        self.sets = any(len(s.splits.sets) for s in self.shapes.values())
        self.widest = max((len(s.values) for s in self.shapes.values()), default=0)
        if size + NODES > MOST_ROWS:
            raise UnsupportedTarget(
                f"The trees have {size:,} nodes; a sheet has {MOST_ROWS:,} rows.",
                hint="Write the formula in another target, or make it smaller first.",
            )

    def name(self, n: Node) -> str:
        """Return what a tree is called: by its table, and by its values where there are several."""
        shape, which = self.where[n]
        return f"tree {shape.number}" + f" value {which + 1}" * (len(shape.values) > 1)

    def value(self, n: Node, row: Callable[[Sequence[Node]], str]) -> str:
        """Return the formula of a tree's value, its steps written before."""
        shape, which = self.where[n]
        key = (n.data.splits.key, n.args)
        if key not in self.at:
            self.at[key] = self._steps(shape, row(shape.args))
        return f"INDEX(node_value_{which + 1},{self.at[key]})"

    def _steps(self, shape: Shape, args: str) -> str:
        if not self.paths or len(self.paths[-1].columns) + shape.splits.depth > WIDEST:
            count = len(self.paths) + 1
            self.paths.append(Grid("Paths" if count == 1 else f"Paths {count}"))
        grid, at = self.paths[-1], str(shape.first)
        for step in range(1, shape.splits.depth + 1):
            text = f"INDEX(node_next,{at},IF({_left(shape.splits, args, at)},1,2))"
            column = grid.add(f"tree {shape.number}", f"step {step}", text)
            at = f"${letters(column)}{ROW}"
        return at if at == str(shape.first) else f"'{grid.sheet}'!{at}"

    def ranges(self) -> dict[str, str]:
        """Return the named columns of the table of nodes."""
        parts = {"node_input": (3, 3), "node_limit": (4, 4), "node_missing": (5, 5),
                 "node_next": (6, 7)}  # fmt: skip
        if self.sets:
            parts["node_codes"] = (8, 8)
        start = 8 + self.sets
        parts |= {f"node_value_{k + 1}": (start + k, start + k) for k in range(self.widest)}
        last = NODES + self.size - 1
        return {
            name: f"=Trees!${letters(a)}${NODES}:${letters(b)}${last}"
            for name, (a, b) in parts.items()
        }

    def heading(self) -> list[str]:
        """Return the heading of the table of nodes."""
        values = ["value"] if self.widest == 1 else [f"value {k + 1}" for k in range(self.widest)]
        return [*HEADING, *["codes that go left"] * self.sets, *values]

    def rows(self, name: Callable[[Node], str]) -> Iterator[list[Any]]:
        """Yield the rows of the table of nodes."""
        for shape in self.shapes.values():
            yield from self._rows(shape, [name(a) for a in shape.args])

    def _rows(self, shape: Shape, names: list[str]) -> Iterator[list[Any]]:
        s, first = shape.splits, shape.first
        leaf, feature, limit = s.leaf.tolist(), s.feature.tolist(), s.threshold.tolist()
        left, child, member = s.missing_left.tolist(), s.child.tolist(), s.member.tolist()
        values = [v.tolist() for v in shape.values]
        for i, ends in enumerate(leaf):
            if ends:
                # A limit of 0 decides nothing here, but LibreOffice compares no empty cell.
                line = [shape.number, first + i, "leaf", 1, 0, "", first + i, first + i]
            else:
                f, below = feature[i], first + child[i]
                line = [shape.number, first + i, names[f], f + 1, _finite(limit[i]), left[i],
                        below, below + 1]  # fmt: skip
            if self.sets:
                line.append(_codes(s, member[i]) if not ends and member[i] >= 0 else "")
            # An inner node has no value: an empty cell, where an auditor would wonder about 0.
            yield line + [_finite(v[i]) if ends else "" for v in values]


def _finite(value: float) -> float | str:
    return "=NA()" if value != value else max(-INFINITY, min(INFINITY, value))


def _codes(splits: Splits, row: int) -> str:
    """Return a set of codes as a text of ones and zeros, behind an x for what is no code."""
    return "x" + "".join("1" if hit else "0" for hit in splits.sets[row].tolist())


def _left(splits: Splits, args: str, at: str) -> str:
    x = f"INDEX({args.replace('$', 'Calculation!$', 1)},INDEX(node_input,{at}))"
    limit = f"INDEX(node_limit,{at})"
    # FREQUENCY compares all bits; <= takes numbers that agree to 15 digits for equal.
    test = f"INDEX(FREQUENCY({x},{limit}),1)=1"
    if splits.below:
        test = f"INDEX(FREQUENCY({limit},{x}),1)=0"
    if len(splits.sets):
        codes = f"INDEX(node_codes,{at})"
        place = f"IF(INT({x})={x},MAX(-1,MIN({x},32000)),-1)+2"
        test = f'IF({codes}="",{test},MID({codes},{place},1)="1")'
    return f"IF(ISNUMBER({x}),{test},INDEX(node_missing,{at}))"
