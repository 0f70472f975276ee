"""NumPy: all rows at once, layers of a network as matrix products, trees level by level."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, fold
from closedform.printers import spell as s
from closedform.printers.ensemble import as_trees
from closedform.printers.numpy.labels import coded, inside
from closedform.printers.numpy.layers import Matrices, bracketed, number
from closedform.printers.numpy.prelude import HELPERS, NEEDS
from closedform.printers.numpy.trees import named_array, tree_data
from closedform.printers.program import (
    Program,
    banner,
    comma,
    constant,
    free_name,
    joined,
    prepared,
    program,
    sum_in_parts,
    unread,
)
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
    wrapped,
)

MANY = 4
"""Trees from which on a sum of them is written as a loop."""

Args = Sequence[Written]


def label(value: Any) -> str:
    """Return a category or class as text that reads back as the same value."""
    return number(value) if isinstance(value, float) else repr(value)


def _multiply(_: Speller, n: Node, args: Args) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


def _equal(_: Speller, n: Node, args: Args) -> Written:
    known = any(a.op is ops.LABEL and a.data[0] is not None for a in n.args)
    if n.args[0].type is Type.LABEL and not known:
        return call("same")(args)
    return comparison("==")(args)


def _absent(_: Speller, n: Node, args: Args) -> Written:
    return call("absent" if n.args[0].type is Type.LABEL else "np.isnan")(args)


def _member(_: Speller, n: Node, args: Args) -> Written:
    if n.args[0].type is Type.REAL:
        listed = ", ".join(number(float(v)) for v in n.data if v == v)
        return Written(f"np.isin({args[0].text}, [{listed}])")
    known = [label(v) for v in n.data if v is not None and v == v]
    inside = comma(known) + ("," if len(known) == 1 else "")
    return Written(f"among({args[0].text}, ({inside}))")


def _table(speller: Speller, n: Node, args: Args) -> Written:
    data, x = n.data, args[0].text
    default, missing = number(data.default), number(data.missing)
    if n.args[0].type is Type.LABEL:
        entries = zip([*data.labels, None], [*data.values.tolist(), data.missing], strict=True)
        text = "{\n" + joined(f"{label(k)}: {number(v)}" for k, v in entries) + "\n}"
        name = constant(speller, "TABLE", data.key, lambda: text)
        return Written(f"look_up({name}, {x}, {default})")
    keys = np.array([float(v) for v in data.labels])
    if not len(keys):
        return Written(f"np.where(np.isnan({x}), {missing}, {default})")
    order = np.argsort(keys)
    names = [
        named_array(speller, "KEYS", keys[order]),
        named_array(speller, "VALUES", data.values[order]),
    ]
    return Written(f"look_up_number({', '.join([*names, x, default, missing])})")


def _piecewise(speller: Speller, n: Node, args: Args) -> Written:
    p = n.data
    names = [named_array(speller, "EDGES", p.edges), named_array(speller, "ORIGINS", p.origins)]
    names.append(named_array(speller, "COEFS", p.coefs))
    side = "'left'" if p.right_closed else "'right'"
    return Written(f"stretch({', '.join([args[0].text, *names, side, number(p.missing)])})")


def _kth(_: Speller, n: Node, args: Args) -> Written:
    return Written(f"kth_smallest({n.data},{BREAK}{comma(a.text for a in args)})")


def _median(_: Speller, n: Node, args: Args) -> Written:
    weights = comma(map(number, n.data))
    return Written(f"weighted_median([{weights}],{BREAK}{comma(a.text for a in args)})")


EITHER = Spelling(level=s.OR, needs=(s.ATOM,), join=BREAK + "| ")

SPELL: dict[str, Spelling | Custom] = {
    "lin": sum_in_parts,
    "squared_distance": lambda speller, n, args: Written("never"),
    "sum32": call("sum32"),
    "kth": _kth,
    "weighted_median": _median,
    "mul": _multiply,
    "div": infix(" / ", s.PRODUCT, s.PRODUCT + 1),
    "pow": call("np.power"),
    **{name: call(f"np.{name}") for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos")},
    **{name: call(f"np.{name}") for name in ("abs", "tanh", "floor", "sign")},
    **{name: call(f"np.arc{name[1:]}") for name in ("atan", "asin", "acos")},
    **{name: call(name) for name in ("sigmoid", "softplus", "erf")},
    "round32": call("single"),
    "min": call("least"),
    "max": call("most"),
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "equal": _equal,
    "member": _member,
    "missing": _absent,
    "and": Spelling(level=s.AND, needs=(s.ATOM,), join=BREAK + "& "),
    "or": EITHER,
    "not": call("np.logical_not"),
    "where": call("np.where"),
    "tree": lambda speller, n, args: Written("never"),
    "table": _table,
    "piecewise": _piecewise,
}
"""`probit` is lowered; sums, distances, trees and choices of labels are written by `_Writer`."""

LANGUAGE = Language("numpy", number, label, SPELL)


class _Writer:
    """The spellings that depend on the whole formula."""

    def __init__(self, formula: Formula) -> None:
        self.matrices = Matrices(formula)
        self.classes = _classes(formula)
        self.codes_of = {(type(v), v): i for i, v in enumerate(self.classes)}
        self.varies = _varying(formula.roots)
        trees = [n for n in formula.nodes if n.op is ops.TREE]
        self.shapes = Counter((t.data.splits.key, t.args) for t in trees)
        self.coded = coded(formula.roots)
        self.inner, self.listed = inside(formula, self.coded)
        self.codes: dict[Node, str] = {}
        self.leaves: dict[Any, str] = {}
        own = {
            "lin": self.sum, "div": self.divide, "pow": self.power, "min": self.extreme,
            "max": self.extreme, "where": self.where, "tree": self.tree,
            "or": self.either, "squared_distance": self.distance, "sum32": self.sum32,
        }  # fmt: skip
        self.spell = self.matrices.spelling({**SPELL, **own})

    def sum(self, speller: Speller, n: Node, args: Args) -> Written:
        trees = sum(a.op is ops.TREE for a in n.args)
        if trees > MANY and (loop := self.forest(speller, n, args)):
            return loop
        if self.matrices.wide(n):
            bias = np.array(n.data.bias)
            return self.matrices.product(speller, n, args, n.data.weights, bias)
        return sum_in_parts(speller, n, args)

    def sum32(self, speller: Speller, n: Node, args: Args) -> Written:
        return self.forest(speller, n, args) or call("sum32")(args)

    def distance(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(f"{self.matrices.distances(speller, (n,), args).text}[0]")

    def divide(self, speller: Speller, n: Node, args: Args) -> Written:
        # Two plain floats would be divided by Python, which raises at 0.
        plain = self.varies.isdisjoint(n.args)
        return call("np.divide")(args) if plain else infix(" / ", s.PRODUCT, s.PRODUCT + 1)(args)

    def power(self, speller: Speller, n: Node, args: Args) -> Written:
        a, b = n.args
        if b.op is ops.CONST and b.data == 2 and a in self.varies:
            return Written(f"{args[0].at(s.POWER + 1)}**2", s.POWER)
        return call("np.power")(args)

    def extreme(self, speller: Speller, n: Node, args: Args) -> Written:
        kind = n.op.name
        group = self.matrices.place.get(n.args[0], ((), 0))[0]
        if n not in self.matrices.place and n.args == group:
            return Written(f"np.{kind}({self.matrices.written[group].text}, axis=0)")
        if len(args) == 2:
            return call("np.minimum" if kind == "min" else "np.maximum")(args)
        return call("least" if kind == "min" else "most")(args)

    def either(self, speller: Speller, n: Node, args: Args) -> Written:
        tested = tuple(a.args[0] for a in n.args if a.op is ops.ABSENT)
        inputs = all(a.op is ops.INPUT for a in tested) and self.matrices.plain_inputs
        if len(tested) < len(n.args) or len(tested) < 4 or not inputs:
            return EITHER(args)
        x = self.matrices.rows(speller, tested, []).text
        return Written(f"np.isnan({x}).any(axis=0)")

    def where(self, speller: Speller, n: Node, args: Args) -> Written:
        if n.type is not Type.LABEL:
            return call("np.where")(args)
        if n not in self.coded:
            return call("choose")(args)
        if n not in self.listed:
            self.codes[n] = self._chosen(speller, n)
        if n in self.inner:
            return Written("never")
        listed = [label(v) for v in self.classes]
        text = f"np.array({bracketed(listed)}, dtype=object)"
        name = constant(speller, "CLASSES", (), lambda: text)
        return Written(f"{name}.take({self.codes[n]})")

    def _chosen(self, speller: Speller, n: Node) -> str:
        """Return the position of a label among all classes, as code.

        Conditions one after the other are a flat list of them: nested calls of np.where end at
        some 200 levels, which is as far as Python reads brackets.
        """
        tests, codes, now = [speller.done[n.args[0]].text], [self._code(n.args[1])], n.args[2]
        while now in self.listed:
            tests.append(speller.done[now.args[0]].text)
            codes.append(self._code(now.args[1]))
            now = now.args[2]
        last = self._code(now)
        if len(tests) < 3:
            text = last
            for test, code in zip(tests[::-1], codes[::-1], strict=True):
                text = f"np.where({test},{BREAK}{code},{BREAK}{text})"
        else:
            text = f"np.select([{comma(tests)}],{BREAK}[{comma(codes)}],{BREAK}{last})"
        if n not in self.inner or len(text) < 200:
            return text
        name = free_name(speller, "code")
        speller.lines.append((name, text, n))
        return name

    def _code(self, n: Node) -> str:
        if n.op is ops.LABEL:
            return str(self.codes_of[type(n.data[0]), n.data[0]])
        return self.codes[n]

    def tree(self, speller: Speller, n: Node, args: Args) -> Written:
        shape, values = tree_data(speller, n)
        x = self.rows(speller, n, args)
        if self.shared(n):
            key = (shape, n.args)
            if key not in self.leaves:
                self.leaves[key] = free_name(speller, "leaf")
                speller.lines.append((self.leaves[key], f"leaf({shape}, {x})", n))
            return Written(f"{values}.take({self.leaves[key]})")
        return Written(f"{values}.take(leaf({shape}, {x}))")

    def rows(self, speller: Speller, n: Node, args: Args) -> str:
        """Return the arguments of a tree as one matrix that lies in one piece of memory."""
        found = self.matrices.stacks.get(n.args)
        if found is None:
            text = self.matrices.rows(speller, n.args, args).text
            found = self.matrices.stacks.get(n.args)
            if found is None:
                found = self.matrices.stacks[n.args] = free_name(speller, "rows")
                speller.lines.append((found, f"np.ascontiguousarray({text})", n))
        return found

    def shared(self, n: Node) -> bool:
        """Tell whether other trees have the same shape and arguments."""
        return self.shapes[n.data.splits.key, n.args] > 1

    def shared_outside(self, trees: Sequence[Node]) -> bool:
        """Tell whether trees of another sum have the shape of one of these."""
        inside = Counter((t.data.splits.key, t.args) for t in trees)
        return any(self.shapes[key] > count for key, count in inside.items())

    def forest(self, speller: Speller, n: Node, args: Args) -> Written | None:
        first = next((i for i, a in enumerate(n.args) if a.op is ops.TREE), len(n.args))
        trees, single = as_trees(n.args[first:]), n.op is ops.SUM32
        if trees is None or len(trees) <= MANY or self.shared_outside(trees):
            return None
        if not single and len(set(n.data.weights[first:].tolist())) != 1:
            return None
        pairs = [f"({shape}, {values})" for shape, values in (tree_data(speller, t) for t in trees)]
        key = tuple(t.data.key for t in trees)
        name = constant(speller, "FOREST", key, lambda: "[\n" + joined(pairs) + "\n]")
        x = self.rows(speller, trees[0], [])
        if single:
            start = f"sum32({comma(a.text for a in args[:first])})" if first else "0.0"
            return Written(f"forest32({start}, {name}, {x})")
        head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
        start, weight = speller.sum(head, args[:first]).text, float(n.data.weights[first])
        return Written(f"forest({start}, {number(weight)}, {name}, {x})")


def _classes(formula: Formula) -> list[Any]:
    """Return every label that the formula can choose, the task's classes first."""
    found = [n.data[0] for n in formula.nodes if n.op is ops.LABEL]
    order = {(type(v), v): i for i, v in enumerate(formula.task.classes)}
    return sorted(found, key=lambda v: order.get((type(v), v), len(order)))


def _varying(roots: Sequence[Node]) -> set[Node]:
    """Return the nodes that read an input."""
    found: set[Node] = set()

    def step(n: Node, *below: bool) -> bool:
        varies = n.op is ops.INPUT or any(below)
        if varies:
            found.add(n)
        return varies

    fold(roots, step)
    return found


def write(formula: Formula) -> str:
    """Return a module that computes all rows at once with NumPy alone.

    It holds `INPUTS`, the names of the columns; `evaluate(data)`, which takes a dict of columns, a
    DataFrame, or an array of shape (rows, inputs), and returns a dict of arrays of shape (rows,);
    and `predict(data)`, shape (rows,), or (rows, outputs) for a prediction of several outputs.

    NaN, None and pandas' NA are missing; labels are arrays of objects, None where missing. Rows
    that the model refuses give NaN, or None for a label. Sums of a layer are one matrix product,
    whose order of additions is NumPy's own.

    Raises:
        UnsupportedTarget: operations without a spelling in NumPy.
    """
    ready = prepared(formula, LANGUAGE)
    writer = _Writer(ready)
    language = Language("numpy", number, label, writer.spell)
    reserved = ("np", "x", "rows", "refused")
    unnamed = {*writer.matrices.place, *writer.inner}
    made = program(ready, language, HELPERS, NEEDS, unnamed=unnamed, reserved=reserved)
    labels = [i for i, f in enumerate(formula.inputs) if f.type is Type.LABEL]
    body = _evaluate(made, writer, "mixed" if labels else "matrix")
    constants = [f"{name} = {text}" for name, text in made.speller.constants.values()]
    helpers = _helpers(made.helpers, "\n".join([body, *(c[:40] for c in constants)]))
    parts = [
        banner(formula, "# "),
        "\n".join(["import math\n"] * ("math." in "".join(helpers)) + ["import numpy as np"]),
        f"INPUTS = (\n{joined(label(f.name) for f in formula.inputs)}\n)",
        f"LABELS = {tuple(labels)}  # which of them hold labels; the others hold numbers",
        f"UNREAD = {unread(formula)}  # which of them change nothing, and may be absent",
        *("\n" + helper for helper in helpers),
        *(["\n" + constants[0], *constants[1:]] if constants else []),
        "\n" + body,
        "\n" + _predict(formula),
    ]
    return "\n\n".join(parts) + "\n"


def _helpers(spelled: Sequence[str], text: str) -> list[str]:
    wanted = {*spelled, *(h for h in HELPERS if re.search(rf"\b{h}\(", text))}
    for _ in NEEDS:
        wanted.update(extra for h in list(wanted) for extra in NEEDS.get(h, ()))
    return [HELPERS[h] for h in HELPERS if h in wanted]


def _evaluate(made: Program, writer: _Writer, reader: str) -> str:
    outputs = made.formula.outputs
    lines = [f"{name} = {_broken(text)}" for name, text, _ in made.speller.lines]
    found = {k: _spread(outputs[k], text, writer) for k, text in made.outputs.items()}
    if made.guard is not None:
        lines.append(f"refused = {_broken(made.guard)}")
        found = {k: f"without(refused, {text})" for k, text in found.items()}
    result = _dict(found)
    inputs = _input_lines(made, "\n".join([*lines, result]))
    count = "len(x[0])" if made.inputs else "len(data)"
    rows = [f"rows = {count}"] * ("np.full(rows" in result)
    body = [f"x = {reader}(data)", *rows, *inputs, *lines, f"return {result}"]
    head = ['@np.errstate(all="ignore")', "def evaluate(data):"]
    docstring = '    """Return every output for all rows, by name."""'
    return "\n".join([*head, docstring, *("    " + line for line in body)])


def _input_lines(made: Program, text: str) -> list[str]:
    """Return the lines that name single columns, for those that the code reads one by one."""
    # Text between quotes names no column; at worst, one is named for nothing.
    words = set(re.findall(r"\w+", text))
    used = [(i, name) for i, name in enumerate(made.inputs) if name in words]
    if len(used) == len(made.inputs) > 0 and len(", ".join(made.inputs)) < 85:
        return [", ".join(made.inputs) + ("," if len(used) == 1 else "") + " = x"]
    return [f"{name} = x[{i}]" for i, name in used]


def _spread(n: Node, text: str, writer: _Writer) -> str:
    """Return an output as a column, even where it is the same for every row."""
    if n in writer.varies:
        return text
    return f"np.full(rows, {text}" + (", dtype=object)" if n.type is Type.LABEL else ")")


def _broken(text: str) -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(text) < 90 or BREAK not in text:
        return unbroken(text)
    return "(\n        " + wrapped(text, 96, "        ") + "\n    )"


def _dict(entries: dict[str, str]) -> str:
    parts = [f"{label(k)}: {unbroken(v)}" for k, v in entries.items()]
    inner = ", ".join(parts)
    if len(inner) < 80:
        return "{" + inner + "}"
    return "{\n" + "".join(f"        {part},\n" for part in parts) + "    }"


def _predict(formula: Formula) -> str:
    found = [f"found[{label(name)}]" for name in formula.answer]
    result = found[0] if len(found) == 1 else f"np.column_stack([{', '.join(found)}])"
    return f'''def predict(data):
    """Return the prediction for all rows: a dict of columns, a DataFrame, or an array."""
    found = evaluate(data)
    return {result}'''
