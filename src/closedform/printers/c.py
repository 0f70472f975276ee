"""C99: one file that needs nothing but the standard library, and can test itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers.c_prelude import CALLS, HELPERS
from closedform.printers.clike import Syntax, finite, listed
from closedform.printers.forests import Data
from closedform.printers.identifiers import identifiers
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, joined, printable
from closedform.printers.samples import Samples, samples
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

TYPES = {"number": "real", "limit": "double", "whole": "int", "truth": "bool"}
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
    made = page(formula, syntax, HELPERS, {**NEEDS, **CALLS}, target="c", taken=[*TAKEN, name])
    made.writer.codes.require_one_type()
    file = _File(made, name, precision, samples(formula, rows))
    return re.sub(r"\breal\b", precision, "\n\n".join(file.parts())) + "\n"


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
    return f"const real {name}[{len(values)}] = {listed(values)};"


def _buffer(name: str, size: int) -> str:
    return f"real {name}[{size}];"


def _each(name: str, size: int, value: str) -> str:
    return f"real {name}[{size}];\nfor (int i = 0; i < {size}; i++)\n    {name}[i] = {value};"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    given = ", ".join(f"real {p}" for p in parameters) or "void"
    return "\n".join(
        ["/* The value of one tree. */", f"static real {name}({given})", "{", *body, "}"]
    )


CHOOSE = Spelling(f"{{0}}{BREAK}? {{1}}{BREAK}: {{2}}", CHOICE, (OR + 1, CHOICE + 1, CHOICE))
FUNCTIONS = ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh", "asin", "acos", "atan")
SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: name for name in (*FUNCTIONS, "erf", "floor")} | {"abs": "fabs"},
    equal="==",
    choice=CHOOSE,
    single=Spelling("(float){0}", SIGN, (SIGN,)),
    whole=lambda name, value: f"const int {name} = {value};",
    function=_function,
    row=_row,
    buffer=_buffer,
    each=_each,
)
SINGLE = replace(SYNTAX, number=single)


class _File:
    """The parts of the file, in order."""

    def __init__(self, page: Page, name: str, precision: str, tested: Samples) -> None:
        self.page, self.name, self.precision, self.tested = page, name, precision, tested
        self.formula, self.codes = page.formula, page.writer.codes
        self.fields = identifiers(list(self.formula.outputs), taken=TAKEN, fallback="y")
        self.inputs = [ops.input_(i, f.type) for i, f in enumerate(self.formula.inputs)]

    def parts(self) -> Iterator[str]:
        yield banner(self.formula, " * ").replace("*/", "* /").join(["/*\n", "\n */"])
        yield "\n".join(self._includes())
        yield self._struct("input", self._input_fields())
        yield self._struct("output", self._output_fields())
        yield from (_array(name, data) for name, data in self.page.arrays())
        yield from self._labels()
        yield from self.page.helpers(*self._label_helpers())
        yield from self.page.trees()
        yield self._evaluate()
        yield self._test()

    def _includes(self) -> list[str]:
        math = "<math.h>" if self.precision == "double" else "<tgmath.h>"
        return [f"#include {h}" for h in (math, "<stdbool.h>", "<stddef.h>", "<string.h>")]

    def _struct(self, kind: str, fields: Sequence[tuple[str, str, str]]) -> str:
        lines = [
            f"    {type_}{field};" + (f" {comment(said)}" if said != field else "")
            for type_, field, said in fields
        ]
        return "\n".join(["typedef struct {", *(lines or ["    char unused;"])]) + (
            f"\n}} {self.name}_{kind};"
        )

    def _input_fields(self) -> list[tuple[str, str, str]]:
        features = zip(self.formula.inputs, self.page.made.inputs, self.inputs, strict=True)
        return [(self._type(n), field, f.name) for f, field, n in features]

    def _output_fields(self) -> list[tuple[str, str, str]]:
        outputs = zip(self.formula.outputs.items(), self.fields, strict=True)
        return [(self._type(n), field, name) for (name, n), field in outputs]

    def _type(self, n: Node) -> str:
        if n.type is not Type.LABEL:
            return "real "
        return "const char *" if self.codes.is_text(n) else "double "

    def _labels(self) -> Iterator[str]:
        if self.codes.texts:
            values = joined(map(text, self.codes.texts))
            yield f"static const char *const TEXTS[{len(self.codes.texts)}] = {{\n{values}\n}};"
        if self.codes.numbers:
            yield _array("NUMBERS", Data("limit", self.codes.numbers))

    def _label_helpers(self) -> Iterator[str]:
        for i in self.page.asked:
            if self.formula.inputs[i].type is Type.LABEL:
                if self.codes.is_text(self.inputs[i]):
                    yield "text_code" if self.codes.texts else ""
                else:
                    yield "number_code"

    def _evaluate(self) -> str:
        made, refuse = self.page.made, ""
        if made.guard is not None:
            absent = [f"        out->{f} = {self._absent(n)};" for f, n in self._outputs()]
            head = f"    if ({fitted(made.guard)}) {{"
            refuse = "\n".join([head, *absent, "        return;", "    }"])
        body = [f"    {line}" for line in self._read()] + self.page.lines(_declared, refuse)
        for (field, n), written in zip(self._outputs(), made.outputs.values(), strict=True):
            body += self._give(field, n, written)
        head = f"void {self.name}_evaluate(const {self.name}_input *in, {self.name}_output *out)"
        return "\n".join([head, "{", *body, "}"])

    def _outputs(self) -> Iterator[tuple[str, Node]]:
        return zip(self.fields, self.formula.outputs.values(), strict=True)

    def _absent(self, n: Node) -> str:
        return "NULL" if self._type(n) == "const char *" else "NAN"

    def _read(self) -> Iterator[str]:
        """Yield a local variable for each input that matters."""
        read = self.page.asked
        if not read:
            yield "(void)in;"
        for i in read:
            field, n = self.page.made.inputs[i], self.inputs[i]
            if n.type is not Type.LABEL:
                yield f"const real {field} = in->{field};"
                continue
            other = self.codes.unseen(i)
            if self._type(n) == "double ":
                first = len(self.codes.texts)
                yield f"const int {field} = number_code(in->{field}, {first}, {other});"
            elif self.codes.texts:
                yield f"const int {field} = text_code(in->{field}, {other});"
            else:
                yield f"const int {field} = in->{field} == NULL ? -1 : {other};"

    def _give(self, field: str, n: Node, written: str) -> Iterator[str]:
        if n.type is not Type.LABEL:
            yield f"    out->{field} = {fitted(written)};"
            return
        code = f"{field}_code"
        yield f"    const int {code} = {fitted(written)};"
        known, begin = ("TEXTS", 0) if self.codes.is_text(n) else ("NUMBERS", len(self.codes.texts))
        at = f"[{code}]" if not begin else f"[{code} - {begin}]"
        rest = self._absent(n)
        for i in self.codes.passed(n):
            rest = f"{code} == {self.codes.unseen(i)} ? in->{self.page.made.inputs[i]} : {rest}"
        some = self.codes.texts if known == "TEXTS" else self.codes.numbers
        found = f"{code} >= 0 ? {known}{at} : {rest}" if some else rest
        yield f"    out->{field} = {found};"

    def _test(self) -> str:
        ins, outs = self.inputs, self.formula.roots
        rows = [self._values(row, ins) for row in self.tested.rows]
        wanted = [self._values(row, outs) for row in self.tested.answers]
        tests = [self._agrees(field, n) for field, n in self._outputs()]
        tolerance = "1e-9" if self.precision == "double" else "1e-3"
        return TESTS.format(
            NAME=self.name.upper(), name=self.name, rows="\n".join(rows), wanted="\n".join(wanted),
            near="".join(self._compare(tests, tolerance)),
            equal="\n                   && ".join(tests),
        )  # fmt: skip

    def _compare(self, tests: Sequence[str], tolerance: str) -> Iterator[str]:
        """Yield the functions that the self-test calls."""
        if any(test.startswith("near(") for test in tests):
            yield NEAR.format(tolerance=tolerance)
        if any(test.startswith("same_text(") for test in tests):
            yield SAME_TEXT

    def _values(self, row: Sequence[Any], nodes: Sequence[Node]) -> str:
        parts = [self._value(v, n) for v, n in zip(row, nodes, strict=True)] or ["0"]
        return "        {" + ", ".join(parts) + "},"

    def _value(self, value: Any, n: Node) -> str:
        if self._type(n) == "const char *":
            return text(value)
        return number(float("nan") if value is None else float(value))

    def _agrees(self, field: str, n: Node) -> str:
        a, b = f"found.{field}", f"wanted[i].{field}"
        if self._type(n) != "const char *":
            return f"near({a}, {b})"
        return f"same_text({a}, {b})"


def _declared(n: Node, name: str, value: str) -> str:
    type_ = {Type.BOOL: "bool", Type.LABEL: "int"}.get(n.type, "real")
    return f"const {type_} {name} = {value};"


def _array(name: str, data: Data) -> str:
    spelled = {"number": number, "limit": number}.get(data.kind, lambda v: str(int(v)))
    values = joined(map(spelled, data.values)) or "    0,"
    return f"static const {TYPES[data.kind]} {name}[{max(1, len(data.values))}] = {{\n{values}\n}};"
