"""Go: one file of a package, formatted as gofmt has it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node
from closedform.passes.lower import lower
from closedform.printers import spell as s
from closedform.printers.clike import FUNCTIONS, Syntax, finite, spelled
from closedform.printers.forests import Data
from closedform.printers.go.prelude import CALLS, HELPERS
from closedform.printers.go.spacing import spaced
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, comma, printable
from closedform.printers.records import Field, Records, block, elements
from closedform.printers.spell import BREAK, Speller, Spelling, Written, call

_WORDS = """
break case chan const continue default defer else fallthrough for func go goto if import interface
map package range return select struct switch type var any append bool byte cap close complex copy
delete error false float32 float64 imag int int32 iota len make new nil panic print println real
recover rune string true uint init main math sort Input Output Evaluate Text row out i feature
threshold child missing_left member starts sizes codes leaves roots offsets texts numbers
"""
TAKEN = frozenset(_WORDS.split())
TYPES = {"number": "float64", "limit": "float64", "whole": "int32", "truth": "bool"}
TEXT = """// Text returns a label for an Input; nil is a missing one.
func Text(label string) *string {
    return &label
}"""


def write(formula: Formula, *, name: str = "model") -> str:
    """Return a Go file (Go 1.18 or later) that imports only math and sort.

    It has `Input` and `Output`, structs with a field for each column (its own name above it), and
    `Evaluate(Input) Output`. A number is a float64, missing is NaN. A label is a `*string`, missing
    is nil, and `Text("a")` makes one; where all labels are numbers it is a float64. Rows that the
    model refuses give NaN and nil. Products are not fused with sums, whatever the processor.

    Args:
        formula: what to write.
        name: the package.

    Raises:
        BadInput: `name` cannot be a package.
        UnsupportedTarget: operations without a spelling in Go, or labels of several types.
    """
    if not re.fullmatch(r"[a-z]\w*", name, re.ASCII) or name in _WORDS.split():
        raise BadInput(f"{name!r} is no package in Go.", hint="Use small letters and digits.")
    calculated = _calculated(lower(formula, spelled(SYNTAX), target="go"))
    spell = {**SYNTAX.spell, "const": partial(_constant, calculated)}
    syntax = replace(SYNTAX, spell=spell)
    made = page(formula, syntax, HELPERS, {**NEEDS, **CALLS}, target="go", taken=TAKEN)
    text = "\n\n".join(_File(made, name).parts()) + "\n"
    return re.sub(r"^(?: {4})+", lambda m: "\t" * (len(m[0]) // 4), text, flags=re.M)


def number(value: float) -> str:
    """Return the shortest text that reads back as the same float64."""
    if value == 0 and math.copysign(1, value) < 0:
        return "math.Copysign(0, -1)"  # -0.0 is 0 in Go
    if value == -math.inf:
        return "math.Inf(-1)"
    return finite(value, "math.NaN()", "math.Inf(1)") or repr(value)


def text(value: str) -> str:
    """Return a string constant: ASCII, whatever is in it."""
    return '"' + "".join(map(_byte, value.encode("utf-8", "surrogatepass"))) + '"'


def _byte(code: int) -> str:
    return chr(code) if 32 <= code < 127 and chr(code) not in '"\\' else f"\\x{code:02x}"


def exported(names: Sequence[str]) -> list[str]:
    """Return names that other packages see: petal_length_cm becomes PetalLengthCm."""
    found: dict[str, None] = {}
    for name in names:
        plain = made = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        while made in found:
            made = f"{plain}_{len(found)}"
        found[made] = None
    return [*found]


def _calculated(formula: Formula) -> set[Node]:
    """Return the numbers that Go would calculate with by itself.

    It does so exactly, on decimals, where the formula rounds; and 1.0 / 0.0 does not compile.
    """
    found: set[Node] = set()
    for n in formula.nodes:
        fixed = [a for a in n.args if a.op is ops.CONST]
        whole = n.op in (ops.MUL, ops.DIV) and len(fixed) > 1
        whole |= n.op is ops.POW and n.args[0].op is ops.CONST
        plain = n.op is ops.LIN and n.data.bias == 0 and set(n.data.weights.tolist()) <= {1.0}
        if whole or (n.op is ops.LIN and len(fixed) > (plain and len(n.args) > 1)):
            found.update(fixed)
    return found


def _constant(calculated: set[Node], speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    if isinstance(n.data, bool):
        return Written("true" if n.data else "false")
    own = speller.number(n.data)
    return Written(f"constant({own.text})") if n in calculated else own


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    given = ", ".join(parameters) + " float64" * bool(parameters)
    head = f"// {name} is the value of one tree.\nfunc {name}({given}) float64 {{"
    return "\n".join([head, *body, "}"])


def _row(name: str, values: Sequence[str]) -> str:
    return f"{name} := {spaced(f'[]float64{{{comma(values)}}}')}"


def _buffer(name: str, size: int) -> str:
    return f"{name} := make([]float64, {size})"


def _each(name: str, size: int, value: str) -> str:
    return f"{_buffer(name, size)}\nfor i := range {name} {{\n    {name}[i] = {spaced(value)}\n}}"


SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: f"math.{name.capitalize()}" for name in (*FUNCTIONS, "erf", "floor", "abs")}
    | {"log": "natural_log"},
    equal="==",
    choice=call("choose"),
    single=call("round32"),
    whole=lambda name, value: f"{name} := {value}",
    function=_function,
    row=_row,
    buffer=_buffer,
    each=_each,
    spell={
        "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=f" &&{BREAK}"),
        "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=f" ||{BREAK}"),
    },
    counted=False,
    end="",
    branch="if {} {{",
    # A line that could end before the sign would end there.
    plus=f" +{BREAK}",
    minus=f" -{BREAK}",
    rounded="float64({})",
    array=str.lower,
    goes_left=("value <= threshold[at]", "goes_left(at, value)"),
)


class _File(Records):
    """The parts of the file, in order."""

    NOTHING: ClassVar = {"number": "math.NaN()", "text": "nil", "code": "math.NaN()"}
    NONE = "{} == nil"
    TEXTS, NUMBERS = "texts", "numbers"

    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page, TAKEN, exported)
        self.name = name

    def parts(self) -> Iterator[str]:
        """Yield the file, part by part."""
        yield f"// Package {self.name} is a formula.\n//\n{banner(self.formula, '// ')}\n" + (
            f"package {self.name}"
        )
        trees = self.writer_arrays()
        labels = [_array(name, data) for name, data in self.labels()]
        code = [*self.page.helpers(*self.label_helpers()), *self.page.trees(), self._evaluate()]
        imports = [m for m in ("math", "sort") if f"{m}." in "".join([*trees, *code])]
        if imports:
            several = "(\n    {}\n)" if len(imports) > 1 else "{}"
            yield "import " + several.format("\n    ".join(f'"{m}"' for m in imports))
        yield self._struct("Input", "is one row.", self.inputs)
        yield self._struct("Output", "is what the formula gives for it.", self.outputs)
        if any(f.kind == "text" for f in self.inputs):
            yield TEXT
        yield from (*trees, *labels, *code)

    def writer_arrays(self) -> list[str]:
        """Return the arrays of numbers; a leaf's threshold, which nobody reads, is 0."""
        leaf = self.page.writer.forest.child == range(len(self.page.writer.forest.child))
        found = []
        for name, data in self.page.arrays():
            if name == "THRESHOLD":
                # Infinities are calls in Go, 32,000 of which take long to compile.
                limits = zip(data.values, leaf.tolist(), strict=True)
                data = Data("limit", [0.0 if at_leaf else v for v, at_leaf in limits])
            found.append(_array(name.lower(), data))
        return found

    def _struct(self, name: str, said: str, fields: Sequence[Field]) -> str:
        lines: list[str] = []
        together: list[Field] = []
        for field in fields:
            if exported([field.said]) != [field.name]:
                lines += _aligned(together)
                lines.append(f"// {printable(field.said)}".rstrip())
                together = []
            together.append(field)
        lines += _aligned(together)
        return block(f"// {name} {said}\ntype {name} struct {{", lines)

    def declared(self, kind: str, name: str, value: str) -> str:
        """Return the declaration of a local value."""
        return f"{name} := {spaced(value)}"

    def choice(self, test: str, a: str, b: str) -> str:
        """Return `a if test else b`."""
        kind = "[*string]" * (b == "nil" or b.startswith("choose[*string]"))
        return f"choose{kind}({test}, {a}, {b})"

    def labelled(self, field: Field, code: str, rest: str) -> str:
        """Return a label by its code, or what stands for it otherwise."""
        if self.codes.known(field.node):
            return ("&" if field.kind == "text" else "") + self.element(field, code)
        if field.kind == "text":
            return f"text_of({code}, {rest})"
        return f"number_of({code}, {len(self.codes.texts)}, {rest})"

    def _evaluate(self) -> str:
        head = "// Evaluate returns every output for one row.\nfunc Evaluate(row Input) Output {"
        return block(head, self._lines())

    def _lines(self) -> Iterator[str]:
        guard, refuse = self.page.made.guard, ""
        if guard is not None:
            absent = [f"out.{f.name} = {self.NOTHING[f.kind]}" for f in self.outputs]
            refuse = block(f"if {fitted(spaced(guard))} {{", [*absent, "return out"])
        yield "var out Output"
        yield from self.read()
        yield from self.page.lines(self.line, refuse)
        for field, lines, value in self.given():
            yield from lines
            yield f"out.{field.name} = {value if lines else fitted(spaced(value))}"
        yield "return out"


def _aligned(fields: Sequence[Field]) -> list[str]:
    """Return lines of fields, the types below each other as gofmt has them."""
    width = max((len(field.name) for field in fields), default=0)
    kinds = ("*string" if field.kind == "text" else "float64" for field in fields)
    return [f"{f.name.ljust(width)} {kind}" for f, kind in zip(fields, kinds, strict=True)]


def _array(name: str, data: Data) -> str:
    if data.kind == "text":
        lines = ",\n    ".join(map(text, data.values))
        return f"var {name} = []string{{\n    {lines},\n}}"
    values = elements(data, {"number": number, "limit": number, "truth": _truth})
    inner = f"\n{values}\n" if values else ""
    return f"var {name} = []{TYPES[data.kind]}{{{inner}}}"


def _truth(value: Any) -> str:
    return "true" if value else "false"
