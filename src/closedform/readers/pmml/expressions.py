"""Derived fields: the expressions of PMML and the functions that a file defines.

https://dmg.org/pmml/v4-4/Transformations.html and Functions.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Label, Pieces
from closedform.readers.pmml.document import Element, real
from closedform.readers.pmml.fields import within
from closedform.readers.pmml.functions import FUNCTIONS, unreadable
from closedform.readers.pmml.scope import Scope, Work
from closedform.readers.pmml.texts import TEXTS, of_text, switched
from closedform.readers.pmml.values import (
    READ,
    Truth,
    Unread,
    Value,
    absent,
    cast,
    chosen,
    constant,
    gone,
    is_one_of,
    literal,
    number,
)

MOST_CALLS = 60
"""Functions of functions of functions."""

EXPRESSIONS = (
    "Constant", "FieldRef", "NormContinuous", "NormDiscrete", "Discretize", "MapValues", "Apply",
    "TextIndex", "Aggregate", "Lag", "Error",
)  # fmt: skip


def derive(elements: Sequence[Element], scope: Scope) -> None:
    """Make the derived fields of some elements known to a scope."""
    for element in elements:
        name = element.need("name")
        scope.work.definitions[name] = element
        scope.later(name, read_by(element), partial(derived, element, scope))


def read_by(element: Element) -> set[str]:
    """Return the fields that the expressions under an element read."""
    found, todo = set(), [element]
    while todo:
        now = todo.pop()
        todo += now.children
        if "field" in now.attributes:
            found.add(now.attributes["field"])
    return found


def derived(element: Element, scope: Scope) -> Value:
    """Return the value of a DerivedField; what cannot be read is noted as a problem."""
    dtype = element.get("dataType")
    try:
        made = evaluated(element.one(*EXPRESSIONS), scope, dtype)
        return _as_declared(made, dtype, scope) if dtype else made
    except Unread as problem:
        name = element.get("name") or element.tag
        where = f"The field {name!r} cannot be computed. "
        return scope.work.refuse(where + problem.what, problem.hint, dtype or "double")


def _as_declared(value: Value, dtype: str, scope: Scope) -> Value:
    if dtype not in READ:
        raise Unread(f"It is a {dtype}: dates and times are not read.", "Derive a number from it.")
    made = cast(value, dtype)
    if dtype == "integer" and value.dtype in ("float", "double") and isinstance(made.what, Node):
        whole = ops.equal(made.what, ops.unary("floor", made.what))
        scope.work.reading.refuse(ops.negate(ops.either(whole, ops.missing(made.what))))
    return made


def evaluated(element: Element, scope: Scope, dtype: str = "", calls: int = 0) -> Value:
    """Return the value of an expression.

    Args:
        element: the expression.
        scope: the fields that it sees.
        dtype: the type that is wanted, where the expression does not say one; "" is any.
        calls: how many functions deep this is.

    Raises:
        Unread: some part has no formula.
        KeyError, ValueError: it is not what the schema allows.
    """
    made: dict[int, Value] = {}
    todo: list[tuple[Element, str, bool]] = [(element, dtype, False)]
    while todo:
        now, wanted, ready = todo.pop()
        scope.work.spend()
        if now.tag != "Apply":
            made[id(now)] = _simple(now)(now, scope, wanted)
        elif ready:
            arguments = [made[id(a)] for a in now.all(*EXPRESSIONS)]
            made[id(now)] = _applied(now, arguments, scope, calls)
        else:
            inner = wanted if now.need("function") == "if" else ""
            todo += [(now, wanted, True), *[(a, inner, False) for a in now.all(*EXPRESSIONS)]]
    return made[id(element)]


Simple = Callable[[Element, Scope, str], Value]


def _simple(element: Element) -> Simple:
    if element.tag not in SIMPLE:
        raise Unread(
            f"A {element.tag} has no formula: it is no function of one row's numbers and labels.",
            "Compute it before the model, and give its result as an input.",
        )
    return SIMPLE[element.tag]


def _constant(element: Element, scope: Scope, wanted: str) -> Value:
    dtype = element.get("dataType")
    if element.truth("missing", False):
        return absent(dtype or wanted or "double")
    text = element.text
    if dtype:
        return constant(text, dtype) if text or dtype == "string" else absent(dtype)
    return constant(text, _type_of(text))


def _type_of(text: str) -> str:
    """Return the type of a constant that says none: integer, double, or a text."""
    try:
        found = real(text)
    except ValueError:
        return "string"
    return "integer" if found.is_integer() and text.strip().lstrip("+-").isdigit() else "double"


def _field_ref(element: Element, scope: Scope, wanted: str) -> Value:
    value = scope.value(element.need("field"))
    return _instead(value, gone(value), element, wanted)


def _instead(value: Value, test: Node, element: Element, wanted: str = "") -> Value:
    """Return what `mapMissingTo` says where a test holds, or the value as it is."""
    text = element.attributes.get("mapMissingTo")
    if text is None:
        return value
    return chosen(test, constant(text, value.dtype or wanted), value)


def _norm_continuous(element: Element, scope: Scope, wanted: str) -> Value:
    x = number(scope.value(element.need("field")))
    value = Value(normalised(element, x), "double")
    return _instead(value, ops.missing(x), element)


def knots_of(element: Element) -> list[tuple[float, float]]:
    """Return the (orig, norm) pairs of a NormContinuous.

    Raises:
        ValueError: they are fewer than two, or not in order.
    """
    made = [(e.number("orig"), e.number("norm")) for e in element.all("LinearNorm")]
    if len(made) < 2 or any(b[0] <= a[0] for a, b in pairwise(made)):
        raise ValueError("a NormContinuous without two points in order")
    return made


def normalised(element: Element, x: Node) -> Node:
    """Return the straight lines between the points of a NormContinuous, at x."""
    knots, outliers = knots_of(element), element.get("outliers", "asIs")
    (lo, _), (hi, _) = knots[0], knots[-1]
    if outliers == "asExtremeValues":
        made = _lines(knots, ops.minimum(ops.maximum(x, ops.const(lo)), ops.const(hi)))
        return made
    if outliers not in ("asIs", "asMissingValues"):
        raise ValueError(f"outliers={outliers!r}")
    made = _lines(knots, x)
    if outliers == "asIs":
        return made
    inside = ops.both(ops.less_equal(ops.const(lo), x), ops.less_equal(x, ops.const(hi)))
    return ops.where(inside, made, ops.const(math.nan))


def _lines(knots: Sequence[tuple[float, float]], x: Node) -> Node:
    starts, ends = np.array(knots[:-1]), np.array(knots[1:])
    slopes = (ends[:, 1] - starts[:, 1]) / (ends[:, 0] - starts[:, 0])
    if len(slopes) == 1:
        (at, norm), slope = knots[0], float(slopes[0])
        return ops.lin(norm - at * slope, (slope, x))
    coefs = np.column_stack([starts[:, 1], slopes])
    return ops.piecewise(x, Pieces.of(starts[1:, 0], coefs, origins=starts[:, 0]))


def _norm_discrete(element: Element, scope: Scope, wanted: str) -> Value:
    value = scope.value(element.need("field"))
    if element.get("method", "indicator") not in ("indicator", "thermometer"):
        raise ValueError(f"method={element.get('method')!r}")
    if element.get("method") == "thermometer":
        raise Unread("A thermometer of PMML 2 has no formula here.", "Use indicators.")
    missing = element.number("mapMissingTo", math.nan)
    if isinstance(value.what, Node):
        return Value(ops.table(value.what, {literal(element.need("value"), value.dtype): 1.0}, 0.0,
                               missing), "double")  # fmt: skip
    hit = is_one_of(value, [element.need("value")])
    made = ops.where(hit, ops.const(1.0), ops.const(0.0))
    return Value(ops.where(gone(value), ops.const(missing), made), "double")


def _discretize(element: Element, scope: Scope, wanted: str) -> Value:
    x = number(scope.value(element.need("field")))
    dtype = element.get("dataType") or wanted or "string"
    made = _default(element, dtype)
    for each in reversed(element.all("DiscretizeBin")):
        bin_value = constant(each.need("binValue"), dtype)
        made = chosen(within(each.one("Interval"), x), bin_value, made)
    missing = element.attributes.get("mapMissingTo")
    # Without a default no bin holds a missing number, and nothing is what there is.
    if missing is None and "defaultValue" not in element.attributes:
        return made
    otherwise = absent(dtype) if missing is None else constant(missing, dtype)
    return chosen(ops.missing(x), otherwise, made)


def _default(element: Element, dtype: str) -> Value:
    text = element.attributes.get("defaultValue")
    return absent(dtype) if text is None else constant(text, dtype)


def _map_values(element: Element, scope: Scope, wanted: str) -> Value:
    dtype = element.get("dataType") or wanted or "string"
    pairs = [(p.need("column").rpartition(":")[2], scope.value(p.need("field")))
             for p in element.all("FieldColumnPair")]  # fmt: skip
    table = element.child("InlineTable")
    if table is None:
        raise Unread("A table lies outside the file (TableLocator).", "Write it as InlineTable.")
    output = element.need("outputColumn").rpartition(":")[2]
    rows = [{c.tag: c.text for c in row} for row in table.all("row")]
    scope.work.spend(len(rows) * len(pairs))
    missing = ops.either(*[gone(value) for _, value in pairs])
    if len(pairs) == 1 and isinstance(pairs[0][1].what, Node):
        made = _looked_up(pairs[0][1], _entries(rows, pairs[0], output, dtype), element, dtype)
    else:
        made = _default(element, dtype)
        for row in reversed(rows):
            hits = [is_one_of(value, [row[column]]) for column, value in pairs]
            made = chosen(ops.both(*hits), constant(row[output], dtype), made)
    text = element.attributes.get("mapMissingTo")
    if text is None and "defaultValue" not in element.attributes:
        return made
    return chosen(missing, absent(dtype) if text is None else constant(text, dtype), made)


def _entries(
    rows: Sequence[dict[str, str]], pair: tuple[str, Value], output: str, dtype: str
) -> dict[Label, Label]:
    column, value = pair
    made: dict[Label, Label] = {}
    for row in rows:
        key = literal(row[column], value.dtype)
        if made.setdefault(key, literal(row[output], dtype)) != literal(row[output], dtype):
            raise ValueError("two rows of a table for one value")
    return made


def _looked_up(value: Value, entries: dict[Label, Label], element: Element, dtype: str) -> Value:
    assert isinstance(value.what, Node)
    default = _default(element, dtype)
    if dtype == "boolean":
        sides = [[k for k, v in entries.items() if v is side] for side in (True, False)]
        truth = Truth(*(ops.member(value.what, side) for side in sides))
        there = ops.member(value.what, entries)
        return chosen(there, Value(truth, dtype), default)
    if dtype != "string":
        fill = number(default).data
        numbers = {k: float(v) for k, v in entries.items()}
        return Value(ops.table(value.what, numbers, fill, math.nan), dtype)
    texts = {str(k): str(v) for k, v in entries.items()}
    choices = tuple(dict.fromkeys((*texts.values(), *(default.choices or ()))))
    if value.what.type is Type.LABEL:
        return Value(switched(value.what, texts, number_or_label(default)), dtype, choices)
    made = default
    for key, text in reversed(entries.items()):
        made = chosen(
            ops.equal(value.what, ops.const(float(key))), constant(str(text), dtype), made
        )
    return made


def number_or_label(value: Value) -> Node:
    """Return the node of a value that is no truth."""
    assert isinstance(value.what, Node)
    return value.what


SIMPLE: dict[str, Simple] = {
    "Constant": _constant,
    "FieldRef": _field_ref,
    "NormContinuous": _norm_continuous,
    "NormDiscrete": _norm_discrete,
    "Discretize": _discretize,
    "MapValues": _map_values,
}
"""Expression → what it is; the others have no formula."""


# --- functions ----------------------------------------------------------------------------------


def _applied(element: Element, arguments: list[Value], scope: Scope, calls: int) -> Value:
    name = element.need("function")
    made = _called(name, arguments, scope, calls)
    default, missing = (element.attributes.get(k) for k in ("defaultValue", "mapMissingTo"))
    if default is not None:
        made = chosen(gone(made), constant(default, made.dtype), made)
    if missing is not None:
        some = ops.either(*_read(name, arguments))
        made = chosen(some, constant(missing, made.dtype), made)
    return made


def _read(name: str, arguments: Sequence[Value]) -> Iterator[Node]:
    """Yield when an argument that a function looks at is missing: of an `if`, one of the two."""
    if name != "if":
        yield from map(gone, arguments)
        return
    test, *rest = arguments
    yield gone(test)
    if isinstance(test.what, Truth):
        for side, x in zip((test.what.holds, test.what.fails), rest, strict=False):
            yield ops.both(side, gone(x))


def _called(name: str, arguments: list[Value], scope: Scope, calls: int) -> Value:
    if name in TEXTS and len(arguments):
        return of_text(name, arguments)
    if name in FUNCTIONS:
        try:
            return FUNCTIONS[name](arguments)
        except (IndexError, TypeError) as error:
            raise ValueError(f"{name} of {len(arguments)} arguments") from error
    own = scope.work.functions.get(name)
    if own is None:
        raise unreadable(name)
    if calls >= MOST_CALLS:
        raise ValueError(f"functions of functions, {calls} deep")
    scope.work.call()
    inner = Scope(scope.work)  # a function sees its parameters alone
    for field, value in zip(own.all("ParameterField"), arguments, strict=True):
        dtype = field.get("dataType")
        inner.define(field.need("name"), cast(value, dtype) if dtype else value)
    made = evaluated(own.one(*EXPRESSIONS), inner, own.get("dataType"), calls + 1)
    return _as_declared(made, own.get("dataType"), scope) if own.get("dataType") else made


def functions_of(work: Work, elements: Sequence[Element]) -> None:
    """Remember the functions that a file defines."""
    for element in elements:
        if element.tag == "DefineFunction":
            work.functions[element.need("name")] = element
