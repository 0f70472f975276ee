"""A formula as the steps of a workbook: each value that is computed has a column of its own.

A missing value is #N/A, which every function hands on; a comparison with it is false. What Excel
would give as another error is guarded to be what the formula gives.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Interval, Node, Type, fold
from closedform.layers import layers
from closedform.ops.payloads import interval_of
from closedform.printers.choices import decision_of
from closedform.printers.excel.cells import (
    INFINITY,
    ROW,
    Block,
    Grid,
    Store,
    letters,
    plain_name,
    run_of,
)
from closedform.printers.excel.labels import LabelCells
from closedform.printers.excel.spelling import SPELL, WEIGHTED
from closedform.printers.excel.trees import TreeCells

LONGEST = 200
"""A condition that is used once and is shorter than this stands inside the step that asks it."""

LONGEST_LIST = 4_000
"""Arguments that are written out; a formula has 8,192 characters at most."""


def short(value: float) -> str | None:
    """Return a number as a formula may hold it, with at most 15 digits; None if it has more."""
    text = repr(value)
    digits = re.sub(r"e.*|[-.]", "", text).strip("0")
    if len(digits) > 15 or not (value == 0 or 1e-300 < abs(value) < 1e300):
        return None
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else text.upper()


class Steps:
    """The columns of one formula and the coefficients that they read.

    Attributes:
        formula: what is written, of operations that are all spelled.
        calculation: a column for each input that is read, and for each value.
        coefficients: the numbers of sums, tables, curves and trees.
        constants: other numbers that a formula's text could not hold.
        cells: each node as it is written in the formula of another.
        places: the column of each node that has one.
    """

    def __init__(self, formula: Formula) -> None:
        """Write all columns, a layer's side by side."""
        self.formula = formula
        self.calculation = Grid("Calculation")
        self.coefficients = Store("Coefficients")
        self.constants: dict[float, str] = {INFINITY: "infinity"}
        self.labels = LabelCells(formula, self.coefficients)
        self.trees = TreeCells(formula)
        self.cells: dict[Node, str] = {}
        self.places: dict[Node, int] = {}
        self.rows: dict[tuple[Node, ...], str] = {}
        outputs = [*formula.outputs.items()]
        self.said: dict[Node, str] = {n: name for name, n in outputs[::-1]}
        self.said |= formula.names
        guard = [] if formula.refused is None else [formula.refused]
        roots = [*formula.roots, *guard]
        self.within = _intervals(formula, roots)
        order = _live(list(self.within), roots)
        self.uses = Counter(a for n in order for a in dict.fromkeys(n.args))
        self.kept = set(roots)
        self.last_name = 0
        for group in layers(order):
            self._write(group)
        self.refused = self.cells[guard[0]] if guard else None

    # --- columns --------------------------------------------------------------------------------

    def _write(self, group: Sequence[Node]) -> None:
        if group[0].op in (ops.LIN, ops.SQUARED_DISTANCE):
            texts = WEIGHTED[group[0].op.name](self, group)
        else:
            texts = [SPELL[n.op.name](self, n, *self._below(n)) for n in group]
        for n, text in zip(group, texts, strict=True):
            self.cells[n] = text
            if not self._inside(n, text):
                self.place(n)

    def _below(self, n: Node) -> list[str]:
        """Return the cells of a node's arguments; of what nobody computes, nothing."""
        return [self.cells.get(a, "") for a in n.args]

    def _inside(self, n: Node, text: str) -> bool:
        if n.op in (ops.CONST, ops.LABEL):
            return True
        once = n.type is Type.BOOL and self.uses[n] < 2 and n not in self.kept
        return once and len(text) < LONGEST

    def place(self, n: Node) -> int:
        """Return the column of a node, a new one where it has none."""
        if n not in self.places:
            at = self.calculation.add(self.name(n), _what(n), self.cells[n])
            self.places[n], self.cells[n] = at, f"${letters(at)}{ROW}"
        return self.places[n]

    def name(self, n: Node) -> str:
        """Return what a node is called."""
        if n.op is ops.INPUT:
            return str(self.formula.inputs[n.data].name)
        if n.op is ops.TREE and n not in self.said:
            return self.trees.name(n)
        if n not in self.said:
            # The nodes of a layer are named before any of them has its column.
            self.last_name = max(self.last_name, len(self.calculation.columns)) + 1
            self.said[n] = f"v{self.last_name}"
        return self.said[n]

    @property
    def names_constants(self) -> bool:
        """Whether a step names a number that stands in a cell by itself."""
        grids = [self.calculation, *self.trees.paths]
        texts = (column.formula for grid in grids for column in grid.columns)
        named = [name for name in self.constants.values() if name != "infinity"]
        return bool(named) or any("infinity" in text for text in texts)

    def column(self, name: str, what: str, formula: str) -> str:
        """Return the cell of a new column that is no value of the formula, but a step to one."""
        return f"${letters(self.calculation.add(name, what, formula))}{ROW}"

    def is_single(self, n: Node) -> bool:
        """Tell whether each value of a node is a float32: a leaf of a tree of single precision."""
        values = n.data.values if n.op is ops.TREE else np.array([math.pi])
        with np.errstate(over="ignore"):
            return bool((values.astype(np.float32) == values).all())

    def row(self, args: Sequence[Node]) -> str:
        """Return some nodes as one range; copies side by side where they are not."""
        key = tuple(args)
        if key not in self.rows:
            places = [self.places.get(a, -1) for a in args]
            if -1 in places or not run_of(places):
                places = [self.calculation.add(self.name(a), "copy", self.cells[a]) for a in args]
            ends = [f"${letters(at)}{ROW}" for at in (places[0], places[-1])]
            self.rows[key] = ":".join(ends) if len(places) > 1 else ends[0]
        return self.rows[key]

    def listed(self, args: Sequence[Node]) -> str:
        """Return some nodes as the arguments of a function, a few one by one."""
        text = ",".join(self.cells[a] for a in args)
        few = len(args) <= 3 or (args[0].type is Type.BOOL and len(args) <= 30)
        return text if few and len(text) < LONGEST_LIST else self.row(args)

    # --- numbers --------------------------------------------------------------------------------

    def number(self, value: float) -> str:
        """Return a number; by the name of a cell where a formula's text would cut it short."""
        if value != value:
            return "NA()"
        value = max(-INFINITY, min(INFINITY, value))
        text = short(abs(value))
        if text is None:
            text = self.constants.setdefault(abs(value), f"number_{len(self.constants)}")
        return f"(-{text})" if value < 0 else text

    def cell(self, value: float) -> float | str:
        """Return what a cell holds for a number: infinity has a stand-in, missing is #N/A."""
        return "=NA()" if value != value else max(-INFINITY, min(INFINITY, value))

    def block(self, title: str, heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
        """Return the first row of a new block of coefficients."""
        found = tuple(
            tuple(self.cell(v) if isinstance(v, float) else v for v in row) for row in rows
        )
        return self.coefficients.add(Block(title, tuple(heading), found))

    def guarded(self, test: str, *args: Node) -> str:
        """Return a condition that is false where a side of it is missing."""
        missing = [self.cells[a] for a in dict.fromkeys(args) if self.within[a].missing]
        if not missing:
            return test
        # Asked before, not by the error after: FREQUENCY may pass over one.
        known = f"ISNUMBER({missing[0]})"
        if len(missing) > 1:
            known = f"COUNT({','.join(missing)})={len(missing)}"
        return f"IF({known},{test},FALSE)"

    # --- sums -----------------------------------------------------------------------------------

    def sums(self, group: Sequence[Node]) -> list[str]:
        """Return the formulas of some sums over the same arguments."""
        if not group[0].args:
            return [self.number(n.data.bias) for n in group]
        plain = [self._plain_sum(n) for n in group]
        if all(plain):
            return [text for text in plain if text]
        if all((n.data.weights == 1).all() for n in group):
            return [self._total(n) for n in group]
        args = group[0].args
        heading = ("", "bias", *(self.name(a) for a in args))
        rows = [(self.name(n), n.data.bias, *n.data.weights.tolist()) for n in group]
        first = self.block(f"{_title(group, self)}: bias and weights", heading, rows)
        return [self._weighted(n, first + i) for i, n in enumerate(group)]

    def _plain_sum(self, n: Node) -> str | None:
        """Return a sum whose numbers are no coefficients: 1 - p, or a + b + c."""
        weights, bias = n.data.weights.tolist(), n.data.bias
        if any(abs(w) != 1 for w in weights) or short(bias) is None:
            return None
        if len(weights) > 3:
            return None
        parts = [self.number(bias)] if bias != 0 else []
        for w, a in zip(weights, n.args, strict=True):
            parts.append(("-" if w < 0 else "+" if parts else "") + self.cells[a])
        return "".join(parts)

    def _total(self, n: Node) -> str:
        """Return a sum of bare values, as of many trees."""
        name, bias = self.name(n), n.data.bias
        if bias == 0:
            return f"SUM({self.row(n.args)})"
        first = self.block(f"{name}: bias", ("", "bias"), [(name, bias)])
        cell = self.coefficients.name(plain_name("bias", name), first, 1)
        return f"{cell}+SUM({self.row(n.args)})"

    def _weighted(self, n: Node, row: int) -> str:
        name, count = self.name(n), len(n.args)
        weights = self.coefficients.name(plain_name("weights", name), row, 2, 1, count)
        bias = self.coefficients.name(plain_name("bias", name), row, 1)
        if count == 1:
            return f"{bias}+{weights}*{self.cells[n.args[0]]}"
        return f"{bias}+SUMPRODUCT({weights},{self.row(n.args)})"

    def distances(self, group: Sequence[Node]) -> list[str]:
        """Return the formulas of some squared distances from points, over the same arguments."""
        args = group[0].args
        if not args:
            return ["0"] * len(group)
        equal = all((n.data.weights == 1).all() for n in group)
        kinds = ["point"] if equal else ["point", "weights"]
        firsts = []
        for kind in kinds:
            rows = [(self.name(n), *getattr(n.data, kind).tolist()) for n in group]
            heading = ("", *(self.name(a) for a in args))
            firsts.append(self.block(f"{_title(group, self)}: {kind}", heading, rows))
        x, texts = self.row(args), []
        for i, n in enumerate(group):
            names = [
                self.coefficients.name(plain_name(kind, self.name(n)), first + i, 1, 1, len(args))
                for kind, first in zip(kinds, firsts, strict=True)
            ]
            if equal:
                texts.append(f"SUMXMY2({x},{names[0]})")
            else:
                texts.append(f"SUMPRODUCT({names[1]},({x}-{names[0]})^2)")
        return texts


def _title(group: Sequence[Node], steps: Steps) -> str:
    first, last = steps.name(group[0]), steps.name(group[-1])
    return first if len(group) == 1 or first == last else f"{first} … {last}"


def _live(order: Sequence[Node], roots: Sequence[Node]) -> list[Node]:
    """Return the nodes that some formula reads: of the highest of some scores, these alone."""
    needed = set(roots)
    for n in reversed(order):
        if n in needed:
            decision = decision_of(n) if n.type is Type.LABEL else None
            highest = decision is not None and len(decision.scores) > 2
            needed.update(decision.scores if decision and highest else n.args)
    return [n for n in order if n in needed]


def _intervals(formula: Formula, roots: Sequence[Node]) -> dict[Node, Interval]:
    """Return what each node may be on finite inputs; nodes in a working order."""
    found: dict[Node, Interval] = {}

    def step(n: Node, *below: Interval) -> Interval:
        if n.op is ops.INPUT:
            missing = formula.inputs[n.data].missing
            found[n] = Interval(-1e100, 1e100, missing)
        elif n.op is ops.LABEL:
            found[n] = Interval(0, 0, n.data[0] is None)
        elif n.op is ops.CONST:
            found[n] = n.op.bounds(float(n.data))
        elif n.op is ops.TREE:
            # Not over the box: that walks every leaf of every tree.
            found[n] = interval_of(n.data.values)
        elif n.type is Type.LABEL:
            found[n] = Interval(-math.inf, math.inf, any(x.missing for x in below[1:]))
        else:
            found[n] = n.op.bounds(n.data, *below) if n.op.name not in _ANY else Interval(0, 1)
        return found[n]

    with np.errstate(all="ignore"):
        fold(roots, step)
    return found


_ANY = frozenset({"equal", "member"})
"""Conditions whose own bounds want numbers, where labels have none."""


def _what(n: Node) -> str:
    return "input" if n.op is ops.INPUT else WHAT.get(n.op.name, n.op.name)


WHAT = {
    "lin": "weighted sum", "squared_distance": "squared distance", "mul": "product",
    "div": "quotient", "pow": "power", "where": "choice", "table": "table", "piecewise": "curve",
    "kth": "order statistic", "weighted_median": "weighted median", "sum32": "sum in float32",
    "round32": "rounded to float32", "min": "least", "max": "greatest",
}  # fmt: skip
"""What a column is called by what it does, where that is not the operation's own name."""
