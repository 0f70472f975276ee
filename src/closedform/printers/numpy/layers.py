"""Which parts of a formula NumPy computes as matrices, and how each is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.layers import layers
from closedform.ops.named import ROOTS, named
from closedform.printers import spell as s
from closedform.printers.program import comma, constant, free_name, joined
from closedform.printers.spell import Custom, Speller, Spelling, Written

WIDE = 8
"""Terms from which on a single sum is written as a product of a vector and a matrix."""

Group = tuple[Node, ...]


class Matrices:
    """The groups of nodes that one formula's program computes at once."""

    def __init__(self, formula: Formula) -> None:
        """Choose the groups: sums over the same arguments, and functions of whole groups."""
        self.formula = formula
        self.plain_inputs = all(f.type is Type.REAL for f in formula.inputs)
        self.place: dict[Node, tuple[Group, int]] = {}
        self.written: dict[Group, Written] = {}
        self.stacks: dict[Group, str] = {}
        for nodes in layers(formula.nodes):
            group = tuple(nodes)
            if self._is_matrix(group):
                self.place.update({n: (group, i) for i, n in enumerate(group)})
        self.inline = self._inline()

    def _is_matrix(self, group: Group) -> bool:
        first = group[0]
        if len(group) < 2 or not first.args:
            return False
        if first.op is ops.SQUARED_DISTANCE:
            return True
        if first.op is ops.LIN:
            return len(first.args) > 1 and all(a.op is not ops.TREE for a in first.args)
        return all(n.args[0] in self.place for n in group)

    def _inline(self) -> set[Group]:
        """Return groups that only one other group uses: h = tanh(W @ x + b) in one line."""
        users: dict[Node, set[Node]] = {}
        for n in self.formula.nodes:
            for a in n.args:
                users.setdefault(a, set()).add(n)
        kept = {*self.formula.roots, *self.formula.names}
        found = set()
        for group in {g for g, _ in self.place.values()}:
            above = [self.place.get(u, ((), 0))[0] for n in group for u in users.get(n, ())]
            once = len(above) == len(group) and len(set(above)) == 1 and above[0]
            same = once and tuple(n.args[0] for n in above[0]) == group
            if same and kept.isdisjoint(group):
                found.add(group)
        return found

    def spelling(self, base: Mapping[str, Spelling | Custom]) -> dict[str, Spelling | Custom]:
        """Return a table of spellings that writes whole groups where there are any."""

        def grouped(custom: Spelling | Custom) -> Custom:
            def spell(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
                if n in self.place:
                    return self._member(speller, n, args, custom)
                return custom(args) if isinstance(custom, Spelling) else custom(speller, n, args)

            return spell

        return {name: grouped(custom) for name, custom in base.items()}

    def _member(
        self, speller: Speller, n: Node, args: Sequence[Written], custom: Spelling | Custom
    ) -> Written:
        group, i = self.place[n]
        if group not in self.written:
            text = self._group(speller, group, args, custom)
            if group not in self.inline:
                name = free_name(speller, self._prefix(group), always=group[0] not in self.named)
                speller.lines.append((name, text.text, n))
                text = Written(name)
            self.written[group] = text
        return self.unit(self.written[group], i)

    def unit(self, whole: Written, i: int) -> Written:
        """Return one column of a matrix."""
        return Written(f"{whole.text}[{i}]")

    @property
    def named(self) -> Mapping[Node, str]:
        """The names of units."""
        return self.formula.names

    def _prefix(self, group: Group) -> str:
        """Return what the names of a group begin with: h1 of h1_1, h1_2 …"""
        name = self.named.get(group[0], "")
        found = re.fullmatch(r"([A-Za-z]\w*?)_?\d+", name)
        return found[1].rstrip("_") if found else "v"

    def _group(
        self, speller: Speller, group: Group, args: Sequence[Written], custom: Spelling | Custom
    ) -> Written:
        first = group[0]
        if first.op is ops.LIN:
            bias = np.array([[n.data.bias] for n in group])
            return self.product(speller, first, args, _weights(group), bias)
        if first.op is ops.SQUARED_DISTANCE:
            return self.distances(speller, group, args)
        below = self.rows(speller, tuple(n.args[0] for n in group), [])
        inner = [below, *map(self.beside, first.args[1:], args[1:])]
        return custom(inner) if isinstance(custom, Spelling) else custom(speller, first, inner)

    def beside(self, n: Node, column: Written) -> Written:
        """Return a column in the form in which it meets all those of a matrix."""
        return column

    def product(
        self, speller: Speller, n: Node, args: Sequence[Written], weights: Array, bias: Array
    ) -> Written:
        """Return weights @ x + bias, the arguments as the rows of x."""
        x = self.rows(speller, n.args, args).at(s.PRODUCT + 1)
        name = constant(speller, "W", _bits(weights), lambda: array_text(weights))
        if not bias.any():
            return Written(f"{name} @ {x}", s.PRODUCT)
        if not bias.ndim:
            sign = "-" if bias < 0 else "+"
            return Written(f"{name} @ {x} {sign} {number(abs(float(bias)))}", s.SUM)
        added = constant(speller, "b", _bits(bias), lambda: array_text(bias))
        return Written(f"{name} @ {x} + {added}", s.SUM)

    def distances(self, speller: Speller, group: Group, args: Sequence[Written]) -> Written:
        """Return the squared distances from several points, a row for each of them."""
        x = self.rows(speller, group[0].args, args).text
        points, weights = (
            np.array(v) for v in zip(*[(n.data.point, n.data.weights) for n in group], strict=True)
        )
        names = [
            constant(speller, prefix, _bits(values), lambda values=values: array_text(values))
            for prefix, values in (("POINTS", points), ("WEIGHTS", weights))
        ]
        return Written(f"squared_distances({x}, {names[0]}, {names[1]})")

    def wide(self, n: Node) -> bool:
        """Tell whether a single sum is better written as a product."""
        if any(a.op is ops.TREE for a in n.args):
            return False
        whole = len(n.args) > 2 and all(a in self.place for a in n.args)
        return len(n.args) > WIDE or (whole and len({self.place[a][0] for a in n.args}) == 1)

    def picked(self, whole: Written, rows: list[int], count: int) -> Written:
        """Return some columns of a matrix, without a copy where they stand side by side."""
        index = slice_of(rows, count)
        return Written(f"{whole.at(s.ATOM)}[{index}]") if index else whole

    def rows(self, speller: Speller, nodes: Group, written: Sequence[Written]) -> Written:
        """Return columns as one matrix, without a copy where they are one already."""
        if self.plain_inputs and all(n.op is ops.INPUT for n in nodes):
            return self.picked(Written("x"), [n.data for n in nodes], len(self.formula.inputs))
        groups = {self.place[n][0] if n in self.place else () for n in nodes}
        if len(groups) == 1 and () not in groups:
            group = groups.pop()
            return self.picked(self.written[group], [self.place[n][1] for n in nodes], len(group))
        if nodes not in self.stacks:
            name = self.stacks[nodes] = free_name(speller, "rows")
            text = f"stack({comma(w.text for w in written)})"
            speller.lines.append((name, text, nodes[0]))
        return Written(self.stacks[nodes])


def _weights(group: Group) -> Array:
    return np.array([n.data.weights for n in group])


def slice_of(rows: list[int], count: int) -> str:
    """Return the index of some of `count` rows: nothing for all of them, a slice or a list."""
    if rows == list(range(count)):
        return ""
    if rows == list(range(rows[0], rows[0] + len(rows))):
        return f"{rows[0]}:{rows[-1] + 1}"
    return str(rows)


def _bits(array: Array) -> tuple[tuple[int, ...], bytes]:
    return array.shape, array.tobytes()


WORDS = {"pi": "np.pi", "e": "np.e", **{f"sqrt {n}": f"np.sqrt({n})" for n in ROOTS}}


def number(value: float) -> str:
    """Return the shortest text that gives the same float: π/2 and 1/3 by their names."""
    if value != value:
        return "np.nan"
    if name := named(value):
        return "-" * (value < 0) + name.spelt(WORDS)
    return repr(value) if abs(value) < np.inf else "np.inf" if value > 0 else "-np.inf"


def array_text(array: Array) -> str:
    """Return an array of one or two dimensions as code."""
    if array.ndim == 2 and array.shape[1] == 1 < array.shape[0]:
        return array_text(array[:, 0]) + "[:, None]"
    return f"np.array({list_of(array)})"


def list_of(array: Array, indent: str = "") -> str:
    """Return the numbers of an array as a list on several lines."""
    if array.ndim == 1:
        return bracketed((number(v) for v in array.tolist()), indent)
    return "[\n" + "".join(f"    {list_of(row, '    ')},\n" for row in array) + "]"


def bracketed(parts: Iterable[str], indent: str = "") -> str:
    """Return a list, on one line where it is short."""
    listed = list(parts)
    short = ", ".join(listed)
    if len(short) < 80:
        return f"[{short}]"
    return f"[\n{joined(listed, indent=indent + '    ')}\n{indent}]"
