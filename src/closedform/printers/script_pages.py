"""The parts that programs in languages of analysis have in common: names, arrays, helpers."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from closedform import ops
from closedform.formula import Formula
from closedform.ir import OPS, Node
from closedform.passes.lower import lower
from closedform.printers.forests import Data
from closedform.printers.identifiers import identifiers
from closedform.printers.program import Program, helpers_used, program
from closedform.printers.script import SPELL, Script
from closedform.printers.scripted import OWN, Matrix, Writer
from closedform.printers.spell import Language
from closedform.printers.zeros import with_zeros

LONGEST = 200
"""What an expression may be estimated to be long: R reads no more than 50 brackets in brackets."""


@dataclass(frozen=True)
class ScriptPage:
    """A program of one of these languages, in parts.

    Attributes:
        own: the formula as it was given, with its own names.
        made: the lines, and what they need.
        writer: what wrote them.
        prelude, needs: the text of each helper, and the helpers that a helper calls.
    """

    own: Formula
    made: Program
    writer: Writer
    prelude: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]

    @property
    def outputs(self) -> list[tuple[str, str, Node, str]]:
        """Each output's own name, its identifier, its node and its value."""
        found = self.made.formula.outputs
        rows = zip(self.own.outputs, found.items(), self.made.outputs.values(), strict=True)
        return [(name, plain, n, value) for name, (plain, n), value in rows]

    def constants(self) -> Iterator[tuple[str, Data | Matrix]]:
        """Yield each constant array, those of the trees among them, as the language counts."""
        for name, kept in self.made.speller.constants.values():
            if isinstance(kept, Data | Matrix):
                yield name, kept
        if {"leaf", "forest", "forest32"}.intersection(self.made.helpers):
            first = self.writer.script.first
            for name, data in self.writer.forest.arrays().items():
                shift = first if name in COUNTED else 0
                yield name, Data(data.kind, [v + shift for v in data.values]) if shift else data

    def reads_text(self, i: int) -> bool:
        """Tell whether an input is a label that is text."""
        return self.writer.text_like(ops.input_(i, self.own.inputs[i].type))

    def trees(self) -> list[str]:
        """Return the trees that are functions of their own."""
        return [t for _, t in self.made.speller.constants.values() if isinstance(t, str)]

    def helpers(self, *more: str) -> Iterator[str]:
        """Yield the functions that the program calls, in order."""
        called = helpers_used([*self.trees(), *more], self.prelude, self.needs)
        wanted = {*self.made.helpers, *called}
        sets = len(self.writer.forest.sizes) > 0
        wanted |= {"among"} if sets and "leaf" in wanted else set()
        for name, body in self.prelude.items():
            if name in wanted:
                plain = re.sub(r"\n[^\n]*among\(.*(?=\n)", "", body)
                yield body if sets or name == "among" else plain

    def asked(self, *more: str) -> list[int]:
        """Return the inputs whose values some line names."""
        texts = [text for _, text, _ in self.made.speller.lines]
        texts += [*self.made.outputs.values(), self.made.guard or "", *more]
        words = {word for text in texts for word in re.findall(r"\w+", text)}
        return [i for i, name in enumerate(self.made.inputs) if name in words]


COUNTED = frozenset({"FEATURE", "CHILD", "MEMBER", "STARTS", "ROOTS"})
"""Arrays of the trees that hold positions."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "least_of": ("least",), "most_of": ("most",), "forest": ("leaf",), "forest32": ("leaf",),
    "leaf_value": ("leaf",), "softplus": ("pick",), "sigmoid": ("pick",),
}  # fmt: skip
"""The helpers that a helper calls, in every language."""

OURS = re.compile(
    r"(?i)(v|w|b|h|points?|weights|keys|values|edges|origins|coefs|row|leaf|layer|tree)\d+"
)
"""What our own names look like, up to capitals."""


def script_page(
    formula: Formula, script: Script, prelude: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]], *, taken: Iterable[str],
) -> ScriptPage:  # fmt: skip
    """Return a formula spelled in a language.

    Raises:
        UnsupportedTarget: operations without a spelling, or labels of several types.
    """
    spelled = {"label", *SPELL, *OWN, *script.spell, *script.functions}.intersection(OPS)
    ready = with_zeros(lower(_plainly_named(formula, taken), spelled, target=script.target))
    writer = Writer(ready, script)
    language = Language(script.target, script.number, script.label, writer.table())
    unnamed = {*writer.forest.looped, *writer.place}
    needs = {**NEEDS, **needs}
    made = program(
        writer.formula, language, prelude, needs, unnamed=unnamed, reserved=taken, longest=LONGEST
    )
    return ScriptPage(formula, made, writer, prelude, needs)


def _plainly_named(formula: Formula, taken: Iterable[str]) -> Formula:
    """Return the formula with names that are identifiers, told apart without capitals."""
    used = {name.lower() for name in (*taken, *dir(builtins))}
    inputs = _plain([f.name for f in formula.inputs], used, "x")
    outputs = _plain(list(formula.outputs), used, "y")
    features, roots = zip(formula.inputs, inputs, strict=True), set(formula.roots)
    return replace(
        formula,
        inputs=tuple(replace(f, name=name) for f, name in features),
        outputs=dict(zip(outputs, formula.outputs.values(), strict=True)),
        names={n: name for n, name in formula.names.items() if n not in roots},
    )


def _plain(names: Sequence[str], used: set[str], fallback: str) -> list[str]:
    found = []
    for name in identifiers(names, fallback=fallback):
        # MATLAB reads 63 letters of a name.
        short = name[:50].strip("_")
        stem = f"{fallback}_{short}" if OURS.fullmatch(short) else short
        made, count = stem, 1
        while made.lower() in used:
            count += 1
            made = f"{stem}_{count}"
        used.add(made.lower())
        found.append(made)
    return found
