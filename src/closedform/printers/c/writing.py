"""C99: one file that needs nothing but the standard library, and can test itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula
from closedform.printers.c.prelude import CALLS, HELPERS
from closedform.printers.clike import FUNCTIONS, Syntax, finite, listed
from closedform.printers.forests import Data
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, printable
from closedform.printers.records import Field, Records, block, elements, tested_rows
from closedform.printers.samples import Samples
from closedform.printers.spell import BREAK, CHOICE, OR, SIGN, Spelling

_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline
int long register restrict return short signed sizeof static struct switch typedef union
unsigned void volatile while bool true false in out main near rows wanted count wrong found i
stdin stdout stderr printf size_t NULL NAN INFINITY exp log log1p expm1 sqrt sin cos tan tanh
sinh cosh asin acos atan atan2 erf erfc floor ceil fabs fmin fmax pow hypot cbrt round trunc
fmod exp2 log2 log10 gamma lgamma tgamma j0 j1 jn y0 y1 yn signbit isnan isinf strcmp remainder
rint ldexp frexp modf logb fma fdim nan abs div index time FEATURE THRESHOLD CHILD MISSING_LEFT
MEMBER STARTS SIZES CODES LEAVES ROOTS OFFSETS TEXTS NUMBERS
"""
TAKEN = frozenset(_WORDS.split())
"""Words that mean something in the file: C's own, the standard library's, and ours."""

REAL = "\x1e"
"""Stands for the type of numbers until the file is whole: nothing that has a name holds it."""
PRELUDE = {name: re.sub(r"\breal\b", REAL, text) for name, text in HELPERS.items()}
TYPES = {
    **{"number": f"const {REAL} ", "limit": "const double ", "whole": "const int "},
    **{"truth": "const bool ", "text": "const char *const "},
}
LOCAL = {"number": REAL, "truth": "bool", "whole": "int"}
TESTS = """#ifdef {NAME}_TEST
#include <stdio.h>

{near}int main(void)
{{
    static const {name}_input rows[] = {{
{rows}
    }};
    static const {name}_output wanted[] = {{
{wanted}
    }};
    const int count = sizeof rows / sizeof *rows;
    int wrong = 0;
    for (int i = 0; i < count; i++) {{
        {name}_output found;
        {name}_evaluate(&rows[i], &found);
        wrong += !({equal});
    }}
    printf("%d of %d rows differ\\n", wrong, count);
    return wrong != 0;
}}
#endif"""
NEAR = """/* Whether two numbers agree to {tolerance} of their size; missing agrees with missing. */
static bool near(double a, double b)
{{
    return a == b || (a != a && b != b) || fabs(a - b) <= {tolerance} * (1 + fabs(b));
}}

"""
SAME_TEXT = """/* Whether two labels are the same; missing agrees with missing. */
static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

"""


def write(
    formula: Formula, *, name: str = "model", precision: str = "double", rows: Any = None
) -> str:
    """Return a C99 file: no dependency but the standard library, no memory that is allocated.

    It holds `name_input` and `name_output`, structs with a field for each column (its own name
    beside it), and `name_evaluate`, which fills the second from the first. A number is a double,
    missing is NaN. A label is text, missing is NULL; where all labels are numbers it is a double.
    Rows that the model refuses give NaN and NULL. Compiled with `-Dname_TEST` (in capitals), it is
    a program that compares itself with the formula's own answers and says how many rows differ.

    Numbers are written so that they read back as the same floats, and are added in the formula's
    order; a compiler may not change that, except where it is allowed to contract products and sums
    (GCC: add `-ffp-contract=off` together with `-march=native`) or to ignore the standard
    (`-ffast-math`, with which missing values are lost).

    Args:
        formula: what to write.
        name: what names in the file begin with.
        precision: "double", or "float" for processors without double precision: numbers are then
            rounded to 24 bits, thresholds of trees are not.
        rows: rows for the self-test, as in calling the formula; default: some are made up.

    Raises:
        BadInput: `name` is no identifier, or `precision` neither of the two.
        UnsupportedTarget: operations without a spelling in C, or labels of several types.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in TAKEN:
        raise BadInput(f"{name!r} is no name in C.", hint="Use letters, digits and underscores.")
    if precision not in ("double", "float"):
        raise BadInput(f"There is no precision {precision!r}.", hint="Use 'double' or 'float'.")
    syntax = SYNTAX if precision == "double" else SINGLE
    made = page(formula, syntax, PRELUDE, {**NEEDS, **CALLS}, target="c", taken=[*TAKEN, name])
    file = File(made, name, precision, tested_rows(formula, rows))
    return "\n\n".join(file.parts()).replace(REAL, precision) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same double."""
    return finite(value, "NAN", "INFINITY") or repr(value)


def single(value: float) -> str:
    """Return a number as a constant of single precision."""
    return finite(value, "NAN", "INFINITY") or f"{value!r}f"


def text(value: str | None) -> str:
    """Return a string constant: ASCII, whatever is in it."""
    if value is None:
        return "NULL"
    if "\0" in value:
        raise UnsupportedTarget(
            f"The label {value!r} holds a zero character, which ends a text in C.",
            hint="Write the formula in Python: formula.to('python').",
        )
    return '"' + "".join(map(_byte, value.encode("utf-8", "surrogatepass"))) + '"'


def _byte(code: int) -> str:
    plain = 32 <= code < 127 and chr(code) not in '"\\?'
    return chr(code) if plain else f"\\{code:03o}"


def comment(words: str) -> str:
    """Return words as a comment that they cannot end."""
    return f"/* {printable(words).replace('*/', '* /').replace('/*', '/ *')} */"


def _row(name: str, values: Sequence[str]) -> str:
    return f"const {REAL} {name}[{len(values)}] = {listed(values)};"


def _buffer(name: str, size: int) -> str:
    return f"{REAL} {name}[{size}];"


def _each(name: str, size: int, value: str) -> str:
    return f"{_buffer(name, size)}\nfor (int i = 0; i < {size}; i++)\n    {name}[i] = {value};"


def function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    """Return the function of one tree."""
    given = ", ".join(f"{REAL} {p}" for p in parameters) or "void"
    return "\n".join(
        ["/* The value of one tree. */", f"static {REAL} {name}({given})", "{", *body, "}"]
    )


CHOOSE = Spelling(f"{{0}}{BREAK}? {{1}}{BREAK}: {{2}}", CHOICE, (OR + 1, CHOICE + 1, CHOICE))
SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: name for name in (*FUNCTIONS, "erf", "floor")} | {"abs": "fabs"},
    equal="==",
    choice=CHOOSE,
    # Of two floats, the sum would be a float too.
    single=Spelling(f"({REAL})(float){{0}}", SIGN, (SIGN,)),
    whole=lambda name, value: f"const int {name} = {value};",
    function=function,
    row=_row,
    buffer=_buffer,
    each=_each,
)
SINGLE = replace(SYNTAX, number=single)


class File(Records):
    """The parts of the file, in order."""

    GIVEN = "in->{}"
    NOTHING: ClassVar = {"number": "NAN", "text": "NULL", "code": "NAN"}
    NONE = "{} == NULL"
    TAKEN: ClassVar = TAKEN
    TYPES: ClassVar = {"number": f"{REAL} ", "text": "const char *", "code": "double "}

    def __init__(self, page: Page, name: str, precision: str, tested: Samples) -> None:
        super().__init__(page, self.TAKEN)
        self.name, self.precision, self.tested = name, precision, tested

    def parts(self) -> Iterator[str]:
        """Yield the file, part by part."""
        yield banner(self.formula, " * ").replace("*/", "* /").join(["/*\n", "\n */"])
        yield "\n".join(self._includes())
        yield self.struct("input", self.inputs)
        yield self.struct("output", self.outputs)
        yield f"/* Every output for one row. */\n{self._head()};"
        yield from self.inside()
        yield self._evaluate()
        yield self.test(TESTS)

    def inside(self) -> Iterator[str]:
        """Yield the tables and the functions that the user does not call."""
        yield from (array(name, data) for name, data in (*self.page.arrays(), *self.labels()))
        yield from self.page.helpers(*self.label_helpers())
        yield from self.page.trees()

    def _includes(self) -> list[str]:
        math = "<math.h>" if self.precision == "double" else "<tgmath.h>"
        return [f"#include {h}" for h in (math, "<stdbool.h>", "<stddef.h>", "<string.h>")]

    def struct(self, kind: str, fields: Sequence[Field]) -> str:
        """Return the declaration of a struct."""
        lines = self.fields(fields)
        return block("typedef struct {", lines, f"}} {self.name}_{kind};")

    def fields(self, fields: Sequence[Field]) -> list[str]:
        """Return the declarations of fields, the names that they stand for beside them."""
        lines = [
            f"{self.TYPES[f.kind]}{f.name};" + (f" {comment(f.said)}" if f.said != f.name else "")
            for f in fields
        ]
        return lines or ["char unused;"]

    def declared(self, kind: str, name: str, value: str) -> str:
        """Return the declaration of a local constant."""
        return f"const {LOCAL[kind]} {name} = {value};"

    def value(self, value: Any, kind: str) -> str:
        """Return a constant of the self-test."""
        if kind == "text":
            return text(value)
        return number(float("nan") if value is None else float(value))

    def lines(self) -> Iterator[str]:
        """Yield the lines of the function that fills the output."""
        made, refuse = self.page.made, ""
        if made.guard is not None:
            absent = [f"    out->{f.name} = {self.NOTHING[f.kind]};" for f in self.outputs]
            refuse = "\n".join([f"if ({fitted(made.guard)}) {{", *absent, "    return;", "}"])
        yield from self.read() if self.page.asked else ["(void)in;"]
        yield from self.page.lines(self.line, refuse)
        for field, lines, value in self.given():
            yield from lines
            yield f"out->{field.name} = {value};"

    def _evaluate(self) -> str:
        return block(f"{self._head()}\n{{", self.lines())

    def _head(self) -> str:
        return f"void {self.name}_evaluate(const {self.name}_input *in, {self.name}_output *out)"

    def test(self, template: str) -> str:
        """Return the self-test."""
        rows = [*self.tests(self.tested)]
        tests = [_agrees(f) for f in self.outputs]
        tolerance = "1e-9" if self.precision == "double" else "1e-3"
        return template.format(
            NAME=self.name.upper(), name=self.name,
            rows="\n".join(_braced(row) for row, _ in rows),
            wanted="\n".join(_braced(answer) for _, answer in rows),
            near="".join(self.compared(tests, tolerance)),
            equal="\n                   && ".join(tests),
        )  # fmt: skip

    def compared(self, tests: Sequence[str], tolerance: str) -> Iterator[str]:
        """Yield the functions that the self-test calls."""
        if any(test.startswith("near(") for test in tests):
            yield NEAR.format(tolerance=tolerance)
        if any(test.startswith("same_text(") for test in tests):
            yield SAME_TEXT


def _braced(values: Sequence[str]) -> str:
    return "        {" + ", ".join(values or ["0"]) + "},"


def _agrees(field: Field) -> str:
    same = "same_text" if field.kind == "text" else "near"
    return f"{same}(found.{field.name}, wanted[i].{field.name})"


def array(name: str, data: Data) -> str:
    """Return a constant array."""
    values = elements(data, {"number": number, "limit": number, "text": text}) or "    0,"
    return f"static {TYPES[data.kind]}{name}[{max(1, len(data.values))}] = {{\n{values}\n}};"
