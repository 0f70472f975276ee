"""Values on their way through a PMML model: numbers, labels, and truths of three kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.ir import Node, Type, fold
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import TRUTHS, near, real

NUMERIC = frozenset(("integer", "float", "double"))
"""Types of numbers; dates and durations are read as none of these."""
READ = NUMERIC | {"string", "boolean"}
"""Types of fields that are read."""


class Unread(Exception):
    """A part that has no formula here: what it is, and what its user can do."""

    def __init__(self, what: str, hint: str) -> None:
        """Say what and how."""
        super().__init__(what)
        self.what = what
        self.hint = hint


@dataclass(frozen=True)
class Truth:
    """A condition that holds, fails, or is unknown where it does neither."""

    holds: Node
    fails: Node


@dataclass(frozen=True)
class Value:
    """What a field or an expression is: a number, a label or a truth, and its PMML type.

    Numbers and labels are missing as their nodes are, a truth where it is unknown.

    Attributes:
        what: the value itself.
        dtype: string, integer, float, double or boolean.
        choices: all texts that a label may be; None where they are not known.
        invalid: where an invalid value has been let through; None where none can be.
    """

    what: Node | Truth
    dtype: str
    choices: tuple[str, ...] | None = None
    invalid: Node | None = None


ALWAYS = Truth(ops.boolean(True), ops.boolean(False))
NEVER = Truth(ops.boolean(False), ops.boolean(True))
UNKNOWN = Truth(ops.boolean(False), ops.boolean(False))


def of_number(node: Node, dtype: str = "double") -> Value:
    """Return a number as a value."""
    return Value(node, dtype)


def of_truth(truth: Truth) -> Value:
    """Return a condition as a value."""
    return Value(truth, "boolean")


def absent(dtype: str) -> Value:
    """Return the missing value of a type."""
    if dtype == "boolean":
        return of_truth(UNKNOWN)
    if dtype == "string":
        return Value(ops.label(None), dtype, ())
    return Value(ops.const(float("nan")), dtype)


def literal(text: str, dtype: str) -> Label:
    """Return a text of the file as a value of some type.

    Raises:
        ValueError: it is none of that type.
    """
    if dtype == "string":
        return text
    if dtype == "boolean":
        found = TRUTHS.get(text.strip().lower())
        if found is None:
            raise ValueError(f"{text[:40]!r} is neither true nor false")
        return found
    if dtype not in NUMERIC:
        raise ValueError(f"{text[:40]!r} of the type {dtype}")
    return near(real(text)) if dtype == "float" else real(text)


def constant(text: str, dtype: str) -> Value:
    """Return a text of the file as a constant value."""
    made = literal(text, dtype)
    if dtype == "boolean":
        return of_truth(ALWAYS if made else NEVER)
    if dtype == "string":
        return Value(ops.label(made), dtype, (str(made),))
    return Value(ops.const(float(made)), dtype)


def number(value: Value) -> Node:
    """Return a value as a number: a truth is 1 or 0, and a label that spells a number that one.

    Raises:
        Unread: it is a label of any other kind.
    """
    made = value.what
    if isinstance(made, Truth):
        otherwise = ops.where(made.fails, ops.const(0.0), ops.const(float("nan")))
        return ops.where(made.holds, ops.const(1.0), otherwise)
    if made.type is Type.LABEL:
        return _spelled(made) if value.choices is None else _looked_up(made, value.choices)
    return made


def _looked_up(x: Node, choices: Sequence[str]) -> Node:
    if x.op is ops.LABEL:
        return _spelled(x)
    return ops.table(x, {c: _real(c) for c in choices})


def _real(text: str) -> float:
    try:
        return real(text)
    except ValueError:
        if not text.strip():
            raise Unread("An empty text stands where a number is due.", LEFT_OUT) from None
        raise Unread(f"The text {text[:40]!r} stands where a number is due.", NO_TEXT) from None


LEFT_OUT = (
    "The program that wrote the file has left the number out: read the model itself, or have "
    "another program write it. (nyoka 5.5 leaves out the starting score of a "
    "GradientBoostingClassifier of two classes.)"
)
NO_TEXT = "Write the number that it stands for in the file, by MapValues or NormDiscrete."


def _spelled(label: Node) -> Node:
    """Return a choice between labels that spell numbers as the choice between these numbers."""

    def step(n: Node, *below: Node) -> Node:
        if n.op is ops.LABEL:
            return ops.const(float("nan") if n.data[0] is None else _real(str(n.data[0])))
        if n.op is ops.WHERE and n.type is Type.LABEL and below[1].type is below[2].type:
            return ops.where(n.args[0], below[1], below[2])
        return n

    made = fold([label], step)[0]
    if made.type is Type.LABEL:
        raise Unread("A text field stands where a number is due.", NO_TEXT)
    return made


def condition(value: Value) -> Truth:
    """Return a value as a condition: a number is true where it is not 0."""
    made = value.what
    if isinstance(made, Truth):
        return made
    if made.type is Type.LABEL:
        return Truth(*(ops.member(made, options) for options in SPELLINGS))
    zero = ops.equal(made, ops.const(0.0))
    return Truth(ops.both(ops.negate(zero), ops.negate(ops.missing(made))), zero)


def gone(value: Value) -> Node:
    """Return whether a value is missing."""
    made = value.what
    if isinstance(made, Truth):
        return ops.both(ops.negate(made.holds), ops.negate(made.fails))
    return ops.missing(made)


def is_one_of(value: Value, texts: Sequence[str]) -> Node:
    """Return whether a value is one of some that the file spells; false where missing."""
    made = value.what
    known = [literal(t, value.dtype) for t in texts]
    if isinstance(made, Truth):
        sides = {True: made.holds, False: made.fails}
        return ops.either(*[sides[bool(k)] for k in dict.fromkeys(known)])
    if len(known) == 1:
        one = known[0]
        return ops.equal(made, ops.label(one) if made.type is Type.LABEL else ops.const(float(one)))
    return ops.member(made, dict.fromkeys(known))


def chosen(test: Node, first: Value, second: Value) -> Value:
    """Return the first value where a condition holds, else the second, in one type for both."""
    first, second = alike(first, second)
    a, b = first.what, second.what
    if isinstance(a, Truth) and isinstance(b, Truth):
        return of_truth(Truth(_either_way(test, a.holds, b.holds),
                              _either_way(test, a.fails, b.fails)))  # fmt: skip
    assert isinstance(a, Node) and isinstance(b, Node)
    both = None
    if first.choices is not None and second.choices is not None:
        both = tuple(dict.fromkeys((*first.choices, *second.choices)))
    return Value(ops.where(test, a, b), first.dtype, both)


def _either_way(test: Node, a: Node, b: Node) -> Node:
    return ops.either(ops.both(test, a), ops.both(ops.negate(test), b))


SPELLINGS: tuple[tuple[Label, ...], ...] = ((True, "true"), (False, "false"))
"""Labels that are true, and labels that are false."""
WIDER = ("boolean", "integer", "float", "double")


def alike(first: Value, second: Value) -> tuple[Value, Value]:
    """Return two values in the wider of their types.

    Raises:
        Unread: one is a text that spells no number, and the other a number.
    """
    if first.dtype == second.dtype:
        return first, second
    if _is_nothing(first):
        return absent(second.dtype), second
    if _is_nothing(second):
        return first, absent(first.dtype)
    if "string" in (first.dtype, second.dtype):
        fixed = {"string"} | NUMERIC
        if {first.dtype, second.dtype} <= fixed:
            return tuple(_as_number(v) for v in (first, second))  # type: ignore[return-value]
        raise Unread(f"A {first.dtype} and a {second.dtype} stand in one place.", NO_TEXT)
    dtype = max(first.dtype, second.dtype, key=WIDER.index)
    return Value(number(first), dtype), Value(number(second), dtype)


def _as_number(value: Value) -> Value:
    return value if value.dtype != "string" else Value(number(value), "double")


def _is_nothing(value: Value) -> bool:
    made = value.what
    if isinstance(made, Truth):
        return made == UNKNOWN
    return (made.op is ops.LABEL and made.data[0] is None) or (
        made.op is ops.CONST and made.data != made.data
    )


def cast(value: Value, dtype: str) -> Value:
    """Return a value in another type; a double that is no whole number stays as it is.

    Raises:
        Unread: a number as a text, or a text that spells none as a number.
    """
    if value.dtype == dtype or dtype not in READ:
        return value
    if _is_nothing(value):
        return absent(dtype)
    if dtype == "boolean":
        return of_truth(condition(value))
    if dtype == "string":
        return _text(value)
    made = number(value)
    if made.op is ops.CONST:
        return Value(ops.const(near(made.data)) if dtype == "float" else made, dtype)
    return Value(ops.round32(made) if _is_finer(value, dtype) else made, dtype)


def _is_finer(value: Value, dtype: str) -> bool:
    return dtype == "float" and value.dtype not in ("float", "boolean")


def _text(value: Value) -> Value:
    made = value.what
    if isinstance(made, Truth):
        otherwise = ops.where(made.fails, ops.label("false"), ops.label(None))
        return Value(ops.where(made.holds, ops.label("true"), otherwise), "string",
                     ("true", "false"))  # fmt: skip
    raise Unread(
        "A number is turned into text.",
        "Compare it as the number that it is: declare the field as integer or double.",
    )
