"""Plain text: the blocks of a formula laid out for a terminal."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from closedform.formula import Formula
from closedform.printers.blocks import (
    Block,
    Boundary,
    Cases,
    Equation,
    Lookup,
    Matrix,
    Page,
    Rule,
    Rules,
    Sentence,
)
from closedform.printers.draft import Extent
from closedform.printers.outline import before_rounding, page
from closedform.printers.plain import Numerals, scribe
from closedform.printers.scribe import terms_of
from closedform.printers.spell import BREAK, unbroken

BRIEF = Extent(trees=3, rules=8, rows=12, side=6, digits=5)
"""What fits a terminal."""

MOST_LINES = 60
"""Lines of a brief text; what lies beyond is left out, and said so."""

FEW_EQUATIONS = 3
"""Long sums up to which each term gets a line of its own, in aligned columns."""


__all__ = ["before_rounding", "write"]


def write(
    formula: Formula, *, form: str = "auto", width: int = 100, header: bool = False,
    limit: int | None = None, brief: bool = False,
) -> str:  # fmt: skip
    """Return a formula as plain text.

    Args:
        form: "line" (one expression for each number, which `compare` reads back), "steps" (a line
            for each shared value), "matrix" (networks), "rules" (trees), or "auto".
        width: characters on a line.
        header: whether a first line says how exact and how long the formula is.
        limit: so many trees of an ensemble are shown; None shows all.
        brief: fit for a terminal: rounded for the eye and at most 60 lines, saying so.

    Raises:
        BadInput: there is no such form.
        UnsupportedTarget: the formula has no such form, or is too long for it.
    """
    extent = BRIEF if brief else Extent()
    extent = extent if limit is None else Extent(limit, *_after_first(extent))
    number = Numerals(extent.digits)
    made = page(formula, scribe(number), scribe(number, pasted=True), form, extent)
    lines = Layout(width, made).lines()
    if header:
        lines = [formula.summary(), "", *lines]
    notes = []
    if brief and len(lines) > MOST_LINES:
        cut = len(lines) - (MOST_LINES - 4)
        lines = lines[:-cut]
        notes.append(f"… {cut} more lines: f.to('text')")
    if number.rounded:
        notes.append(f"Numbers are shown to {extent.digits} digits; with all of them: f.to('text')")
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _after_first(extent: Extent) -> tuple[int | None, ...]:
    return extent.rules, extent.rows, extent.side, extent.digits


def columns(text: str) -> int:
    """Return how many places a text takes in a terminal: wide characters take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it up to a width."""
    return text + " " * (width - columns(text))


@dataclass
class Layout:
    """Puts a page's blocks on lines of at most `width` characters, where that is possible."""

    width: int
    page: Page

    def lines(self) -> list[str]:
        """Return all lines, paragraphs apart by an empty one."""
        self.in_columns = sum(self._is_long(b) for p in self.page for b in p) <= FEW_EQUATIONS
        out: list[str] = []
        for paragraph in self.page:
            out += [""] if out else []
            after = False
            for i, block in enumerate(paragraph):
                made = _BLOCKS[type(block)](self, block)
                out += [*([""] if i and (len(made) > 3 or after) else []), *made]
                after = len(made) > 3
        return out

    def _is_long(self, block: Block) -> bool:
        return isinstance(block, Equation) and len(block.right) > 2 * (self.width - 10)

    # --- equations ------------------------------------------------------------------------------

    def equation(self, block: Equation) -> list[str]:
        """Return left = right, continued below the right side."""
        note = f"   {_said(block.note)}" if block.note else ""
        head = f"{block.left} = "
        whole = head + unbroken(block.right) + note
        if columns(whole) <= self.width:
            return [whole]
        indent = " " * min(columns(head), 12)
        terms = terms_of(block.right, quote="`")
        wide = max(map(columns, terms)) + 12 > self.width
        if self.in_columns and self._is_long(block) and len(terms) > 3 and not wide:
            return [*_in_columns(head, terms, indent, self.width), *([note] if note else [])]
        lines = self.flow(head, block.right, indent)
        lines[-1] += note
        return lines

    def flow(self, head: str, text: str, indent: str) -> list[str]:
        """Return a text filled into lines at its soft breaks, those outside brackets first."""
        lines = [head]
        for i, term in enumerate(terms_of(text, quote="`")):
            whole = columns(indent) + columns(term) <= self.width
            for j, part in enumerate([unbroken(term)] if whole else term.split(BREAK)):
                if i + j and columns(lines[-1]) + 1 + columns(part) > self.width:
                    lines.append(_indented(part, columns(indent), self.width))
                else:
                    lines[-1] += (" " if i + j else "") + part
        return lines

    def boundary(self, block: Boundary) -> list[str]:
        """Return the equation of a boundary, with the classes that it parts."""
        of = f" between {' and '.join(block.between)}" if block.between else ""
        first, *rest = block.equation.split("\n")
        lines = self.flow(f"boundary{of}: ", first, "    ")
        return [*lines, *(line for text in rest for line in self.flow("    ", text, "        "))]

    # --- lists ----------------------------------------------------------------------------------

    def cases(self, block: Cases) -> list[str]:
        """Return `y = a when c, else b`, or a list of it."""
        rows = [(unbroken(v), unbroken(c)) for v, c in block.rows]
        other = None if block.otherwise is None else unbroken(block.otherwise)
        line = f"{block.left} = " + ", ".join(f"{v} when {c}" for v, c in rows)
        line += "" if other is None else f", else {other}"
        if columns(line) <= self.width and len(rows) < 3 and not block.left_out:
            return [line]
        wide = max(columns(v) for v in [*(v for v, _ in rows), other or ""])
        if wide > self.width // 2:
            return self._conditions_first(block)
        texts = [f"{padded(v, wide)}   when {c}" for v, c in rows]
        texts += [f"… {block.left_out} more rows"] if block.left_out else []
        texts += [] if other is None else [f"{padded(other, wide)}   otherwise"]
        head = f"{block.left} = "
        if columns(head) + max(map(columns, texts)) <= self.width:
            return [head + texts[0], *(" " * columns(head) + t for t in texts[1:])]
        lines = [head.rstrip()]
        for text, (v, c) in zip(texts, block.rows, strict=False):
            whole = columns(text) + 4 <= self.width
            start = f"    {padded(unbroken(v), wide)}   when "
            lines += (
                ["    " + text] if whole else self.flow(start, _breakable(c), " " * columns(start))
            )
        return lines + ["    " + text for text in texts[len(rows) :]]

    def _conditions_first(self, block: Cases) -> list[str]:
        """Return a list of long values, each behind its condition, or below a long one."""
        conditions = [f"when {c}" for _, c in block.rows]
        values = [v for v, _ in block.rows]
        if block.otherwise is not None:
            conditions, values = [*conditions, "otherwise"], [*values, block.otherwise]
        wide = max(columns(unbroken(c)) for c in conditions)
        lines = [f"{block.left} ="]
        for condition, value in zip(conditions, values, strict=True):
            if wide <= self.width // 3:
                head = f"    {padded(unbroken(condition), wide)}   "
                lines += self.flow(head, value, " " * columns(head))
            else:
                lines += self.flow("   ", _breakable(condition), " " * 8)
                lines += self.flow(" " * 11, value, " " * 12)
        return [*lines, *([f"    … {block.left_out} more rows"] if block.left_out else [])]

    def lookup(self, block: Lookup) -> list[str]:
        """Return `effect(sex): F → 0.12, M → −0.3`."""
        parts = [f"{label} → {value}" for label, value in block.rows]
        parts += [f"… {block.left_out} more"] if block.left_out else []
        return self.flow(f"{block.left}: ", f",{BREAK}".join(parts), "    ")

    # --- rules ----------------------------------------------------------------------------------

    def rules(self, block: Rules) -> list[str]:
        """Return one rule a line: values, conditions, facts."""
        indent = "  " if block.title else ""
        heads = [indent + unbroken(_values(block, rule)) for rule in block.rules]
        wide = max(map(columns, heads), default=0)
        bodies = [_when(rule) for rule in block.rules]
        facts = [_said(rule.facts) for rule in block.rules]
        room = self.width - wide - 3
        long = max(map(columns, bodies), default=0)
        beside = long + 3 + max(map(columns, facts), default=0) <= room
        lines = [block.title + ":"] if block.title else []
        for head, body, fact in zip(heads, bodies, facts, strict=True):
            if beside:
                lines.append(f"{padded(head, wide)}   {padded(body, long)}   {fact}".rstrip())
                continue
            lines += _hung(f"{padded(head, wide)}   ", body, fact, self.width)
        if block.left_out:
            lines.append(f"{indent}… {block.left_out} more rules: f.to('text', form='rules')")
        return lines

    # --- matrices -------------------------------------------------------------------------------

    def matrix(self, block: Matrix) -> list[str]:
        """Return a matrix in aligned columns, a wide one in several blocks of them."""
        if block.vector:
            return self._vector(block)
        head = f"{block.name} ({block.shape[0]} × {block.shape[1]})"
        wide = [max(map(columns, c)) for c in zip(*block.entries, strict=True)]
        blocks = _fitting(wide, self.width - 4)
        lines = []
        for first, last in blocks:
            part = f", columns {first + 1} to {last}" if last > first + 1 else f", column {last}"
            part = "" if len(blocks) == 1 else part
            lines.append(f"{head}{part}:")
            for row in block.entries:
                cells = [" " * (w - columns(c)) + c for w, c in
                         zip(wide[first:last], row[first:last], strict=True)]  # fmt: skip
                lines.append("  [ " + "  ".join(cells) + " ]")
        return lines

    def _vector(self, block: Matrix) -> list[str]:
        return self.flow(f"{block.name} = ", f"({f',{BREAK}'.join(block.entries[0])})", "      ")

    def sentence(self, block: Sentence) -> list[str]:
        """Return plain words, filled into lines."""
        return textwrap.wrap(_said(block), self.width, break_long_words=False)


def _said(block: Sentence) -> str:
    return block.template.format(*block.names)


def _values(block: Rules, rule: Rule) -> str:
    if not block.left:
        return ", ".join(rule.values)
    return ", ".join(f"{x} = {v}" for x, v in zip(block.left, rule.values, strict=True))


def _when(rule: Rule) -> str:
    return rule.lead + " and ".join(rule.conditions)


def _breakable(condition: str) -> str:
    """Return a condition with soft breaks before each `and` and `or` that is in no name."""
    parts = condition.split("`")
    parts[::2] = [re.sub(" (and|or) ", rf"{BREAK}\1 ", part) for part in parts[::2]]
    return "`".join(parts)


def _indented(part: str, indent: int, width: int) -> str:
    """Return a part of a line that is continued, farther left where it would be too wide."""
    return " " * min(indent, max(4, width - columns(part))) + part


def _hung(head: str, body: str, fact: str, width: int) -> list[str]:
    """Return one rule on several lines: its conditions filled, its facts at the right margin."""
    indent = " " * columns(head)
    parts = body.split(" and ")
    lines = [head + parts[0]]
    if columns(lines[0]) > width:
        lines = [head.rstrip(), _indented(parts[0], columns(indent), width)]
    for part in parts[1:]:
        if columns(lines[-1]) + 5 + columns(part) > width:
            lines.append(_indented("and " + part, columns(indent) + 5, width))
        else:
            lines[-1] += " and " + part
    if columns(fact) > width - 8:
        filled = textwrap.wrap(fact, width - 8, break_long_words=False, break_on_hyphens=False)
        return [*lines, *(" " * 8 + part for part in filled)]
    edge = width - columns(fact)
    if fact and columns(lines[-1]) + 3 > edge:
        lines.append("")
    lines[-1] = padded(lines[-1], edge) + fact if fact else lines[-1]
    return lines


def _in_columns(head: str, terms: Sequence[str], indent: str, width: int) -> list[str]:
    """Return a long sum with one term a line, the numbers' points below each other."""
    first, *rest = [unbroken(t) for t in terms]
    signed = [(t[0], *_factor(t[2:])) for t in rest]
    before = max(len(n.partition(".")[0]) for _, n, _ in signed)
    after = max(len(n) - len(n.partition(".")[0]) for _, n, _ in signed)
    lines = [head + first]
    for sign, number, name in signed:
        whole, point, part = number.partition(".")
        cell = " " * (before - len(whole)) + number + " " * (after - len(point + part))
        lines.append(f"{indent}{sign} " + (f"{cell} * {name}" if number else name))
    return lines


_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\*(?!\*)")


def _factor(term: str) -> tuple[str, str]:
    found = _NUMBER.match(term)
    return (found.group(1), term[found.end() :]) if found else ("", term)


def _fitting(wide: Iterable[int], width: int) -> list[tuple[int, int]]:
    """Return which columns stand side by side within a width."""
    blocks, first, used, count = [], 0, 0, 0
    for i, w in enumerate(wide):
        if count and used + w + 2 > width:
            blocks.append((first, i))
            first, used, count = i, 0, 0
        used, count = used + w + 2, count + 1
    return [*blocks, (first, first + count)]


_BLOCKS: dict[type, Callable[[Layout, Any], list[str]]] = {
    Equation: Layout.equation,
    Boundary: Layout.boundary,
    Cases: Layout.cases,
    Lookup: Layout.lookup,
    Rules: Layout.rules,
    Matrix: Layout.matrix,
    Sentence: Layout.sentence,
}
