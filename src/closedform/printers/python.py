"""Python without any import but `math`: one function of one row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.payloads import Splits
from closedform.printers import spell as s
from closedform.printers.program import Program, banner, joined, program
from closedform.printers.python_helpers import HELPERS, NEEDS
from closedform.printers.spell import Language, Speller, Spelling, Written, call, infix, unbroken, wrapped


def number(value: float) -> str:
    """Return the shortest text that reads back as the same float."""
    if value != value:
        return "math.nan"
    if math.isinf(value):
        return "math.inf" if value > 0 else "-math.inf"
    return repr(value)


def _multiply(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


def _divide(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    a, b = n.args
    # Python raises where a divisor is 0; a constant that is not 0 needs no care.
    if b.op is ops.CONST and b.data != 0:
        return infix(" / ", s.PRODUCT, s.PRODUCT + 1)(args)
    return call("divide")(args)


def _equal(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return infix(" == ", s.COMPARE, s.COMPARE + 1)(args)


def _member(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    labels = ", ".join(speller.language.label(v) for v in n.data)
    return Written(f"{args[0].at(s.COMPARE + 1)} in {{{labels}}}" if n.data else "False", s.COMPARE)


def _tree(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    splits = n.data.splits
    shape = _constant(speller, "TREE", splits.key, lambda: _tree_text(splits))
    values = _constant(speller, "LEAVES", n.data.key, lambda: _floats(n.data.values))
    walk = "leaf_below" if splits.below else "leaf_among" if len(splits.sets) else "leaf"
    inner = ", ".join(a.text for a in args)
    return Written(f"{values}[{walk}({shape}, {inner})]")


def _constant(speller: Speller, prefix: str, key: Any, text: Any) -> str:
    """Return the name of a constant, made once for each content."""
    found = speller.constants.get((prefix, key))
    if found is None:
        count = sum(1 for p, _ in speller.constants if p == prefix) + 1
        found = speller.constants[prefix, key] = (f"{prefix}{count}", text())
    return found[0]


def _floats(values: Array) -> str:
    return "(\n" + joined(number(v) for v in values.tolist()) + "\n)"


def _tree_text(splits: Splits) -> str:
    tests = [number(t) for t in splits.threshold.tolist()]
    for i, row in enumerate(splits.member.tolist()):
        if row >= 0:
            codes = [str(c) for c in splits.sets[row].nonzero()[0].tolist()]
            tests[i] = f"frozenset(({', '.join(codes)},))" if codes else "frozenset()"
    columns = [
        [str(f) for f in splits.feature.tolist()], tests,
        [str(c) for c in splits.child.tolist()], [str(m) for m in splits.missing_left.tolist()],
    ]  # fmt: skip
    return "(\n" + "\n".join(f"  (\n{joined(c)}\n  )," for c in columns) + "\n)"


def _table(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    entries = zip(n.data.labels, n.data.values.tolist(), strict=True)
    text = "{\n" + joined(f"{v!r}: {number(x)}" for v, x in entries) + "\n}"
    name = _constant(speller, "TABLE", n.data.key, lambda: text)
    rest = f"{number(n.data.default)}, {number(n.data.missing)}"
    return Written(f"look_up({name}, {args[0].text}, {rest})")


def _piecewise(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    p = n.data
    rows = ["(" + ", ".join(number(c) for c in row) + ",)" for row in p.coefs.tolist()]
    parts = [
        _constant(speller, "EDGES", ("e", *_bits(p.edges)), lambda: _floats(p.edges)),
        _constant(speller, "ORIGINS", ("o", *_bits(p.origins)), lambda: _floats(p.origins)),
        _constant(speller, "COEFS", ("c", *_bits(p.coefs)), lambda: f"(\n{joined(rows)}\n)"),
    ]
    inner = ", ".join([args[0].text, *parts, str(p.right_closed), number(p.missing)])
    return Written(f"stretch({inner})")


def _bits(array: Array) -> tuple[Any, ...]:
    return (array.shape, array.tobytes())


SPELL: dict[str, Spelling | s.Custom] = {
    "mul": _multiply,
    "div": _divide,
    "pow": call("power"),
    **{name: call(name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos")},
    **{name: call(name) for name in ("floor", "sign", "sigmoid", "softplus")},
    "abs": call("abs"),
    "tanh": call("math.tanh"),
    "erf": call("math.erf"),
    "round32": call("single"),
    "min": call("least"),
    "max": call("most"),
    "less": infix(" < ", s.COMPARE, s.COMPARE + 1),
    "less_equal": infix(" <= ", s.COMPARE, s.COMPARE + 1),
    "equal": _equal,
    "member": _member,
    "missing": call("missing"),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=" and "),
    "or": Spelling(level=s.OR, needs=(s.OR + 1,), join=" or "),
    "not": Spelling("not {0}", s.NOT, (s.NOT,)),
    "where": Spelling("{1} if {0} else {2}", s.CHOICE, (s.OR, s.OR, s.CHOICE)),
    "tree": _tree,
    "table": _table,
    "piecewise": _piecewise,
}
LANGUAGE = Language("python", number, repr, SPELL)


def write(formula: Formula) -> str:
    """Return a module with `INPUTS`, `evaluate(…)` of one row's values, and `predict(row)`.

    A missing number is `math.nan`, a missing label None. Numbers are written so that they read
    back as the same floats.
    """
    made = program(formula, LANGUAGE, HELPERS, NEEDS)
    parts = [
        banner(formula, "# "),
        "import math",
        f"INPUTS = (\n{joined(repr(f.name) for f in formula.inputs)}\n)",
        *(f"{name} = {text}" for name, text in made.speller.constants.values()),
        *(HELPERS[h] for h in made.helpers),
        _evaluate(made),
        _predict(formula),
    ]
    return "\n\n".join(parts) + "\n"


def _evaluate(made: Program) -> str:
    formula = made.formula
    arguments = ", ".join(made.inputs)
    head = f"def evaluate({arguments}):"
    if len(head) > 100:
        head = f"def evaluate(\n{joined(made.inputs)}\n):"
    lines = [head, '    """Return every output for one row, by name."""']
    body = [f"    {name} = {_broken(text)}" for name, text, _ in made.speller.lines]
    if made.guard is not None:
        body[made.guard_lines : made.guard_lines] = [
            f"    if {unbroken(made.guard)}:",
            "        return " + _dict({k: _absent(v) for k, v in formula.outputs.items()}),
        ]
    return "\n".join([*lines, *body, "    return " + _dict(made.outputs)])


def _broken(text: str) -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(text) < 90:
        return unbroken(text)
    return "(\n        " + wrapped(text, 96, "        ") + "\n    )"


def _absent(n: Node) -> str:
    return "None" if n.type is Type.LABEL else "math.nan"


def _dict(entries: dict[str, str]) -> str:
    entries = {k: unbroken(v) for k, v in entries.items()}
    inner = ", ".join(f"{k!r}: {v}" for k, v in entries.items())
    if len(inner) < 80:
        return "{" + inner + "}"
    return "{\n" + "".join(f"        {k!r}: {v},\n" for k, v in entries.items()) + "    }"


def _predict(formula: Formula) -> str:
    names = formula.primary
    result = (
        f"found[{names[0]!r}]"
        if len(names) == 1
        else "(" + ", ".join(f"found[{n!r}]" for n in names) + ",)"
    )
    return f'''def predict(row):
    """Return the prediction for one row: a dict by column name, or values in INPUTS' order."""
    values = [row[name] for name in INPUTS] if hasattr(row, "keys") else row
    found = evaluate(*values)
    return {result}'''
