"""What programs in languages of analysis share: R, MATLAB, Julia and VBA.

Unlike C and its kin they have labels as texts, arrays that a function can return, and statements
without braces. Everything that differs between them stands in a `Script`; R and MATLAB compute all
rows at once, so that a value there is a column and a layer a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import OPS, Array, Node, Type
from closedform.layers import layers
from closedform.printers import spell as s
from closedform.printers.clike import LEAST_LAYER
from closedform.printers.forests import Data, Forest
from closedform.printers.label_codes import LabelCodes
from closedform.printers.program import (
    LONGEST_SUM,
    constant,
    free_name,
    sum_in_parts,
)
from closedform.printers.python.trees import as_function
from closedform.printers.script import SPELL, Script
from closedform.printers.spell import (
    BREAK,
    Custom,
    Speller,
    Spelling,
    Written,
    call,
)

FLAT = frozenset({"lin", "squared_distance"})
"""Operations of which a layer is a product with a matrix of its own."""


@dataclass(frozen=True)
class Matrix:
    """A constant matrix, a row for each unit of a layer."""

    values: Array


class Writer:
    """The spellings of one formula in one language."""

    def __init__(self, formula: Formula, script: Script) -> None:
        """Choose what becomes a layer and what a loop over trees."""
        self.formula, self.script = formula, script
        self.codes, self.forest = LabelCodes(formula), Forest(formula)
        self.codes.require_one_type()
        self.rows: dict[tuple[Node, ...], str] = {}
        self.place: dict[Node, tuple[tuple[Node, ...], int]] = {}
        self.written: dict[tuple[Node, ...], str] = {}
        self.leaves: dict[tuple[tuple[Node, ...], int], str] = {}
        for nodes in layers(formula.nodes):
            group = tuple(nodes)
            if self._is_layer(group):
                self.place |= {n: (group, i) for i, n in enumerate(group)}

    def _is_layer(self, group: tuple[Node, ...]) -> bool:
        first = group[0]
        if len(group) < 2 or not first.args:
            return False
        if first.op.name in FLAT:
            plain = all(a.op is not ops.TREE for a in first.args)
            return plain and len(group) * len(first.args) >= LEAST_LAYER
        below = [self.place.get(n.args[0]) for n in group]
        if None in below or first.op.name not in self.script.layer:
            return False
        places = [found for found in below if found]
        return (
            len({g for g, _ in places}) == 1
            and [i for _, i in places] == list(range(len(group)))
            and len(places[0][0]) == len(group)
        )

    def table(self) -> dict[str, Spelling | Custom]:
        """Return how each operation is written."""
        own = {name: partial(custom, self) for name, custom in OWN.items()}
        functions = {name: call(text) for name, text in self.script.functions.items()}
        made = {**SPELL, **self.script.spell, **functions, **own}
        made = {name: custom for name, custom in made.items() if name in OPS}
        return {name: partial(self._grouped, custom) for name, custom in made.items()}

    def _grouped(
        self, custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
    ) -> Written:
        if n not in self.place:
            return _spelled(custom, speller, n, args)
        group, i = self.place[n]
        if group not in self.written:
            always = group[0] not in self.formula.names
            name = free_name(speller, self._prefix(group), always=always)
            self.written[group] = name
            speller.lines.append((name, self._layer(custom, speller, group, args), n))
        return Written(self.script.element(self.written[group], i))

    def _prefix(self, group: tuple[Node, ...]) -> str:
        """Return what an array of units is called: h1 of h1_1, h1_2 …"""
        return self.formula.names.get(group[0], "layer").partition("_")[0]

    def _layer(
        self, custom: Spelling | Custom, speller: Speller, group: tuple[Node, ...],
        args: Sequence[Written],
    ) -> str:  # fmt: skip
        first = group[0]
        if first.op.name not in FLAT:
            inner = [Written(self.written[self.place[first.args[0]][0]]), *args[1:]]
            return self.script.over(_spelled(custom, speller, first, inner).text)
        weights = self.matrix(speller, "W", [n.data.weights for n in group])
        x = self.row(speller, first, args)
        if first.op is ops.LIN:
            bias = self.array(speller, "B", [n.data.bias for n in group])
            return f"affine({x}, {weights}, {bias})"
        points = self.matrix(speller, "POINTS", [n.data.point for n in group])
        return f"distances({x}, {points}, {weights})"

    def array(self, speller: Speller, prefix: str, values: Any, kind: str = "number") -> str:
        """Return a reference to a constant array of numbers, made once."""
        flat = np.asarray(values, dtype=float)
        name = constant(speller, prefix, flat.tobytes(), lambda: Data(kind, flat.tolist()))
        return self.script.constant(name)

    def matrix(self, speller: Speller, prefix: str, values: Any) -> str:
        """Return a reference to a constant matrix, made once."""
        made = np.asarray(values, dtype=float)
        name = constant(speller, prefix, (made.shape, made.tobytes()), lambda: Matrix(made))
        return self.script.constant(name)

    def row(self, speller: Speller, n: Node, args: Sequence[Written]) -> str:
        """Return the name of the array of a node's arguments, which all nodes over them share."""
        groups = {self.place[a][0] if a in self.place else () for a in n.args}
        if len(groups) == 1 and n.args == (group := groups.pop()):
            return self.written[group]
        if n.args not in self.rows:
            name = self.rows[n.args] = free_name(speller, "row")
            speller.lines.append((name, self.script.row([a.text for a in args]), n))
        return self.rows[n.args]

    def _const(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.type is Type.BOOL:
            return Written(self.script.truth(n.data))
        text = self.script.limit(n.data)
        return Written(text, s.SIGN if text.startswith("-") else s.ATOM)

    def _sum(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        run = self.forest.run(n)
        if run is None:
            return self._plain_sum(speller, n, args)
        begin, end, first = run
        head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
        start = speller.sum(head, args[:first]).text
        weight = self.script.number(float(n.data.weights[first]))
        x = self._row_of_trees(speller, n.args[first:])
        return Written(f"forest({self._trees(start, weight, *self._from_to(begin, end), x)})")

    def _plain_sum(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if len(args) <= LONGEST_SUM // 4:
            return sum_in_parts(speller, n, args)
        weights = self.array(speller, "W", n.data.weights)
        x = self.row(speller, n, args)
        return Written(f"dot({self.script.number(n.data.bias)}, {weights}, {x})")

    def _from_to(self, begin: int, end: int) -> tuple[str, str]:
        return str(begin + self.script.first), str(end - 1 + self.script.first)

    def _trees(self, *arguments: str) -> str:
        return self.script.trees + ", ".join(arguments)

    def _row_of_trees(self, speller: Speller, terms: Sequence[Node]) -> str:
        tree = next(n for n in terms if n.op is ops.TREE)
        return self.row(speller, tree, speller.write(tree.args))

    def _sum32(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        run = self.forest.run(n)
        if run is None:
            return Written(f"sum32({self.row(speller, n, args)})")
        (begin, end, first), start = run, self.script.number(0.0)
        if first:
            head = ops.sum32(*n.args[:first])
            start = f"sum32({self.row(speller, head, args[:first])})"
        x = self._row_of_trees(speller, n.args[first:])
        return Written(f"forest32({self._trees(start, *self._from_to(begin, end), x)})")

    def _tree(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if self.forest.in_a_run(n):
            return Written("")  # nobody asks: the sum above is a loop
        if self.forest.small:
            return as_function(self.script.tree, speller, n, args)
        root, at = self.forest.place(n)
        found = self.leaves.get((n.args, root))
        if found is None:
            found = self.leaves[n.args, root] = free_name(speller, "leaf")
            walked = self._trees(str(root + self.script.first), self.row(speller, n, args))
            speller.lines.append((found, f"leaf({walked})", n))
        shift = f"{found} + {at - root}" if at > root else found
        shift = f"{found} - {root - at}" if at < root else shift
        return Written(f"leaf_value({self._trees(shift)})")

    def _distance(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if not args:
            return Written(self.script.number(0.0))
        point = self.array(speller, "POINT", n.data.point)
        weights = self.array(speller, "WEIGHTS", n.data.weights)
        return Written(f"squared_distance({self.row(speller, n, args)}, {point}, {weights})")

    def _kth(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        return Written(f"kth_smallest({n.data}, {self.row(speller, n, args)})")

    def _median(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        weights = self.array(speller, "WEIGHTS", n.data)
        return Written(f"weighted_median({weights}, {self.row(speller, n, args)})")

    def _extreme(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        name = "least" if n.op is ops.MIN else "most"
        if len(args) > 3:
            return Written(f"{name}_of({self.row(speller, n, args)})")
        text = args[0].text
        for other in args[1:]:
            text = f"{name}({text},{BREAK}{other.text})"
        return Written(text, args[0].level if len(args) == 1 else s.ATOM)

    def _power(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        b, x = n.args[1].data if n.args[1].op is ops.CONST else None, args[0]
        if b == 2 and x.text.isidentifier():
            return self.script.write("mul", x, x)
        if b == -1:
            return self.script.write("div", Written(self.script.number(1.0)), x)
        if b == 0.5:
            return Written(f"{self.script.functions['sqrt']}({x.text})")
        return call("power")(args)

    def _multiply(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        return reduce(partial(self.script.write, "mul"), args)

    def _divide(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        return self.script.write("div", *args)

    def text_like(self, n: Node) -> bool:
        """Tell whether a node is a label that is text."""
        return n.type is Type.LABEL and self.codes.is_text(n)

    def _equal(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if any(x.op is ops.LABEL and x.data[0] is None for x in n.args):
            return Written(self.script.truth(False))
        return self.script.write("equal_text" if self.text_like(n.args[0]) else "equal", *args)

    def _member(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if self.text_like(n.args[0]):
            wanted = [self.script.label(v) for v in n.data if isinstance(v, str)]
            return self.script.among(args[0], list(dict.fromkeys(wanted)), "_text")
        known = [v for v in n.data if v is not None and v == v and not isinstance(v, str)]
        numbers = [self.script.limit(float(v)) for v in known]
        return self.script.among(args[0], list(dict.fromkeys(numbers)))

    def _missing(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        kind = "missing_text" if self.text_like(n.args[0]) else "missing"
        return self.script.write(kind, *args)

    def _where(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        return self.script.write("pick_text" if self.text_like(n) else "pick", *args)

    def _table(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        data, x = n.data, args[0].text
        rest = f"{self.script.number(data.default)}, {self.script.number(data.missing)}"
        if self.text_like(n.args[0]):
            known = [i for i, v in enumerate(data.labels) if isinstance(v, str)]
            labels = tuple(data.labels[i] for i in known)
            name = constant(speller, "KEYS", labels, lambda: Data("text", labels))
            keys, values, how = (
                self.script.constant(name),
                data.values[known],
                self.script.look_up_text,
            )
        else:
            numbers = np.array([float(v) for v in data.labels if not isinstance(v, str)])
            kept = [i for i, v in enumerate(data.labels) if not isinstance(v, str)]
            order = np.argsort(numbers)
            keys = self.array(speller, "KEYS", numbers[order], "limit")
            values, how = data.values[kept][order], "look_up"
        return Written(f"{how}({x}, {keys}, {self.array(speller, 'VALUES', values)}, {rest})")

    def _piecewise(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        p = n.data
        names = [
            self.array(speller, "EDGES", p.edges, "limit"),
            self.array(speller, "ORIGINS", p.origins),
            self.matrix(speller, "COEFS", p.coefs),
            self.script.truth(p.right_closed),
        ]  # fmt: skip
        missing = self.script.number(p.missing)
        return Written(f"stretch({args[0].text}, {', '.join(names)}, {missing})")


def _spelled(
    custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
) -> Written:
    return custom(args) if isinstance(custom, Spelling) else custom(speller, n, args)


OWN: Mapping[str, Callable[[Writer, Speller, Node, Sequence[Written]], Written]] = {
    "const": Writer._const, "lin": Writer._sum, "sum32": Writer._sum32,
    "tree": Writer._tree, "squared_distance": Writer._distance, "kth": Writer._kth,
    "weighted_median": Writer._median, "min": Writer._extreme, "max": Writer._extreme,
    "pow": Writer._power, "equal": Writer._equal, "member": Writer._member,
    "missing": Writer._missing, "mul": Writer._multiply, "div": Writer._divide,
    "table": Writer._table, "piecewise": Writer._piecewise, "where": Writer._where,
}  # fmt: skip
"""Operations that are written with what a `Writer` knows of the whole formula."""
