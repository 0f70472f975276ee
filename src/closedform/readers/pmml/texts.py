"""The built-in functions of PMML on texts: a text with known choices becomes a choice of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from closedform import ops
from closedform.ir import Node
from closedform.readers.pmml.functions import known
from closedform.readers.pmml.values import Truth, Unread, Value, gone, number, of_truth

Text = Callable[..., "str | float | bool"]


def _substring(text: str, start: float, length: float) -> str:
    if start < 1 or length < 0:
        raise ValueError(f"a substring from {start} of {length} letters")
    return text[int(start) - 1 : int(start) - 1 + int(length)]


def _pattern(text: str) -> re.Pattern[str]:
    # A regular expression of a stranger may take hours: only plain text is looked for.
    if re.search(r"[\\^$.|?*+()\[\]{}]", text):
        raise Unread(
            f"The pattern {text[:40]!r} is a regular expression, which has no formula.",
            "Write its result for each value of the field as a MapValues table.",
        )
    return re.compile(re.escape(text))


TEXTS: dict[str, Text] = {
    "uppercase": lambda x: x.upper(),
    "lowercase": lambda x: x.lower(),
    "trimBlanks": lambda x: x.strip(" \t\r\n"),
    "substring": _substring,
    "stringLength": lambda x: float(len(x)),
    "replace": lambda x, pattern, by: _pattern(pattern).sub(lambda _: by, x),
    "matches": lambda x, pattern: bool(_pattern(pattern).search(x)),
}
"""Functions of a text and constants → their result."""


def of_text(name: str, arguments: Sequence[Value]) -> Value:
    """Return a function of a text, worked out for each value that the text may have.

    Raises:
        Unread: the text may be anything, or another argument is no constant.
    """
    x, *rest = arguments
    if x.choices is None or not isinstance(x.what, Node):
        raise Unread(
            f"The function {name!r} of any text has no formula.",
            "List the values of its field in the data dictionary, or apply it before the model.",
        )
    others = [_constant(name, y) for y in rest]
    made = {choice: TEXTS[name](choice, *others) for choice in x.choices}
    return _choice(x, made)


def _constant(name: str, y: Value) -> str | float:
    if isinstance(y.what, Node) and y.what.op is ops.LABEL and y.what.data[0] is not None:
        return str(y.what.data[0])
    if isinstance(y.what, Node) and (n := number(y)).op is ops.CONST:
        return float(n.data)
    raise Unread(
        f"The function {name!r} has an argument that is no constant.",
        "Apply it before the model, and give its result as an input.",
    )


def _choice(x: Value, made: dict[str, str | float | bool]) -> Value:
    assert isinstance(x.what, Node)
    results = list(made.values())
    if results and isinstance(results[0], bool):
        held = ops.member(x.what, [k for k, v in made.items() if v])
        return of_truth(Truth(held, ops.both(known(gone(x)).fails, ops.negate(held))))
    if results and isinstance(results[0], float):
        return Value(ops.table(x.what, {k: float(v) for k, v in made.items()}), "integer")
    if all(k == v for k, v in made.items()):
        return x
    return Value(switched(x.what, {k: str(v) for k, v in made.items()}), "string",
                 tuple(dict.fromkeys(map(str, results))))  # fmt: skip


def switched(x: Node, made: dict[str, str], otherwise: Node | None = None) -> Node:
    """Return the label that stands beside a label; missing, unless told otherwise, for others."""
    by: dict[str, list[str]] = {}
    for before, after in made.items():
        by.setdefault(after, []).append(before)
    out = ops.label(None) if otherwise is None else otherwise
    for after, befores in reversed(by.items()):
        test = ops.member(x, befores) if len(befores) > 1 else ops.equal(x, ops.label(befores[0]))
        out = ops.where(test, ops.label(after), out)
    return out
