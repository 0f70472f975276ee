"""LaTeX that compiles with amsmath alone: long sums broken, cases, matrices, any name."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from string import Formatter
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
from closedform.printers.latex.matrices import dots, fitting, kept_of, row_of, side_by_side
from closedform.printers.latex.names import CLOSE, OPEN, Widths, spelled, width_of, words
from closedform.printers.latex.spelling import Numerals, scribe
from closedform.printers.outline import before_rounding, page
from closedform.printers.scribe import terms_of
from closedform.printers.spell import BREAK

PAGE = 67
"""Digits side by side on a line of an article, less a margin for what is estimated too narrow."""

NOTEBOOK = Extent(trees=2, rules=6, rows=12, side=40, digits=5)
"""What fits a notebook's cell; of a matrix, more than does."""

MOST_ROWS = 12
"""Rows up to which a matrix is shown whole, and cases stand behind one brace."""

MOST_LINES = 60
"""Rows of a notebook's cell; what lies beyond is left out, and said so."""

CUT = Sentence("Large matrices are abbreviated; all numbers: f.to('text').")

SHORT = Sentence(f"Numbers are shown to {NOTEBOOK.digits} digits; all of them: f.to('text').")

AND = r" \text{ and } "

WIDE_LEFT = 14
"""Digits up to which the equals signs of a paragraph stand below each other."""

DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath}
\begin{document}
%s
\end{document}
"""

__all__ = ["before_rounding", "write"]


def write(
    formula: Formula, *, form: str = "auto", width: int | None = None, document: bool = False,
    header: bool = False, limit: int | None = None, notebook: bool = False,
) -> str:  # fmt: skip
    """Return a formula as LaTeX.

    Args:
        form: "line", "steps", "matrix", "rules" or "auto"; see `text.write`.
        width: how many digits fit side by side on a line; default: those of an article.
        document: whether a whole document comes back, or a fragment for one that loads amsmath.
        header: whether a comment says how exact and how long the formula is.
        limit: so many trees of an ensemble are shown; None shows all.
        notebook: one display for MathJax, rounded for the eye and cut to a cell's size.

    Raises:
        BadInput: there is no such form.
        UnsupportedTarget: the formula has no such form, or is too long for it.
    """
    extent = NOTEBOOK if notebook else Extent()
    extent = replace(extent, trees=limit or extent.trees)
    number = Numerals(extent.digits)
    hand = scribe(number, unicode=notebook)
    made = page(formula, hand, hand, form, extent)
    if notebook and number.rounded:
        made.append([SHORT])
    layout = Layout(width or (PAGE + 30 if notebook else PAGE), notebook, flush=notebook)
    if notebook:
        return layout.display(made)
    text = layout.fragment(made)
    text = f"% {formula.summary()}\n{text}" if header else text
    return DOCUMENT % text if document else text


Kept = list[int | None]
"""Positions that are shown, None standing for those left out between them."""


@dataclass
class Layout:
    """Puts a page's blocks into displays of at most `width` digits."""

    width: float
    unicode: bool = False
    flush: bool = False
    room: float = 0
    inline: bool = False
    beside: bool = True
    cut: bool = False
    kept: dict[int, tuple[Kept, Kept]] = field(default_factory=dict)
    sizes: Widths = field(default_factory=Widths)

    def fragment(self, made: Page) -> str:
        """Return displays and sentences; neighbouring paragraphs share a display."""
        parts = self.parts(made)
        return "\n\n".join(_sentence(p) if isinstance(p, Sentence) else _display(p) for p in parts)

    def parts(self, made: Page) -> Iterator[Sentence | list[list[str]]]:
        """Yield sentences, and displays as the rows of their paragraphs."""
        for kind, group in groupby(made, key=_kind):
            paragraphs = list(group)
            blocks = [b for p in paragraphs for b in p]
            if kind is Sentence:
                yield from (b for b in blocks if isinstance(b, Sentence))
                continue
            self.align(blocks)
            yield [self._paragraph(p) for p in paragraphs]
        yield from [CUT] if self.cut else []

    def display(self, made: Page) -> str:
        """Return everything as one display, for MathJax."""
        self.room = self.width
        self.beside = all(self._fits(b) for p in made for b in p if isinstance(b, Rules))
        body = _joined(self._within(made, MOST_LINES))
        return f"$$\\begin{{aligned}}\n{body}\n\\end{{aligned}}$$"

    def _within(self, made: Page, most: int) -> list[list[str]]:
        """Return the rows of a page, those beyond `most` left out; its sentences are kept."""
        kept: list[list[str]] = []
        notes: list[list[str]] = []
        more = 0
        for paragraph in made:
            rows = self._paragraph(paragraph)
            if _kind(paragraph) is Sentence:
                notes.append(rows)
                continue
            kept.append(list(side_by_side(rows[:most])))
            more += len(rows[most:])
            most -= min(most, len(rows))
        if more:
            kept.append([rf"&\text{{\ldots\ {more} more lines: f.to('latex')}}"])
        return kept + notes

    def _paragraph(self, blocks: Sequence[Block]) -> list[str]:
        # A column of short choices reads better a line each than behind as many braces.
        self.inline = sum(isinstance(b, Cases) and len(b.rows) == 1 for b in blocks) > 2
        return [row for block in blocks for row in self.rows(block)]

    def align(self, blocks: Sequence[Block]) -> None:
        """Choose whether equals signs, or the conditions of rules, stand below each other."""
        self.beside = all(self._fits(b) for b in blocks if isinstance(b, Rules))
        lefts = [width_of(b.left) for b in blocks if isinstance(b, Equation | Cases | Lookup)]
        lefts += [width_of(self._called(b)) for b in blocks if isinstance(b, Matrix)]
        parting = any(isinstance(b, Boundary) and b.between for b in blocks)
        self.flush = parting or max(lefts, default=0) > WIDE_LEFT
        self.room = self.width - (0 if self.flush else max(lefts, default=0) + 3)

    def rows(self, block: Block) -> list[str]:
        """Return the lines of a block, each with its alignment mark."""
        return _BLOCKS[type(block)](self, block)

    # --- equations ------------------------------------------------------------------------------

    def equation(self, block: Equation) -> list[str]:
        """Return left = right, continued below the right side."""
        note = rf" \qquad {self.inside(block.note)}" if block.note else ""
        return self._equals(block.left, block.right + note)

    def _equals(self, left: str, right: str) -> list[str]:
        head = f"&{left} = " if self.flush else f"{left} &= "
        room = self.width - width_of(left) - 3 if self.flush else self.room
        first, *rest = self.broken(right, room, below=True)
        return [head + first, *(rf"&\quad {text}" for text in rest)]

    def broken(self, text: str, room: float, *, below: bool = False) -> list[str]:
        """Return an expression in lines that fit, broken outside brackets where it can be.

        Args:
            below: whether the first line may stay empty where nothing fits behind its head.
        """
        later = (self.width if self.flush else self.room) - 3
        lines, used = [""], 0.0
        for term in terms_of(text):
            whole = width_of(term) + 1 <= (later if below or len(lines) > 1 else room)
            for part in [term.replace(BREAK, " ")] if whole else term.split(BREAK):
                size = width_of(part) + 1
                helps = below and len(lines) == 1 and size <= later
                if (lines[-1] or helps) and used + size > room:
                    lines.append("")
                    room, used = later, 0.0
                lines[-1] += (" " if lines[-1] else "") + part
                used += size
        return lines

    def boundary(self, block: Boundary) -> list[str]:
        """Return the equation of a boundary, with the classes that it parts."""
        head = r"&\text{boundary: } " if self.flush else r"\text{boundary: } & "
        if block.between:
            a, b = block.between
            head = rf"&\text{{boundary between }} {a} \text{{ and }} {b}\text{{:}}\quad "
        first, *rest = block.equation.split("\n")
        room = self.width - width_of(head)
        made = [*([""] if width_of(first) + 4 > room else []), *self.broken(first, room)]
        made += [rf"\quad {t}" for more in rest for t in self.broken(more, self.width - 4)]
        return [head + made[0], *(rf"&\quad {t}" for t in made[1:])]

    # --- lists ----------------------------------------------------------------------------------

    def cases(self, block: Cases) -> list[str]:
        """Return values and their conditions behind a brace, or as a list where they are long."""
        rows = [(v, rf"\text{{when }} {c}") for v, c in block.rows]
        rows += [] if block.otherwise is None else [(block.otherwise, r"\text{otherwise}")]
        rows += [(r"\cdots", rf"\text{{{block.left_out} more}}")] if block.left_out else []
        if self.inline and len(rows) == 2:
            (value, when), (other, _) = rows
            return self._equals(
                block.left, rf"{value}\ {BREAK}{when},\ {BREAK}\text{{else }} {other}"
            )
        return self._braced(block.left, rows)

    def lookup(self, block: Lookup) -> list[str]:
        """Return a table of labels as cases, a long one as a list."""
        if len(block.rows) <= MOST_ROWS:
            rows = [(v, label) for label, v in block.rows]
            rows += [(r"\cdots", rf"\text{{{block.left_out} more}}")] if block.left_out else []
            return self._braced(block.left, rows)
        parts = f",{BREAK}".join(rf"{label} \mapsto {v}" for label, v in block.rows)
        return self._equals(block.left, parts)

    def _braced(self, left: str, rows: Sequence[tuple[str, str]]) -> list[str]:
        plain = [(v.replace(BREAK, " "), c.replace(BREAK, " ")) for v, c in rows]
        size = max(width_of(v) for v, _ in plain) + max(width_of(c) for _, c in plain) + 6
        if size + width_of(left) <= self.width and len(rows) <= MOST_ROWS:
            body = " \\\\\n".join(f"  {v} & {c}" for v, c in plain)
            cases = f"\\begin{{cases}}\n{body}\n\\end{{cases}}"
            return [f"&{left} = {cases}" if self.flush else f"{left} &= {cases}"]
        made = [rf"&{left} ={{}}"]
        for (value, _), (_, condition) in zip(rows, plain, strict=True):
            first, *rest = self.broken(value, self.width - 4)
            tail = rf"\qquad {condition}"
            if not rest and width_of(first) + width_of(tail) + 2 <= self.width:
                made.append(rf"&\quad {first} {tail}")
            else:
                made += [rf"&\quad {condition}\text{{:}}", rf"&\qquad {first}"]
                made += [rf"&\qquad\quad {text}" for text in rest]
        return made

    # --- rules ----------------------------------------------------------------------------------

    def _fits(self, block: Rules) -> bool:
        """Tell whether a tree's conditions fit beside its values."""
        facts = (text for r in block.rules for text in self.facts(r.facts))
        texts = chain(chain.from_iterable(r.conditions for r in block.rules), facts)
        return max(map(self.sizes.__getitem__, texts), default=0) + 10 <= self._beside(block)

    def _beside(self, block: Rules) -> float:
        heads = (_values(block, rule).replace(BREAK, " ") for rule in block.rules)
        return self.width - max(map(self.sizes.__getitem__, heads), default=0) - 8

    def rules(self, block: Rules) -> list[str]:
        """Return a small tree as cases, another one as one rule a row."""
        room = self._beside(block)
        alone = not block.title and len(block.left) == 1
        if self.beside and alone and len(block.rules) <= MOST_ROWS:
            return self._tree(block, room)
        rows = [rf"&{block.title}\text{{:}}"] if block.title else []
        for rule in block.rules:
            head = _values(block, rule)
            if self.beside:
                head = head.replace(BREAK, " ")
                first, *rest = self._conditions(rule, room)
                rows += [rf"&\quad {head} && {first}", *(rf"& && {line}" for line in rest)]
            else:
                below = self._conditions(rule, self.width - 6)
                rows += [rf"&\quad {text}" for text in self.broken(head, self.width - 4)]
                rows += [rf"&\qquad {line}" for line in below]
        if block.left_out:
            rows.append(rf"&\quad \text{{\ldots\ {block.left_out} more rules}}")
        return rows

    def _tree(self, block: Rules, room: float) -> list[str]:
        lines = []
        for rule in block.rules:
            first, *rest = self._conditions(rule, room)
            lines += [f"  {rule.values[0]} & {first}", *(f"  & {line}" for line in rest)]
        body = " \\\\\n".join(lines)
        return [f"&{block.left[0]} = \\begin{{cases}}\n{body}\n\\end{{cases}}"]

    def _conditions(self, rule: Rule, room: float) -> Iterator[str]:
        text = rf"\text{{{rule.lead}}}" + " " * bool(rule.conditions)
        # Conditions are measured once, and lines added up: the lines took twice as long.
        wide, before = self.sizes[text], ""
        for condition in rule.conditions:
            size = self.sizes[condition]
            wide += self.sizes[before] + size
            if before and wide > room:
                yield text
                text, before = "", r"\quad" + AND
                wide = self.sizes[before] + size
            text += before + condition
            before = AND
        for i, fact in enumerate(self.facts(rule.facts)):
            text += (mark := ",\\ " if i else r"\text{:}")
            wide += width_of(mark) + width_of(fact)
            if wide + 3 > room:
                yield text
                text = r"\quad " + fact
                wide = width_of(text)
            else:
                text += fact if i else r"\quad " + fact
                wide += 0 if i else width_of(r"\quad ")
        yield text

    def facts(self, block: Sentence) -> list[str]:
        """Return what is known of a leaf, in parts that may stand on lines of their own."""
        if not block.template:
            return []
        return [self.inside(Sentence(part, block.names)) for part in block.template.split(", ")]

    # --- matrices -------------------------------------------------------------------------------

    def matrix(self, block: Matrix) -> list[str]:
        """Return a matrix, a large one abbreviated and its size stated."""
        if block.vector:
            return self._vector(block)
        across, down = self._shown(block)
        rows = [row_of(block.entries[i], across) if i is not None else dots(across) for i in down]
        body = " \\\\\n".join(rows)
        self.cut = self.cut or None in across or None in down
        left = self._called(block)
        array = f"\\left[\\begin{{array}}{{{'r' * len(across)}}}\n{body}\n\\end{{array}}\\right]"
        return [f"&{left} = {array}" if self.flush else f"{left} &= {array}"]

    def _shown(self, block: Matrix) -> tuple[Kept, Kept]:
        """Return which columns and rows of a matrix are shown, None for those left out."""
        if id(block) not in self.kept:
            wide = [max(map(width_of, c)) + 2.6 for c in zip(*block.entries, strict=True)]
            across, down = fitting(wide, self.width - 24), kept_of(len(block.entries), MOST_ROWS)
            self.kept[id(block)] = across, down
        return self.kept[id(block)]

    def _called(self, block: Matrix) -> str:
        """Return the name of a matrix, with its size where not all of it is shown."""
        if block.vector or not any(None in kept for kept in self._shown(block)):
            return block.name
        return rf"{block.name}\;{OPEN}{block.shape[0]}\times{block.shape[1]}{CLOSE}"

    def _vector(self, block: Matrix) -> list[str]:
        kept = kept_of(block.shape[0], 2 * MOST_ROWS)
        parts = [r"\ldots" if i is None else block.entries[0][i] for i in kept]
        parts = [f"{{{p}}}" if p[0] == "-" else p for p in parts]  # a sign, not a difference
        return self._equals(block.name, f"({f',{BREAK}'.join(parts)})^{{\\top}}")

    def sentence(self, block: Sentence) -> list[str]:
        """Return plain words as rows of a display."""
        parts = textwrap.wrap(block.template, int(self.width), break_long_words=False)
        return ["&" + self.inside(Sentence(part, block.names)) for part in parts]

    def inside(self, block: Sentence) -> str:
        """Return a sentence inside maths, where MathJax knows no escaped signs in text."""
        parts = ((spelled(t, unicode=self.unicode) if t else "") + n for t, n in pieces(block))
        return "".join(parts)


def pieces(block: Sentence) -> Iterator[tuple[str, str]]:
    """Yield plain words and the spelled name behind them."""
    for text, place, _, _ in Formatter().parse(block.template):
        yield text, "" if place is None else block.names[int(place)]


def _sentence(block: Sentence) -> str:
    """Return a sentence in text mode, its names in maths."""
    parts = (words(text) + (f"${name}$" if name else "") for text, name in pieces(block))
    return _brackets("".join(parts))


def _values(block: Rules, rule: Rule) -> str:
    if not block.left:
        return ",\\ ".join(rule.values)
    return ",\\ ".join(f"{x} = {v}" for x, v in zip(block.left, rule.values, strict=True))


def _kind(paragraph: Sequence[Block]) -> type:
    """Return what a paragraph is laid out as: rules, sentences, or equations."""
    first = type(paragraph[0])
    return first if first in (Rules, Sentence) else Equation


def _display(paragraphs: Sequence[Sequence[str]]) -> str:
    display = f"\\begin{{align*}}\n{_joined(paragraphs)}\n\\end{{align*}}"
    # Only a display that may not fit the rest of a page is worth breaking.
    long = sum(map(len, paragraphs)) > MOST_ROWS
    return "{\\allowdisplaybreaks\n" + display + "}" if long else display


def _joined(paragraphs: Sequence[Sequence[str]]) -> str:
    ends = " \\\\\n"
    return " \\\\[1.5ex]\n".join(ends.join(map(_brackets, rows)) for rows in paragraphs if rows)


def _brackets(row: str) -> str:
    """Return a row with brackets that grow with the fractions and cases between them."""
    opened: list[int] = []
    pieces = re.split(r"([()])", row)
    for i, piece in enumerate(pieces):
        if piece == "(":
            opened.append(i)
        elif piece == ")" and opened:
            start = opened.pop()
            inner = "".join(pieces[start:i])
            if r"\frac" in inner or r"\begin" in inner:
                pieces[start], pieces[i] = r"\left(", r"\right)"
    text = "".join(pieces).replace(OPEN, "(").replace(CLOSE, ")")
    # Behind a space, TeX would take the sign of a number for a difference.
    return re.sub(r"(\\text\{(?:when| and) \}|\\q?quad) ?-(?=\d)", r"\1 {-}", text)


_BLOCKS: dict[type, Callable[[Layout, Any], list[str]]] = {
    Equation: Layout.equation,
    Boundary: Layout.boundary,
    Cases: Layout.cases,
    Lookup: Layout.lookup,
    Rules: Layout.rules,
    Matrix: Layout.matrix,
    Sentence: Layout.sentence,
}
