"""The one walker that writes a graph as expressions, by a target's table of spellings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort

BREAK = "\x1f"
"""Where a long line may be broken; `wrapped` turns it into a space or a new line."""

# How tightly a written expression holds together; an argument below what its place needs is
# bracketed.
CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)


@dataclass(frozen=True)
class Written:
    """An expression as text, and how tightly it holds together."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """Return the text, in brackets where its place needs a tighter one."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True)
class Spelling:
    """How one operation is written: `"{0} / {1}"`, and the level that each place needs.

    With `join`, any number of arguments are joined by it instead.
    """

    template: str = ""
    level: int = ATOM
    needs: tuple[int, ...] = ()
    join: str = ""

    def __call__(self, args: Sequence[Written]) -> Written:
        """Return the operation written over its arguments."""
        if self.join:
            inner = self.join.join(a.at(self.needs[0] if self.needs else 0) for a in args)
            return Written(self.template.format(inner) if self.template else inner, self.level)
        places = [a.at(self.needs[i] if i < len(self.needs) else 0) for i, a in enumerate(args)]
        return Written(self.template.format(*places), self.level)


def call(name: str) -> Spelling:
    """Return the spelling `name(a, b, …)`."""
    return Spelling(name.replace("{", "{{").replace("}", "}}") + "({})", join=", ")


def infix(sign: str, level: int, right: int | None = None) -> Spelling:
    """Return the spelling `a sign b`; the right side needs `right`, by default the same level."""
    tight = level if right is None else right
    return Spelling(f"{{0}}{sign}{{1}}", level, (level, tight))


def comparison(sign: str) -> Spelling:
    """Return the spelling `a sign b` of a comparison, which never stands in a chain of them."""
    return Spelling(f"{{0}} {sign} {{1}}", COMPARE, (COMPARE + 1, COMPARE + 1))


Custom = Callable[["Speller", Node, Sequence[Written]], Written]


@dataclass(frozen=True)
class Language:
    """What a target can spell.

    Attributes:
        name: the target.
        number: a float as text.
        label: a category or class as text.
        spell: operation name → spelling, or a function for what needs more than a template.
        times, plus, minus: the signs of a sum of products.
        rounded: what a product in a sum stands in, where a compiler would fuse the two.
    """

    name: str
    number: Callable[[float], str]
    label: Callable[[Any], str]
    spell: Mapping[str, Spelling | Custom]
    times: str = " * "
    plus: str = BREAK + "+ "
    minus: str = BREAK + "- "
    rounded: str = ""


@dataclass
class Speller:
    """One walk over a formula: names for inputs and shared values, then one line for each."""

    language: Language
    inputs: Mapping[int, str]
    named: Mapping[Node, str]
    constants: dict[tuple[str, Any], tuple[str, str]] = field(default_factory=dict)
    lines: list[tuple[str, str, Node]] = field(default_factory=list)
    done: dict[Node, Written] = field(default_factory=dict)

    def write(self, roots: Sequence[Node]) -> list[Written]:
        """Return each root as an expression; named values go to `lines`, in a working order.

        Raises:
            UnsupportedTarget: operations that the language cannot spell, all at once.
        """
        done = self.done
        if all(root in done for root in roots):  # or each line would be looked for in all of them
            return [done[root] for root in roots]
        order = toposort(roots)
        self._require(order)
        for n in order:
            if n in done:
                continue
            written = self._spell(n, [done[a] for a in n.args])
            if n in self.named:
                self.lines.append((self.named[n], written.text, n))
                written = Written(self.named[n])
            done[n] = written
        return [done[root] for root in roots]

    def _require(self, order: Sequence[Node]) -> None:
        known = {"const", "input", "label", "lin", *self.language.spell}
        unknown = sorted({n.op.name for n in order} - known)
        if unknown:
            raise UnsupportedTarget(
                f"{self.language.name} cannot spell: {', '.join(unknown)}.",
                hint="Choose another target: see closedform.targets().",
            )

    def _spell(self, n: Node, args: list[Written]) -> Written:
        if n.op is ops.INPUT:
            return Written(self.inputs[n.data])
        if n.op is ops.LABEL:
            return Written(self.language.label(n.data[0]))
        custom = self.language.spell.get(n.op.name)
        if custom is None:
            return self._const(n) if n.op is ops.CONST else self.sum(n, args)
        return custom(args) if isinstance(custom, Spelling) else custom(self, n, args)

    def _const(self, n: Node) -> Written:
        if n.type is Type.BOOL:
            return Written(self.language.label(n.data))
        return self.number(n.data)

    def number(self, value: float) -> Written:
        """Return a number; a negative one needs brackets behind a sign, 1/3 below a power."""
        text = self.language.number(value)
        return Written(text, _level_of(text))

    def sum(self, n: Node, args: Sequence[Written]) -> Written:
        """Return bias + Σ weight·arg, without zeros and ones, signs drawn out of the weights."""
        bias, text = n.data.bias, self.language.number(n.data.bias)
        parts = [] if bias == 0 and args else [text]
        several = len(parts) + len(args) > 1
        for w, arg in zip(n.data.weights.tolist(), args, strict=True):
            term = self.term(abs(w), arg)
            if several and self.language.rounded and (abs(w) != 1 or arg.level == PRODUCT):
                term = self.language.rounded.format(term)
            negative = w < 0
            if parts:
                parts.append((self.language.minus if negative else self.language.plus) + term)
            else:
                parts.append("-" + term if negative else term)
        level = SUM if len(parts) > 1 else SIGN if parts[0][0] == "-" else PRODUCT
        if len(parts) == 1 and (not args or n.data.weights[0] == 1):
            level = args[0].level if args else level
        return Written("".join(parts), level)

    def term(self, weight: float, arg: Written) -> str:
        """Return weight·arg, or the bare argument where the weight is 1."""
        if weight == 1:
            return arg.at(PRODUCT)
        return f"{self.language.number(weight)}{self.language.times}{arg.at(PRODUCT + 1)}"


def _level_of(number: str) -> int:
    if number.startswith("-"):
        return SIGN
    if "/" in number or "*" in number:
        return PRODUCT
    return POWER if "frac" in number or "^" in number else ATOM


TRIVIAL = frozenset({"const", "input", "label"})


def names_for(
    formula: Formula, roots: Sequence[Node], *, own: Mapping[Node, str], prefix: str = "v",
    longest: int = 400, share: bool = True,
) -> dict[Node, str]:  # fmt: skip
    """Return which nodes become lines of their own, and what each is called.

    Args:
        formula: its `names` are used where there are any.
        roots: what is printed.
        own: nodes that have a name already, as outputs.
        prefix: what other names begin with.
        longest: an expression estimated to be longer than this is broken up.
        share: whether a value that is used twice is written once.
    """
    order = toposort(roots)
    uses = Counter(a for n in order for a in dict.fromkeys(n.args))
    chosen: dict[Node, str] = dict(own)
    size: dict[Node, int] = {}
    for n in order:
        size[n] = 8 + sum(size[a] for a in n.args) + 20 * _payload(n)
        shared = share and uses[n] > 1 and size[n] > 24
        wanted = n in own or (n in formula.names and uses[n] > 0) or shared
        if n.op.name not in TRIVIAL and (wanted or (size[n] > longest and uses[n] > 0)):
            fallback = f"{prefix}{len(chosen) - len(own) + 1}"
            chosen.setdefault(n, formula.names.get(n, fallback))
            size[n] = 8
    return {n: name for n, name in chosen.items() if n.op.name not in TRIVIAL}


def _payload(n: Node) -> int:
    return len(n.args) if n.op is ops.LIN else 0


def wrapped(text: str, width: int, indent: str = "    ") -> str:
    """Return a text broken at its soft breaks into lines of about `width` characters.

    A stretch without a break stays whole. The first line is not indented.
    """
    lines: list[str] = []
    for part in text.split(BREAK):
        if lines and len(lines[-1]) + len(part) < width:
            lines[-1] += " " + part
        else:
            lines.append((indent if lines else "") + part)
    return "\n".join(lines)


def unbroken(text: str) -> str:
    """Return a text as one line."""
    return text.replace(BREAK, " ")
