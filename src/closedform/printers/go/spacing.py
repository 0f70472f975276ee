"""The blanks that gofmt puts into an expression: fewer, the deeper an operator stands.

After `binaryExpr` in the package go/printer: https://pkg.go.dev/go/printer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from closedform.printers.spell import BREAK

LEVELS = {
    **{"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3},
    **{"+": 4, "-": 4, "*": 5, "/": 5},
}
_TOKEN = re.compile(
    rf"{BREAK}|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[A-Za-z_][\w.]*|&&|\|\||[<>=!]=|[^\s{BREAK}]"
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}


@dataclass(eq=False)
class _Group:
    """What stands between two brackets."""

    opens: str
    inside: list[str | _Group] = field(default_factory=list)


_Items = list[str | _Group]


def spaced(text: str) -> str:
    """Return an expression with gofmt's blanks, to be broken at its outermost places alone.

    gofmt moves what is broken further in further to the right, which `wrapped` does not know.
    """
    whole, depths = _parsed(text)
    return _expression(whole, 1, min(depths, default=0))


def _parsed(text: str) -> tuple[_Items, list[int]]:
    """Return an expression as nested groups, and how deep each break stands."""
    stack = [_Group("")]
    depths = []
    for token in _TOKEN.findall(text):
        if token in _CLOSES:
            stack.append(_Group(token))
        elif token in _CLOSES.values():
            done = stack.pop()
            stack[-1].inside.append(done)
        else:
            depths += [len(stack) - 1] if token == BREAK else []
            stack[-1].inside.append(token)
    return stack[0].inside, depths


# By recursion: a spelled expression is short, since what is long gets a name (see `names_for`).
def _expression(items: Sequence[str | _Group], depth: int, broken: int) -> str:
    signs = {i: LEVELS[str(item)] for i, item in enumerate(items) if _is_binary(items, i)}
    if not signs:
        return _operand(items, depth, broken)
    lowest = min(signs.values())
    blank = " " * (lowest < 4 or depth == 1)
    parts, start = [], 0
    for i in [*(i for i, level in signs.items() if level == lowest), len(items)]:
        parts.append(_expression(items[start:i], depth + (len(signs) > 0), broken))
        if i < len(items):
            cut = broken == 0 and items[i + 1] == BREAK and blank != ""
            parts.append(f"{blank}{items[i]}{BREAK if cut else blank}")
        start = i + 1
    return "".join(parts)


def _is_binary(items: Sequence[str | _Group], i: int) -> bool:
    before = items[i - 2 if i > 1 and items[i - 1] == BREAK else i - 1] if i else None
    return items[i] in LEVELS and before is not None and before not in LEVELS and before != "!"


def _operand(items: Sequence[str | _Group], depth: int, broken: int) -> str:
    found: list[str] = []
    for i, item in enumerate(items):
        if isinstance(item, _Group):
            found.append(_bracketed(item, items[i - 1] if i else None, depth, broken - 1))
        elif item != BREAK:
            found.append(item)
    return "".join(found)


def _bracketed(group: _Group, before: str | _Group | None, depth: int, broken: int) -> str:
    parts = _split(group.inside)
    called = before is not None and before not in LEVELS and before != "!"
    if group.opens == "{":
        depth = 1
    elif called:
        depth += len(parts) > 1 or group.opens == "["
    else:
        depth = max(1, depth - 1)
    written = ""
    for i, part in enumerate(parts):
        cut = broken == 0 and bool(part) and part[0] == BREAK
        written += ("," + (BREAK if cut else " ")) * (i > 0)
        written += _expression([x for j, x in enumerate(part) if j or x != BREAK], depth, broken)
    return group.opens + written + _CLOSES[group.opens]


def _split(items: Sequence[str | _Group]) -> list[_Items]:
    """Return what stands between commas."""
    parts: list[_Items] = [[]]
    for item in items:
        if item == ",":
            parts.append([])
        else:
            parts[-1].append(item)
    return parts if parts != [[]] else []
