"""Python without any import but `math`: one function of one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.printers import spell as s
from closedform.printers.program import (
    LONGEST_SUM,
    Program,
    banner,
    comma,
    constant,
    joined,
    prepared,
    program,
    sum_in_parts,
    unread,
)
from closedform.printers.python.prelude import HELPERS, NEEDS
from closedform.printers.python.trees import floats, forest, number, row, spell_tree, tuple_of
from closedform.printers.spell import (
    BREAK,
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


def label(value: Any) -> str:
    """Return a category or class as text that reads back as the same value."""
    return number(value) if isinstance(value, float) else repr(value)


def _sum(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    if any(a.op is ops.TREE for a in n.args):
        loop = forest(speller, n, args)
        if loop is not None:
            return loop
    return sum_in_parts(speller, n, args)


def _sum32(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    found = forest(speller, n, args)
    return call("sum32")(args) if found is None else found


def _multiply(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    if len(args) > LONGEST_SUM:
        return Written(f"math.prod(({comma(a.text for a in args)}))")
    return Written(" * ".join(a.at(s.PRODUCT + (i > 0)) for i, a in enumerate(args)), s.PRODUCT)


def _divide(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    b = n.args[1]
    # Python raises where a divisor is 0; a constant that is not 0 needs no care.
    if b.op is ops.CONST and b.data != 0:
        return infix(" / ", s.PRODUCT, s.PRODUCT + 1)(args)
    return call("divide")(args)


def _power(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    # NumPy's own power takes these three ways, which round and treat -inf otherwise than C's pow.
    b = n.args[1].data if n.args[1].op is ops.CONST else None
    x = args[0]
    if b == 2 and x.text.isidentifier():
        return Written(f"{x.text} * {x.text}", s.PRODUCT)
    if b == -1:
        return Written(f"divide(1.0, {x.text})")
    return Written(f"sqrt({x.text})") if b == 0.5 else call("power")(args)


def _equal(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    known = any(a.op is ops.LABEL and a.data[0] is not None for a in n.args)
    if n.args[0].type is Type.LABEL and not known:
        return call("same")(args)
    return comparison("==")(args)


def _member(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    real = n.args[0].type is Type.REAL
    known = [float(v) if real else v for v in n.data]
    # Python finds the very object NaN in a set that holds it; a missing value is in none.
    labels = [speller.language.label(v) for v in known if v is not None and v == v]
    if not labels:
        return Written("False")
    inside = comma(labels)
    return Written(f"{args[0].at(s.COMPARE + 1)} in {{{inside}}}", s.COMPARE)


def _either(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    if len(args) > 3 and all(a.op is ops.ABSENT and a.args[0].op is ops.INPUT for a in n.args):
        tested = (speller.inputs[a.args[0].data] for a in n.args)
        return Written(f"any(map(missing, ({comma(tested)})))")
    return EITHER(args)


EITHER = Spelling(level=s.OR, needs=(s.OR + 1,), join=BREAK + "or ")


def _table(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    real = n.args[0].type is Type.REAL
    entries = zip(n.data.labels, n.data.values.tolist(), strict=True)
    parts = [f"{label(float(k) if real else k)}: {number(v)}" for k, v in entries]
    text = "{\n" + joined(parts) + "\n}"
    name = constant(speller, "TABLE", (real, n.data.key), lambda: text)
    rest = f"{number(n.data.default)}, {number(n.data.missing)}"
    return Written(f"look_up({name}, {args[0].text}, {rest})")


def _piecewise(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    p = n.data
    rows = ["(" + ", ".join(number(c) for c in row) + ",)" for row in p.coefs.tolist()]
    parts = [
        constant(speller, "EDGES", p.edges.tobytes(), lambda: floats(p.edges)),
        constant(speller, "ORIGINS", p.origins.tobytes(), lambda: floats(p.origins)),
        constant(speller, "COEFS", (p.coefs.shape, p.coefs.tobytes()), lambda: tuple_of(rows)),
    ]
    inner = ", ".join([args[0].text, *parts, str(p.right_closed), number(p.missing)])
    return Written(f"stretch({inner})")


def _distance(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    point, weights = (
        constant(speller, prefix, values.tobytes(), lambda values=values: floats(values))
        for prefix, values in (("POINT", n.data.point), ("WEIGHTS", n.data.weights))
    )
    return Written(f"squared_distance({row(speller, n, args)}, {point}, {weights})")


def _kth(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(f"kth_smallest({n.data},{BREAK}{comma(a.text for a in args)})")


def _median(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    weights = comma(map(number, n.data))
    return Written(f"weighted_median([{weights}],{BREAK}{comma(a.text for a in args)})")


SPELL: dict[str, Spelling | s.Custom] = {
    "lin": _sum,
    "squared_distance": _distance,
    "sum32": _sum32,
    "kth": _kth,
    "weighted_median": _median,
    "mul": _multiply,
    "div": _divide,
    "pow": _power,
    **{name: call(name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos")},
    **{name: call(name) for name in ("asin", "acos")},
    **{name: call(name) for name in ("floor", "sign", "sigmoid", "softplus")},
    "abs": call("abs"),
    "tanh": call("math.tanh"),
    "atan": call("math.atan"),
    "erf": call("math.erf"),
    "round32": call("single"),
    "min": call("least"),
    "max": call("most"),
    "less": comparison("<"),
    "less_equal": comparison("<="),
    "equal": _equal,
    "member": _member,
    "missing": call("missing"),
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "and "),
    "or": _either,
    "not": Spelling("not {0}", s.NOT, (s.NOT,)),
    "where": Spelling(f"{{1}} if {{0}}{BREAK}else {{2}}", s.CHOICE, (s.OR, s.OR, s.CHOICE)),
    "tree": lambda speller, n, args: Written("never"),
    "table": _table,
    "piecewise": _piecewise,
}
"""`probit` is lowered. `tree` depends on the whole formula: see `python_trees.spell_tree`."""

LANGUAGE = Language("python", number, label, SPELL)


def write(formula: Formula) -> str:
    """Return a module that needs nothing but Python's own `math`.

    It holds `INPUTS`, the names of the columns; `evaluate(…)`, which takes one row's values as
    floats (a missing number is `math.nan`) and labels (missing: None), and returns every output by
    name; and `predict(row)`, which takes a dict by column name or the values in order, converts
    them (numbers of any type; None and NaN are missing), and returns the prediction.

    Numbers are written so that they read back as the same floats, and are added in the formula's
    order. Rows that the model refuses give NaN, or None for a label.

    Raises:
        UnsupportedTarget: operations without a spelling in Python.
    """
    ready = prepared(formula, LANGUAGE)
    language = replace(LANGUAGE, spell={**SPELL, "tree": spell_tree(ready)})
    made = program(ready, language, HELPERS, NEEDS, reserved=["row"])
    parts = [
        banner(formula, "# "),
        "import math",
        f"INPUTS = (\n{joined(label(f.name) for f in formula.inputs)}\n)",
        *(_constant_text(name, text) for name, text in made.speller.constants.values()),
        *_definitions(made),
    ]
    return "\n\n".join(parts) + "\n"


def _constant_text(name: str, text: str) -> str:
    return f"\n{text}" if text.startswith("def ") else f"{name} = {text}"


def _definitions(made: Program) -> list[str]:
    convert, extra = _conversion(made.formula)
    helpers = {*made.helpers, *extra}
    texts = [HELPERS[h] for h in HELPERS if h in helpers]
    texts += [_evaluate(made), _predict(made.formula, convert)]
    return ["\n" + text for text in texts]


def _evaluate(made: Program) -> str:
    head = f"def evaluate({', '.join(made.inputs)}):"
    if len(head) > 100:
        head = f"def evaluate(\n{joined(made.inputs)}\n):"
    body = [f"    {name} = {_broken(text)}" for name, text, _ in made.speller.lines]
    outputs = made.formula.outputs
    if made.guard is not None:
        absent = {k: "None" if v.type is Type.LABEL else "math.nan" for k, v in outputs.items()}
        body[made.guard_lines : made.guard_lines] = [
            f"    if {_broken(made.guard)}:",
            "        return " + _dict(absent, "        "),
        ]
    found = {k: _finished(outputs[k], text) for k, text in made.outputs.items()}
    docstring = '    """Return every output for one row, by name."""'
    return "\n".join([head, docstring, *body, "    return " + _dict(found, "    ")])


def _finished(n: Node, text: str) -> str:
    """Return an output; a label that comes from an input may be missing as NaN."""
    passed = n.type is Type.LABEL and any(m.op is ops.INPUT for m in _values(n))
    return f"as_label({text})" if passed else text


def _values(n: Node) -> list[Node]:
    return [m for m in toposort([n]) if m.type is Type.LABEL]


def _broken(text: str) -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(text) < 90 or BREAK not in text:
        return unbroken(text)
    return "(\n        " + wrapped(text, 96, "        ") + "\n    )"


def _dict(entries: dict[str, str], indent: str) -> str:
    parts = [f"{label(k)}: {unbroken(v)}" for k, v in entries.items()]
    inner = ", ".join(parts)
    if len(inner) < 80:
        return "{" + inner + "}"
    return "{\n" + "".join(f"{indent}    {part},\n" for part in parts) + indent + "}"


def _conversion(formula: Formula) -> tuple[str, tuple[str, ...]]:
    """Return the line that makes floats of numbers, and the helpers that it needs."""
    labels = {i for i, f in enumerate(formula.inputs) if f.type is Type.LABEL}
    kept = sorted(labels.union(unread(formula)))
    passed = any(_finished(n, "") for n in formula.roots)
    extra = ("as_label",) if passed else ()
    if len(kept) == len(formula.inputs):
        return "values", extra
    if not kept:
        return "[as_number(v) for v in values]", (*extra, "as_number")
    among = f"i in {{{', '.join(map(str, kept))}}}"
    return f"[v if {among} else as_number(v) for i, v in enumerate(values)]", (*extra, "as_number")


def _predict(formula: Formula, convert: str) -> str:
    found = [f"found[{label(name)}]" for name in formula.answer]
    result = found[0] if len(found) == 1 else "(" + ", ".join(found) + ",)"
    values, idle = "[row[name] for name in INPUTS]", unread(formula)
    if idle:
        # What changes nothing may be absent, or of any type.
        listed = ", ".join(map(str, idle))
        values = f"[None if i in {{{listed}}} else row[name] for i, name in enumerate(INPUTS)]"
    return f'''def predict(row):
    """Return the prediction for one row: a dict by column name, or values in INPUTS' order."""
    values = {values} if hasattr(row, "keys") else row
    found = evaluate(*{convert})
    return {result}'''
