"""A user's own expression, parsed by operator precedence; nothing of it is ever executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from closedform import ops
from closedform.errors import BadExpression
from closedform.formula import Formula
from closedform.ir import Node, Type, substitute
from closedform.printers.plain import printable
from closedform.verify.vocabulary import (
    CONSTANTS,
    FUNCTIONS,
    KEYWORDS,
    MODULES,
    RAW,
    Names,
)

LONGEST = 500_000
"""Characters; a 60-60 network written out has about 100,000."""
LARGEST_POWER = 308
SHOWN = 80
"""Characters of an unknown name in an error."""
MOST_UNKNOWN = 40
VALUES = ("number", "name", "quoted", "word")
DEEPEST = 120
"""Nested brackets: so deep the parser calls itself, whatever the text."""

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORD = re.compile(r"(?![²³])[^\W\d](?:[^\W²³]|\.)*")
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
# What printed text writes on the left: y, P(class), g(class), decision(class), new(name).
_OF = rf"(?:[^()]*+|(?>{_TEXT.pattern}|`[^`]*`|[^()])*+)"
_LEFT = re.compile(rf"\s*([^=<>!()+*/^]*?|(?:P|g|decision|new)\({_OF}\))\s*=(?!=)")
_SIGN = re.compile(r"\*\*|<=|>=|==|!=|[-+*/^<>=(),·×÷−²³]")
_SAME = {"^": "**", "·": "*", "×": "*", "÷": "/", "−": "-", "=": "=="}


@dataclass(frozen=True)
class Literal:
    """A number as it was written, and half a unit of its last digit (0 for a whole number)."""

    value: float
    half_unit: float


@dataclass(frozen=True, eq=False)
class Expression:
    """A parsed expression.

    Attributes:
        text: as the user wrote it.
        left: the name before "=", or "".
        open: the expression with its numbers as further inputs, behind those of the formula, so
            that the effect of their rounding can be measured.
        literals: the numbers, in the order of those inputs.
        first: the number of the first of those inputs.
    """

    text: str
    left: str
    open: Node
    literals: tuple[Literal, ...]
    first: int

    def closed(self, root: Node | None = None) -> Node:
        """Return the expression (or another one over its inputs) with its numbers filled in."""
        new = {ops.input_(self.first + k): ops.const(x.value) for k, x in enumerate(self.literals)}
        return substitute([self.open if root is None else root], new)[0]


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, quoted, call, word, sign, end
    text: str
    at: int


def parse(text: str, formula: Formula, names: Mapping[str, str] | None = None) -> Expression:
    """Return a user's expression as nodes over the formula's inputs.

    Operators + − * / ** ^, comparisons, `a if c else b`, and/or/not; the functions of
    `vocabulary.FUNCTIONS`; names of features as they are, in backquotes or in quotes; columns after
    a step of the model, as `num__age`, by the names that the step gives them.

    Args:
        text: the expression; a prefix such as "y =" is allowed.
        formula: whose inputs are named.
        names: other names for inputs: name in the expression → name of the input.

    Raises:
        BadExpression: it cannot be parsed, or names what is not there; every such name is listed.
    """
    if len(text) > LONGEST:
        raise BadExpression(f"The expression has {len(text):,} characters; at most {LONGEST:,}.")
    known = _known(formula, names or {})
    left, body, offset = _split(text, known)
    labels = frozenset(v for f in formula.inputs for v in f.categories or ())
    return _Parser(text, body, offset, known, len(formula.inputs), labels).whole(left)


def _known(formula: Formula, names: Mapping[str, str]) -> Names:
    later: dict[str, Node] = {}
    for stage in formula.stages:
        later.update(stage.after)
    inputs = {f.name: ops.input_(i, f.type) for i, f in enumerate(formula.inputs)}
    unknown = [n for n in names.values() if n not in inputs]
    if unknown:
        raise BadExpression(
            f"The formula has no input {unknown[0]!r}.",
            hint="Its inputs are: " + ", ".join(inputs) + ".",
        )
    # A name that an input has means the input, also where a step has made a column of that name.
    mine = {word: inputs[name] for word, name in names.items()}
    # Printed text escapes what has no place on a line: a name is known as it is written, too.
    written = {printable(name): x for name, x in inputs.items()}
    return Names(later | written | inputs | mine, later)


def _split(text: str, known: Names) -> tuple[str, str, int]:
    """Return the name before a leading "=", the rest, and where the rest starts."""
    found = _LEFT.match(text)
    if found is None or found.group(1) == "" or re.search(r"\bif\b", found.group(1)):
        return "", text, 0
    return found.group(1).strip("`'\" "), text[found.end() :], found.end()


def _rounding(text: str) -> float:
    mantissa, _, exponent = text.lower().partition("e")
    if "." not in mantissa:
        return 0.0
    digits = len(mantissa.partition(".")[2])
    # An exponent that no float has: 0 or infinity stands there, and neither can be rounded.
    power = int(exponent or 0) - digits if len(exponent) < 6 else LARGEST_POWER + 1
    return 0.5 * 10.0**power if power <= LARGEST_POWER else 0.0


@dataclass
class _Parser:
    """One pass over one expression."""

    text: str
    body: str
    offset: int
    names: Names
    first: int
    labels: frozenset[Any]
    tokens: list[_Token] = field(default_factory=list)
    position: int = 0
    depth: int = 0
    literals: list[Literal] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)

    def whole(self, left: str) -> Expression:
        """Return the whole text as one expression."""
        self.tokens = self._tokens()
        root = self._expression(0)
        if self._next.kind != "end":
            self._fail(f"{_short(self._next.text)} is not expected here", self._next.at)
        if self.unknown:
            self._fail_unknown()
        root = ops.where(root, ops.const(1), ops.const(0)) if root.type is Type.BOOL else root
        return Expression(self.text, left, root, tuple(self.literals), self.first)

    # --- tokens ---------------------------------------------------------------------------------

    def _tokens(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(self.body):
            if self.body[at].isspace():
                at += 1
                continue
            token = self._token(at, found[-1] if found else None)
            found.append(token)
            at += len(token.text)
        return [*found, _Token("end", "the end", len(self.body))]

    def _token(self, at: int, before: _Token | None) -> _Token:
        body = self.body
        if body[at] in "`'\"":
            whole = _TEXT.match(body, at)
            end = whole.end() - 1 if whole else body.find(body[at], at + 1)
            if end < 0:
                self._fail("a quote is not closed", at)
            return _Token("quoted", body[at : end + 1], at)
        name = self.names.at(body, at)
        for kind, pattern in (("number", _NUMBER), ("word", _WORD)):
            match = pattern.match(body, at)
            if match and len(match.group()) >= len(name):
                return self._as_word(kind, match.group(), name, at, before)
        if name:
            return _Token("name", name, at)
        sign = _SIGN.match(body, at)
        if sign is None:
            self._fail(f"{body[at]!r} is not understood", at)
        return _Token("sign", sign.group(), at)

    def _as_word(self, kind: str, text: str, name: str, at: int, before: _Token | None) -> _Token:
        if kind == "number":
            return _Token("number", text, at)
        called = self.body[at + len(text) :].lstrip()[:1] == "("
        if text == "if" and before and (before.text == ")" or before.kind in VALUES):
            return _Token("sign", text, at)  # `a if (c) else b`, not `if(c, a, b)`
        if called and _function(text):
            return _Token("call", text, at)
        if text in KEYWORDS:
            return _Token("sign", text, at)
        if called and name != text and self.names.find(text) is None:
            self._fail(f"there is no function {_short(text)}; there are {', '.join(FUNCTIONS)}", at)
        return _Token("name" if name == text else "word", text, at)

    @property
    def _next(self) -> _Token:
        return self.tokens[self.position]

    def _take(self, text: str | None = None) -> _Token:
        token = self._next
        if text is not None and token.text != text:
            self._fail(f"{text!r} is expected, not {_short(token.text)}", token.at)
        self.position += 1
        return token

    def _fail(self, what: str, at: int) -> NoReturn:
        place = self.offset + at
        around = self.text[max(0, place - 20) : place] + "⟨here⟩" + self.text[place : place + 20]
        raise BadExpression(
            f"The expression cannot be read: {what} (character {place + 1}: …{around}…).",
            hint="Write it as 1.2*age + 0.3*bmi - 4; put odd names in backquotes: `body mass`.",
        )

    def _fail_unknown(self) -> NoReturn:
        lines = []
        for name in list(self.unknown)[:MOST_UNKNOWN]:
            # Likeness takes time that grows with the length, and nobody reads 100,000 characters.
            like = self.names.like(name) if len(name) <= SHOWN else []
            lines.append(
                _short(name) + (f" (is it {' or '.join(map(repr, like))}?)" if like else "")
            )
        more = len(self.unknown) - len(lines)
        lines += [f"and {more:,} more"] if more else []
        raise BadExpression(
            "The expression names what the formula does not have: " + ", ".join(lines) + ".",
            hint="Its names are: " + ", ".join(list(self.names.known)[:40]) + ".",
        )

    # --- grammar --------------------------------------------------------------------------------

    def _expression(self, level: int) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(f"it is nested more than {DEEPEST} deep", self._next.at)
        left = self._prefix()
        while self._next.kind == "sign" and BINDS.get(self._sign, -1) >= level:
            left = self._infix(left)
        self.depth -= 1
        return left

    @property
    def _sign(self) -> str:
        text = self._next.text
        return _SAME.get(text, text)

    def _prefix(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return self._literal(token.text)
        if token.kind in ("name", "quoted", "word"):
            return self._named(token)
        if token.kind == "call":
            return self._call(token)
        sign = _SAME.get(token.text, token.text)
        if sign == "(":
            inner = self._expression(0)
            self._take(")")
            return inner
        if sign in ("-", "+"):
            x = self._number(self._expression(BINDS["*"] + 1), token)
            return ops.lin(0, (-1, x)) if sign == "-" else x
        if sign == "not":
            return ops.negate(self._condition(self._expression(BINDS["not"]), token))
        what = f"a number, a name or a bracket is expected, not {_short(token.text)}"
        self._fail(what, token.at)

    def _literal(self, text: str) -> Node:
        # Two numbers written alike are the same one if they are whole or long; a short one may
        # have been rounded twice, and then the errors do not cancel.
        long = len(text.lower().partition("e")[0]) > 6 or text.isdigit()
        found = self.numbers.get(text) if long else None
        if found is None:
            self.literals.append(Literal(float(text), _rounding(text)))
            found = self.numbers[text] = len(self.literals) - 1
        return ops.input_(self.first + found)

    def _named(self, token: _Token) -> Node:
        quoted = token.kind == "quoted"
        name = token.text[1:-1] if quoted else token.text
        found = self.names.find(name)
        # Where a column is called pi, and quoted, pi without quotes is the number.
        number = not quoted and name in CONSTANTS and f"`{name}`" in self.body
        if found is not None and not number:
            return found
        if quoted and token.text[0] != "`":
            return ops.label(self._unescaped(name))
        if not quoted and name.lower() in CONSTANTS:
            return ops.const(CONSTANTS[name.lower()])
        self.unknown.setdefault(name)
        return ops.const(0.0)

    def _unescaped(self, name: str) -> str:
        """Return a category as it is, or as Python writes it, which is how printed text does."""
        if name in self.labels or "\\" not in name:
            return name
        try:
            return name.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError:
            return name

    def _call(self, token: _Token) -> Node:
        name = _function(token.text)
        least, most, build = FUNCTIONS[name]
        self._take("(")
        args = [self._expression(0)]
        while self._next.text == ",":
            self._take()
            args.append(self._expression(0))
        self._take(")")
        if not least <= len(args) <= most:
            self._fail(f"{name} does not take {len(args)} values", token.at)
        if name not in RAW:
            return build(*[self._number(a, token) for a in args])
        if len(args) == 3:
            return self._choice(args[0], args[1], args[2], token)
        return build(*args)

    def _infix(self, left: Node) -> Node:
        token, sign = self._next, self._sign
        self._take()
        if sign in ("²", "³"):
            return ops.power(self._number(left, token), 2.0 if sign == "²" else 3.0)
        if sign == "if":
            condition = self._expression(BINDS["or"])
            self._take("else")
            return self._choice(condition, left, self._expression(BINDS["if"]), token)
        right = self._expression(BINDS[sign] + (sign != "**"))
        if (
            BINDS[sign] == BINDS["<"]
            and self._next.kind == "sign"
            and (BINDS.get(self._sign) == BINDS["<"])
        ):
            # Elsewhere a < b < c means both; here it would compare a truth with a number.
            self._fail("write a < b and b < c", self._next.at)
        if sign in ("==", "!="):
            same = self._equal(left, right, token)
            return same if sign == "==" else ops.negate(same)
        if sign in ("and", "or"):
            a, b = (self._condition(x, token) for x in (left, right))
            return ops.both(a, b) if sign == "and" else ops.either(a, b)
        return ARITHMETIC[sign](self._number(left, token), self._number(right, token))

    def _choice(self, condition: Node, a: Node, b: Node, token: _Token) -> Node:
        condition = self._condition(condition, token)
        if a.type is not b.type or a.type is Type.BOOL:
            a, b = self._number(a, token), self._number(b, token)
        return ops.where(condition, a, b)

    def _equal(self, a: Node, b: Node, token: _Token) -> Node:
        if a.type is b.type and a.type is not Type.BOOL:
            return ops.equal(a, b)
        if Type.LABEL in (a.type, b.type):
            return ops.equal(self._as_label(a, token), self._as_label(b, token))
        return ops.equal(self._number(a, token), self._number(b, token))

    def _as_label(self, x: Node, token: _Token) -> Node:
        if x.op is ops.INPUT and x.type is Type.REAL and x.data >= self.first:
            value = self.literals[x.data - self.first].value
            return ops.label(int(value) if value == int(value) else value)
        if x.type is not Type.LABEL:
            self._fail("a category can only be compared with a category", token.at)
        return x

    def _number(self, x: Node, token: _Token) -> Node:
        if x.type is Type.BOOL:
            return ops.where(x, ops.const(1), ops.const(0))
        if x.type is Type.LABEL:
            self._fail("a category is no number; compare it, as (sex == 'f')", token.at)
        return x

    def _condition(self, x: Node, token: _Token) -> Node:
        if x.type is not Type.BOOL:
            self._fail("a condition is expected, as age < 40", token.at)
        return x


def _short(text: str) -> str:
    """Return a text in quotes, cut where nobody would read on."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _function(text: str) -> str:
    """Return the function that a word calls, or ""."""
    for module in MODULES:
        text = text.removeprefix(module)
    return text.lower() if text.lower() in FUNCTIONS else ""


BINDS: dict[str, int] = {
    "if": 1, "or": 2, "and": 3, "not": 4, "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5,
    "+": 6, "-": 6, "*": 7, "/": 7, "**": 9, "²": 9, "³": 9,
}  # fmt: skip
"""How tightly an operator binds; −x² is −(x²), and a unary sign stands between * and **."""

ARITHMETIC: dict[str, Callable[[Node, Node], Node]] = {
    "+": lambda a, b: ops.lin(0, (1, a), (1, b)),
    "-": lambda a, b: ops.lin(0, (1, a), (-1, b)),
    "*": ops.mul,
    "/": ops.div,
    "**": ops.power,
    "<": ops.less,
    "<=": ops.less_equal,
    ">": lambda a, b: ops.less(b, a),
    ">=": lambda a, b: ops.less_equal(b, a),
}
