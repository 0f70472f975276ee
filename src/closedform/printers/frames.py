"""What programs of table engines share: expressions of columns, shared values in stages.

A value that is used twice becomes a column of its own, so that no expression grows with the paths
through the formula; columns of one stage are added together, and taken away at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.printers import spell as s
from closedform.printers.arrays import nested
from closedform.printers.coded import without_constants
from closedform.printers.ensemble import as_trees
from closedform.printers.label_codes import LabelCodes
from closedform.printers.program import (
    Program,
    banner,
    comma,
    constant,
    helpers_used,
    joined,
    prepared,
    program,
    sum_in_parts,
)
from closedform.printers.spell import (
    BREAK,
    Custom,
    Language,
    Speller,
    Spelling,
    Written,
    call,
    unbroken,
    wrapped,
)

Args = Sequence[Written]

TWICE = frozenset({"min", "max", "where", "round32", "div", "pow", "log", "sign", "sigmoid"})
"""Operations whose expressions may hold an argument more than once."""


@dataclass(frozen=True)
class Engine:
    """How a table engine's expressions are written.

    Attributes:
        name: the target.
        imports: the first lines of a module.
        prelude, needs: the text of each helper, and the helpers that a helper calls.
        always: helpers that every module has.
        spell: operation → spelling, beside those that all engines share.
        text, none: a label that is text as a literal, from its repr; and no label.
        missing: the missing number.
        kinds: how labels are given back that are no text: "int", "bool" and "float".
        sound: whether what is missing in a kept column is what an output gives for it.
    """

    name: str
    imports: str
    prelude: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]
    always: tuple[str, ...]
    spell: Mapping[str, Spelling | Custom]
    text: str
    none: str
    missing: str
    kinds: Mapping[str, str]
    sound: bool = False

    def number(self, value: float) -> str:
        """Return the shortest text that reads back as the same float."""
        if value != value:
            return self.missing
        if abs(value) < np.inf:
            return repr(value)
        return "math.inf" if value > 0 else "-math.inf"

    def label(self, value: Any) -> str:
        """Return a category, a class or a truth as an expression."""
        if value is None:
            return self.none
        return self.text.format(repr(value) if isinstance(value, str) else repr(float(value)))


def _multiply(_: Speller, n: Node, args: Args) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


def _const(speller: Speller, n: Node, args: Args) -> Written:
    if n.type is Type.BOOL:
        return Written(f"truth({n.data})")
    return speller.number(n.data)


def _equal(_: Speller, n: Node, args: Args) -> Written:
    if n.args[0].type is Type.LABEL:
        return call("same")(args)
    return call("same_truth" if n.args[0].type is Type.BOOL else "equal")(args)


def _where(_: Speller, n: Node, args: Args) -> Written:
    return Written(f"choose({comma(a.text for a in args)})")


def _member(speller: Speller, n: Node, args: Args) -> Written:
    text = n.args[0].type is Type.LABEL
    known = [v for v in n.data if v is not None and v == v]
    listed = comma(repr(v) if isinstance(v, str) and text else repr(float(v)) for v in known)
    return Written(f"among({args[0].text}, [{listed}])")


def _absent(_: Speller, n: Node, args: Args) -> Written:
    return call("no_label" if n.args[0].type is Type.LABEL else "missing")(args)


def _tree(speller: Speller, n: Node, args: Args) -> Written:
    return Written(f"tree({_tree_data(speller, n)},{BREAK}{comma(a.text for a in args)})")


def _tree_data(speller: Speller, n: Node) -> str:
    return constant(speller, "TREE", n.data.key, lambda: _tree_text(speller, n))


def _tree_text(speller: Speller, n: Node) -> str:
    t = n.data.splits
    columns = {
        "feature": t.feature, "threshold": t.threshold, "child": t.child,
        "missing_left": t.missing_left.astype(int), "value": n.data.values,
    }  # fmt: skip
    number = _plain_number
    parts = [f"    {k}={nested(v, number, '    ')},\n" for k, v in columns.items()]
    sets = {
        i: t.sets[row].nonzero()[0].tolist() for i, row in enumerate(t.member.tolist()) if row >= 0
    }
    return f"Tree(\n    below={t.below},\n{''.join(parts)}    sets={sets},\n)"


def _plain_number(value: float) -> str:
    if value != value:
        return "math.nan"
    return repr(value) if abs(value) < np.inf else "math.inf" if value > 0 else "-math.inf"


def _sum(speller: Speller, n: Node, args: Args) -> Written:
    first = next((i for i, a in enumerate(n.args) if a.op is ops.TREE), len(n.args))
    trees = as_trees(n.args[first:])
    single = n.op is ops.SUM32
    if trees is None or len(trees) < 2:
        return call("sum32")(args) if single else sum_in_parts(speller, n, args)
    weights = np.ones(len(trees)) if single else n.data.weights[first:]
    scaled = [
        ops.tree(t.data.splits, w * t.data.values, t.args)
        for w, t in zip(weights, trees, strict=True)
    ]
    listed = [_tree_data(speller, t) for t in scaled]
    text = "[\n" + joined(listed) + "\n]"
    name = constant(speller, "FOREST", tuple(listed), lambda: text)
    x = comma(speller.done[a].text for a in trees[0].args)
    if single:
        start = call("sum32")(args[:first]).text if first else "0.0"
        return Written(f"forest32({start}, {name},{BREAK}{x})")
    head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
    start = speller.sum(head, args[:first]).text
    return Written(f"forest({start}, {name},{BREAK}{x})")


def _table(speller: Speller, n: Node, args: Args) -> Written:
    data, text = n.data, n.args[0].type is Type.LABEL
    entries = zip(data.labels, data.values.tolist(), strict=True)
    key = (text, data.key)
    parts = [
        f"{k!r}: {_plain_number(v)}" if isinstance(k, str) and text
        else f"{float(k)!r}: {_plain_number(v)}"
        for k, v in entries
    ]  # fmt: skip
    name = constant(speller, "TABLE", key, lambda: "{\n" + joined(parts) + "\n}")
    default, missing = speller.language.number(data.default), speller.language.number(data.missing)
    test = "no_label" if text else "missing"
    return Written(f"look_up({name}, {args[0].text}, {default}, {missing}, {test})")


SHARED: dict[str, Spelling | Custom] = {
    "const": _const,
    "lin": _sum,
    "sum32": _sum,
    "mul": _multiply,
    "div": call("divide"),
    "pow": call("power"),
    "min": call("least"),
    "max": call("most"),
    "less": call("less"),
    "less_equal": call("less_equal"),
    "equal": _equal,
    "member": _member,
    "missing": _absent,
    "and": Spelling(level=s.AND, needs=(s.ATOM,), join=BREAK + "& "),
    "or": Spelling(level=s.OR, needs=(s.ATOM,), join=BREAK + "| "),
    "not": Spelling("~{0}", s.SIGN, (s.ATOM,)),
    "where": _where,
    "tree": _tree,
    "table": _table,
    "exp": Spelling("{0}.exp()", s.ATOM, (s.ATOM,)),
    **{name: call(name) for name in ("log", "floor", "sigmoid", "sign")},
    "round32": call("single"),
    **{name: Spelling(f"{{0}}.{name}()", s.ATOM, (s.ATOM,)) for name in ("abs", "sqrt")},
}
"""What all engines spell alike; the rest is lowered."""


def module(formula: Formula, engine: Engine) -> str:
    """Return the text of a module with `evaluate(frame, prefix="")` and `expressions()`.

    Raises:
        UnsupportedTarget: a column of labels holds both texts and numbers.
    """
    language = Language(engine.name, engine.number, engine.label, {**SHARED, **engine.spell})
    ready = _guarded(without_constants(prepared(formula, language)))
    codes = LabelCodes(ready)
    codes.require_one_type()
    reserved = ("pl", "ibis", "np", "cs", "work", "frame", "prefix", "TEMPORARY", "refused")
    made = program(ready, language, engine.prelude, engine.needs, reserved=reserved)
    body = _outputs(made, engine, codes)
    used = helpers_used([body, *engine.always], engine.prelude, engine.needs)
    words = set(re.findall(r"\w+", body))
    wanted = {*engine.always, *used, *(h for h in engine.prelude if h in words)}
    constants = [f"{name} = {text}" for name, text in made.speller.constants.values()]
    wanted |= {"Tree"} if any(c.startswith("TREE") for c in constants) else set()
    parts = [
        banner(formula, "# "),
        engine.imports,
        f"INPUTS = (\n{joined(repr(f.name) for f in formula.inputs)}\n)",
        f"TEMPORARY = {_prefix(formula)!r}  # what the names of columns begin with that go again",
        *["\n" + text for h, text in engine.prelude.items() if h in wanted and h != "expressions"],
        *(["\n" + constants[0], *constants[1:]] if constants else []),
        "\n" + body,
        "\n" + _LAST.replace("EXPRESSIONS", engine.prelude["expressions"]),
    ]
    return "\n\n".join(parts) + "\n"


_LAST = '''def evaluate(frame, prefix=""):
    """The table with a column for each output; the prefix goes before the outputs' names."""
    work = Work(frame)
    return work.done(outputs(work), prefix)


EXPRESSIONS


evaluate.inputs, evaluate.expressions = INPUTS, expressions'''


def _prefix(formula: Formula) -> str:
    names = [*(f.name for f in formula.inputs), *formula.outputs]
    made, count = "closedform ", 1
    while any(name.startswith(made) for name in names):
        made, count = f"closedform{count} ", count + 1
    return made


def _guarded(formula: Formula) -> Formula:
    """Return the formula with names for what an expression would hold more than once."""
    names = dict(formula.names)
    roots = [*formula.roots, *([] if formula.refused is None else [formula.refused])]
    for n in toposort(roots):
        if n.op.name in TWICE or n.op in (ops.TREE, ops.TABLE):
            for a in n.args:
                if a.op.name in TWICE or a.op in (ops.TREE, ops.TABLE) or n.op is ops.TREE:
                    names.setdefault(a, f"v{len(names) + 1}")
    return replace(formula, names=names)


def _outputs(made: Program, engine: Engine, codes: LabelCodes) -> str:
    lines = list(made.speller.lines)
    if made.guard is not None:
        lines.append(("refused", made.guard, made.formula.roots[0]))
    stages = [*_inputs(made, lines, codes), *_staged(lines)]
    found = {k: _finished(made, engine, codes, k, text) for k, text in made.outputs.items()}
    inner = "".join(f"        {k!r}: {_broken(v, '        ')},\n" for k, v in found.items())
    head = ["def outputs(work):", '    """Every output by name, as an expression."""']
    return "\n".join([*head, *stages, f"    return {{\n{inner}    }}"])


def _inputs(made: Program, lines: Sequence[tuple[str, str, Node]], codes: LabelCodes) -> list[str]:
    texts = [*(text for _, text, _ in lines), *made.outputs.values()]
    words = set(re.findall(r"\w+", "\n".join(texts)))
    columns = []
    for i, (feature, name) in enumerate(zip(made.formula.inputs, made.inputs, strict=True)):
        if name in words:
            kind = "number"
            if feature.type is Type.LABEL:
                known = feature.categories or ("",)
                text = codes.is_text(ops.input_(i, Type.LABEL)) and isinstance(known[0], str)
                kind = "text_label" if text else "number_label"
            columns.append((name, f"work.{kind}({feature.name!r})"))
    return _stage(columns)


def _staged(lines: Sequence[tuple[str, str, Node]]) -> list[str]:
    """Return the values in as few stages as there are steps from the inputs to the last one."""
    level: dict[str, int] = {}
    stages: list[list[tuple[str, str]]] = []
    for name, text, _ in lines:
        words = set(re.findall(r"\w+", text))
        at = 1 + max((level[w] for w in words if w in level), default=-1)
        level[name] = at
        while len(stages) <= at:
            stages.append([])
        stages[at].append((name, text))
    return [line for stage in stages for line in _stage(stage)]


def _stage(columns: Sequence[tuple[str, str]]) -> list[str]:
    if not columns:
        return []
    names = ", ".join(name for name, _ in columns) + "," * (len(columns) == 1)
    if len(names) > 80:
        names = "(\n" + joined((name for name, _ in columns), indent="        ") + "\n    )"
    short = ", ".join(unbroken(text) for _, text in columns)
    if len(names) + len(short) < 78 and "\n" not in short:
        return [f"    {names} = work.add({short})"]
    listed = "".join(f"        {_broken(text, '        ')},\n" for _, text in columns)
    return [f"    {names} = work.add(\n{listed}    )"]


def _broken(text: str, indent: str) -> str:
    if len(text) + len(indent) < 98 or BREAK not in text:
        return unbroken(text)
    return f"(\n{indent}    " + wrapped(text, 84, indent + "    ") + f"\n{indent})"


def _finished(made: Program, engine: Engine, codes: LabelCodes, name: str, text: str) -> str:
    n = made.formula.outputs[name]
    label = n.type is Type.LABEL
    if label:
        text = f"given_label({text}{_kind(engine, codes, n)})"
    elif n.type is Type.REAL and not (
        engine.sound and text in {name for name, _, _ in made.speller.lines}
    ):
        text = f"given({text})"
    return text if made.guard is None else f"choose(refused, {engine.none}, {text})"


def _kind(engine: Engine, codes: LabelCodes, n: Node) -> str:
    if codes.is_text(n):
        return ""
    kinds = {type(codes.own.get(float(v), v)) for v in codes.groups.of(n)}
    return ", " + engine.kinds["bool" if kinds == {bool} else "int" if kinds == {int} else "float"]
