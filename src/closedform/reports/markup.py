"""HTML that is put together from elements, so that no name of a user's ever becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[_/])(?=\w)")
LONG = re.compile(r"(\S{20})(?=\S)")
"""Where a name may be broken: GradientBoosting|Regressor, color_|intensity; and what has no such
place, after each 20 characters."""
VOID = frozenset({"meta", "input", "br", "hr", "line", "rect", "circle", "path"})
"""Elements that hold nothing."""


class Html(str):
    """Text that is markup already; any other text is escaped."""

    __slots__ = ()


Part = str | Iterable["Part"] | None
"""What an element may hold: text, markup, several of these, or nothing."""


def element(tag: str, *parts: Part, **attributes: Any) -> Html:
    """Return an element.

    Args:
        tag: its name.
        parts: what it holds; text that is no `Html` is escaped.
        attributes: `class_` is class, `aria_label` is aria-label; True stands alone, and None and
            False are left out.
    """
    told = "".join(
        _attribute(k, v) for k, v in attributes.items() if v is not None and v is not False
    )
    if tag in VOID:
        return Html(f"<{tag}{told}/>")
    return Html(f"<{tag}{told}>{joined(*parts)}</{tag}>")


def joined(*parts: Part) -> Html:
    """Return parts one after another."""
    return Html("".join(_text(part) for part in parts))


def _text(part: Part) -> str:
    if part is None:
        return ""
    if isinstance(part, Html):
        return part
    return escape(part) if isinstance(part, str) else "".join(map(_text, part))


def _attribute(name: str, value: Any) -> str:
    key = name.strip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{escape(str(value))}"'


def breakable(name: str) -> Html:
    """Return a name that may be broken at `WORDS`, and within those that are `LONG`."""
    parts = (part for word in WORDS.split(name) for part in LONG.split(word) if part)
    return Html("<wbr/>".join(map(escape, parts)))


def capital(text: str) -> str:
    """Return a text as a sentence begins."""
    return text[:1].upper() + text[1:]


def sound(text: str) -> str:
    """Return a text without what no page can hold, and a name may: U+0000, single surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def table(
    heads: Sequence[Part], rows: Iterable[Sequence[Part]], caption: str, **kinds: Any
) -> Html:
    """Return a table whose first cell of each row is its heading, in a box that scrolls alone."""
    head = element("tr", [element("th", _cell(h), scope="col") for h in heads])
    body = [
        element("tr", element("th", _cell(first), scope="row"),
                [element("td", _cell(c)) for c in rest])
        for first, *rest in rows
    ]  # fmt: skip
    made = element(
        "table", element("caption", caption), element("thead", head), element("tbody", body),
        **kinds,
    )  # fmt: skip
    return element("div", made, class_="scrolls", tabindex="0", role="region", aria_label=caption)


def words(text: str) -> Html:
    """Return a cell of words in a table of numbers."""
    return element("span", breakable(text), class_="words")


def _cell(part: Part) -> Part:
    plain = isinstance(part, str) and not isinstance(part, Html)
    return breakable(part) if plain else part  # type: ignore[arg-type]


def shown(value: float, digits: int = 4) -> str:
    """Return a number as a person reads it: -1,234.5; a dash where there is none."""
    if value != value:
        return "–"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e7:
        whole = float(f"{value:.{digits}g}")
        text = f"{whole:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{whole:.{digits}g}"
    else:
        text = f"{value:.{digits - 1}g}"
    return text.replace("-", "\u2212", 1) if text.startswith("-") else text


def percent(share: float) -> str:
    """Return a share in percent."""
    return "–" if share != share else f"{100 * share:.3g}\N{NO-BREAK SPACE}%"
