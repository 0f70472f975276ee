"""The LaTeX that this package writes, as elements of MathML Core.

Only the commands that `latex` itself writes are known: that is a closed list, and a new one among
them is an error here, never a word on somebody's page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from itertools import cycle, repeat

from closedform.printers.latex.names import CLOSE, GREEK, MARKS, OPEN, SYMBOLS

SIGNS = {
    **{"+": "+", "-": "\u2212", "=": "=", "<": "<", ">": ">", ",": ",", ":": ":", "/": "/"},
    **{r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\in": "∈", r"\notin": "∉", r"\to": "→"},
    **{r"\times": "×", r"\cdot": "⋅", r"\mapsto": "↦", r"\sum": "∑"},
    **{r"\ldots": "…", r"\cdots": "⋯", r"\vdots": "⋮", r"\ddots": "⋱"},
    **{"…": "…", "⋮": "⋮", "|": "|", r"\{": "{", r"\}": "}", OPEN: "(", CLOSE: ")"},
}
"""Operators and dots; the signs of an equation get their spaces from the browser."""

SPACES = {r"\ ": "0.35em", r"\;": "0.28em", r"\quad": "1em", r"\qquad": "2em"}
FUNCTIONS = {
    **{rf"\{name}": name for name in ("exp", "log", "tanh", "sin", "cos", "min", "max")},
    **{r"\arctan": "arctan", r"\arcsin": "arcsin", r"\arccos": "arccos"},
}
LETTERS = {
    **{rf"\{name}": letter for letter, name in GREEK.items()},
    **{r"\infty": "∞", r"\partial": "∂", r"\top": "⊤", r"\langle": "⟨", r"\rangle": "⟩"},
}
OPENING = {"(": "(", "[": "[", r"\lvert": "|", r"\lfloor": "⌊"}
CLOSING = {")": ")", "]": "]", r"\rvert": "|", r"\rfloor": "⌋"}
ARITY = {r"\frac": ("mfrac", 2), r"\sqrt": ("msqrt", 1)}
SCRIPTS = {"^": "msup", "_": "msub"}
QUOTES = {"``": "“", "''": "”", "--": "–", "---": "—", "`": "‘", "'": "’"}
"""What a text holds that stands alone: a name with these signs in it is split around them."""
NAMED = {text: sign for sign, text in SYMBOLS.items() if text.startswith("{")}
NAMED |= {text: sign for sign, text in MARKS.items() if sign not in "{}"}
"""Signs that only the names of inputs and classes have: they are text."""
BOLD = {"x": "𝐱"}
NBSP = "\u00a0"
TIMES = '<mo lspace="0" rspace="0.17em">\u2062</mo>'
NEGATIVE = '<mo form="prefix">\u2212</mo>'
"""The sign of a number, which stands close to it; that of a difference has spaces around."""
APPLY = "<mo>\u2061</mo>"

_TOKENS = re.compile(
    "|".join(
        [
            *map(re.escape, sorted(NAMED, key=len, reverse=True)),
            r"\\(?P<style>text|mathrm|mathbf|operatorname\*?)\{(?P<words>(?:[^{}\\]|\\.)*)\}",
            r"\\(?P<side>begin|end)\{(?P<kind>\w+)\}(?:\{(?P<columns>[lcr@{}]*)\}(?![\w]))?",
            r"\\\\",
            r"\\[A-Za-z]+",
            r"\\.",
            r"\d+(?:\.\d+)?",
            f"[{OPEN}{CLOSE}]",  # to Python, these two are spaces
            r"\s+",
            r".",
        ]
    ),
    re.S,
)


@dataclass
class Frame:
    """What is open: braces, brackets or a table, and the elements in it so far."""

    kind: str
    opened: str = ""
    columns: str = ""
    items: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=lambda: [[]])


class Reader:
    """One walk over a row of LaTeX; nothing is nested in the walk, however deep the brackets."""

    def __init__(self) -> None:
        """Open the row."""
        self.stack = [Frame("row")]

    def cells(self, latex: str) -> list[str]:
        """Return the cells of a row, each as elements.

        Raises:
            ValueError: a command that `latex` does not write.
        """
        for part in _SEAMS.split(latex):
            if part in _CELLS:
                self.cell(part)
            elif (made := whole(part)) is not None:
                self.stack[-1].items.append(made)
            else:
                for found in _TOKENS.finditer(part):
                    self._read(found)
        frame = self._table()
        if len(self.stack) > 1:
            raise ValueError(f"{latex!r} has braces without an end")
        frame.rows[-1].append(reduced(frame.items))
        return frame.rows[0]

    @property
    def items(self) -> list[str]:
        """The elements in what is open now."""
        return self.stack[-1].items

    def _read(self, found: re.Match[str]) -> None:
        token = found[0]
        if found.lastgroup == "words":
            self.stack[-1].items.append(styled(found["style"], found["words"]))
        elif found.lastgroup is not None:
            self._environment(found)
        elif token in _ACTIONS:
            _ACTIONS[token](self, token)
        elif token in NAMED:
            self.items.append(text(NAMED[token]))
        elif token == "-" and found.end() < len(found.string) and found.string[found.end()] != " ":
            self.items.append(NEGATIVE)
        elif token in SIGNS or not token.isspace():
            self.items.append(element(token))

    def _environment(self, found: re.Match[str]) -> None:
        if found["side"] == "begin":
            self.stack.append(Frame("table", found["kind"], found["columns"] or ""))
            return
        frame = self._table()
        self.stack.pop()
        frame.rows[-1].append(reduced(frame.items))
        self.items.append(table(frame))

    def _table(self) -> Frame:
        """Return the innermost table; a bracket that a line break has left open ends there."""
        while self.stack[-1].kind == "bracket":
            self._flatten()
        return self.stack[-1]

    def _flatten(self) -> None:
        frame = self.stack.pop()
        self.items.extend([fence(OPENING[frame.opened]), *frame.items])

    def cell(self, _: str) -> None:
        """End a cell of a table."""
        frame = self._table()
        frame.rows[-1].append(reduced(frame.items))
        frame.items = []

    def row(self, token: str) -> None:
        """End a row of a table."""
        self.cell(token)
        self.stack[-1].rows.append([])

    def open(self, token: str) -> None:
        """Open braces or brackets."""
        self.stack.append(Frame("brace" if token == "{" else "bracket", token))

    def close_brace(self, _: str) -> None:
        """End what braces hold: one element."""
        while self.stack[-1].kind == "bracket":
            self._flatten()
        self.items_into(f"<mrow>{reduced(self.stack.pop().items)}</mrow>")

    def items_into(self, made: str) -> None:
        """Add an element to what is open now."""
        self.items.append(made)

    def close_bracket(self, token: str) -> None:
        """End brackets, which grow with what they hold."""
        frame = self.stack[-1]
        if frame.kind != "bracket":
            self.items.append(fence(CLOSING[token]))
            return
        self.stack.pop()
        if self.items and self.items[-1].startswith('<mi class="f"'):
            self.items.append(APPLY)
        inner = reduced(frame.items)
        begin, end = (fence(x, inner) for x in (OPENING[frame.opened], CLOSING[token]))
        self.items.append(f"<mrow>{begin}{inner}{end}</mrow>")

    def wait(self, token: str) -> None:
        """Keep a command until the elements that it takes are there."""
        self.items.append(token)

    def skip(self, _: str) -> None:
        """Leave out what only LaTeX needs: a browser's brackets grow by themselves."""


_ACTIONS: dict[str, Callable[[Reader, str], None]] = {
    **dict.fromkeys(["{", *OPENING], Reader.open),
    **dict.fromkeys(CLOSING, Reader.close_bracket),
    **dict.fromkeys([*ARITY, *SCRIPTS], Reader.wait),
    **dict.fromkeys([r"\left", r"\right"], Reader.skip),
    "}": Reader.close_brace,
    "&": Reader.cell,
    r"\\": Reader.row,
}


_SEAMS = re.compile(
    rf"( \\text\{{ (?:and \}} |{OPEN}or missing{CLOSE}\}})"
    r"| ?(?<!\\)& ?| \\\\\n| < | \\[lg]e |\\q?quad\b)"
)
"""Between conditions, their sides, cells and rows; names hold none, their signs being commands.

What stands between two of them is read once: a forest repeats its names and limits.
"""
_CELLS = {"&", " &", "& ", " & "}
_BETWEEN_CELLS = re.compile(r"(?<!\\)&")
_NUMBER = re.compile(r" ?(-?)(\d+(?:\.\d+)?) ?")
_ENDS = {"}", *CLOSING}


_AND = r" \text{ and } "
_JOINT = f"<mtext>{NBSP}and{NBSP}</mtext>"
"""What stands between two conditions, before and after: it is found without a pattern."""


def row_of(latex: str, gap: str = "") -> str:
    """Return a row of a display, its cells set to the right and to the left in turn.

    Args:
        gap: more of the cells' style.

    Raises:
        ValueError: a command that `latex` does not write.
    """
    head, *later = latex.split(_AND)
    try:
        if not gap:
            made = _JOINT.join([_opened(head), *map(condition, later)])
            return f"<mtr>{made.replace(_SPLIT, '')}</mtd></mtr>"
    except _OpenError:
        pass
    return f"<mtr>{_cells(cells_of(latex), gap)}</mtr>"


@lru_cache(4096)  # most rows of a forest go on with the conditions of the row above
def _opened(latex: str) -> str:
    return _cells(map(condition, _apart(latex))).removesuffix("</mtd>")


def _apart(latex: str) -> list[str]:
    return latex.split("&") if r"\&" not in latex else _BETWEEN_CELLS.split(latex)


def _cells(contents: Iterable[str], gap: str = "") -> str:
    return "".join(map(cell, contents, cycle(("right", "left")), repeat(gap)))


def cells_of(latex: str) -> list[str]:
    """Return the cells of a row, each as elements; of one without tables, in half the time.

    Raises:
        ValueError: a command that `latex` does not write.
    """
    try:
        made = [_JOINT.join(map(condition, cell.split(_AND))) for cell in _apart(latex)]
    except _OpenError:
        return Reader().cells(latex)
    return [_texts_joined([cell]) for cell in made]


class _OpenError(Exception):
    """A part opens what another one ends."""


@lru_cache(4096)  # the leaves below a split repeat its condition
def condition(latex: str) -> str:
    """Return the elements of a condition, its sides read one by one."""
    made = ""
    for side in map(whole, _SEAMS.split(latex)):
        if side is None:
            raise _OpenError
        made += side
    return made


@lru_cache(4096)  # conditions repeat the same names and signs
def whole(latex: str) -> str | None:
    """Return the elements of a part that opens and ends nothing else; None of any other part."""
    if number := _NUMBER.fullmatch(latex):
        return (NEGATIVE if number[1] else "") + f"<mn>{number[2]}</mn>"
    reader = Reader()
    for found in _TOKENS.finditer(latex):
        token, outside = found[0], len(reader.stack) == 1
        if found["side"] or token in ("&", r"\\") or (outside and token in _ENDS):
            return None
        reader._read(found)
    return reduced(reader.items) if len(reader.stack) == 1 else None


_COMMANDS = frozenset([*ARITY, *SCRIPTS])


def reduced(items: Sequence[str]) -> str:
    """Return elements in a row, fractions, roots, indices and powers put together."""
    if _COMMANDS.isdisjoint(items):
        return _texts_joined(items)
    made: list[str] = []
    waiting = iter(items)
    for item in waiting:
        if item in ARITY:
            tag, count = ARITY[item]
            made.append(f"<{tag}>{''.join(next(waiting) for _ in range(count))}</{tag}>")
        elif item in SCRIPTS:
            below = made.pop() if made else "<mrow></mrow>"
            tag = "munder" if item == "_" and below in _LIMITED else SCRIPTS[item]
            made.append(f"<{tag}>{below}{next(waiting)}</{tag}>")
        else:
            made.append(item)
    return _texts_joined(made)


def _texts_joined(made: Sequence[str]) -> str:
    """Return elements in a row, neighbouring texts as one: a name is one, whatever its signs."""
    return "".join(made).replace(_SPLIT, "")


_SPLIT = "</mtext><mtext>"


@lru_cache(4096)  # the conditions of a forest repeat the same names and signs
def element(token: str) -> str:
    """Return the element of a letter, a number, a sign or a command.

    Raises:
        ValueError: it is no command that `latex` writes.
    """
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token in SIGNS:
        fenced = ' stretchy="false"' if SIGNS[token] in "(){}|" else ""
        return f"<mo{fenced}>{escape(SIGNS[token])}</mo>"
    if token in SPACES:
        return f'<mspace width="{SPACES[token]}"/>'
    if token == r"\,":
        return TIMES
    if token in FUNCTIONS:
        return f'<mi class="f">{FUNCTIONS[token]}</mi>'
    if token in LETTERS:
        return f"<mi>{LETTERS[token]}</mi>"
    if re.fullmatch("[A-Za-z]", token):
        return f"<mi>{token}</mi>"
    raise ValueError(f"{token!r} is no command of this package's LaTeX")


@lru_cache(4096)
def styled(style: str, words: str) -> str:
    r"""Return the element of \text{…}, \mathrm{…}, \mathbf{…} or \operatorname{…}."""
    if style == "text":
        return text(QUOTES.get(words) or _plain(words))
    plain = escape(_plain(words))
    if style == "mathbf":
        return f"<mi>{BOLD.get(plain, plain)}</mi>"
    if style == "mathrm":
        return f'<mi mathvariant="normal">{plain}</mi>'
    return f"<mo>{plain}</mo>" if style.endswith("*") else f'<mi class="f">{plain}</mi>'


_LIMITED = ("<mo>∑</mo>", "<mo>arg max</mo>")
"""What has its index below it."""


def _plain(words: str) -> str:
    found = words.replace(r"\ldots", "…").replace(r"\,", " ").replace(OPEN, "(").replace(CLOSE, ")")
    return re.sub(r"\\(.)", r"\1", found)


def text(words: str) -> str:
    """Return plain words; a browser would drop spaces at their ends, and runs of them."""
    return f"<mtext>{escape(words.replace(' ', NBSP), quote=False)}</mtext>"


def fence(sign: str, inner: str = "") -> str:
    """Return a bracket, which grows with fractions and tables between it and its other half."""
    grows = "<mfrac>" in inner or "<mtable>" in inner
    return f'<mo stretchy="{"true" if grows else "false"}" lspace="0" rspace="0">{sign}</mo>'


def table(frame: Frame) -> str:
    """Return a matrix, or cases behind their brace."""
    rows = (r for r in frame.rows if any(r))
    sides = _sides(frame.columns)
    made = "".join(
        f"<mtr>{''.join(cell(c, sides.get(i, 'left')) for i, c in enumerate(r))}</mtr>"
        for r in rows
    )
    whole = f"<mtable>{made}</mtable>"
    return f"<mrow><mo>{{</mo>{whole}</mrow>" if frame.opened == "cases" else whole


def _sides(columns: str) -> dict[int, str]:
    """Return how each column of an array is set, by its position."""
    sides = {"l": "left", "c": "center", "r": "right"}
    return dict(enumerate(sides[c] for c in columns if c in sides))


def cell(content: str, side: str, more: str = "") -> str:
    """Return a cell of a table, its content set to the left, the center or the right."""
    if not content and not more:
        return "<mtd></mtd>"
    # Chromium (156) sets a cell to the right by its own word alone; Firefox knows both.
    own = ";text-align:-webkit-right" if side == "right" else ""
    return f'<mtd style="text-align:{side}{own}{more}">{content}</mtd>'
