"""Go: one file of a package, formatted as gofmt has it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers import spell as s
from closedform.printers.clike import FUNCTIONS, Syntax, finite
from closedform.printers.forests import Data
from closedform.printers.go_prelude import CALLS, HELPERS
from closedform.printers.go_spacing import spaced
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
    made = page(formula, SYNTAX, HELPERS, {**NEEDS, **CALLS}, target="go", taken=TAKEN)
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


def _constant(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    if isinstance(n.data, bool):
        return Written("true" if n.data else "false")
    # Two constants would be added exactly, and 1.0 / 0.0 does not compile.
    return Written(f"constant({number(n.data)})" if n in _lonely(speller) else number(n.data))


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
