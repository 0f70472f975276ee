"""Expressions in text, as other programs save them: parsed without recursion, never executed.

The rules are those of Julia and Python: `-x^2` is `-(x^2)`, `a^b^c` is `a^(b^c)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from closedform.readers import tensors as t
from closedform.readers.elementary import modulus, negative
from closedform.readers.tensors import Element

Function = tuple[int, int, Callable[..., Element]]
"""Least and most arguments, and what it computes."""

LONGEST = 20_000
"""Characters of one expression."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eEf][+-]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|>=|<=|==|!=|[-+*/^%<>(),]))"
)
_CALLS = re.compile(r"\s*\(")
MINUS, PLUS = "−x", "+x"
"""Signs in front of a value; no name looks like them."""
NUMBERS = {"Inf": math.inf, "NaN": math.nan, "inf": math.inf, "nan": math.nan}


class Malformed(ValueError):
    """A text that is no expression; says what is wrong and where."""


@dataclass(frozen=True)
class Token:
    """A number, a name, the name of a function, or a sign, and where it begins."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the parts of an expression.

    Raises:
        Malformed: a character has no meaning, or the text is too long.
    """
    if len(text) > LONGEST:
        raise Malformed(f"it has {len(text):,} characters; at most {LONGEST:,} are read")
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise Malformed(f"{text[at : at + 20]!r} is not understood (character {at + 1})")
        kind = str(match.lastgroup)
        calls = kind == "name" and _CALLS.match(text, match.end())
        yield Token("call" if calls else kind, match[kind], match.start(kind))
        at = match.end()


def parse(
    text: str,
    names: Mapping[str, Element],
    functions: Mapping[str, Function],
    unknown: Callable[[str, str], None],
) -> Element:
    """Return an expression over named elements.

    Args:
        text: the expression.
        names: what it may name.
        functions: what it may call.
        unknown: told the kind ("function" or "name") and the text of each that is not known.

    Raises:
        Malformed: it is no expression.
    """
    return _Parser(names, functions, unknown).parsed(text)


@dataclass
class _Parser:
    """Dijkstra's two stacks: values, and the signs that wait for their right side."""

    names: Mapping[str, Element]
    functions: Mapping[str, Function]
    unknown: Callable[[str, str], None]
    values: list[Element] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    arguments: list[int] = field(default_factory=list)
    """How many arguments each open call has so far; −1 in a plain bracket."""

    def parsed(self, text: str) -> Element:
        value_next = True
        for token in tokens(text):
            value_next = (self._value if value_next else self._after)(token)
        if value_next:
            raise Malformed("it ends too early")
        self._reduce(0)
        if self.signs or len(self.values) != 1:
            raise Malformed("a bracket is not closed")
        return self.values[0]

    def _value(self, token: Token) -> bool:
        """Take a token where a value is due; return whether one still is."""
        if token.kind == "number":
            self.values.append(float(token.text.replace("f", "e")))
        elif token.kind == "name":
            self.values.append(self._named(token.text))
        elif token.kind == "call":
            self.signs.append(token.text)
            return True
        elif token.text == "(":
            called = bool(self.signs) and self.signs[-1] not in BINDS and self.signs[-1] != "("
            self.arguments.append(1 if called else -1)
            self.signs.append("(")
            return True
        elif token.text in ("-", "+"):
            self.signs.append(MINUS if token.text == "-" else PLUS)
            return True
        else:
            self._unexpected(token)
        return False

    def _after(self, token: Token) -> bool:
        """Take a token behind a value; return whether another value is due."""
        if token.text in BINDS and token.kind == "sign":
            level, right = BINDS[token.text]
            self._reduce(level + right)
            if level == COMPARES and self.signs and BINDS.get(self.signs[-1], (0, 0))[0] == level:
                self._unexpected(token)  # a < b < c means another thing elsewhere
            self.signs.append(token.text)
            return True
        if token.text == ")":
            self._close(token)
            return False
        if token.text == "," and self.arguments and self.arguments[-1] > 0:
            self._reduce(0)
            self.arguments[-1] += 1
            return True
        self._unexpected(token)

    def _close(self, token: Token) -> None:
        self._reduce(0)
        if not self.arguments:
            self._unexpected(token)
        self.signs.pop()
        count = self.arguments.pop()
        if count > 0:
            args = [self.values.pop() for _ in range(count)][::-1]
            self.values.append(self._called(self.signs.pop(), args))

    def _reduce(self, level: int) -> None:
        """Carry out the waiting signs that bind at least so tightly."""
        while self.signs and self.signs[-1] in BINDS and BINDS[self.signs[-1]][0] >= level:
            sign = self.signs.pop()
            right = t.number(self.values.pop())
            if sign in (MINUS, PLUS):
                self.values.append(negative(right) if sign == MINUS else right)
            else:
                self.values.append(INFIX[sign](t.number(self.values.pop()), right))

    def _named(self, name: str) -> Element:
        if name in self.names:
            return self.names[name]
        if name not in NUMBERS:
            self.unknown("name", name)
        return NUMBERS.get(name, math.nan)

    def _called(self, name: str, args: list[Element]) -> Element:
        least, most, build = self.functions.get(name, (0, 0, None))
        if build is None:
            self.unknown("function", name)
            return math.nan
        if not least <= len(args) <= most:
            raise Malformed(f"{name} does not take {len(args)} values")
        return build(*[t.number(a) for a in args])

    def _unexpected(self, token: Token) -> NoReturn:
        raise Malformed(f"{token.text[:20]!r} is not expected (character {token.at + 1})")


COMPARES = 1
BINDS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), (COMPARES, 1)),
    **dict.fromkeys(("+", "-"), (2, 0)),
    **dict.fromkeys(("*", "/", "%"), (3, 0)),
    **dict.fromkeys((MINUS, PLUS), (4, 0)),
    **dict.fromkeys(("^", "**"), (5, 1)),
}
"""How tightly a sign binds, and 1 where it is carried out from the right."""


INFIX: dict[str, Callable[[Element, Element], Element]] = {
    "+": t.add,
    "-": lambda a, b: t.add(a, b, -1.0),
    "*": t.multiply,
    "/": t.divide,
    "%": modulus,
    "^": t.power,
    "**": t.power,
    "<": t.less,
    "<=": t.less_equal,
    ">": lambda a, b: t.less(b, a),
    ">=": lambda a, b: t.less_equal(b, a),
    "==": t.equal,
    "!=": lambda a, b: t.negation(t.equal(a, b)),
}
"""What each sign computes."""
