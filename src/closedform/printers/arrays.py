"""What programs of array libraries share: rows first, columns last, and no text anywhere.

A layer of a network is one matrix product, all trees of a sum are walked together, level by level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.printers import spell as s
from closedform.printers.coded import REFUSED, Coded, coded
from closedform.printers.ensemble import as_trees
from closedform.printers.numpy.layers import Group, Matrices, bracketed
from closedform.printers.program import (
    Program,
    comma,
    constant,
    free_name,
    prepared,
    program,
    sum_in_parts,
)
from closedform.printers.spell import BREAK, Custom, Language, Speller, Spelling, Written, call

Args = Sequence[Written]


@dataclass(frozen=True)
class Library:
    """How an array library spells what the others have too.

    Attributes:
        name: the target.
        prefix: what its functions are called by.
        spell: operation → spelling.
        member: what stands before the name of a constant, as `self.`.
        top: the greatest of a matrix's columns, with a place for it; and the smallest.
        trainable: whether every coefficient is an array of its own.
        pick: the entries of an array at some places.
    """

    name: str
    prefix: str
    spell: Mapping[str, Spelling | Custom]
    member: str = ""
    top: Mapping[str, str] = field(default_factory=dict)
    trainable: bool = False
    pick: str = "{0}[{1}]"

    @property
    def where(self) -> str:
        """The function that chooses between two columns."""
        return f"{self.prefix}.where"

    def number(self, value: float) -> str:
        """Return the shortest text that reads back as the same float."""
        if value != value:
            return f"{self.prefix}.nan"
        if abs(value) < np.inf:
            return repr(value)
        return f"{self.prefix}.inf" if value > 0 else f"-{self.prefix}.inf"

    def label(self, value: Any) -> str:
        """Return a truth, or the name of a column, as text that reads back as the same value."""
        return self.number(value) if isinstance(value, float) else repr(value)


class Columns(Matrices):
    """Matrices whose last axis is the columns, so that one row alone is a vector."""

    def __init__(self, formula: Formula, library: Library) -> None:
        """Choose the groups; see `Matrices`."""
        super().__init__(formula)
        self.library = library

    def unit(self, whole: Written, i: int) -> Written:
        """Return one column of a matrix."""
        return Written(f"{whole.at(s.ATOM)}[..., {i}]")

    def beside(self, n: Node, column: Written) -> Written:
        """Return a column as a matrix of one."""
        return column if n.op is ops.CONST else Written(f"{column.at(s.ATOM)}[..., None]")

    def picked(self, whole: Written, rows: list[int], count: int) -> Written:
        """Return some columns of a matrix."""
        found = super().picked(whole, rows, count)
        return found if found is whole else Written(found.text.replace("[", "[..., ", 1))

    def rows(self, speller: Speller, nodes: Group, written: Args) -> Written:
        """Return columns as one matrix."""
        if not written and all(n in speller.done for n in nodes):
            written = [speller.done[n] for n in nodes]
        return super().rows(speller, nodes, written)

    def array(self, speller: Speller, prefix: str, values: Array) -> str:
        """Return the name of an array among the constants."""
        key = (values.shape, values.tobytes(), values.dtype.str)
        found = constant(speller, prefix, key, lambda: self.text(values))
        return f"{self.library.member}{found}"

    def text(self, values: Array) -> str:
        """Return the numbers of an array as lists."""
        return nested(values, self.library.number)

    def product(
        self, speller: Speller, n: Node, args: Args, weights: Array, bias: Array
    ) -> Written:
        """Return x @ weightsᵀ + bias."""
        x = self.rows(speller, n.args, args).at(s.PRODUCT)
        name, bias = self.array(speller, "W", weights), bias.ravel() if bias.ndim else bias
        product = f"{x} @ {name}" + ".T" * (weights.ndim == 2)
        if not bias.any():
            return Written(product, s.PRODUCT)
        if bias.ndim or self.library.trainable:
            return Written(f"{product} + {self.array(speller, 'b', bias)}", s.SUM)
        sign, size = "-" if bias < 0 else "+", self.library.number(abs(float(bias)))
        return Written(f"{product} {sign} {size}", s.SUM)

    def distances(self, speller: Speller, group: Group, args: Args) -> Written:
        """Return the squared distances from several points, a column for each of them."""
        x = self.rows(speller, group[0].args, args).text
        both = [
            np.array(v) for v in zip(*[(n.data.point, n.data.weights) for n in group], strict=True)
        ]
        names = [
            self.array(speller, p, v) for p, v in zip(("POINTS", "WEIGHTS"), both, strict=True)
        ]
        return Written(f"squared_distances({x}, {', '.join(names)})")


def nested(values: Array, number: Callable[[float], str], indent: str = "") -> str:
    """Return an array of up to two dimensions as lists, on lines of at most 100 signs."""
    if not values.ndim:
        return number(float(values))
    if values.ndim == 1:
        word = number if values.dtype.kind == "f" else str
        return bracketed(map(word, values.tolist()), indent)
    inner = "".join(f"{indent}    {nested(row, number, indent + '    ')},\n" for row in values)
    return f"[\n{inner}{indent}]"


class Forests:
    """The trees of a formula, those of one sum side by side."""

    def __init__(self, formula: Formula) -> None:
        """Find the sums of trees."""
        self.sums: dict[Node, tuple[int, list[Node]]] = {}
        for n in formula.nodes:
            if n.op in (ops.LIN, ops.SUM32):
                first = next((i for i, a in enumerate(n.args) if a.op is ops.TREE), len(n.args))
                trees = as_trees(n.args[first:])
                if trees is not None and len(trees) > 1:
                    self.sums[n] = (first, trees)
        self.leaves: dict[Any, str] = {}

    def leaf(self, speller: Speller, columns: Columns, trees: Sequence[Node], args: Args) -> str:
        """Return the name of a matrix with the leaf that each row reaches in each tree."""
        key = (trees[0].args, tuple(t.data.splits.key for t in trees))
        if key not in self.leaves:
            x = columns.rows(speller, trees[0].args, args).text
            made = packed([t.data.splits for t in trees])
            text = _forest_text(made, columns.library)
            forest = constant(speller, "FOREST", key, lambda: text)
            name = self.leaves[key] = free_name(speller, "leaf")
            line = f"{columns.library.member}{forest}({x})" if columns.library.member else (
                f"leaves({forest}, {x})"
            )  # fmt: skip
            speller.lines.append((name, line, trees[0]))
        return self.leaves[key]


def packed(splits: Sequence[Any]) -> dict[str, Any]:
    """Return trees as one list of nodes: children, features and thresholds of all of them."""
    sizes = [len(t.child) for t in splits]
    starts = np.cumsum([0, *sizes[:-1]])
    made: dict[str, Any] = {
        "depth": max(t.depth for t in splits),
        "below": splits[0].below,
        "roots": starts,
        "feature": np.concatenate([t.feature for t in splits]),
        "threshold": np.concatenate([t.threshold for t in splits]),
        "child": np.concatenate([t.child + at for t, at in zip(splits, starts, strict=True)]),
        "missing_left": np.concatenate([t.missing_left for t in splits]).astype(int),
    }
    if any(len(t.sets) for t in splits):
        rows = np.cumsum([0, *(len(t.sets) for t in splits)])
        members = [
            np.where(t.member >= 0, t.member + at, -1)
            for t, at in zip(splits, rows, strict=False)
        ]  # fmt: skip
        made["member"] = np.concatenate(members)
        width = max(t.sets.shape[1] for t in splits)
        made["sets"] = np.concatenate(
            [np.pad(t.sets, ((0, 0), (0, width - t.sets.shape[1]))) for t in splits if len(t.sets)]
        ).astype(int)
    return made


def _forest_text(made: Mapping[str, Any], library: Library) -> str:
    parts = [
        f"    {name!r}: {nested(v, library.number, '    ') if isinstance(v, np.ndarray) else v},\n"
        for name, v in made.items()
    ]
    return "{\n" + "".join(parts) + "}"


OWN = (
    "squared_distance", "sum32", "tree", "table", "piecewise", "member", "max", "min", "or",
)  # fmt: skip
"""What `Writer` spells for every library."""


class Writer:
    """The spellings that depend on the whole formula."""

    def __init__(self, formula: Formula, library: Library) -> None:
        """Find its layers and its forests."""
        self.columns = Columns(formula, library)
        self._roots, self._users = set(formula.roots), _users(formula)
        self.forests = Forests(formula)
        self.library = library
        own = {
            "lin": self.sum, "squared_distance": self.distance, "sum32": self.sum32,
            "min": self.extreme, "max": self.extreme, "or": self.either, "tree": self.tree,
            "table": self.table, "piecewise": self.piecewise, "const": self.const,
            "member": self.member,
        }  # fmt: skip
        self.spell = self.columns.spelling({**library.spell, **own})

    def const(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a number; one that may be trained is an array."""
        value = n.data
        if not self.library.trainable or isinstance(value, bool) or _whole(value):
            return speller.number(value) if not isinstance(value, bool) else Written(repr(value))
        return Written(self.columns.array(speller, "c", np.array(value)))

    def sum(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a sum: of trees, as a product, or term by term."""
        if n in self.forests.sums:
            return self.forest(speller, n, args)
        trained = self.library.trainable and not _plain(n) and len(args) > 0
        if self.columns.wide(n) or (trained and not any(a.op is ops.TREE for a in n.args)):
            return self.columns.product(
                speller, n, args, n.data.weights, np.array(float(n.data.bias))
            )
        return sum_in_parts(speller, n, args)

    def sum32(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a sum in float32."""
        if n in self.forests.sums:
            return self.forest(speller, n, args)
        return Written(f"sum32(x,{BREAK}{comma(a.text for a in args)})")

    def forest(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a sum of trees, added one after the other."""
        first, trees = self.forests.sums[n]
        leaf = self.forests.leaf(speller, self.columns, trees, [])
        single = n.op is ops.SUM32
        weights = np.ones(len(trees)) if single else n.data.weights[first:]
        values = [w * t.data.values for w, t in zip(weights, trees, strict=True)]
        name = self.columns.array(speller, "VALUES", np.concatenate(values))
        if single:
            start = f"sum32(x, {comma(a.text for a in args[:first])})" if first else "0.0"
            return Written(f"added32({start}, {self.library.pick.format(name, leaf)})")
        head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
        start = speller.sum(head, args[:first]).text
        return Written(f"added({start}, {self.library.pick.format(name, leaf)})")

    def tree(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a tree that stands by itself."""
        if n not in speller.named and self._in_forests(n):
            return Written("never")
        leaf = self.forests.leaf(speller, self.columns, [n], args)
        name = self.columns.array(speller, "VALUES", n.data.values)
        return Written(self.library.pick.format(name, f"{leaf}[..., 0]"))

    def _in_forests(self, n: Node) -> bool:
        users = self._users.get(n, set())
        return n not in self._roots and all(m in self.forests.sums for m in users)

    def distance(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return one squared distance."""
        return Written(f"{self.columns.distances(speller, (n,), args).text}[..., 0]")

    def extreme(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return the greatest or the smallest."""
        kind, columns = n.op.name, self.columns
        group = columns.place.get(n.args[0], ((), 0))[0]
        if n not in columns.place and n.args == group:
            return Written(self.library.top[kind].format(columns.written[group].text))
        if kind == "max" and len(args) == 2 and n.args[1].op is ops.CONST and n.args[1].data == 0:
            return call("relu")(args[:1])
        return call("least" if kind == "min" else "most")(args)

    def either(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return whether one condition holds; many tests for missing inputs are one."""
        tested = tuple(a.args[0] for a in n.args if a.op is ops.ABSENT)
        inputs = all(a.op is ops.INPUT for a in tested)
        if len(tested) < len(n.args) or len(tested) < 4 or not inputs:
            return Spelling(level=s.OR, needs=(s.ATOM,), join=BREAK + "| ")(args)
        x = self.columns.rows(speller, tested, []).text
        return Written(f"{self.library.prefix}.isnan({x}).any(-1)")

    def member(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return whether a number is one of some."""
        listed = np.array([float(v) for v in n.data if v == v])
        return Written(f"among({args[0].text}, {self.columns.array(speller, 'KEYS', listed)})")

    def table(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return what stands beside a number."""
        data, x, number = n.data, args[0].text, self.library.number
        keys = np.array([float(v) for v in data.labels])
        order = np.argsort(keys)
        # The last two values are those of any other number and of none.
        values = np.array([*data.values[order], data.default, data.missing])
        if not len(keys):
            pair = f"{number(data.missing)}, {number(data.default)}"
            return Written(f"choose({self.library.prefix}.isnan({x}), {pair}, x)")
        names = [
            self.columns.array(speller, "KEYS", keys[order]),
            self.columns.array(speller, "VALUES", values),
        ]
        return Written(f"look_up({', '.join([*names, x])})")

    def piecewise(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a piecewise polynomial."""
        p, array = n.data, self.columns.array
        names = [array(speller, "EDGES", p.edges), array(speller, "ORIGINS", p.origins)]
        names.append(array(speller, "COEFS", p.coefs))
        side, missing = repr("left" if p.right_closed else "right"), self.library.number(p.missing)
        return Written(f"stretch({', '.join([args[0].text, *names, side, missing])})")


def _users(formula: Formula) -> dict[Node, set[Node]]:
    found: dict[Node, set[Node]] = {}
    for n in formula.nodes:
        for a in n.args:
            found.setdefault(a, set()).add(n)
    return found


def _whole(value: float) -> bool:
    return not np.isfinite(value) or value == int(value)


def _plain(n: Node) -> bool:
    """Tell whether a sum has no coefficient: a − b, 1 − x."""
    return all(abs(w) == 1 for w in n.data.weights.tolist()) and abs(n.data.bias) in (0, 1)


@dataclass(frozen=True)
class Made:
    """A formula spelled for an array library.

    Attributes:
        program: its lines, and the text of each output.
        coded: it as a formula of numbers.
        writer: what wrote it.
        refused: the condition under which a row has no outputs, if there is one.
    """

    program: Program
    coded: Coded
    writer: Writer
    refused: str


def spelled(
    formula: Formula, library: Library, helpers: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]],
) -> Made:  # fmt: skip
    """Return a formula of any inputs spelled as operations on matrices of numbers.

    Raises:
        UnsupportedTarget: operations that the library cannot spell.
    """
    spelled_here = dict.fromkeys((*OWN, *library.spell), call(""))
    known = Language(library.name, library.number, library.label, spelled_here)
    made = coded(prepared(formula, known))
    writer = Writer(made.formula, library)
    language = Language(library.name, library.number, library.label, writer.spell)
    reserved = ("x", "self", "nn", "np", "jax", library.prefix, "INPUTS", "LABELS", "CODES")
    unnamed = {*writer.columns.place}
    found = program(made.formula, language, helpers, needs, unnamed=unnamed, reserved=reserved)
    return Made(found, made, writer, found.outputs.pop(REFUSED, ""))
