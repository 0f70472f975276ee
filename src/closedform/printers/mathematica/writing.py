"""The Wolfram Language: a package that Mathematica, Wolfram Engine and Mathics read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.printers.identifiers import identifier
from closedform.printers.mathematica.layers import Writer
from closedform.printers.mathematica.prelude import HELPERS, NEEDS
from closedform.printers.mathematica.spelling import SPELLED, number, text
from closedform.printers.program import banner, joined, line_names, prepared
from closedform.printers.spell import Language, Speller, unbroken, wrapped

OWN = re.compile(r"(tree|layer)\d+")
"""Names that the package gives to its own parts."""


def write(formula: Formula, *, name: str = "model") -> str:
    """Return a package in the Wolfram Language that needs no other.

    It defines `modelInputs`, the names of the columns; `modelEvaluate[row]`, which takes an
    association by these names or a list in their order and gives an association of every output;
    and `modelPredict[row]`. Whatever is no number is a missing number, whatever is neither text
    nor number a missing label; a missing output, and all of a row that the model refuses, is
    `Missing[]`.

    Args:
        name: what the functions' names begin with, instead of model.

    Raises:
        BadInput: the name is no name of the Wolfram Language.
        UnsupportedTarget: operations without a spelling.
    """
    if not re.fullmatch("[a-z][a-zA-Z0-9]*", name):
        raise BadInput(
            f"{name!r} cannot be a name here.",
            hint="Use letters and digits, a small letter first: name='iris'.",
        )
    return "\n\n".join(_Package(formula, name).parts()) + "\n"


def symbols(names: Sequence[str], *, taken: Sequence[str]) -> list[str]:
    """Return one symbol for each name: letters and digits, a small letter first.

    All symbols of the language itself begin with a capital or a dollar sign.
    """
    used, found = set(taken), []
    for i, name in enumerate(names):
        plain = _camel(identifier(name, f"x{i}"))
        plain = f"{plain}v" if OWN.fullmatch(plain) else plain
        made, count = plain, 1
        while made in used:
            count += 1
            made = f"{plain}k{count}" if plain[-1].isdigit() else f"{plain}{count}"
        used.add(made)
        found.append(made)
    return found


def _camel(name: str) -> str:
    """Return petal_length_cm as petalLengthCm, and h1_2 as h1k2."""
    first, *rest = (part for part in name.split("_") if part)
    made = first[0].lower() + first[1:]
    for part in rest:
        close = made[-1].isdigit() and part[0].isdigit()
        made += f"k{part}" if close else part[0].upper() + part[1:]
    return made


class _Package:
    """The parts of the package, in order."""

    def __init__(self, formula: Formula, name: str) -> None:
        self.name = name
        language = Language("mathematica", number, text, dict.fromkeys(SPELLED))  # type: ignore[arg-type]
        self.formula = prepared(formula, language)
        self.writer = Writer(self.formula)
        spell = self.writer.table()
        language = Language("mathematica", number, text, spell)
        taken = [*HELPERS, "row", "found", *(f"{name}{part}" for part in PARTS)]
        self.inputs = symbols([f.name for f in self.formula.inputs], taken=taken)
        chosen = line_names(self.formula, set(self.writer.place))
        plain = symbols([*chosen.values()], taken=[*taken, *self.inputs])
        self.speller = Speller(
            language, dict(enumerate(self.inputs)), dict(zip(chosen, plain, strict=True))
        )
        self.guard: str | None = None
        self.before = 0
        self._spell()

    def _spell(self) -> None:
        refused = self.formula.refused
        roots = self.formula.roots if refused is None else [refused, *self.formula.roots]
        written = [w.text for w in self.speller.write(roots)]
        if refused is not None:
            early = set(toposort([refused]))
            self.guard = written.pop(0)
            self.before = sum(n in early for _, _, n in self.speller.lines)
        self.outputs = dict(zip(self.formula.outputs, written, strict=True))

    def parts(self) -> Iterator[str]:
        yield "\n".join(f"(* {_comment(line)} *)" for line in banner(self.formula, "").split("\n"))
        context = self.name[0].upper() + self.name[1:]
        shown = "; ".join(f"{self.name}{part}" for part in PARTS)
        yield f'BeginPackage["{context}`"];\n{shown};\nBegin["`Private`"];'
        body = [self._inputs(), *self.speller_trees(), self._evaluate(), self._predict()]
        yield from (f"{helper};" for helper in self._helpers(body))
        yield from body
        yield "End[];\nEndPackage[];"

    def speller_trees(self) -> list[str]:
        return [f"{definition};" for _, definition in self.speller.constants.values()]

    def _helpers(self, texts: Sequence[str]) -> Iterator[str]:
        words = set(re.findall(r"[A-Za-z0-9]+", "\n".join(texts)))
        wanted = {h for h in HELPERS if h in words}
        for _ in NEEDS:
            wanted.update(extra for h in list(wanted) for extra in NEEDS.get(h, ()))
        return (body for h, body in HELPERS.items() if h in wanted)

    def _inputs(self) -> str:
        names = joined(text(f.name) for f in self.formula.inputs).removesuffix(",")
        return f"(* The columns, in the order of a list. *)\n{self.name}Inputs = {{\n{names}}};"

    def _evaluate(self) -> str:
        lines = [f"{name} = {text_};" for name, text_, _ in self.speller.lines]
        result = _association({
            k: self._given(self.formula.outputs[k], written) for k, written in self.outputs.items()
        })  # fmt: skip
        body = [*lines, result]
        if self.guard is not None:
            nothing = _association(dict.fromkeys(self.outputs, "Missing[]"))
            rest = "\n".join(["If[" + self.guard + ",", f"    {nothing},", *body[self.before :]])
            body = [*body[: self.before], rest + "]"]
        head = f"{self.name}Evaluate[row_Association] := "
        head += f"{self.name}Evaluate[Map[row[#] &, {self.name}Inputs]];\n\n"
        head += f"{self.name}Evaluate[row_List] := Quiet[Module[{{\n    {self._locals()}}},"
        shown = "\n".join(f"    {_fitted(line)}" for part in body for line in part.split("\n"))
        return f"{head}\n{shown}]];"

    def _locals(self) -> str:
        read = sorted({n.data for n in self.speller.done if n.op.name == "input"})
        parts = []
        for i in read:
            kind = "asLabel" if self.formula.inputs[i].type is Type.LABEL else "asNumber"
            parts.append(f"{self.inputs[i]} = {kind}[row[[{i + 1}]]]")
        parts += dict.fromkeys(name for name, _, _ in self.speller.lines)
        return joined(parts, 92, "    ").strip().removesuffix(",")

    def _given(self, n: Node, written: str) -> str:
        if n.type is not Type.LABEL:
            return f"given[{written}]" if n.type is Type.REAL else written
        own = {float(v): v for v in labels_below(n) if isinstance(v, int | float)}
        rules = [f"{number(k)} -> {text(v)}" for k, v in own.items()]
        return f"Replace[{written}, {{{', '.join(rules)}}}]" if rules else written

    def _predict(self) -> str:
        found = [f"found[{text(name)}]" for name in self.formula.answer]
        result = found[0] if len(found) == 1 else "{" + ", ".join(found) + "}"
        call = f"{self.name}Evaluate[row]"
        return f"{self.name}Predict[row_] := With[{{found = {call}}}, {result}];"


PARTS = ("Inputs", "Evaluate", "Predict")
"""What the package defines, behind its name."""


def labels_below(n: Node) -> list[Any]:
    """Return the labels that a choice of labels may be."""
    todo, seen, found = [n], {n}, list[Any]()
    while todo:
        now = todo.pop()
        found += [now.data[0]] if now.op.name == "label" else []
        below = now.args[1:] if now.op.name == "where" else ()
        todo += [a for a in below if a not in seen]
        seen.update(below)
    return found


def _association(entries: dict[str, str]) -> str:
    parts = [f"{text(name)} -> {unbroken(value)}" for name, value in entries.items()]
    inner = ", ".join(parts)
    if len(inner) < 80:
        return f"<|{inner}|>"
    return "<|\n" + ",\n".join(f"    {part}" for part in parts) + "|>"


def _comment(line: str) -> str:
    return line.replace("(*", "( *").replace("*)", "* )")


def _fitted(line: str) -> str:
    return wrapped(line, 92, "        ")
