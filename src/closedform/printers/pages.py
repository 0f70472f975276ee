"""The parts that programs in C and its kin have in common: arrays, helpers, lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from closedform.formula import Formula
from closedform.ir import Node
from closedform.passes.lower import lower
from closedform.printers.clike import Statement, Syntax, Writer, spelled
from closedform.printers.forests import Data
from closedform.printers.program import Program, helpers_used, program
from closedform.printers.spell import BREAK, Language, unbroken, wrapped
from closedform.printers.zeros import with_zeros

NEEDS: Mapping[str, tuple[str, ...]] = {
    "affine": ("dot",),
    "distances": ("squared_distance",),
    "least_of": ("least",),
    "most_of": ("most",),
    "forest": ("leaf",),
    "forests": ("leaf",),
    "forest32": ("leaf",),
}
"""The helpers that a helper calls, in every language."""


@dataclass(frozen=True)
class Page:
    """A program of one of these languages, in parts; how it declares a value is its own.

    Attributes:
        made: the lines, and what they need.
        writer: what wrote them.
        prelude, needs: the text of each helper, and the helpers that a helper calls.
    """

    made: Program
    writer: Writer
    prelude: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]

    @property
    def formula(self) -> Formula:
        """The formula, in what the language spells."""
        return self.made.formula

    def arrays(self) -> Iterator[tuple[str, Data]]:
        """Yield each constant array, those of the trees among them."""
        for name, data in self.made.speller.constants.values():
            if isinstance(data, Data):
                yield name, data
        if {"leaf", "forest", "forests", "forest32"}.intersection(self.made.helpers):
            yield from self.writer.forest.arrays().items()

    def trees(self) -> list[str]:
        """Return the trees that are functions of their own."""
        return [t for _, t in self.made.speller.constants.values() if isinstance(t, str)]

    def helpers(self, *more: str) -> Iterator[str]:
        """Yield the functions that the program calls, in order."""
        called = helpers_used(self.trees(), self.prelude, self.needs)
        wanted = {*self.made.helpers, *called, *more}
        sets = len(self.writer.forest.sizes) > 0
        wanted |= {"among", "goes_left"} if sets and "leaf" in wanted else set()
        asked = self.writer.syntax.goes_left[sets]
        for name, body in self.prelude.items():
            if name in wanted:
                yield body.replace("GOES_LEFT", asked)

    @cached_property
    def asked(self) -> list[int]:
        """The inputs whose values some line names."""
        texts = [text for _, text, _ in self._read_lines]
        words = _words([*texts, *self.made.outputs.values(), self.made.guard or ""])
        return [i for i, name in enumerate(self.made.inputs) if name in words]

    def lines(self, declared: Callable[[Node, str, str], str], refuse: str) -> list[str]:
        """Return the statements of the function, with what refuses a row where that is known.

        A value that nobody reads (one that only a part of a tree asks for that no row reaches) is
        left out: compilers warn of it, and Go's refuses it.

        Args:
            declared: the declaration of a value, from its node, its name and its text.
            refuse: what leaves the function, of no row if empty.
        """
        found = []
        for name, text, n in self._read_lines:
            whole = text if isinstance(text, Statement) else declared(n, name, text)
            found.append("\n".join(map(fitted, whole.split("\n"))))
        if refuse:
            before = {id(line) for line in self.made.speller.lines[: self.made.guard_lines]}
            found.insert(sum(id(line) in before for line in self._read_lines), refuse)
        return found

    @cached_property
    def _read_lines(self) -> list[tuple[str, str, Node]]:
        """The lines whose names some later line or an output reads."""
        words = _words([*self.made.outputs.values(), self.made.guard or ""])
        kept = []
        for line in reversed(self.made.speller.lines):
            if line[0] in words:
                kept.append(line)
                words |= _words([line[1]])
        return kept[::-1]


def page(
    formula: Formula, syntax: Syntax, prelude: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]], *, target: str, taken: Iterable[str],
) -> Page:  # fmt: skip
    """Return a formula spelled in a language.

    Raises:
        UnsupportedTarget: operations without a spelling.
    """
    writer = Writer(with_zeros(lower(formula, spelled(syntax), target=target)), syntax)
    language = Language(
        target, syntax.number, writer.codes.text, writer.table(),
        plus=syntax.plus, minus=syntax.minus, rounded=syntax.rounded,
    )  # fmt: skip
    unnamed = {*writer.forest.looped, *writer.place}
    made = program(writer.formula, language, prelude, needs, unnamed=unnamed, reserved=taken)
    return Page(made, writer, prelude, needs)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def fitted(written: str) -> str:
    """Return a line, a long one as several."""
    if len(written) < 90 or BREAK not in written:
        return unbroken(written)
    return wrapped(written, 92)
