"""What printed programs share: names, shared values, helpers, constants, and their layout."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from closedform import ops
from closedform.about import __version__
from closedform.errors import MissingExtra
from closedform.formula import Formula
from closedform.ir import Node, toposort
from closedform.passes.lower import lower
from closedform.printers.identifiers import identifiers
from closedform.printers.notes import roundings
from closedform.printers.spell import BREAK, Language, Speller, Written, names_for
from closedform.printers.zeros import with_zeros

# A local name that hid a builtin would break the code that calls it, as abs().
RESERVED = ("evaluate", "predict", "math", "INPUTS", *dir(builtins))

LONGEST_SUM = 100
"""Terms of a sum in one statement; the compiler gives up at some 3,000, in newer Pythons less."""


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


def prepared(formula: Formula, language: Language) -> Formula:
    """Return the formula in what the language spells, zeros keeping the sign that they need."""
    return with_zeros(lower(formula, {"lin", "label", *language.spell}, target=language.name))


def program(
    formula: Formula, language: Language, helpers: Mapping[str, str],
    needs: Mapping[str, tuple[str, ...]], *, unnamed: Iterable[Node] = (),
    reserved: Iterable[str] = (), longest: int = 400,
) -> Program:  # fmt: skip
    """Return a formula spelled in a language, with the helpers that it uses.

    Args:
        formula: a formula as `prepared` gives it.
        language: its spellings.
        helpers: the text of each function that a spelling may call, by name.
        needs: the helpers that a helper calls.
        unnamed: nodes that the language names by itself; outputs among them have their line.
        reserved: names that the layout uses.
        longest: an expression estimated to be longer than this is broken up.

    Raises:
        UnsupportedTarget: operations that the language cannot spell.
    """
    roots = formula.roots if formula.refused is None else [formula.refused, *formula.roots]
    taken = [*RESERVED, *helpers, *reserved]
    inputs = identifiers([f.name for f in formula.inputs], taken=taken)
    chosen = _unique(line_names(formula, set(unnamed), longest), [*taken, *inputs])
    speller = Speller(language, dict(enumerate(inputs)), chosen)
    written = [w.text for w in speller.write(roots)]
    guard, before = None, 0
    if formula.refused is not None:
        early = set(toposort([formula.refused]))
        guard, before = written.pop(0), sum(n in early for _, _, n in speller.lines)
    outputs = dict(zip(formula.outputs, written, strict=True))
    texts = [*written, guard or "", *(text for _, text, _ in speller.lines)]
    used = helpers_used(texts, helpers, needs)
    return Program(formula, tuple(inputs), speller, outputs, guard, before, used)


def line_names(formula: Formula, unnamed: set[Node], longest: int = 400) -> dict[Node, str]:
    """Return which nodes become lines of a program, and what each is called before it is one."""
    own: dict[Node, str] = {}
    for name, n in formula.outputs.items():
        own.setdefault(n, name)
    chosen = names_for(formula, formula.roots, own=own, longest=longest)
    kept = [n for n in chosen if n in own or n not in unnamed]
    counts = iter(range(1, len(kept) + 1))
    said = {**formula.names, **own}
    return {n: said[n] if n in said else f"v{next(counts)}" for n in kept}


def _unique(chosen: Mapping[Node, str], taken: Iterable[str]) -> dict[Node, str]:
    plain = identifiers(list(chosen.values()), taken=taken, fallback="v")
    return dict(zip(chosen, plain, strict=True))


def helpers_used(
    texts: Iterable[str], helpers: Mapping[str, str], needs: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the helpers that some texts call, and those that these need, in their order."""
    words: set[str] = set()
    for text in texts:
        words.update(re.findall(r"[a-z_0-9]+", text))
    wanted = {h for h in helpers if h in words}
    for _ in needs:
        wanted.update(extra for h in list(wanted) for extra in needs.get(h, ()))
    return tuple(h for h in helpers if h in wanted)


def free_name(speller: Speller, prefix: str, *, always: bool = True) -> str:
    """Return prefix1, prefix2 … (or the bare prefix first), the first that nothing has."""
    taken = {*speller.inputs.values(), *speller.named.values()}
    taken.update(name for name, _ in speller.constants.values())
    taken.update(name for name, _, _ in speller.lines)
    made, count = f"{prefix}1" if always else prefix, 1
    while made in taken:
        count += 1
        made = f"{prefix}{count}"
    return made


def constant(speller: Speller, prefix: str, key: Any, text: Any) -> str:
    """Return the name of a constant, made once for each content by `text()`."""
    found = speller.constants.get((prefix, key))
    if found is None:
        count = 1 + sum(1 for p, _ in speller.constants if p == prefix)
        name = f"{prefix}{count}"
        if name in speller.inputs.values() or name in speller.named.values():
            name = f"_{name}"  # no identifier made from a name begins like this
        found = speller.constants[prefix, key] = (name, text())
    return found[0]


def sum_in_parts(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    """Return a sum; a very long one as several lines, added in the same order."""
    name = speller.named.get(n)
    if len(args) <= LONGEST_SUM or name is None:
        return speller.sum(n, args)
    # total = total + a + b, never total += a + b, which is another order of additions.
    bias, weights, before, written = n.data.bias, n.data.weights.tolist(), n.args, [*args]
    while len(weights) > LONGEST_SUM:
        part = ops.linear(bias, weights[:LONGEST_SUM], before[:LONGEST_SUM])
        speller.lines.append((name, speller.sum(part, written[:LONGEST_SUM]).text, n))
        bias, weights = 0.0, [1.0, *weights[LONGEST_SUM:]]
        before, written = (n, *before[LONGEST_SUM:]), [Written(name), *written[LONGEST_SUM:]]
    return speller.sum(ops.linear(bias, weights, before), written)


def unread(formula: Formula) -> tuple[int, ...]:
    """Return the positions of the inputs that neither change an output nor refuse a row."""
    return tuple(i for i in range(len(formula.inputs)) if i not in formula.needed)


def banner(formula: Formula, comment: str) -> str:
    """Return the lines that say what the program is and where it comes from."""
    source = formula.source or "a formula"
    lines = [f"{source}, written by closedform {__version__}.", formula.summary() + "."]
    lines += roundings(formula)
    return "\n".join(comment + printable(line) for line in lines)


def printable(text: str) -> str:
    """Return a text that stays on one line of a comment, whatever it holds."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(plain.split())


def comma(parts: Iterable[str]) -> str:
    """Return parts between commas, behind each of which the line may be broken."""
    return ("," + BREAK).join(parts)


def joined(parts: Iterable[str], width: int = 96, indent: str = "    ") -> str:
    """Return comma-separated parts on lines of at most `width` characters."""
    lines: list[str] = []
    now: list[str] = []
    size = len(indent)
    for part in parts:
        if now and size + len(part) + 2 > width:
            lines.append(indent + " ".join(now))
            now, size = [], len(indent)
        now.append(part + ",")
        size += len(part) + 2
    return "\n".join([*lines, indent + " ".join(now)] if now else lines)


def defined(text: str, name: str, package: str, purpose: str) -> Any:
    """Return what a module's text defines: it is executed, as a user would import it.

    Args:
        text: our own text of a Python module.
        name: what is wanted of it.
        package, purpose: what it imports, as our extra is called too, and what for.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        import_module(package)
    except ImportError:
        raise MissingExtra(package, package, purpose) from None
    namespace: dict[str, Any] = {"__name__": "closedform_module"}
    exec(compile(text, "<closedform>", "exec"), namespace)  # noqa: S102 - it is our own text
    return namespace[name]
