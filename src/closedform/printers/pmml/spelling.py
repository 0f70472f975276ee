"""How each operation is written as a PMML expression.

A function of a missing value must be asked for with care: the evaluator raises, but for sums and
products. What guards it is a function that the document defines, so that nothing is said twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from closedform import ops
from closedform.ir import Interval, Node, Type
from closedform.ops.payloads import Table
from closedform.printers.pmml.text import element, label_text, number, quoted
from closedform.printers.spell import Custom, Language, Speller, Spelling, Written

Args = Sequence[Written]
LOST = {"mapMissingTo": "false"}
INVALID = {"invalidValueTreatment": "asMissing"}
"""A result that is no number is missing; without a word the evaluator refuses the row."""


def apply(function: str, *inner: str, **options: str) -> str:
    """Return a function of expressions."""
    return element("Apply", *inner, function=function, **options)


def field(name: str) -> str:
    """Return the value of a field."""
    return element("FieldRef", field=name)


def constant(value: float) -> str:
    """Return a number as an expression; NaN as what is missing."""
    if value != value:
        return element("Constant", missing="true", dataType="double")
    return element("Constant", number(value), dataType="double")


def label_constant(value: Any) -> str:
    """Return a category, class or truth as an expression."""
    if value is None:
        return element("Constant", missing="true", dataType="string")
    if isinstance(value, str):
        return f'<Constant dataType="string">{quoted(label_text(value))}</Constant>'
    return constant(float(value))


def truth(value: bool) -> str:
    """Return true or false as an expression."""
    return element("Constant", str(value).lower(), dataType="boolean")


# --- functions that the document defines ----------------------------------------------------------

A, B = field("a"), field("b")


def _defined(name: str, parameters: Sequence[str], body: str) -> str:
    given = [element("ParameterField", name=p) for p in parameters]
    return element(
        "DefineFunction", *given, body, name=name, optype="continuous", dataType="double"
    )


def _known(*names: str) -> str:
    tests = [apply("isNotMissing", field(name)) for name in names]
    return tests[0] if len(tests) == 1 else apply("and", *tests)


def _of_one(name: str, body: str) -> str:
    return _defined(name, ["a"], apply("if", _known("a"), body))


def _of_two(name: str, body: str) -> str:
    return _defined(name, ["a", "b"], apply("if", _known("a", "b"), body))


_ONE, _ZERO = constant(1.0), constant(0.0)
_MINUS = apply("-", _ZERO, A)
_GROWN = apply("exp", apply("-", _ZERO, apply("abs", A)))

OWN = {
    "exp": "exp", "log": "ln", "log1p": "ln1p", "expm1": "expm1", "sqrt": "sqrt", "abs": "abs",
    "tanh": "tanh", "sin": "sin", "cos": "cos", "atan": "atan", "asin": "asin", "acos": "acos",
    "erf": "erf",
}  # fmt: skip
"""What PMML calls functions of one number."""

HELPERS: Mapping[str, str] = {
    **{f"{op}OrMissing": _of_one(f"{op}OrMissing", apply(name, A, **INVALID))
       for op, name in OWN.items()},
    "sigmoid": _of_one(
        "sigmoid", apply("/", _ONE, apply("+", _ONE, apply("exp", _MINUS)))
    ),
    "softplus": _of_one(
        "softplus", apply("+", apply("max", A, _ZERO), apply("ln1p", _GROWN))
    ),
    "sign": _of_one(
        "sign", apply("if", apply("greaterThan", A, _ZERO), _ONE,
                      apply("if", apply("lessThan", A, _ZERO), constant(-1.0), _ZERO))
    ),
    # The evaluator's floor is an integer of 32 bits.
    "floorOrMissing": _of_one("floorOrMissing", apply(
        "if", apply("lessThan", apply("abs", A), constant(2.0**31 - 1)), apply("floor", A),
        apply("if", apply("lessThan", apply("abs", A), constant(2.0**52)),
              apply("-", A, apply("modulo", A, _ONE)), A))),
    # x to the power of 0 and 1 to any power are 1, whatever is missing.
    "power": _defined("power", ["a", "b"], apply(
        "if", apply("or", apply("equal", B, _ZERO, **LOST), apply("equal", A, _ONE, **LOST)), _ONE,
        apply("if", _known("a", "b"), apply("pow", A, B, **INVALID)))),
    "smaller": _of_two("smaller", apply("min", A, B)),
    "greater": _of_two("greater", apply("max", A, B)),
}  # fmt: skip
"""Functions by name, each missing where an argument is."""


# --- operations -----------------------------------------------------------------------------------


def chances(roots: Iterable[Node]) -> set[Node]:
    """Return the nodes that may be no number though all inputs are, up to 1e100 in size."""
    from closedform.ir import toposort

    box = Interval(-1e100, 1e100)
    found: dict[Node, Interval] = {}
    for n in toposort(roots):
        if n.op is ops.INPUT:
            found[n] = box
        else:
            found[n] = n.op.bounds(n.data, *(found[a] for a in n.args))
    return {n for n, interval in found.items() if interval.missing}


class Expressions:
    """The spellings, with what they need to know of the whole formula."""

    def __init__(self, roots: Sequence[Node]) -> None:
        """Find out where results may be no numbers."""
        self.risky = chances(roots)

    def language(self) -> Language:
        """Return the table of spellings."""
        own: dict[str, Spelling | Custom] = {
            "const": self._const, "lin": self._lin, "mul": self._mul, "div": self._div,
            "pow": self._pow, "less": self._less, "less_equal": self._less,
            "equal": self._equal, "member": self._member, "missing": self._missing,
            "where": self._where, "table": self._table, "min": self._extreme,
            "max": self._extreme, "and": self._both, "or": self._both,
            "floor": _calls("floorOrMissing"),
            "not": lambda speller, n, args: Written(apply("not", args[0].text)),
            "sigmoid": _calls("sigmoid"), "softplus": _calls("softplus"), "sign": _calls("sign"),
            **{op: _calls(f"{op}OrMissing") for op in OWN},
            "round32": lambda speller, n, args: Written(args[0].text),
        }  # fmt: skip
        return Language("pmml", number, label_constant, own)

    def _options(self, n: Node) -> dict[str, str]:
        return INVALID if n in self.risky else {}

    def _const(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(truth(n.data) if n.type is Type.BOOL else constant(n.data))

    def _lin(self, speller: Speller, n: Node, args: Args) -> Written:
        options = self._options(n)
        total = "" if n.data.bias == 0 and args else constant(n.data.bias)
        for w, arg in zip(n.data.weights.tolist(), args, strict=True):
            sign = "-" if w < 0 and total else "+"
            size = abs(w) if sign == "-" else w
            term = arg.text if size == 1 else apply("*", constant(size), arg.text, **options)
            total = apply(sign, total, term, **options) if total else term
        return Written(total)

    def _mul(self, speller: Speller, n: Node, args: Args) -> Written:
        options = self._options(n)
        return Written(reduce(lambda a, b: apply("*", a, b, **options), [a.text for a in args]))

    def _div(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(apply("/", args[0].text, args[1].text, **self._options(n)))

    def _pow(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(apply("power", args[0].text, args[1].text))

    def _less(self, speller: Speller, n: Node, args: Args) -> Written:
        name = "lessThan" if n.op is ops.LESS else "lessOrEqual"
        first, second = args
        if n.args[0].op is ops.CONST and n.args[1].op is not ops.CONST:  # 0 < x reads as x > 0
            name, first, second = name.replace("less", "greater"), second, first
        return Written(apply(name, first.text, second.text, **LOST))

    def _equal(self, speller: Speller, n: Node, args: Args) -> Written:
        if any(a.op is ops.LABEL and a.data[0] is None for a in n.args):
            return Written(truth(False))
        return Written(apply("equal", args[0].text, args[1].text, **LOST))

    def _member(self, speller: Speller, n: Node, args: Args) -> Written:
        known = [label_constant(v) for v in n.data if v is not None and v == v]
        if not known:
            return Written(truth(False))
        return Written(apply("isIn", args[0].text, *known, **LOST))

    def _missing(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(apply("isMissing", args[0].text))

    def _where(self, speller: Speller, n: Node, args: Args) -> Written:
        nothing = [
            n.args[2].op is ops.CONST and n.args[2].data != n.args[2].data,
            n.args[2].op is ops.LABEL and n.args[2].data[0] is None,
        ]
        return Written(apply("if", *(a.text for a in (args[:2] if any(nothing) else args))))

    def _both(self, speller: Speller, n: Node, args: Args) -> Written:
        return Written(apply(n.op.name, *(a.text for a in args)))

    def _extreme(self, speller: Speller, n: Node, args: Args) -> Written:
        name = "smaller" if n.op is ops.MIN else "greater"
        return Written(reduce(lambda a, b: apply(name, a, b), [a.text for a in args]))

    def _table(self, speller: Speller, n: Node, args: Args) -> Written:
        """Return a table of labels; where a label's number is missing, so is its row."""
        data = n.data
        if n.args[0].op in (ops.LABEL, ops.CONST):  # which is no field to look up
            return Written(constant(_at(data, n.args[0])))
        told = [(label_text(k), v) for k, v in zip(data.labels, data.values.tolist(), strict=True)]
        rows = [
            element("row", f"<key>{quoted(k)}</key>", element("value", number(v)))
            for k, v in told if v == v
        ]  # fmt: skip
        default = None if math.isnan(data.default) else number(data.default)
        absent = None if math.isnan(data.missing) else number(data.missing)
        column = element("FieldColumnPair", field=_name(args[0]), column="key")
        found = element(
            "MapValues", column, element("InlineTable", *rows), outputColumn="value",
            dataType="double", defaultValue=default, mapMissingTo=absent,
        )  # fmt: skip
        if not rows:  # an empty table is none
            test, ends = apply("isMissing", args[0].text), (data.missing, data.default)
            found = apply("if", test, *map(constant, ends))
        gone = [label_constant(k) for k, v in zip(data.labels, data.values, strict=True) if v != v]
        if default is None or not gone:
            return Written(found)
        test = apply("isIn", args[0].text, *gone, **LOST)
        return Written(apply("if", apply("not", test), found))


def _at(table: Table, x: Node) -> float:
    """Return what stands beside a known label or number."""
    value = x.data if x.op is ops.CONST else x.data[0]
    if value is None or value != value:
        return table.missing
    known = dict(zip(table.labels, table.values.tolist(), strict=True))
    return float(known.get(value, table.default))


def _calls(name: str) -> Custom:
    return lambda speller, n, args: Written(apply(name, args[0].text))


def _name(x: Written) -> str:
    """Return the name in a reference to a field, quoted as it is there."""
    from xml.sax.saxutils import unescape

    quoted_name = x.text.removeprefix('<FieldRef field="').removesuffix('"/>')
    return unescape(quoted_name, {"&#10;": "\n", "&#13;": "\r", "&#9;": "\t", "&quot;": '"'})
