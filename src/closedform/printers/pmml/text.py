"""XML as text: what stands in it stays what it is, and long elements are broken into lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from closedform.errors import UnsupportedTarget

WIDTH, DEEPEST = 100, 12
"""Columns that an element may take on one line, and levels up to which lines are indented: a tree
of depth 500 would be more spaces than text."""

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 holds, not even as a reference."""
_SPACES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;", '"': "&quot;"}


def legal(name: str) -> str:
    """Return a name of which nothing is left that XML cannot hold."""
    return _ILLEGAL.sub("\ufffd", name)


def label_text(value: Any) -> str:
    """Return a category or class as the text by which PMML knows it.

    Raises:
        UnsupportedTarget: it has a character that XML cannot hold.
    """
    if not isinstance(value, str):
        return number(float(value))
    if _ILLEGAL.search(value):
        raise UnsupportedTarget(
            f"The label {value!r} holds a character that XML cannot hold.",
            hint="Rename the category before training, or use another target.",
        )
    return value


def number(value: float) -> str:
    """Return the shortest text that reads back as the same double."""
    if value != value:
        return "NaN"
    return repr(value) if abs(value) < float("inf") else "INF" if value > 0 else "-INF"


def element(tag: str, /, *inner: str, **attributes: Any) -> str:
    """Return an element with its attributes, those that are None left out."""
    told = "".join(
        f' {k.rstrip("_")}="{quoted(v)}"' for k, v in attributes.items() if v is not None
    )
    content = "".join(inner)
    return f"<{tag}{told}>{content}</{tag}>" if content else f"<{tag}{told}/>"


def quoted(value: Any) -> str:
    """Return text for an attribute or an element."""
    return escape(str(value), _SPACES)


def lines(text: str, level: int = 0) -> Iterator[str]:
    """Yield an element's lines, the short ones within it whole."""
    tags = [(m.start(), m.end(), m[0]) for m in re.finditer(r"<[^>]*>", text)]
    closes = _closes([tag for _, _, tag in tags])
    i = 0
    while i < len(tags):
        start, end, tag = tags[i]
        last = closes.get(i, i)
        pad = "  " * min(level, DEEPEST)
        if tag.startswith("</"):
            level -= 1
            yield "  " * min(level, DEEPEST) + tag
        elif last - i < 2 or tags[last][1] - start + len(pad) <= WIDTH:
            yield pad + text[start : tags[last][1]]
            i = last
        else:
            yield pad + text[start:end]
            level += 1
        i += 1


def _closes(tags: Iterable[str]) -> dict[int, int]:
    """Return where the element that opens at each tag closes."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for i, tag in enumerate(tags):
        if tag.startswith("</"):
            found[stack.pop()] = i
        elif not tag.endswith("/>"):
            stack.append(i)
    return found
