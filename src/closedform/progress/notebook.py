"""A running search as a notebook shows it: how far it is, and the table so far."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from closedform.progress.watch import Watch

EVERY = 1.0
"""Seconds between two displays: each is a message that the notebook keeps."""
ROWS = 12
"""Rows of the table: the nearest formulas of those that can be read."""


class Live:
    """One output of a cell, written anew while the search runs."""

    table = True

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._handle: Any = None
        self._next = 0.0

    def draw(self, watch: Watch) -> None:
        """Show the present state."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        self._show(fragment(watch), text(watch))

    def close(self, watch: Watch) -> None:
        """Leave a line: the notebook shows what was found below it."""
        if self._handle is not None:
            line = f"{watch.title}: over after {watch.spent:.1f} s"
            self._show(f"<div><small>{escape(line)}</small></div>", line)

    def _show(self, html: str, plain: str) -> None:
        from IPython.display import display

        made = {"text/html": html, "text/plain": plain}
        if self._handle is None:
            self._handle = display(made, raw=True, display_id=True)
        else:
            self._handle.update(made, raw=True)


def text(watch: Watch) -> str:
    """Return the state as one line."""
    best = f"best so far: {watch.best.text}" if watch.best else ""
    stage = f"{watch.title}: {watch.stage}" if watch.stage else watch.title
    return " · ".join(filter(None, [stage, watch.left, best]))


def fragment(watch: Watch) -> str:
    """Return the state as HTML: a bar, a line, and the table so far."""
    share = "" if watch.share is None else f' value="{watch.share:.4f}"'
    label = escape(watch.title, quote=True)
    return (
        f'<div><progress max="1"{share} aria-label="{label}"></progress> '
        f"{escape(text(watch))}{_table(watch)}</div>"
    )


def _table(watch: Watch) -> str:
    if watch.best is None or not watch.best.rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in watch.best.heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in watch.best.rows[-ROWS:]
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
