"""What programs in languages of analysis share: R, MATLAB, Julia and VBA.

Unlike C and its kin they have labels as texts, arrays that a function can return, and statements
without braces. Everything that differs between them stands in a `Script`; R and MATLAB compute all
rows at once, so that a value there is a column and a layer a matrix.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import OPS, Array, Node, Type
from closedform.layers import layers
from closedform.ops.payloads import Splits, Tree
from closedform.passes.lower import lower
from closedform.printers import spell as s
from closedform.printers.clike import LEAST_LAYER
from closedform.printers.forests import Data, Forest
from closedform.printers.identifiers import identifiers
from closedform.printers.label_codes import LabelCodes
from closedform.printers.program import (
    LONGEST_SUM,
    Program,
    comma,
    constant,
    free_name,
    helpers_used,
    program,
    sum_in_parts,
)
from closedform.printers.python_trees import as_function
from closedform.printers.spell import (
    BREAK,
    Custom,
    Language,
    Speller,
    Spelling,
    Written,
    call,
    comparison,
    infix,
    unbroken,
)
from closedform.printers.zeros import with_zeros

LONGEST = 200
"""What an expression may be estimated to be long: R reads no more than 50 brackets in brackets."""

FLAT = frozenset({"lin", "squared_distance"})
"""Operations of which a layer is a product with a matrix of its own."""


@dataclass(frozen=True)
class Script:
    """What differs between these languages.

    Attributes:
        target: the target's name.
        number, limit: a float as text; one that a tree compares with.
        text: a text as a constant.
        nothing: the missing label.
        truths: false and true.
        functions: what a function of one number is called; those not listed are lowered.
        spell: what is written otherwise than in `SPELL`.
        element: the i-th unit of a layer, counted from 0, from the layer's name and i.
        row: an array of some values.
        layer: the operations that take a whole layer at once.
        over: a call of such a function, made one of a whole layer.
        constant: a reference to a constant by its name.
        trees: what comes before the arguments of a function that walks trees.
        first: the position of the first element of an array.
        function: a function of numbers, from its name, its parameters and the lines of its body.
        branch: a test's lines: before the one outcome, between, and behind the other; None where
            a tree is nested calls.
        give: how a function gives its value, from its name and that value.
        look_up_text: what looks up a text rather than a number.
    """

    target: str
    number: Callable[[float], str]
    limit: Callable[[float], str]
    text: Callable[[str], str]
    nothing: str
    truths: tuple[str, str]
    functions: Mapping[str, str]
    spell: Mapping[str, Spelling | Custom]
    element: Callable[[str, int], str]
    row: Callable[[Sequence[str]], str]
    layer: frozenset[str]
    over: Callable[[str], str]
    constant: Callable[[str], str]
    trees: str
    first: int
    function: Callable[[str, Sequence[str], Sequence[str]], str]
    branch: Callable[[str], tuple[str, str, str]] | None
    give: Callable[[str, str], str] = lambda name, value: value
    look_up_text: str = "look_up"

    def label(self, value: Any) -> str:
        """Return a label as text; None is the missing one."""
        if value is None:
            return self.nothing
        return self.text(value) if isinstance(value, str) else self.limit(float(value))

    def truth(self, value: Any) -> str:
        """Return false or true."""
        return self.truths[bool(value)]


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
        return len({g for g, _ in places}) == 1 and [i for _, i in places] == list(
            range(len(group))
        ) and len(places[0][0]) == len(group)

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
            return as_function(self._function, speller, n, args)
        root, at = self.forest.place(n)
        found = self.leaves.get((n.args, root))
        if found is None:
            found = self.leaves[n.args, root] = free_name(speller, "leaf")
            walked = self._trees(str(root + self.script.first), self.row(speller, n, args))
            speller.lines.append((found, f"leaf({walked})", n))
        shift = f"{found} + {at - root}" if at > root else found
        shift = f"{found} - {root - at}" if at < root else shift
        return Written(f"leaf_value({self._trees(shift)})")

    def _function(
        self, name: str, parameters: list[str], tree: Tree, names: Mapping[int, str]
    ) -> str:
        if self.script.branch is None:
            body = self._nested(tree, names)
        else:
            body = self._body(name, tree, names, self.script.branch)
        return self.script.function(name, parameters, body)

    def _body(
        self, function: str, tree: Tree, names: Mapping[int, str],
        branch: Callable[[str], tuple[str, str, str]],
    ) -> list[str]:  # fmt: skip
        """Return a tree as tests, each inside the one above it."""
        lines: list[str] = []
        stack: list[tuple[int | str, str]] = [(0, "    ")]
        while stack:
            i, indent = stack.pop()
            if isinstance(i, str):
                lines.append(indent + i)
            elif tree.splits.leaf[i]:
                value = self.script.number(float(tree.values[i]))
                lines.append(indent + self.script.give(function, value))
            else:
                test = self._split(tree.splits, i, names[int(tree.splits.feature[i])])
                head, between, end = branch(unbroken(test))
                below, inner = int(tree.splits.child[i]), indent + "    "
                lines.append(indent + head)
                stack += [(end, indent), (below + 1, inner), (between, indent), (below, inner)]
        return lines

    def _nested(self, tree: Tree, names: Mapping[int, str]) -> list[str]:
        """Return a tree as choices of columns, each inside the one above it."""
        lines: list[str] = []
        stack: list[tuple[int, str, str]] = [(0, "    ", "")]
        while stack:
            i, indent, end = stack.pop()
            if tree.splits.leaf[i]:
                lines.append(indent + self.script.number(float(tree.values[i])) + end)
            else:
                test = self._split(tree.splits, i, names[int(tree.splits.feature[i])])
                lines.append(f"{indent}pick({unbroken(test)},")
                below, inner = int(tree.splits.child[i]), indent + "    "
                stack += [(below + 1, inner, f"){end}"), (below, inner, ",")]
        return lines

    def _split(self, splits: Splits, i: int, x: str) -> str:
        if splits.member[i] >= 0:
            codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
            test = self._among(Written(x), [str(float(c)) for c in codes])
        else:
            name = "less" if splits.below else "less_equal"
            limit = self.script.limit(float(splits.threshold[i]))
            test = self._written(name, Written(x), Written(limit))
        if not splits.missing_left[i]:
            return test.text
        return self._written("or", self._written("missing", Written(x)), test).text

    def _written(self, name: str, *args: Written) -> Written:
        """Return an operation whose spelling needs no node."""
        custom = {**SPELL, **self.script.spell}[name]
        assert isinstance(custom, Spelling), name
        return custom(args)

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
            return self._written("mul", x, x)
        if b == -1:
            return self._written("div", Written(self.script.number(1.0)), x)
        if b == 0.5:
            return Written(f"{self.script.functions['sqrt']}({x.text})")
        return call("power")(args)

    def _multiply(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        return reduce(partial(self._written, "mul"), args)

    def _divide(self, _: Speller, n: Node, args: Sequence[Written]) -> Written:
        return self._written("div", *args)

    def text_like(self, n: Node) -> bool:
        """Tell whether a node is a label that is text."""
        return n.type is Type.LABEL and self.codes.is_text(n)

    def _equal(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if any(x.op is ops.LABEL and x.data[0] is None for x in n.args):
            return Written(self.script.truth(False))
        return self._written("equal_text" if self.text_like(n.args[0]) else "equal", *args)

    def _member(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        if self.text_like(n.args[0]):
            wanted = [self.script.label(v) for v in n.data if isinstance(v, str)]
            return self._among(args[0], list(dict.fromkeys(wanted)), "_text")
        known = [v for v in n.data if v is not None and v == v and not isinstance(v, str)]
        numbers = [self.script.limit(float(v)) for v in known]
        return self._among(args[0], list(dict.fromkeys(numbers)))

    def _among(self, x: Written, wanted: Sequence[str], kind: str = "") -> Written:
        """Return whether a value is one of some."""
        if len(wanted) > 3:
            return self._written(f"member{kind}", x, Written(comma(wanted)))
        tests = [self._written(f"equal{kind}", x, Written(w)) for w in wanted]
        if len(tests) < 2:
            return tests[0] if tests else Written(self.script.truth(False))
        return self._written("or", *tests)

    def _missing(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        kind = "missing_text" if self.text_like(n.args[0]) else "missing"
        return self._written(kind, *args)

    def _where(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        return self._written("pick_text" if self.text_like(n) else "pick", *args)

    def _table(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        data, x = n.data, args[0].text
        rest = f"{self.script.number(data.default)}, {self.script.number(data.missing)}"
        if self.text_like(n.args[0]):
            known = [i for i, v in enumerate(data.labels) if isinstance(v, str)]
            labels = tuple(data.labels[i] for i in known)
            name = constant(speller, "KEYS", labels, lambda: Data("text", labels))
            keys, values, how = self.script.constant(name), data.values[known], self.script.look_up_text
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
            self.array(speller, "EDGES", p.edges, "limit"), self.array(speller, "ORIGINS", p.origins),
            self.matrix(speller, "COEFS", p.coefs), self.script.truth(p.right_closed),
        ]  # fmt: skip
        missing = self.script.number(p.missing)
        return Written(f"stretch({args[0].text}, {', '.join(names)}, {missing})")


def _spelled(
    custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
) -> Written:
    return custom(args) if isinstance(custom, Spelling) else custom(speller, n, args)


SPELL: Mapping[str, Spelling | Custom] = {
    **{name: call(name) for name in ("sign", "sigmoid", "softplus")},
    "round32": call("single"),
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "mul": infix(" * ", s.PRODUCT, s.PRODUCT + 1),
    "div": infix(" / ", s.PRODUCT, s.PRODUCT + 1),
    "pick": Spelling(f"pick({{0}},{BREAK}{{1}},{BREAK}{{2}})"),
    "pick_text": Spelling(f"pick({{0}},{BREAK}{{1}},{BREAK}{{2}})"),
    "missing": call("missing"),
    "missing_text": call("missing_text"),
}
"""What most of them write alike."""

OWN: Mapping[str, Callable[[Writer, Speller, Node, Sequence[Written]], Written]] = {
    "const": Writer._const, "lin": Writer._sum, "sum32": Writer._sum32,
    "tree": Writer._tree, "squared_distance": Writer._distance, "kth": Writer._kth,
    "weighted_median": Writer._median, "min": Writer._extreme, "max": Writer._extreme,
    "pow": Writer._power, "equal": Writer._equal, "member": Writer._member,
    "missing": Writer._missing, "mul": Writer._multiply, "div": Writer._divide,
    "table": Writer._table, "piecewise": Writer._piecewise, "where": Writer._where,
}  # fmt: skip
"""Operations that are written with what a `Writer` knows of the whole formula."""


@dataclass(frozen=True)
class Draft:
    """A program of one of these languages, in parts.

    Attributes:
        own: the formula as it was given, with its own names.
        made: the lines, and what they need.
        writer: what wrote them.
        prelude, needs: the text of each helper, and the helpers that a helper calls.
    """

    own: Formula
    made: Program
    writer: Writer
    prelude: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]

    @property
    def outputs(self) -> list[tuple[str, str, Node, str]]:
        """Each output's own name, its identifier, its node and its value."""
        found = self.made.formula.outputs
        rows = zip(self.own.outputs, found.items(), self.made.outputs.values(), strict=True)
        return [(name, plain, n, value) for name, (plain, n), value in rows]

    def constants(self) -> Iterator[tuple[str, Data | Matrix]]:
        """Yield each constant array, those of the trees among them, as the language counts."""
        for name, data in self.made.speller.constants.values():
            if isinstance(data, Data | Matrix):
                yield name, data
        if {"leaf", "forest", "forest32"}.intersection(self.made.helpers):
            first = self.writer.script.first
            for name, data in self.writer.forest.arrays().items():
                shift = first if name in COUNTED else 0
                yield name, Data(data.kind, [v + shift for v in data.values]) if shift else data

    def reads_text(self, i: int) -> bool:
        """Tell whether an input is a label that is text."""
        return self.writer.text_like(ops.input_(i, self.own.inputs[i].type))

    def trees(self) -> list[str]:
        """Return the trees that are functions of their own."""
        return [t for _, t in self.made.speller.constants.values() if isinstance(t, str)]

    def helpers(self, *more: str) -> Iterator[str]:
        """Yield the functions that the program calls, in order."""
        called = helpers_used([*self.trees(), *more], self.prelude, self.needs)
        wanted = {*self.made.helpers, *called}
        sets = len(self.writer.forest.sizes) > 0
        wanted |= {"among"} if sets and "leaf" in wanted else set()
        for name, body in self.prelude.items():
            if name in wanted:
                plain = re.sub(r"\n[^\n]*among\(.*(?=\n)", "", body)
                yield body if sets or name == "among" else plain

    def asked(self, *more: str) -> list[int]:
        """Return the inputs whose values some line names."""
        texts = [text for _, text, _ in self.made.speller.lines]
        texts += [*self.made.outputs.values(), self.made.guard or "", *more]
        words = {word for text in texts for word in re.findall(r"\w+", text)}
        return [i for i, name in enumerate(self.made.inputs) if name in words]


COUNTED = frozenset({"FEATURE", "CHILD", "MEMBER", "STARTS", "ROOTS"})
"""Arrays of the trees that hold positions."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "least_of": ("least",), "most_of": ("most",), "forest": ("leaf",), "forest32": ("leaf",),
    "leaf_value": ("leaf",), "softplus": ("pick",), "sigmoid": ("pick",),
}  # fmt: skip
"""The helpers that a helper calls, in every language."""

OURS = re.compile(
    r"(?i)(v|w|b|h|points?|weights|keys|values|edges|origins|coefs|row|leaf|layer|tree)\d+"
)
"""What our own names look like, up to capitals."""


def draft(
    formula: Formula, script: Script, prelude: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]], *, taken: Iterable[str],
) -> Draft:  # fmt: skip
    """Return a formula spelled in a language.

    Raises:
        UnsupportedTarget: operations without a spelling, or labels of several types.
    """
    spelled = {"label", *SPELL, *OWN, *script.spell, *script.functions}.intersection(OPS)
    ready = with_zeros(lower(_plainly_named(formula, taken), spelled, target=script.target))
    writer = Writer(ready, script)
    language = Language(script.target, script.number, script.label, writer.table())
    unnamed = {*writer.forest.looped, *writer.place}
    needs = {**NEEDS, **needs}
    made = program(
        writer.formula, language, prelude, needs, unnamed=unnamed, reserved=taken, longest=LONGEST
    )
    return Draft(formula, made, writer, prelude, needs)


def _plainly_named(formula: Formula, taken: Iterable[str]) -> Formula:
    """Return the formula with names that are identifiers, told apart without capitals."""
    used = {name.lower() for name in (*taken, *dir(builtins))}
    inputs = _plain([f.name for f in formula.inputs], used, "x")
    outputs = _plain(list(formula.outputs), used, "y")
    features, roots = zip(formula.inputs, inputs, strict=True), set(formula.roots)
    return replace(
        formula,
        inputs=tuple(replace(f, name=name) for f, name in features),
        outputs=dict(zip(outputs, formula.outputs.values(), strict=True)),
        names={n: name for n, name in formula.names.items() if n not in roots},
    )


def _plain(names: Sequence[str], used: set[str], fallback: str) -> list[str]:
    found = []
    for name in identifiers(names, fallback=fallback):
        # MATLAB reads 63 letters of a name.
        short = name[:50].strip("_")
        stem = f"{fallback}_{short}" if OURS.fullmatch(short) else short
        made, count = stem, 1
        while made.lower() in used:
            count += 1
            made = f"{stem}_{count}"
        used.add(made.lower())
        found.append(made)
    return found
