"""Where the lines of an expression break: each WHEN on its own, but for what fits on one line."""

from __future__ import annotations

import re

from closedform.printers.spell import BREAK

WIDTH = 96


def laid_out(text: str, indent: str) -> str:
    """Return an expression on lines, all but the first of them indented.

    Args:
        text: an expression with soft breaks; `CASE` ends a stretch, `END` begins one.
        indent: what stands in front of it.
    """
    if len(indent) + len(text) <= WIDTH:
        return text.replace(BREAK, " ")
    block = _Block([""], len(indent))
    outer: list[_Block] = []
    for piece in text.split(BREAK):
        if piece.startswith("END"):
            block = outer.pop().with_case(block, piece)
        elif piece.startswith(("WHEN ", "ELSE ")):
            block.lines.append(piece)
        else:
            block.add(piece)
        if _opens(piece):
            outer.append(block)
            block = _Block([], block.indent + 4)
    return "\n".join(block.lines)


def _opens(piece: str) -> bool:
    return re.search(r"(?<!\w)CASE$", piece) is not None


class _Block:
    """The lines inside one CASE, or of the whole."""

    def __init__(self, lines: list[str], indent: int) -> None:
        self.lines, self.indent = lines, indent

    def add(self, piece: str) -> None:
        """Put a stretch behind the last line, or on a new one where it has no room."""
        last = self.lines[-1]
        start = 0 if "\n" in last else self.indent
        if not last or len(last.rpartition("\n")[2]) + start + len(piece) < WIDTH:
            self.lines[-1] = f"{last} {piece}" if last else piece
        else:
            self.lines[-1] = f"{last}\n{' ' * (self.indent + 8)}{piece}"

    def with_case(self, inner: _Block, end: str) -> _Block:
        """Put a whole CASE behind what opened it."""
        last = self.lines[-1]
        one = " ".join([last, *inner.lines, end])
        room = WIDTH - self.indent
        if "\n" not in one and len(one) <= room:
            self.lines[-1] = one
        else:
            pad = "\n" + " " * inner.indent
            body = "".join(pad + line for line in inner.lines)
            self.lines[-1] = f"{last}{body}\n{' ' * self.indent}{end}"
        return self
