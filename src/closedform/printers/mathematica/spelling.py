"""The spellings of the Wolfram Language: numbers, texts, operations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Tree
from closedform.printers import spell as s
from closedform.printers.program import comma
from closedform.printers.spell import BREAK, Custom, Speller, Spelling, Written

FUNCTIONS = {
    **{name: name for name in ("exp", "log", "sqrt", "tanh", "erf", "floor", "sign", "sigmoid")},
    **{"sin": "sine", "cos": "cosine", "atan": "arctan", "asin": "arcsin", "acos": "arccos"},
    **{"abs": "size", "round32": "single", "sum32": "sumOfSingles", "min": "least"},
    **{"max": "greatest", "less": "less", "less_equal": "atMost", "pow": "power"},
}
"""Operation → the package's own function, which knows missing and infinite numbers."""


def number(value: float) -> str:
    """Return a machine number in full, as 1.5*^-7, without a mark of its precision."""
    if value != value:
        return "Indeterminate"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = repr(value).partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}."
    return f"{mantissa}*^{int(exponent)}" if exponent else mantissa.removesuffix("0")


def text(value: Any) -> str:
    """Return a label or a name as a constant, in ASCII."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if value is None:
        return "Missing[]"
    return '"' + "".join(map(_sign, value)) + '"'


def _sign(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    if " " <= c <= "~":
        return c
    return f"\\:{ord(c):04x}" if ord(c) < 0x10000 else f"\\|{ord(c):06x}"


def coded(value: Any) -> str:
    """Return a label as the package holds it: numbers and truths as machine numbers."""
    return text(value) if isinstance(value, str) or value is None else number(float(value))


def call(name: str) -> Spelling:
    """Return the spelling `name[a, b, …]`."""
    return Spelling(name + "[{}]", join="," + BREAK)


def _label(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(coded(n.data[0]))


def _const(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    return Written(str(n.data)) if n.type is Type.BOOL else speller.number(n.data)


def _quotient(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    below = n.args[1]
    if below.op is ops.CONST and below.data and math.isfinite(below.data):
        return Written(f"{args[0].at(s.PRODUCT)} / {args[1].at(s.PRODUCT + 1)}", s.PRODUCT)
    return call("over")(args)


def _equal(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    return call("same" if n.args[0].type is Type.LABEL else "equal")(args)


def _missing(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    if n.args[0].type is Type.LABEL:
        return Written(f"MatchQ[{args[0].text}, _Missing]")
    return call("absent")(args)


def _member(_: Speller, n: Node, args: Sequence[Written]) -> Written:
    wanted = [v for v in n.data if v is not None and v == v]
    if n.args[0].type is Type.LABEL:
        return Written(f"MemberQ[{{{comma(map(coded, wanted))}}},{BREAK}{args[0].text}]")
    listed = comma(number(float(v)) for v in wanted)
    return Written(f"among[{args[0].text},{BREAK}{{{listed}}}]")


def _distance(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    terms = []
    for w, c, x in zip(n.data.weights.tolist(), n.data.point.tolist(), args, strict=True):
        away = f"({x.at(s.SUM)} {'-' if c >= 0 else '+'} {number(abs(c))})" if c else x.at(s.ATOM)
        terms.append(f"{number(w)} * {away}^2" if w != 1 else f"{away}^2")
    return Written((BREAK + "+ ").join(terms) or "0.", s.SUM)


def _table(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    data = n.data
    labelled = n.args[0].type is Type.LABEL
    absent, x = ("_Missing", args[0].text) if labelled else ("_?absent", f"N[{args[0].text}]")
    rows = [f"{absent}, {number(data.missing)}"]
    for label, value in zip(data.labels, data.values.tolist(), strict=True):
        rows.append(f"{coded(label) if labelled else number(float(label))}, {number(value)}")
    return Written(f"Switch[{x},{BREAK}{comma([*rows, f'_, {number(data.default)}'])}]")


def _curve(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    p = n.data
    test = "atMost" if p.right_closed else "less"
    rows = [f"absent[t], {number(p.missing)}"]
    values = [_horner(o, row) for o, row in zip(p.origins.tolist(), p.coefs.tolist(), strict=True)]
    rows += [f"{test}[t, {number(e)}], {v}" for e, v in zip(p.edges.tolist(), values, strict=False)]
    return Written(
        f"With[{{t = {args[0].text}}},{BREAK}Which[{comma([*rows, f'True, {values[-1]}'])}]]"
    )


def _horner(origin: float, row: Sequence[float]) -> str:
    away = "t" if origin == 0 else f"(t {'-' if origin > 0 else '+'} {number(abs(origin))})"
    made = number(row[-1])
    for i, c in enumerate(row[-2::-1]):
        made = f"{number(c)} + {away} * {made if i == 0 and made[0] != '-' else f'({made})'}"
    return made


SPELL: Mapping[str, Spelling | Custom] = {
    **{name: call(function) for name, function in FUNCTIONS.items()},
    "const": _const,
    "label": _label,
    "mul": Spelling(level=s.PRODUCT, needs=(s.PRODUCT + 1,), join=" * "),
    "div": _quotient,
    "squared_distance": _distance,
    "kth": lambda _, n, args: call("kth")([Written(str(n.data)), *args]),
    "equal": _equal,
    "member": _member,
    "missing": _missing,
    "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "&& "),
    "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "|| "),
    "not": Spelling("! {0}", s.NOT, (s.ATOM,)),
    "table": _table,
    "piecewise": _curve,
}
SPELLED = frozenset({*SPELL, "where", "tree", "lin", "label"})
"""What need not be lowered."""


def nested(tree: Tree, names: Mapping[int, str]) -> str:
    """Return a tree as choices within choices, from the leaves up."""
    splits, made = tree.splits, dict[int, str]()
    for i in range(len(splits.child) - 1, -1, -1):
        if splits.leaf[i]:
            made[i] = number(float(tree.values[i]))
            continue
        below = int(splits.child[i])
        yes, no = made.pop(below), made.pop(below + 1)
        test = _test(tree, i, names[int(splits.feature[i])])
        flat = f"If[{test}, {yes}, {no}]"
        if len(flat) <= FLAT and "\n" not in flat:
            made[i] = flat
        else:
            made[i] = f"If[{test},\n{_indented(yes)},\n{_indented(no)}]"
    return made[0]


FLAT = 60
"""Signs of a choice that stands on one line."""


def _indented(text_: str) -> str:
    return "    " + text_.replace("\n", "\n    ")


def _test(tree: Tree, i: int, x: str) -> str:
    splits = tree.splits
    if splits.member[i] >= 0:
        codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
        test = f"among[{x}, {{{', '.join(number(float(c)) for c in codes)}}}]"
    else:
        name = "less" if splits.below else "atMost"
        test = f"{name}[{x}, {number(float(splits.threshold[i]))}]"
    return f"absent[{x}] || {test}" if splits.missing_left[i] else test
