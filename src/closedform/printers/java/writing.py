"""Java: one class that needs nothing but the standard library, and can test itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.printers.c.writing import CHOOSE
from closedform.printers.clike import FUNCTIONS, Syntax, finite, listed
from closedform.printers.forests import Data
from closedform.printers.java.prelude import CALLS, HELPERS
from closedform.printers.pages import NEEDS, Page, fitted, page
from closedform.printers.program import banner, printable
from closedform.printers.records import Field, Records, block, elements, tested_rows
from closedform.printers.samples import Samples
from closedform.printers.spell import call

_WORDS = """
abstract assert boolean break byte case catch char class const continue default do double else enum
extends final finally float for goto if implements import instanceof int interface long native new
package private protected public return short static strictfp super switch synchronized this throw
throws transient try void volatile while true false null var yield record sealed permits
Input Output Steps Math Double Integer String Object Arrays HashMap Map StringJoiner System evaluate
main row out i found wanted args wrong FEATURE THRESHOLD CHILD MISSING_LEFT MEMBER STARTS SIZES
CODES LEAVES ROOTS OFFSETS TEXTS NUMBERS CODES_OF
"""
TAKEN = frozenset(_WORDS.split())
TYPES = {
    **{"number": "double", "limit": "double", "whole": "int", "truth": "boolean"},
    "text": "String",
}
MADE_BY = {"number": "numbers", "limit": "numbers", "whole": "wholes", "truth": "truths"}
LOCAL = {"number": "double", "truth": "boolean", "whole": "int"}
FEW = 2_000
"""Elements that the arrays of a class may have to be written as arrays: a method has 64 KB, and an
element takes 7 to 14 bytes of the one that fills them."""
LONGEST = 60_000
"""Characters of one text; Java allows 65,535 bytes."""
LARGEST = 600
"""Words in the steps of one method: some 6 KB, and of more than 8 KB nothing is compiled."""


def write(formula: Formula, *, name: str = "Model", rows: Any = None) -> str:
    """Return a Java class (Java 8 or later) that imports nothing but java.util.

    It has the classes `Input` and `Output` with a field for each column (its own name above it),
    and `static Output evaluate(Input)`. A number is a double; missing is NaN, which it is from the
    beginning. A label is a String, missing is null; where all labels are numbers it is a double.
    Rows that the model refuses give NaN and null. Its `main` compares the class with the formula's
    own answers. Large tables are texts that are read once, and long formulas several methods: Java
    allows 64 KB for each.

    Args:
        formula: what to write.
        name: the class, and so the file: Model.java.
        rows: rows for the self-test, as in calling the formula; default: some are made up.

    Raises:
        BadInput: `name` is no identifier.
        UnsupportedTarget: operations without a spelling in Java, or labels of several types.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in TAKEN:
        raise BadInput(f"{name!r} is no name in Java.", hint="Use letters, digits, underscores.")
    needs = {**NEEDS, **CALLS}
    made = page(formula, SYNTAX, HELPERS, needs, target="java", taken=[*TAKEN, name])
    return "\n\n".join(_Class(made, name, tested_rows(formula, rows)).parts()) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same double."""
    plain = finite(value, "Double.NaN", "Double.POSITIVE_INFINITY") or repr(value)
    return plain.replace("-Double.POSITIVE", "Double.NEGATIVE")


def text(value: str | None) -> str:
    """Return a string constant: ASCII, whatever is in it."""
    if value is None:
        return "null"
    units = value.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return '"' + "".join(map(_escaped, codes)) + '"'


def _escaped(code: int) -> str:
    # \\u000a would end the line, since Java reads it before all else: octal is read later.
    if 32 <= code < 127 and chr(code) not in '"\\':
        return chr(code)
    return f"\\{code:03o}" if code < 128 else f"\\u{code:04x}"


def comment(words: str) -> str:
    """Return words as a comment that they cannot end."""
    # A backslash and a u would be read as a character, even here.
    return f"/** {printable(words).replace('*/', '* /').replace(chr(92), chr(92) + ' ')} */"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    given = ", ".join(f"double {p}" for p in parameters)
    head = f"/** The value of one tree. */\nprivate static double {name}({given}) {{"
    return "\n".join([head, *body, "}"])


def _row(name: str, values: Sequence[str]) -> str:
    return f"final double[] {name} = {listed(values)};"


def _buffer(name: str, size: int) -> str:
    return f"final double[] {name} = new double[{size}];"


def _each(name: str, size: int, value: str) -> str:
    head = f"for (int i = 0; i < {size}; i++) {{"
    return f"{_buffer(name, size)}\n{head}\n    {name}[i] = {value};\n}}"


SYNTAX = Syntax(
    number=number,
    limit=number,
    functions={name: f"Math.{name}" for name in (*FUNCTIONS, "floor", "abs")},
    equal="==",
    choice=CHOOSE,
    single=call("round32"),
    whole=lambda name, value: f"final int {name} = {value};",
    function=_function,
    row=_row,
    buffer=_buffer,
    each=_each,
    counted=False,
)


class _Class(Records):
    """The parts of the file, in order."""

    NOTHING: ClassVar = {"number": "Double.NaN", "text": "null", "code": "Double.NaN"}

    def __init__(self, page: Page, name: str, tested: Samples) -> None:
        super().__init__(page, TAKEN)
        self.name, self.tested = name, tested
        self.data = [*page.arrays(), *self.labels()]
        self.few = sum(len(data.values) for _, data in self.data) <= FEW

    def parts(self) -> Iterator[str]:
        """Yield the file, part by part."""
        inside = [*self._inside()]
        yield banner(self.formula, "// ").replace("\\", "\\ ")
        code = "".join(inside)
        used = [n for n in ("Arrays", "HashMap", "Map", "StringJoiner")
                if re.search(rf"\b{n}[.<(]|new {n}\b", code)]  # fmt: skip
        if used:
            yield "\n".join(f"import java.util.{name};" for name in used)
        yield f"public final class {self.name} {{\n    private {self.name}() {{}}"
        yield from (re.sub(r"^(?=.)", "    ", part, flags=re.M) for part in inside)
        yield "}"

    def _inside(self) -> Iterator[str]:
        yield self._record("Input", "One row.", self.inputs)
        yield self._record("Output", "What the formula gives for it.", self.outputs)
        yield from (self._array(name, data) for name, data in self.data)
        helpers = ["near"] * any(f.kind != "text" for f in self.outputs)
        if any(f.kind == "text" for f in self.inputs) and self.codes.texts:
            yield "private static final Map<String, Integer> CODES_OF = codes_of(TEXTS);"
            helpers.append("codes_of")
        if not self.few:
            made = {MADE_BY[data.kind] for _, data in self.data if data.kind in MADE_BY}
            helpers += [*made, "words"]
        yield from self.page.helpers(*self.label_helpers(), *helpers)
        yield from self.page.trees()
        yield self._evaluate()
        yield from self._tests()

    def _record(self, name: str, said: str, fields: Sequence[Field]) -> str:
        lines = []
        for field in fields:
            lines += [comment(field.said)] if field.said != field.name else []
            plain = "String {};" if field.kind == "text" else "double {} = Double.NaN;"
            lines.append("public " + plain.format(field.name))
        return block(f"/** {said} */\npublic static final class {name} {{", lines)

    def _array(self, name: str, data: Data) -> str:
        head = f"private static final {TYPES[data.kind]}[] {name} ="
        if self.few or data.kind == "text":
            values = elements(data, SPELLED)
            return f"{head} {{\n{values}\n}};" if values else f"{head} {{}};"
        if not data.values:
            return f"{head} {{}};"
        texts = ",\n".join(_texts(data))
        return f"{head} {MADE_BY[data.kind]}(\n{texts});"

    def declared(self, kind: str, name: str, value: str) -> str:
        """Return the declaration of a local constant."""
        return f"final {LOCAL[kind]} {name} = {value};"

    def value(self, value: Any, kind: str) -> str:
        """Return a constant of the self-test."""
        if kind == "text":
            return text(value)
        return number(float("nan") if value is None else float(value))

    def _evaluate(self) -> str:
        lines = ["final Output out = new Output();", *self.read(), *self._lines("return out;")]
        head = "/** Every output for one row. */\npublic static Output evaluate(Input row) {"
        whole = block(head, [*lines, "return out;"])
        return whole if len(re.findall(r"\w+", whole)) <= LARGEST else self._in_steps()

    def _lines(self, leave: str) -> Iterator[str]:
        guard, refuse = self.page.made.guard, ""
        if guard is not None:
            # An output is missing until it is given.
            refuse = block(f"if ({fitted(guard)}) {{", [leave])
        yield from self.page.lines(self.line, refuse)
        for field, lines, value in self.given():
            yield from lines
            yield f"out.{field.name} = {value};"

    def _in_steps(self) -> str:
        """Return a long formula as a class whose methods each do a part of it."""
        fields = ["final Input row;", "final Output out = new Output();", "boolean refused;"]
        methods: list[list[str]] = [[]]
        size = 0
        for line in (*self.read(), *self._lines("refused = true;\n    return;")):
            declared, step = _as_field(line)
            fields += declared
            words = len(re.findall(r"\w+", step))
            if size and size + words > LARGEST:
                methods.append([])
                size = 0
            methods[-1].append(step)
            size += words
        calls = [f"steps.step{i}();" for i in range(len(methods))]
        if self.page.made.guard is not None:
            calls = [line for c in calls for line in (c, _LEAVE)][:-1]
        made = [block(f"void step{i}() {{", lines) for i, lines in enumerate(methods)]
        taken = block("Steps(Input row) {", ["this.row = row;"])
        parts = ["\n".join(fields), taken, *made]
        named = "/** The values of one row, in methods that Java takes. */"
        inner = "\n\n".join(parts).split("\n")
        steps = block(f"{named}\nprivate static final class Steps {{", inner)
        head = "/** Every output for one row. */\npublic static Output evaluate(Input row) {"
        run = ["final Steps steps = new Steps(row);", *calls, "return steps.out;"]
        return f"{block(head, run)}\n\n{steps}"

    def _tests(self) -> Iterator[str]:
        rows = [*self.tests(self.tested)]
        for i, (row, answer) in enumerate(rows):
            given = [f"row.{f.name} = {v};" for f, v in zip(self.inputs, row, strict=True)]
            checks = [_agrees(f, v) for f, v in zip(self.outputs, answer, strict=True)]
            yield block(
                f"private static boolean test{i}() {{",
                ["final Input row = new Input();", *given, "final Output found = evaluate(row);",
                 "return " + "\n    && ".join(checks) + ";"],
            )  # fmt: skip
        counted = [f"wrong += test{i}() ? 0 : 1;" for i in range(len(rows))]
        said = f'System.out.println(wrong + " of {len(rows)} rows differ");'
        yield block(
            "/** Compares this class with the formula's own answers. */\n"
            "public static void main(String[] args) {",
            ["int wrong = 0;", *counted, said, "System.exit(wrong == 0 ? 0 : 1);"],
        )


_LEAVE = "if (steps.refused) {\n    return steps.out;\n}"
_DECLARED = re.compile(r"final (\w+(?:\[\])?) (\w+) = (.*)", re.S)


def _as_field(line: str) -> tuple[list[str], str]:
    """Return the field that a declaration becomes, and what sets it."""
    head, mark, rest = line.partition("\n")
    found = _DECLARED.fullmatch(head)
    if found is None:
        return [], line
    kind, name, value = found.groups()
    made = f"new {kind} {value}" if value.startswith("{") else value
    return [f"{kind} {name};"], f"{name} = {made}{mark}{rest}"


def _agrees(field: Field, value: str) -> str:
    found = f"found.{field.name}"
    if field.kind != "text":
        return f"near({found}, {value})"
    return f"{found} == null" if value == "null" else f"{value}.equals({found})"


def _texts(data: Data) -> Iterator[str]:
    """Yield the elements of an array as texts of words, each over several lines."""
    spelled = {"number": _word, "limit": _word}.get(data.kind, lambda v: str(int(v)))
    lines: list[str] = []
    size = 0
    whole = elements(Data("word", [spelled(v) for v in data.values]), {"word": str}, "")
    for line in whole.split("\n"):
        words = line.replace(",", "")
        if size + len(words) > LONGEST:
            yield _text(lines)
            lines, size = [], 0
        lines.append(words)
        size += len(words) + 1
    yield _text(lines)


def _text(lines: Sequence[str]) -> str:
    return '    "' + ' "\n    + "'.join(lines) + '"'


def _word(value: float) -> str:
    return finite(value, "NaN", "Infinity") or repr(value)


def _truth(value: Any) -> str:
    return "true" if value else "false"


SPELLED: dict[str, Callable[[Any], str]] = {
    **{"number": number, "limit": number, "text": text, "truth": _truth}
}
