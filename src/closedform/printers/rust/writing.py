"""Rust: one module that needs nothing but the standard library, with a test of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.printers.clike import Syntax, finite
from closedform.printers.forests import Data
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, comma, printable
from closedform.printers.records import Field, Records, block, elements, tested_rows
from closedform.printers.rust.prelude import HELPERS
from closedform.printers.samples import Samples
from closedform.printers.spell import BREAK, CHOICE, Spelling, call

_WORDS = """
as async await become box break const continue crate do dyn else enum extern false final fn for gen
if impl in let loop macro match mod move mut override priv pub ref return self Self static struct
super trait true try type typeof union unsafe unsized use virtual where while yield f32 f64 i32
usize bool str core std Option Some None Vec Input Output evaluate row tests found wanted near i
missing round32 FEATURE THRESHOLD CHILD MISSING_LEFT MEMBER STARTS SIZES CODES LEAVES
ROOTS OFFSETS TEXTS NUMBERS
"""
TAKEN = frozenset(_WORDS.split())
TYPES = {"number": "f64", "limit": "f64", "whole": "i32", "truth": "bool", "text": "&str"}
LOCAL = {"number": "f64", "truth": "bool", "whole": "i32"}
FUNCTIONS = {
    **{name: name for name in ("exp", "sqrt", "sin", "cos", "tanh", "asin", "acos", "atan")},
    **{"log": "ln", "log1p": "ln_1p", "expm1": "exp_m1", "floor": "floor", "abs": "abs"},
}
# Names come from columns, and a formula may compare with a missing number, which is false.
ALLOWED = (
    "#![allow(unknown_lints, dead_code, invalid_nan_comparisons, non_snake_case, unused_parens)]"
)
NEAR = """/// Whether two numbers agree to 1e-9 of their size; missing agrees with missing.
fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}"""


def write(formula: Formula, *, rows: Any = None) -> str:
    """Return a Rust module (edition 2018 or later) without dependencies and unsafe code.

    It has `Input` and `Output`, structs with a field for each column (its own name above it), and
    `evaluate(&Input) -> Output`. A number is an f64, missing is NaN. A label is an `Option<&str>`,
    missing is None; where all labels are numbers it is an f64. Rows that the model refuses give
    NaN and None. `cargo test` (or `rustc --test`) compares the module with the formula's own
    answers.

    Args:
        formula: what to write.
        rows: rows for the test, as in calling the formula; default: some are made up.

    Raises:
        UnsupportedTarget: operations without a spelling in Rust, labels of several types, or one
            that is no Unicode text.
    """
    made = page(formula, SYNTAX, HELPERS, NEEDS, target="rust", taken=TAKEN)
    return "\n\n".join(_Module(made, tested_rows(formula, rows)).parts()) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same f64."""
    return finite(value, "f64::NAN", "f64::INFINITY") or repr(value)


def text(value: str) -> str:
    """Return a string constant: ASCII, whatever is in it.

    Raises:
        UnsupportedTarget: half a surrogate pair, which is no text in Rust.
    """
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise UnsupportedTarget(
            f"The label {value!r} holds half of a character, which a text in Rust cannot.",
            hint="Write the formula in Python: formula.to('python').",
        )
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(c: str) -> str:
    return c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    given = ", ".join(f"{p}: f64" for p in parameters)
    *tests, last = body
    return "\n".join([
        "/// The value of one tree.", f"fn {name}({given}) -> f64 {{", *tests,
        last.replace("return ", "").removesuffix(";"), "}",
    ])  # fmt: skip


def _row(name: str, values: Sequence[str]) -> str:
    return f"let {name}: &[f64] = &[{comma(values)}];"


def _buffer(name: str, size: int) -> str:
    return f"let {name} = &mut [0.0; {size}];"


def _each(name: str, size: int, value: str) -> str:
    return f"{_buffer(name, size)}\nfor i in 0..{size} {{\n    {name}[i] = {value};\n}}"


SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: f"f64::{own}" for name, own in FUNCTIONS.items()},
    equal="==",
    choice=Spelling("if {0} {{~{1}~}} else {{~{2}~}}".replace("~", BREAK), CHOICE),
    single=call("round32"),
    whole=lambda name, value: f"let {name} = {value};",
    function=_function,
    row=_row,
    buffer=_buffer,
    each=_each,
    counted=False,
    branch="if {} {{",
    goes_left=(
        "value <= THRESHOLD[at]",
        "if MEMBER[at] >= 0 { among(MEMBER[at], value) } else { value <= THRESHOLD[at] }",
    ),
)


class _Module(Records):
    """The parts of the module, in order."""

    NOTHING: ClassVar = {"number": "f64::NAN", "text": "None", "code": "f64::NAN"}
    NONE = "{}.is_none()"

    def __init__(self, page: Page, tested: Samples) -> None:
        super().__init__(page, TAKEN)
        self.tested = tested
        kept = any(f.kind == "text" for f in self.outputs)
        borrowed = kept or any(f.kind == "text" for f in self.inputs)
        self.lifetimes = {"Input": "<'a>" * self._has_text(self.inputs), "Output": "<'a>" * kept}
        self.borrowed = borrowed

    def _has_text(self, fields: Sequence[Field]) -> bool:
        return any(f.kind == "text" for f in fields)

    def parts(self) -> Iterator[str]:
        """Yield the module, part by part."""
        yield banner(self.formula, "//! ")
        yield ALLOWED
        yield self._struct("Input", "One row.", self.inputs)
        yield self._struct("Output", "What the formula gives for it.", self.outputs)
        yield from (_array(name, data) for name, data in (*self.page.arrays(), *self.labels()))
        yield from self.page.helpers(*self.label_helpers())
        yield from self.page.trees()
        yield self._evaluate()
        yield self._test()

    def _struct(self, name: str, said: str, fields: Sequence[Field]) -> str:
        lines = []
        for field in fields:
            lines += [f"/// {printable(field.said)}"] if field.said != field.name else []
            kind = "Option<&'a str>" if field.kind == "text" else "f64"
            lines.append(f"pub {field.name}: {kind},")
        head = f"/// {said}\n#[derive(Clone, Copy, Debug)]\npub struct {name}"
        return block(f"{head}{self.lifetimes[name]} {{", lines)

    def declared(self, kind: str, name: str, value: str) -> str:
        """Return the declaration of a local constant."""
        return f"let {name}: {LOCAL[kind]} = {value};"

    def known(self, array: str, at: str, kind: str) -> str:
        """Return an element of the labels, as an output holds it."""
        element = f"{array}[({at}) as usize]" if " " in at else f"{array}[{at} as usize]"
        return f"Some({element})" if kind == "text" else element

    def value(self, value: Any, kind: str) -> str:
        """Return a constant of the test."""
        if kind == "text":
            return "None" if value is None else f"Some({text(value)})"
        return number(float("nan") if value is None else float(value))

    def _evaluate(self) -> str:
        taken = self.lifetimes["Output"]
        given = "Input" + ("<'_>" if self.lifetimes["Input"] and not taken else
                           taken if self.lifetimes["Input"] else "")  # fmt: skip
        row = "row" if self.page.asked else "_row"
        head = f"pub fn evaluate{taken}({row}: &{given}) -> Output{taken} {{"
        return block(f"/// Every output for one row.\n{head}", self._lines())

    def _lines(self) -> Iterator[str]:
        guard, refuse = self.page.made.guard, ""
        if guard is not None:
            absent = _output((f.name, self.NOTHING[f.kind]) for f in self.outputs)
            refuse = block(f"if {fitted(guard)} {{", [f"return {absent};"])
        yield from self.read()
        yield from self.page.lines(self.line, refuse)
        found = []
        for field, lines, value in self.given():
            yield from lines
            found.append((field.name, value))
        yield _output(found)

    def _test(self) -> str:
        rows = []
        for row, answer in self.tests(self.tested):
            given = _record("Input", self.inputs, row)
            checks = [_agrees(f, v) for f, v in zip(self.outputs, answer, strict=True)]
            rows += [fitted(f"let found = evaluate(&{given});"), *checks]
        near = NEAR.split("\n") + [""] if any(f.kind != "text" for f in self.outputs) else []
        test = block("#[test]\nfn the_module_gives_what_the_formula_gives() {", rows)
        return block("#[cfg(test)]\nmod tests {", ["use super::*;", "", *near, test])


def _agrees(field: Field, value: str) -> str:
    found = f"found.{field.name}"
    if field.kind == "text":
        return f"assert_eq!({found}, {value});"
    return f'assert!(near({found}, {value}), "{{}}", {found});'


def _record(name: str, fields: Sequence[Field], values: Sequence[str]) -> str:
    pairs = (f"{f.name}: {v}" for f, v in zip(fields, values, strict=True))
    return f"{name} {{ {comma(pairs)} }}" if fields else f"{name} {{}}"


def _output(pairs: Any) -> str:
    return block("Output {", [f"{n}," if n == v else f"{n}: {v}," for n, v in pairs])


def _array(name: str, data: Data) -> str:
    values = elements(data, {"number": number, "limit": number, "text": text, "truth": _truth})
    inner = f"\n{values}\n" if values else ""
    return f"static {name}: &[{TYPES[data.kind]}] = &[{inner}];"


def _truth(value: Any) -> str:
    return "true" if value else "false"
