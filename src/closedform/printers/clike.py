"""What programs in C and its kin share: spellings, arrays of data, layers as loops.

Everything that differs between these languages stands in a `Syntax`: how an array is declared, a
number cast, a choice written. Functions that a spelling calls are in each language's own prelude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.layers import layers
from closedform.ops.payloads import Splits, Tree
from closedform.printers import spell as s
from closedform.printers.forests import Data, Forest
from closedform.printers.label_codes import LabelCodes
from closedform.printers.program import comma, constant, free_name
from closedform.printers.python.trees import as_function
from closedform.printers.spell import (
    BREAK,
    Custom,
    Speller,
    Spelling,
    Written,
    call,
    comparison,
    infix,
)

FUNCTIONS = ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh", "asin", "acos", "atan")
"""Functions of one number that are called so nearly everywhere."""

WIDE = 24
"""Terms from which on a sum is a loop over its weights; below, a person may want to read it."""

LEAST_LAYER = 16
"""Weights that a layer has at least, before it is written as a loop."""


class Statement(str):
    """A whole statement among the lines of a program, rather than the value of its name."""


@dataclass(frozen=True)
class Syntax:
    """What differs between C and its kin.

    Attributes:
        number, limit: a float as text; one that a tree compares with.
        functions: what a function of one number is called; those not listed are lowered.
        equal: the sign between two things that may be equal.
        choice: `a if c else b`.
        single: rounding to float32.
        whole: the declaration of a local whole number, from its name and its value.
        function: a function of numbers, from its name, its parameters and the lines of its body.
        row: the declaration of a local array, from its name and its elements.
        buffer: the declaration of a local array that is filled later, from its name and size.
        each: a loop that fills an array, from its name, its size and the value at `i`.
        spell: operations that this language writes otherwise than the others.
        counted: whether a function must be told how many elements an array has.
        end: what ends a statement.
        branch: what begins the block of a condition.
        plus, minus: the signs of a sum; where a line may be broken depends on the language.
        rounded: what keeps a product in a sum from being fused with it; nothing where no compiler
            does that of itself.
        array: what an array is called, from the name that it has in C.
        goes_left: the test of a node of a tree; where some nodes ask for sets of codes, the second.
    """

    number: Callable[[float], str]
    limit: Callable[[float], str]
    functions: Mapping[str, str]
    equal: str
    choice: Spelling
    single: Spelling
    whole: Callable[[str, str], str]
    function: Callable[[str, Sequence[str], Sequence[str]], str]
    row: Callable[[str, Sequence[str]], str]
    buffer: Callable[[str, int], str]
    each: Callable[[str, int, str], str]
    spell: Mapping[str, Spelling | Custom] = field(default_factory=dict)
    counted: bool = True
    end: str = ";"
    branch: str = "if ({}) {{"
    plus: str = BREAK + "+ "
    minus: str = BREAK + "- "
    rounded: str = ""
    array: Callable[[str], str] = str
    goes_left: tuple[str, str] = (
        "value <= THRESHOLD[at]",
        "(MEMBER[at] >= 0 ? among(MEMBER[at], value) : value <= THRESHOLD[at])",
    )


class Writer:
    """The spellings of one formula in one language: they know its trees, labels and layers."""

    def __init__(self, formula: Formula, syntax: Syntax) -> None:
        """Choose what becomes a loop."""
        self.formula, self.syntax = formula, syntax
        self.codes, self.forest = LabelCodes(formula), Forest(formula)
        self.rows: dict[tuple[Node, ...], str] = {}
        self.place: dict[Node, tuple[tuple[Node, ...], int]] = {}
        self.written: dict[tuple[Node, ...], str] = {}
        self.leaf_names: dict[tuple[tuple[Node, ...], int], str] = {}
        for nodes in layers(formula.nodes):
            group = tuple(nodes)
            if self._is_layer(group):
                self.place |= {n: (group, i) for i, n in enumerate(group)}

    def numbers(self, speller: Speller, prefix: str, values: Array) -> str:
        """Return the name of an array of numbers, made once."""
        flat, name = values.ravel(), self.syntax.array(prefix)
        return constant(speller, name, flat.tobytes(), lambda: Data("number", flat.tolist()))

    def call(self, name: str, *parts: str | int) -> str:
        """Return a call; a whole number is a count of elements, which not every language needs."""
        given = [str(p) for p in parts if isinstance(p, str) or self.syntax.counted]
        return f"{name}({', '.join(given)})"

    def _is_layer(self, group: tuple[Node, ...]) -> bool:
        first = group[0]
        if len(group) < 2 or not first.args:
            return False
        if first.op in (ops.LIN, ops.SQUARED_DISTANCE):
            plain = all(a.op is not ops.TREE for n in group for a in n.args)
            return plain and len(group) * len(first.args) >= LEAST_LAYER
        below = [self.place.get(n.args[0]) for n in group]
        whole = None not in below and len({found[0] for found in below if found}) == 1
        return whole and [found[1] for found in below if found] == list(range(len(group)))

    def table(self) -> dict[str, Spelling | Custom]:
        """Return how each operation is written."""
        own = {name: partial(custom, self) for name, custom in OWN.items()}
        functions = {name: call(text) for name, text in self.syntax.functions.items()}
        chosen = {"where": self.syntax.choice, "round32": self.syntax.single}
        made = {**SPELL, **functions, **chosen, **own, **self.syntax.spell}
        return {name: partial(self._grouped, custom) for name, custom in made.items()}

    def _grouped(
        self, custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
    ) -> Written:
        if n not in self.place:
            return _spelled(custom, speller, n, args)
        group, i = self.place[n]
        if group not in self.written:
            name = free_name(
                speller, self._prefix(group), always=group[0] not in self.formula.names
            )
            self.written[group] = name
            text = self._layer(custom, speller, group, args, name)
            speller.lines.append((name, Statement(text), n))
        return Written(f"{self.written[group]}[{i}]")

    def _prefix(self, group: tuple[Node, ...]) -> str:
        """Return what an array of units is called: h1 of h1_1, h1_2 …"""
        return self.formula.names.get(group[0], "layer").partition("_")[0]

    def _layer(
        self, custom: Spelling | Custom, speller: Speller, group: tuple[Node, ...],
        args: Sequence[Written], name: str,
    ) -> str:  # fmt: skip
        first, size = group[0], len(group)
        if first.op not in (ops.LIN, ops.SQUARED_DISTANCE):
            inner = [Written(f"{self.written[self.place[first.args[0]][0]]}[i]"), *args[1:]]
            return self.syntax.each(name, size, _spelled(custom, speller, first, inner).text)
        x = self.row(speller, first, args)
        if first.op is ops.LIN:
            function, prefixes = "affine", ("B", "W")
            data = (np.array([n.data.bias for n in group]), [n.data.weights for n in group])
        else:
            function, prefixes = "distances", ("POINTS", "WEIGHTS")
            data = (np.array([n.data.point for n in group]), [n.data.weights for n in group])
        given = [
            self.numbers(speller, p, np.array(values))
            for p, values in zip(prefixes, data, strict=True)
        ]
        filled = self.call(function, name, size, len(first.args), *given, x)
        return f"{self.syntax.buffer(name, size)}\n{filled}{self.syntax.end}"

    def row(self, speller: Speller, n: Node, args: Sequence[Written]) -> str:
        """Return the name of the array of a node's arguments, which all nodes over them share."""
        groups = {self.place[a][0] if a in self.place else () for a in n.args}
        if len(groups) == 1 and n.args == (group := groups.pop()):
            return self.written[group]
        if n.args not in self.rows:
            name = self.rows[n.args] = free_name(speller, "row")
            text = self.syntax.row(name, [a.text for a in args])
            speller.lines.append((name, Statement(text), n))
        return self.rows[n.args]

    def _same(self, a: Written, b: Written) -> Written:
        return comparison(self.syntax.equal)([a, b])

    def _power(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        # NumPy's own power takes these three ways, which round and treat -inf otherwise than pow.
        b = n.args[1].data if n.args[1].op is ops.CONST else None
        x = args[0]
        if b == 2 and x.text.isidentifier():
            return Written(f"{x.text} * {x.text}", s.PRODUCT)
        if b == -1:
            return Written(f"{self.syntax.number(1.0)} / {x.at(s.PRODUCT + 1)}", s.PRODUCT)
        if b == 0.5:
            return Written(f"{self.syntax.functions['sqrt']}({x.text})")
        return call("power")(args)

    def _const(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.type is Type.BOOL:
            return Written("true" if n.data else "false")
        return speller.number(n.data)

    def _sum(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        run = self.forest.run(n)
        if run is not None:
            begin, end, first = run
            head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
            start = speller.sum(head, args[:first]).text
            weight = self.syntax.number(float(n.data.weights[first]))
            x = self._row_of_trees(speller, n.args[first:])
            sums = self.forest.at_once[n]
            if len(sums) > 1:
                return Written(f"{self._sums(speller, sums, weight, x)}[{sums.index(n)}]")
            return Written(f"forest({start}, {weight}, {begin}, {end}, {x})")
        if len(args) <= WIDE:
            return speller.sum(n, args)
        weights = self.numbers(speller, "W", n.data.weights)
        x = self.row(speller, n, args)
        bias = self.syntax.number(n.data.bias)
        return Written(self.call("dot", bias, len(args), weights, x))

    def _sums(self, speller: Speller, sums: tuple[Node, ...], weight: str, x: str) -> str:
        """Return the name of the array of sums that one walk through their trees gives."""
        if sums not in self.written:
            name = self.written[sums] = free_name(speller, "sums")
            starts = self.numbers(speller, "B", np.array([n.data.bias for n in sums]))
            run = map(str, self.forest.runs[sums[0]])
            filled = self.call("forests", name, len(sums), starts, weight, *run, x)
            text = Statement(f"{self.syntax.buffer(name, len(sums))}\n{filled}{self.syntax.end}")
            speller.lines.append((name, text, sums[0]))
        return self.written[sums]

    def _row_of_trees(self, speller: Speller, terms: Sequence[Node]) -> str:
        tree = next(n for n in terms if n.op is ops.TREE)
        return self.row(speller, tree, speller.write(tree.args))

    def _sum32(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        run = self.forest.run(n)
        if run is None:
            return Written(self.call("sum32", len(args), self.row(speller, n, args)))
        (begin, end, first), start = run, "0.0"
        if first:
            head = ops.sum32(*n.args[:first])
            start = self.call("sum32", first, self.row(speller, head, args[:first]))
        x = self._row_of_trees(speller, n.args[first:])
        return Written(f"forest32({start}, {begin}, {end}, {x})")

    def _tree(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if self.forest.in_a_run(n):
            return Written("")  # nobody asks: the sum above is a loop
        if self.forest.small:
            return as_function(self._function, speller, n, args)
        root, at = self.forest.place(n)
        found = self.leaf_names.get((n.args, root))
        if found is None:
            found = self.leaf_names[n.args, root] = free_name(speller, "leaf")
            walked = f"leaf({root}, {self.row(speller, n, args)})"
            speller.lines.append((found, Statement(self.syntax.whole(found, walked)), n))
        place = f"{at - root} + {found}" if at > root else found
        return Written(f"{self.syntax.array('LEAVES')}[{place}]")

    def _function(
        self, name: str, parameters: list[str], tree: Tree, names: Mapping[int, str]
    ) -> str:
        return self.syntax.function(name, parameters, self._body(tree, names))

    def _body(self, tree: Tree, names: Mapping[int, str]) -> list[str]:
        """Return a tree as tests, each inside the one above it."""
        lines: list[str] = []
        splits, number = tree.splits, self.syntax.number
        stack: list[tuple[int, str]] = [(0, "    ")]
        while stack:
            i, indent = stack.pop()
            if i < 0:
                lines.append(f"{indent}}}")
            elif splits.leaf[i]:
                value = number(float(tree.values[i]))
                lines.append(f"{indent}return {value}{self.syntax.end}")
            else:
                test = self._split(splits, i, names[int(splits.feature[i])])
                lines.append(indent + self.syntax.branch.format(test))
                below = int(splits.child[i])
                # No `else`: what comes after a branch that has returned is the other branch.
                stack += [(below + 1, indent), (-1, indent), (below, indent + "    ")]
        return lines

    def _split(self, splits: Splits, i: int, x: str) -> str:
        if splits.member[i] >= 0:
            codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
            numbers = (self.syntax.number(float(c)) for c in codes)
            test = " || ".join(f"{x} {self.syntax.equal} {c}" for c in numbers) or "false"
        else:
            sign = "<" if splits.below else "<="
            test = f"{x} {sign} {self.syntax.limit(float(splits.threshold[i]))}"
        return f"missing({x}) || {test}" if splits.missing_left[i] else test

    def _distance(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        names = (
            self.numbers(speller, prefix, values)
            for prefix, values in (("POINT", n.data.point), ("WEIGHTS", n.data.weights))
        )
        return Written(self.call("squared_distance", len(args), *names, self.row(speller, n, args)))

    def _kth(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        x = self.row(speller, n, args)
        if not self.syntax.counted:  # there, an array is easily copied
            return Written(f"kth_smallest({n.data}, {x})")
        scratch = free_name(speller, "scratch")
        text = self.syntax.buffer(scratch, len(args))
        speller.lines.append((scratch, Statement(text), n))
        return Written(f"kth_smallest({n.data}, {len(args)}, {scratch}, {x})")

    def _median(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        weights = self.numbers(speller, "WEIGHTS", np.array(n.data))
        x = self.row(speller, n, args)
        return Written(self.call("weighted_median", len(args), weights, x))

    def _extreme(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        name = "least" if n.op is ops.MIN else "most"
        if len(args) > 3:
            return Written(self.call(f"{name}_of", len(args), self.row(speller, n, args)))
        text = args[0].text
        for other in args[1:]:
            text = f"{name}({text},{BREAK}{other.text})"
        return Written(text, args[0].level if len(args) == 1 else s.ATOM)

    def _equal(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.args[0].type is Type.REAL or any(x.op is ops.LABEL for x in n.args):
            if any(x.op is ops.LABEL and x.data[0] is None for x in n.args):
                return Written("false")
            return self._same(*args)
        return Written(f"same({args[0].text}, {args[1].text})")

    def _member(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.args[0].type is Type.REAL:
            wanted = [self.syntax.number(float(v)) for v in n.data if v is not None and v == v]
        else:
            wanted = [self.codes.text(v) for v in n.data if v is not None]
        tests = [self._same(args[0], Written(w)) for w in dict.fromkeys(wanted)]
        if len(tests) < 2:
            return tests[0] if tests else Written("false")
        either = self.syntax.spell.get("or", EITHER)
        return either(tests) if isinstance(either, Spelling) else EITHER(tests)

    def _missing(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if n.args[0].type is Type.LABEL:
            return self._same(args[0], Written("-1"))
        return Written(f"missing({args[0].text})")

    def _table(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        data, x = n.data, args[0].text
        rest = f"{self.syntax.number(data.default)}, {self.syntax.number(data.missing)}"
        if n.args[0].type is Type.LABEL:
            values = self.numbers(speller, "TABLE", self.codes.dense(data))
            return Written(f"look_up({x}, {values}, {rest})")
        keys = np.array([float(k) for k in data.labels])
        order = np.argsort(keys, kind="stable")
        names = [
            self.numbers(speller, "KEYS", keys[order]),
            self.numbers(speller, "TABLE", data.values[order]),
        ]
        return Written(self.call("look_up_number", x, len(keys), *names, rest))

    def _piecewise(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        p, number = n.data, self.syntax.number
        names = [
            self.numbers(speller, prefix, values)
            for prefix, values in (("EDGES", p.edges), ("ORIGINS", p.origins), ("COEFS", p.coefs))
        ]
        rest = f"{'true' if p.right_closed else 'false'}, {number(p.missing)}"
        shape = (len(p.edges), p.coefs.shape[1])
        return Written(self.call("stretch", args[0].text, *shape, *names, rest))


def _spelled(
    custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
) -> Written:
    return custom(args) if isinstance(custom, Spelling) else custom(speller, n, args)


def _multiply(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


EITHER = Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "|| ")

SPELL: Mapping[str, Spelling | Custom] = {
    "mul": _multiply,
    "div": infix(" / ", s.PRODUCT, s.PRODUCT + 1),
    **{name: call(name) for name in ("sign", "sigmoid", "softplus")},
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "&& "),
    "or": EITHER,
    "not": Spelling("!{0}", s.SIGN, (s.ATOM,)),
}
"""What all of them write alike; `probit` is lowered."""


OWN: Mapping[str, Callable[[Writer, Speller, Node, Sequence[Written]], Written]] = {
    "const": Writer._const,
    "lin": Writer._sum,
    "sum32": Writer._sum32,
    "tree": Writer._tree,
    "squared_distance": Writer._distance,
    "kth": Writer._kth,
    "weighted_median": Writer._median,
    "min": Writer._extreme,
    "max": Writer._extreme,
    "pow": Writer._power,
    "equal": Writer._equal,
    "member": Writer._member,
    "missing": Writer._missing,
    "table": Writer._table,
    "piecewise": Writer._piecewise,
}
"""Operations that are written with what a `Writer` knows of the whole formula."""


def spelled(syntax: Syntax) -> set[str]:
    """Return the operations that need not be lowered."""
    return {"label", "where", "round32", *SPELL, *OWN, *syntax.functions}


def listed(values: Sequence[str]) -> str:
    """Return elements between braces, breakable behind each comma."""
    return "{" + comma(values) + "}"


def finite(value: float, nan: str, infinity: str) -> str | None:
    """Return how a number is called that has no digits; None of any other."""
    if value != value:
        return nan
    return None if abs(value) < math.inf else infinity if value > 0 else f"-{infinity}"
