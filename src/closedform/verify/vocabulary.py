"""The words of a user's own expression: functions, constants, and names of columns as data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from closedform import ops
from closedform.ir import Node

Build = Callable[..., Node]


def _over(x: Node, divisor: float) -> Node:
    return ops.lin(0, (1 / divisor, x))


def _identity(x: Node) -> Node:
    return x


def _relu(x: Node) -> Node:
    return ops.maximum(x, ops.const(0.0))


FUNCTIONS: dict[str, tuple[int, int, Build]] = {
    "exp": (1, 1, ops.exp),
    "log": (1, 1, ops.log),
    "ln": (1, 1, ops.log),
    "log10": (1, 1, lambda x: _over(ops.log(x), math.log(10))),
    "log2": (1, 1, lambda x: _over(ops.log(x), math.log(2))),
    "log1p": (1, 1, lambda x: ops.unary("log1p", x)),
    "expm1": (1, 1, lambda x: ops.unary("expm1", x)),
    "sqrt": (1, 1, ops.sqrt),
    "abs": (1, 1, ops.absolute),
    "sign": (1, 1, ops.sign),
    "floor": (1, 1, lambda x: ops.unary("floor", x)),
    "sin": (1, 1, ops.sin),
    "cos": (1, 1, ops.cos),
    "tan": (1, 1, lambda x: ops.div(ops.sin(x), ops.cos(x))),
    "atan": (1, 1, ops.atan),
    **{name: (1, 1, lambda x: ops.unary("asin", x)) for name in ("asin", "arcsin")},
    **{name: (1, 1, lambda x: ops.unary("acos", x)) for name in ("acos", "arccos")},
    "arctan": (1, 1, ops.atan),
    "tanh": (1, 1, ops.tanh),
    "tansig": (1, 1, ops.tanh),
    "sigmoid": (1, 1, ops.sigmoid),
    "expit": (1, 1, ops.sigmoid),
    "logistic": (1, 1, ops.sigmoid),
    "logsig": (1, 1, ops.sigmoid),
    "purelin": (1, 1, _identity),
    "float": (1, 1, _identity),
    "float64": (1, 1, _identity),
    "float32": (1, 1, _identity),
    "relu": (1, 1, _relu),
    "softplus": (1, 1, lambda x: ops.unary("softplus", x)),
    "erf": (1, 1, lambda x: ops.unary("erf", x)),
    "probit": (1, 1, lambda x: ops.unary("probit", x)),
    "ndtri": (1, 1, lambda x: ops.unary("probit", x)),
    "max": (1, 99, ops.maximum),
    "min": (1, 99, ops.minimum),
    "pow": (2, 2, ops.power),
    "power": (2, 2, ops.power),
    "if": (3, 3, ops.where),
    "where": (3, 3, ops.where),
    "missing": (1, 1, ops.missing),
    "isna": (1, 1, ops.missing),
}
"""Function → least and most arguments, and its builder; MATLAB's names of activations included,
and what NumPy prints around its numbers."""

RAW = ("if", "where", "missing", "isna")
"""Functions that take conditions or labels as they are; all others take numbers."""

CONSTANTS = {
    "pi": math.pi, "e": math.e, "nan": math.nan, "inf": math.inf, "missing": math.nan,
}  # fmt: skip
KEYWORDS = ("if", "else", "and", "or", "not")
MODULES = ("np.", "numpy.", "math.", "torch.", "scipy.special.")

_STARTS = re.compile(r"[^\s()+\-*/^<>=!,`'\"·×÷−]")


class Names:
    """The columns that an expression may name, and how they are found in its text."""

    def __init__(self, known: Mapping[str, Node], later: Mapping[str, Node]) -> None:
        """Take the columns by name; names are data and are matched letter by letter.

        Args:
            known: the inputs, and the columns after the model's steps where no input has the name.
            later: the columns after the model's steps alone.
        """
        self.known = dict(known)
        self.later = later
        # A polynomial's column is called age^2, and so is the square of age: in text it is that.
        plain = (n for n in known if known[n] is not later.get(n) or not set(n) & set("^*/+"))
        free = sorted((n for n in plain if n and _STARTS.match(n)), key=len, reverse=True)
        parts = [re.escape(n) + (r"(?![^\W²³])" if re.match(r"\w", n[-1]) else "") for n in free]
        self._pattern = re.compile("|".join(parts) or r"(?!)")
        self._folded = _unique((_folded(n), n) for n in known)

    def at(self, text: str, start: int) -> str:
        """Return the longest name that stands unquoted at a position, or ""."""
        found = self._pattern.match(text, start)
        return found.group() if found else ""

    def find(self, name: str) -> Node | None:
        """Return the column of a name: as it is written, else whatever its case and signs."""
        if name in self.known:
            return self.known[name]
        same = self._folded.get(_folded(name))
        if same is not None:
            return self.known[same]
        # num__age is what the step called num has made of age.
        step, _, column = name.partition("__")
        return self.later.get(column, self.known.get(column)) if step and column else None

    def like(self, name: str) -> list[str]:
        """Return names that look like one which is not known."""
        folded = {_folded(n): n for n in self.known}
        return [folded[m] for m in get_close_matches(_folded(name), list(folded), n=3)]


def _folded(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    twice: set[str] = set()
    for key, name in pairs:
        if key in found:
            twice.add(key)
        found[key] = name
    return {k: n for k, n in found.items() if k and k not in twice}
