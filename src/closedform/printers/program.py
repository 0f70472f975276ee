"""What printed programs share: names, shared values, helpers, constants, and their layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers.identifiers import identifiers
from closedform.printers.notes import roundings
from closedform.printers.spell import Language, Speller, names_for

RESERVED = ("evaluate", "predict", "math", "np", "row", "INPUTS", "OUTPUTS", "nan", "inf")


@dataclass(frozen=True)
class Program:
    """A formula spelled in a language, not yet laid out.

    Attributes:
        formula: what is printed.
        inputs: the identifier of each input.
        speller: the lines and constants.
        outputs: each output's name and expression.
        guard: the condition under which a row is refused, and how many lines come before it.
        helpers: the functions that the program needs, in order.
    """

    formula: Formula
    inputs: tuple[str, ...]
    speller: Speller
    outputs: dict[str, str]
    guard: str | None
    guard_lines: int
    helpers: tuple[str, ...]


def program(
    formula: Formula, language: Language, helpers: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]], *, named: Mapping[Node, str] | None = None,
) -> Program:  # fmt: skip
    """Return a formula spelled in a language, with the helpers that it uses."""
    inputs = identifiers([f.name for f in formula.inputs], taken=[*RESERVED, *helpers])
    roots = formula.roots
    chosen = _unique(_line_names(formula), [*RESERVED, *helpers, *inputs])
    speller = Speller(language, dict(enumerate(inputs)), {**chosen, **(named or {})})
    guard = None
    if formula.refused is not None:
        guard = speller.write([formula.refused])[0].text
    before = len(speller.lines)
    written = speller.write(roots)
    outputs = {name: w.text for name, w in zip(formula.outputs, written, strict=True)}
    texts = [*outputs.values(), guard or "", *(text for _, text, _ in speller.lines)]
    used = _used(texts, helpers, needs)
    return Program(formula, tuple(inputs), speller, outputs, guard, before, used)


def _line_names(formula: Formula) -> dict[Node, str]:
    own: dict[Node, str] = {}
    for name, n in formula.outputs.items():
        own.setdefault(n, name)
    return names_for(formula, formula.roots, own=own)


def _unique(chosen: Mapping[Node, str], taken: Iterable[str]) -> dict[Node, str]:
    plain = identifiers(list(chosen.values()), taken=taken, fallback="v")
    return dict(zip(chosen, plain, strict=True))


def _used(
    texts: Iterable[str], helpers: Mapping[str, str], needs: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    words: set[str] = set()
    for text in texts:
        words.update(re.findall(r"(?<![\w.])([a-z_0-9]+)\(", text))
    wanted = {h for h in helpers if h in words}
    wanted.update(extra for h in list(wanted) for extra in needs.get(h, ()))
    return tuple(h for h in helpers if h in wanted)


def banner(formula: Formula, comment: str) -> str:
    """Return the lines that say what the program is and where it comes from."""
    from closedform import __version__

    source = formula.source or "a formula"
    lines = [f"{source}, written by closedform {__version__}.", formula.summary() + "."]
    lines += roundings(formula)
    return "\n".join(comment + " ".join(line.split()) for line in lines)


def joined(parts: Iterable[str], width: int = 96, indent: str = "    ") -> str:
    """Return comma-separated parts on lines of at most `width` characters."""
    lines, now = [], indent
    for part in parts:
        if len(now) + len(part) > width and now.strip():
            lines.append(now.rstrip())
            now = indent
        now += part + ", "
    return "\n".join([*lines, now.rstrip()])

