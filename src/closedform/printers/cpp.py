"""C++11: one header in a namespace of its own, on the functions that C's file has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.printers.c import writing as c
from closedform.printers.c.prelude import CALLS
from closedform.printers.clike import Syntax
from closedform.printers.pages import NEEDS, fitted, page
from closedform.printers.program import banner
from closedform.printers.records import Field, block, tested_rows
from closedform.printers.spell import SIGN, Spelling

_WORDS = """
alignas alignof and and_eq asm bitand bitor catch char8_t char16_t char32_t class co_await co_return
co_yield compl concept const_cast consteval constexpr constinit decltype delete dynamic_cast
explicit export final friend import module mutable namespace new noexcept not not_eq nullptr
operator or or_eq override private protected public reinterpret_cast requires static_assert
static_cast template this thread_local throw try typeid typename using virtual wchar_t xor xor_eq
std Input Output evaluate assert
"""
TAKEN = frozenset({*c.TAKEN, *_WORDS.split()})
TESTS = """#ifdef {NAME}_TEST
#include <cstdio>

{near}int main()
{{
    static const {name}::Input rows[] = {{
{rows}
    }};
    static const {name}::Output wanted[] = {{
{wanted}
    }};
    const int count = sizeof rows / sizeof *rows;
    int wrong = 0;
    for (int i = 0; i < count; i++) {{
        const {name}::Output found = {name}::evaluate(rows[i]);
        wrong += !({equal});
    }}
    std::printf("%d of %d rows differ\\n", wrong, count);
    return wrong != 0;
}}
#endif"""
_OWN = re.compile(r"\b(?=(exp|log1p|pow|floor|fabs|strcmp|size_t)\b)")


def _in_cpp(text: str) -> str:
    """Return a function of the C file as C++ has it."""
    said, _, code = text.partition("*/")
    code = code.replace("\nstatic ", "\nstatic inline ").replace("NULL", "nullptr")
    return f"{said}*/{_OWN.sub('std::', code)}"


PRELUDE = {name: _in_cpp(text) for name, text in c.PRELUDE.items()}


def write(
    formula: Formula, *, name: str = "model", precision: str = "double", rows: Any = None
) -> str:
    """Return a C++ header (C++11 or later) that needs nothing but the standard library.

    In the namespace `name` it has `Input` and `Output`, structs with a field for each column (its
    own name beside it), and `evaluate(const Input &) -> Output`. A number is a double, missing is
    NAN. A label is a `const char *`, which is never copied, and missing is nullptr; where all
    labels are numbers it is a double. Rows that the model refuses give NAN and nullptr. Functions
    and tables are `static`: each source file that includes the header has its own. Compiled with
    `-x c++ -Dname_TEST` (in capitals), the header is a program that compares itself with the
    formula's own answers.

    What is said of C about compilers holds here too: `-ffp-contract=off` beside `-march=native`,
    and never `-ffast-math`.

    Args:
        formula: what to write.
        name: the namespace.
        precision: "double" or "float", as in C.
        rows: rows for the self-test, as in calling the formula; default: some are made up.

    Raises:
        BadInput: `name` is no identifier, or `precision` neither of the two.
        UnsupportedTarget: operations without a spelling in C++, or labels of several types.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in TAKEN or "__" in name:
        raise BadInput(f"{name!r} is no name in C++.", hint="Use letters, digits and underscores.")
    if precision not in ("double", "float"):
        raise BadInput(f"There is no precision {precision!r}.", hint="Use 'double' or 'float'.")
    syntax = SYNTAX if precision == "double" else replace(SYNTAX, number=c.single)
    made = page(formula, syntax, PRELUDE, {**NEEDS, **CALLS}, target="cpp", taken=[*TAKEN, name])
    file = _Header(made, name, precision, tested_rows(formula, rows))
    return "\n\n".join(file.parts()).replace(c.REAL, precision) + "\n"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    return c.function(name, parameters, body).replace("\nstatic ", "\nstatic inline ")


SYNTAX: Syntax = replace(
    c.SYNTAX,
    functions={name: f"std::{text}" for name, text in c.SYNTAX.functions.items()},
    single=Spelling(f"static_cast<{c.REAL}>(static_cast<float>({{0}}))", SIGN),
    function=_function,
)


class _Header(c.File):
    """The parts of the header, in order."""

    GIVEN = "in.{}"
    NOTHING: ClassVar = {"number": "NAN", "text": "nullptr", "code": "NAN"}
    NONE = "{} == nullptr"
    TAKEN = TAKEN

    def parts(self) -> Iterator[str]:
        """Yield the header, part by part."""
        guard = f"{self.name.upper()}_HPP"
        yield banner(self.formula, " * ").replace("*/", "* /").join(["/*\n", "\n */"])
        yield f"#ifndef {guard}\n#define {guard}"
        yield "\n".join(f"#include <{h}>" for h in ("cmath", "cstddef", "cstring"))
        yield f"namespace {self.name} {{"
        yield self.struct("Input", self.inputs)
        yield self.struct("Output", self.outputs)
        yield from self.inside()
        yield self._evaluate()
        yield f"}} // namespace {self.name}"
        yield self.test(TESTS)
        yield f"#endif // {guard}"

    def struct(self, kind: str, fields: Sequence[Field]) -> str:
        """Return the declaration of a struct."""
        return block(f"struct {kind} {{", self.fields(fields), "};")

    def value(self, value: Any, kind: str) -> str:
        """Return a constant of the self-test."""
        return "nullptr" if kind == "text" and value is None else super().value(value, kind)

    def compared(self, tests: Sequence[str], tolerance: str) -> Iterator[str]:
        """Yield the functions that the self-test calls."""
        yield from map(_in_cpp, super().compared(tests, tolerance))

    def lines(self) -> Iterator[str]:
        """Yield the lines of the function that returns the output."""
        made, refuse = self.page.made, ""
        if made.guard is not None:
            absent = [f"    out.{f.name} = {self.NOTHING[f.kind]};" for f in self.outputs]
            refuse = "\n".join([f"if ({fitted(made.guard)}) {{", *absent, "    return out;", "}"])
        yield "Output out;"
        yield from self.read() if self.page.asked else ["(void)in;"]
        yield from self.page.lines(self.line, refuse)
        for field, lines, value in self.given():
            yield from lines
            yield f"out.{field.name} = {value};"
        yield "return out;"

    def _evaluate(self) -> str:
        head = "/* Every output for one row. */\nstatic inline Output evaluate(const Input &in)\n{"
        return block(head, self.lines())
