"""Input fields as the data dictionary declares them and as a mining schema treats them.

https://dmg.org/pmml/v4-4/DataDictionary.html and MiningSchema.html.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.scope import Scope, Work
from closedform.readers.pmml.values import (
    NUMERIC,
    READ,
    Truth,
    Value,
    absent,
    chosen,
    constant,
    gone,
    is_one_of,
    literal,
)
from closedform.readers.reading import Reading

ACTIVE = ("active", "")
TARGET = ("target", "predicted")


@dataclass(frozen=True)
class DataField:
    """A column of the data.

    Attributes:
        name: of the column.
        dtype: string, integer, float, double, boolean, or one that is not read.
        optype: continuous, categorical or ordinal.
        valid: the values that it may have; empty where any is valid.
        invalid, missing: values that it has where none is known.
        intervals: the ranges of valid numbers; empty where any is valid.
    """

    name: str
    dtype: str
    optype: str
    valid: tuple[str, ...]
    invalid: tuple[str, ...]
    missing: tuple[str, ...]
    intervals: tuple[Element, ...]

    @classmethod
    def of(cls, element: Element) -> DataField:
        """Return the record of a DataField element."""
        by: dict[str, list[str]] = {"valid": [], "invalid": [], "missing": []}
        for value in element.all("Value"):
            by[value.get("property", "valid")].append(value.need("value"))
        optype = element.get("optype", "continuous")
        default = "double" if optype == "continuous" else "string"  # left out before 3.0
        dtype = element.get("dataType", default)
        if dtype == "boolean" and not by["valid"]:
            by["valid"] = ["true", "false"]
        return cls(
            element.need("name"), dtype, optype, tuple(by["valid"]), tuple(by["invalid"]),
            tuple(by["missing"]), tuple(element.all("Interval")),
        )  # fmt: skip

    def as_number(self) -> DataField:
        """Return a field of texts that are all whole numbers as one of numbers.

        In R a factor of cylinders holds the texts 4, 6 and 8, and in a table they are numbers.
        """
        texts = (*self.valid, *self.invalid, *self.missing)
        whole = all(re.fullmatch(r"0|-?[1-9][0-9]{0,14}", t) for t in texts)
        numeric = self.dtype == "string" and bool(self.valid) and whole
        return replace(self, dtype="double") if numeric else self

    @property
    def is_label(self) -> bool:
        """Whether it holds labels rather than numbers."""
        return self.dtype not in NUMERIC

    def categories(self) -> list[Label]:
        """Return the valid values, each in the field's own type."""
        return [literal(v, self.dtype) for v in self.valid]


def dictionary(root: Element) -> dict[str, DataField]:
    """Return the fields of the data dictionary by name.

    Raises:
        ValueError: two of them have one name.
    """
    found = [DataField.of(e) for e in root.one("DataDictionary").all("DataField")]
    made = {f.name: f for f in found}
    if len(made) < len(found):
        raise ValueError("two data fields of one name")
    return made


def mining_fields(model: Element, usages: Sequence[str] = ACTIVE) -> list[Element]:
    """Return the fields of a mining schema that are used in one of some ways."""
    fields = model.one("MiningSchema").all("MiningField")
    return [f for f in fields if f.get("usageType") in usages]


def within(interval: Element, x: Node) -> Node:
    """Return whether a number lies in an Interval.

    Raises:
        KeyError: its closure is none.
    """
    left, right = CLOSURES[interval.get("closure", "openClosed")]
    tests = []
    if "leftMargin" in interval.attributes:
        compare = ops.less_equal if left else ops.less
        tests.append(compare(ops.const(interval.number("leftMargin")), x))
    if "rightMargin" in interval.attributes:
        compare = ops.less_equal if right else ops.less
        tests.append(compare(x, ops.const(interval.number("rightMargin"))))
    if not tests:
        raise ValueError("an interval without ends")
    return ops.both(*tests)


CLOSURES = {
    "openOpen": (False, False), "openClosed": (False, True),
    "closedOpen": (True, False), "closedClosed": (True, True),
}  # fmt: skip
"""Closure of an interval → whether its left end and its right end belong to it."""


def raw_value(field: DataField, x: Node, work: Work) -> Value:
    """Return an input as a value of the field's type; a float is rounded to one."""
    if field.dtype == "boolean":
        return Value(
            Truth(ops.equal(x, ops.label(True)), ops.equal(x, ops.label(False))), "boolean"
        )
    if field.dtype == "float":
        return Value(ops.round32(x), "float")
    if field.dtype not in READ:
        return work.refuse(
            f"The field {field.name!r} is a {field.dtype}: dates and times are not read.",
            "Derive a number from it before the model, and train on that.",
        )
    return Value(x, field.dtype)


def treated(element: Element, field: DataField | None, x: Value, scope: Scope) -> Value:
    """Return a value after the treatment that a MiningField asks for.

    Args:
        element: the MiningField.
        field: what the data dictionary says of it; None of a derived field.
        x: the value that comes in.
        scope: what the model sees.
    """
    missing = gone(x)
    if field is not None and field.missing:
        missing = ops.either(missing, is_one_of(x, field.missing))
    invalid = None if field is None else _invalid(field, x, missing)
    made = x if missing is gone(x) else chosen(missing, absent(x.dtype), x)
    if invalid is not None and field is not None:
        made, missing = _without_invalid(element, field, made, (missing, invalid), scope)
    made, missing = _without_outliers(element, made, missing)
    made = _without_missing(element, made, missing, scope)
    if field is None or invalid is None:
        return made
    if element.get("invalidValueTreatment") == "asIs":
        return replace(made, invalid=invalid)
    return replace(made, choices=_choices(element, field))


def _choices(element: Element, field: DataField) -> tuple[str, ...] | None:
    """Return all texts that a label may be after its treatment."""
    if field.dtype != "string" or not field.valid:
        return None
    others = (element.attributes.get(name) for name in REPLACEMENTS)
    return tuple(dict.fromkeys((*field.valid, *[x for x in others if x is not None])))


REPLACEMENTS = ("missingValueReplacement", "invalidValueReplacement")


def _invalid(field: DataField, x: Value, missing: Node) -> Node | None:
    """Return whether a value is invalid; None where any is valid."""
    bad = []
    if field.valid:
        bad.append(ops.negate(is_one_of(x, field.valid)))
    elif field.intervals and isinstance(x.what, Node) and x.what.type is Type.REAL:
        bad.append(ops.negate(ops.either(*[within(i, x.what) for i in field.intervals])))
    if field.invalid and not field.valid:
        bad.append(is_one_of(x, field.invalid))
    if field.dtype == "integer" and not field.valid and isinstance(x.what, Node):
        bad.append(ops.negate(ops.equal(x.what, ops.unary("floor", x.what))))
    if not bad:
        return None
    return ops.both(ops.negate(missing), ops.either(*bad))


def _without_invalid(
    element: Element, field: DataField, x: Value, tests: tuple[Node, Node], scope: Scope
) -> tuple[Value, Node]:
    missing, invalid = tests
    how, reading = element.get("invalidValueTreatment", "returnInvalid"), scope.work.reading
    if how == "returnInvalid":
        _refuse_invalid(field, x, invalid, reading)
        return x, missing
    if how == "asIs":
        _know(field, x, reading)
        return x, missing
    if how == "asMissing":
        _know(field, x, reading)
        return chosen(invalid, absent(x.dtype), x), ops.either(missing, invalid)
    if how == "asValue":
        _know(field, x, reading)
        replacement = constant(element.need("invalidValueReplacement"), x.dtype)
        return chosen(invalid, replacement, x), missing
    scope.work.refuse(f"invalidValueTreatment={how!r} is not known.", "Use one of PMML 4.4.")
    return x, missing


def _raw(x: Value) -> Node | None:
    """Return the raw input that a value is; None where it is computed."""
    made = x.what.holds.args[0] if isinstance(x.what, Truth) and x.what.holds.args else x.what
    return made if isinstance(made, Node) and made.op is ops.INPUT else None


def _know(field: DataField, x: Value, reading: Reading) -> None:
    raw = _raw(x)
    if raw is not None and field.valid:
        reading.knows(raw, [*field.categories(), *_others(field)], unseen=True)


def _others(field: DataField) -> list[Label]:
    return [literal(v, field.dtype) for v in field.missing]


def _refuse_invalid(field: DataField, x: Value, invalid: Node, reading: Reading) -> None:
    raw = _raw(x)
    if raw is None or not field.valid:
        reading.refuse(invalid)
        return
    reading.knows(raw, [*field.categories(), *_others(field)], unseen=False)


def _without_outliers(element: Element, x: Value, missing: Node) -> tuple[Value, Node]:
    how = element.get("outliers", "asIs")
    if how == "asIs" or not isinstance(x.what, Node) or x.what.type is not Type.REAL:
        return x, missing
    lo, hi = element.number("lowValue", -math.inf), element.number("highValue", math.inf)
    low, high = ops.less(x.what, ops.const(lo)), ops.less(ops.const(hi), x.what)
    ends = [(test, end) for test, end in ((low, lo), (high, hi)) if math.isfinite(end)]
    if how == "asMissingValues":
        out = ops.either(*[test for test, _ in ends])
        return chosen(out, absent(x.dtype), x), ops.either(missing, out)
    if how != "asExtremeValues":
        raise ValueError(f"outliers={how!r}")
    made = x.what
    if math.isfinite(lo):
        made = ops.maximum(made, ops.const(lo))
    if math.isfinite(hi):
        made = ops.minimum(made, ops.const(hi))
    return Value(made, x.dtype), missing


def _without_missing(element: Element, x: Value, missing: Node, scope: Scope) -> Value:
    if element.get("missingValueTreatment") == "returnInvalid":
        scope.work.reading.refuse(missing, [x.what] if isinstance(x.what, Node) else [])
        return x
    replacement = element.attributes.get("missingValueReplacement")
    return x if replacement is None else chosen(missing, constant(replacement, x.dtype), x)
