"""JavaScript: one module without any dependency, for browsers and Node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers.clike import FUNCTIONS, Syntax, finite
from closedform.printers.forests import Data
from closedform.printers.javascript.prelude import HELPERS
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, joined
from closedform.printers.records import block
from closedform.printers.spell import BREAK, CHOICE, OR, Spelling, call, unbroken

_WORDS = """
abstract arguments async await boolean break byte case catch char class const continue debugger
default delete do double else enum eval export extends false final finally float for function get
goto if implements import in instanceof int interface let long native new null of package private
protected public return set short static super switch synchronized this throw throws transient true
try typeof undefined var void volatile while with yield NaN Infinity Math Number Object Array Map
Float64Array Int32Array Uint8Array String Boolean Symbol globalThis window i x value row values
known found at INPUTS LABELS CODES_OF FEATURE THRESHOLD CHILD MISSING_LEFT MEMBER STARTS SIZES CODES
LEAVES ROOTS OFFSETS evaluate predict by_name
"""
TAKEN = frozenset(_WORDS.split())
ARRAYS = {
    "number": "Float64Array",
    "limit": "Float64Array",
    "whole": "Int32Array",
    "truth": "Uint8Array",
}


def write(formula: Formula) -> str:
    """Return an ES module that needs nothing.

    It exports `INPUTS`, the names of the columns; `evaluate(row)`, which takes an object by column
    name or an array in that order and returns every output by name; and `predict(row)`. A missing
    value is null, undefined or NaN; a missing output NaN, or null for a label. Rows that the model
    refuses give that too.

    Raises:
        UnsupportedTarget: operations without a spelling in JavaScript.
    """
    made = page(formula, SYNTAX, HELPERS, NEEDS, target="javascript", taken=TAKEN)
    return "\n\n".join(Module(made).parts()) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return finite(value, "NaN", "Infinity") or repr(value)


def text(value: Any) -> str:
    """Return a name or label as a constant: ASCII, and no end of a script."""
    if isinstance(value, float):
        return number(value)
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")


def _function(
    name: str, parameters: Sequence[str], body: Sequence[str], *, typed: bool = False
) -> str:
    given = ", ".join(p + ": number" * typed for p in parameters)
    head = f"/** The value of one tree. */\nfunction {name}({given}){': number' * typed} {{"
    return "\n".join([head, *body, "}"])


def _row(name: str, values: Sequence[str], *, typed: bool = False) -> str:
    return f"const {name}{': number[]' * typed} = [{(',' + BREAK).join(values)}];"


def _each(name: str, size: int, value: str, *, typed: bool = False) -> str:
    filled = f"for (let i = 0; i < {size}; i++) {name}[i] = {value};"
    return f"{_buffer(name, size, typed=typed)}\n{filled}"


def _buffer(name: str, size: int, *, typed: bool = False) -> str:
    return f"const {name} = new Array{'<number>' * typed}({size});"


SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: f"Math.{name}" for name in (*FUNCTIONS, "floor", "abs")},
    equal="===",
    choice=Spelling(f"{{0}}{BREAK}? {{1}}{BREAK}: {{2}}", CHOICE, (OR + 1, CHOICE + 1, CHOICE)),
    single=call("Math.fround"),
    whole=lambda name, value: f"const {name} = {value};",
    function=_function,
    row=_row,
    buffer=_buffer,
    each=_each,
    counted=False,
)

TYPED = replace(
    SYNTAX,
    function=partial(_function, typed=True),
    row=partial(_row, typed=True),
    buffer=partial(_buffer, typed=True),
    each=partial(_each, typed=True),
)
"""The same in TypeScript."""


class Module:
    """The parts of the module, in order."""

    def __init__(self, page: Page) -> None:
        self.page, self.formula, self.codes = page, page.formula, page.writer.codes
        self.labels = [*self.codes.texts, *self.codes.own_numbers()]

    def parts(self) -> Iterator[str]:
        """Yield the module, part by part."""
        yield banner(self.formula, "// ")
        yield from self.types()
        names = joined((text(f.name) for f in self.formula.inputs), width=96)
        listed = f"[\n{names}\n]" if names else "[]"
        yield f"/** The columns, in the order of an array. */\nexport const INPUTS = {listed};"
        yield from (_array(name, data) for name, data in self.page.arrays())
        yield from self._known()
        yield from self.page.helpers("as_number", "code" if self._reads_labels() else "")
        yield from self.page.trees()
        yield self._evaluate()
        yield self._predict()

    def types(self) -> Iterator[str]:
        """Yield the types of rows and answers, where the language has any."""
        yield from ()

    def heads(self) -> tuple[str, str]:
        """Return the heads of the two functions."""
        return "evaluate(row)", "predict(row)"

    def at(self) -> Iterator[str]:
        """Yield the function that reads a column of the row."""
        yield "const at = Array.isArray(row)"
        yield "    ? (i) => row[i]"
        yield "    : (i) => (Object.hasOwn(row, INPUTS[i]) ? row[INPUTS[i]] : undefined);"

    def map(self) -> str:
        """Return what makes a map of labels."""
        return "new Map"

    def cast(self, n: Node, label: str) -> str:
        """Return a label as what the output is."""
        return label

    def _known(self) -> Iterator[str]:
        if self.labels:
            yield f"const LABELS = [\n{joined(map(text, self.labels))}\n];"
        pairs = [
            f"[{text(v)}, {i}]" for i, v in enumerate([*self.codes.texts, *self.codes.numbers])
        ]
        if self._reads_labels():
            listed = f"[\n{joined(pairs)}\n]" if pairs else ""
            yield f"const CODES_OF = {self.map()}({listed});"

    def _reads_labels(self) -> bool:
        return any(self.formula.inputs[i].type is Type.LABEL for i in self.page.asked)

    def _evaluate(self) -> str:
        outputs, made = self.formula.outputs, self.page.made
        refuse = ""
        if made.guard is not None:
            absent = {k: "null" if n.type is Type.LABEL else "NaN" for k, n in outputs.items()}
            refuse = block(f"if ({fitted(made.guard)}) {{", [f"return {_object(absent)};"])
        lines = self.page.lines(lambda n, name, value: f"const {name} = {value};", refuse)
        found = {name: self._given(outputs[name], t) for name, t in made.outputs.items()}
        head = "/** Return every output for one row, by name. */\nexport function "
        body = [*self.at(), *self._read(), *lines, f"return {_object(found)};"]
        return block(f"{head}{self.heads()[0]} {{", body)

    def _read(self) -> Iterator[str]:
        for i in self.page.asked:
            field = self.page.made.inputs[i]
            if self.formula.inputs[i].type is Type.LABEL:
                yield f"const {field} = code(at({i}), {self.codes.unseen(i)});"
            else:
                yield f"const {field} = as_number(at({i}));"

    def _given(self, n: Node, written: str) -> str:
        if n.type is not Type.LABEL:
            return written
        if self.codes.known(n):
            return self.cast(n, f"LABELS[{written}]")
        rest = "null"
        for i in self.codes.passed(n):
            rest = f"({written}) === {self.codes.unseen(i)} ? at({i}) : {rest}"
        rest = rest if rest == "null" else f"({rest})"
        return self.cast(n, f"LABELS[{written}] ?? {rest}" if self.labels else rest)

    def _predict(self) -> str:
        found = [f"found[{text(name)}]" for name in self.formula.answer]
        result = found[0] if len(found) == 1 else "[" + ", ".join(found) + "]"
        head = f"/** Return the prediction for one row. */\nexport function {self.heads()[1]} {{"
        return block(head, ["const found = evaluate(row);", f"return {result};"])


def _array(name: str, data: Data) -> str:
    values = joined(number(v) if data.kind in ("number", "limit") else str(int(v))
                    for v in data.values)  # fmt: skip
    # A call, as of Float64Array.of, may have 65,535 arguments and no more.
    return f"const {name} = new {ARRAYS[data.kind]}([\n{values}\n]);"


def _object(entries: dict[str, str]) -> str:
    # A computed key: a plain one that is called __proto__ would be no key at all.
    keys = {k: f"[{text(k)}]" if k == "__proto__" else text(k) for k in entries}
    parts = [f"{keys[k]}: {unbroken(v)}" for k, v in entries.items()]
    inner = ", ".join(parts)
    if len(inner) < 80:
        return "{ " + inner + " }"
    return "{\n" + "".join(f"    {part},\n" for part in parts) + "}"
