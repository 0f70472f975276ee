"""Programs that take a record and give one: a field for each column and for each output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers.forests import Data
from closedform.printers.identifiers import identifiers
from closedform.printers.pages import Page, fitted
from closedform.printers.program import helpers_used, joined
from closedform.printers.samples import Samples, samples
from closedform.printers.spell import Written, unbroken

ENTRIES = 10_000
"""Numbers that a self-test holds at most: of a wide formula, it has fewer rows."""


@dataclass(frozen=True)
class Field:
    """One field of a record.

    Attributes:
        name, said: what it is called in the program, and in the data.
        kind: "number"; "text", a label; "code", a label that is a number.
        node: the input or output that it holds.
    """

    name: str
    said: str
    kind: str
    node: Node


class Records:
    """The fields of a program, what reads the ones and what gives the others.

    A subclass says how its language writes that: see the attributes.

    Attributes:
        GIVEN: a field of the row.
        NOTHING: what a missing value of each kind is.
        NONE: whether a text is missing.
        BOTH: the sign between two conditions, at the place where a line may be broken.
    """

    GIVEN: ClassVar[str] = "row.{}"
    NOTHING: ClassVar[Mapping[str, str]] = {}
    NONE: ClassVar[str] = "{} == null"
    WHOLE: ClassVar[str] = "int"
    TEXTS, NUMBERS = "TEXTS", "NUMBERS"

    def __init__(
        self, page: Page, taken: Iterable[str],
        named: Callable[[Sequence[str]], Sequence[str]] = tuple,
    ) -> None:  # fmt: skip
        """Name the fields.

        Args:
            page: the program.
            taken: names that a field may not have.
            named: how fields are called that have a name in the program: as that, if not given.
        """
        page.writer.codes.require_one_type()
        self.page, self.formula, self.codes = page, page.formula, page.writer.codes
        nodes = [ops.input_(i, f.type) for i, f in enumerate(self.formula.inputs)]
        own = identifiers(list(self.formula.outputs), taken=taken, fallback="y")
        said = [f.name for f in self.formula.inputs]
        self.inputs = self._fields(named(page.made.inputs), said, nodes)
        self.outputs = self._fields(named(own), [*self.formula.outputs], self.formula.roots)

    def _fields(
        self, names: Sequence[str], said: Sequence[str], nodes: Sequence[Node]
    ) -> list[Field]:
        columns = zip(names, said, nodes, strict=True)
        return [Field(name, self._said(label, n), self._kind(n), n) for name, label, n in columns]

    def _said(self, label: str, n: Node) -> str:
        truths = n.type is Type.BOOL or (n.type is Type.LABEL and self.codes.truths(n))
        return f"{label}: 1 if true, 0 if false" if truths else label

    def _kind(self, n: Node) -> str:
        if n.type is not Type.LABEL:
            return "number"
        return "text" if self.codes.is_text(n) else "code"

    def declared(self, kind: str, name: str, value: str) -> str:
        """Return the declaration of a value: a "number", a "truth", or a "whole" one."""
        raise NotImplementedError

    def value(self, value: Any, kind: str) -> str:
        """Return a value of the self-test as a constant."""
        raise NotImplementedError

    def line(self, n: Node, name: str, value: str) -> str:
        """Return the declaration of a node's value."""
        kind = {Type.BOOL: "truth", Type.LABEL: "whole"}.get(n.type, "number")
        return self.declared(kind, name, value)

    def choice(self, test: str, a: str, b: str) -> str:
        """Return `a if test else b`, of which only one may be looked at."""
        chosen = self.page.writer.syntax.choice
        assert callable(chosen)
        return unbroken(chosen([Written(test), Written(a), Written(b)]).text)

    def counted(self, written: str) -> str:
        """Return a truth as a number."""
        test = written if written.isidentifier() else f"({written})"
        return self.choice(test, "1.0", "0.0")

    def known(self, array: str, at: str, kind: str) -> str:
        """Return an element of the labels, as an output holds it."""
        return f"{array}[{at}]"

    def is_code(self, name: str, code: int) -> str:
        """Return whether a label has a code."""
        return f"{name} == {code}"

    def read(self) -> Iterator[str]:
        """Yield a local variable for each input that matters."""
        for i in self.page.asked:
            name, field = self.page.made.inputs[i], self.inputs[i]
            given, other = self.GIVEN.format(field.name), str(self.codes.unseen(i))
            if field.kind == "number":
                yield self.declared("number", name, given)
                continue
            if field.kind == "code":
                value = f"number_code({given}, {len(self.codes.texts)}, {other})"
            elif self.codes.texts:
                value = f"text_code({given}, {other})"
            else:
                value = self.choice(self.NONE.format(given), "-1", other)
            yield self.declared("whole", name, value)

    def label_helpers(self) -> Sequence[str]:
        """Return the helpers that reading the row and giving labels need."""
        texts = [*self.read(), *(value for _, _, value in self.given())]
        return helpers_used(texts, self.page.prelude, self.page.needs)

    def given(self) -> Iterator[tuple[Field, list[str], str]]:
        """Yield each output with the lines that its value needs, and its value."""
        for field, written in zip(self.outputs, self.page.made.outputs.values(), strict=True):
            if field.kind == "number":
                truth = field.node.type is Type.BOOL
                yield field, [], fitted(self.counted(written) if truth else written)
                continue
            code = written if written.isidentifier() else self._code_name(field)
            label = self._label(field, code)
            read = code in label and code != written
            lines = [self.declared("whole", code, fitted(written))] if read else []
            yield field, lines, label

    def _code_name(self, field: Field) -> str:
        """Return a name for a label's code that no value has."""
        taken = {*self.page.made.inputs, *(name for name, _, _ in self.page.made.speller.lines)}
        name = f"{field.name[0].lower()}{field.name[1:]}_code"
        while name in taken:
            name += "_"
        return name

    def _label(self, field: Field, code: str) -> str:
        """Return a label by its code; one that nobody knows comes from the row."""
        rest = self.NOTHING[field.kind]
        for i in self.codes.passed(field.node):
            own = self.GIVEN.format(self.inputs[i].name)
            rest = self.choice(self.is_code(code, self.codes.unseen(i)), own, rest)
        if not (self.codes.texts if field.kind == "text" else self.codes.numbers):
            return rest
        return self.labelled(field, code, rest)

    def labelled(self, field: Field, code: str, rest: str) -> str:
        """Return a label by its code, or what stands for it otherwise."""
        element = self.element(field, code)
        if self.codes.known(field.node):
            return element
        return self.choice(f"{code} >= 0", element, rest)

    def element(self, field: Field, code: str) -> str:
        """Return the label that has a code."""
        texts = field.kind == "text"
        begin = 0 if texts else len(self.codes.texts)
        at = f"{code} - {begin}" if begin else code
        return self.known(self.TEXTS if texts else self.NUMBERS, at, field.kind)

    def labels(self) -> Iterator[tuple[str, Data]]:
        """Yield the arrays of labels: of texts, and of numbers."""
        if self.codes.texts:
            yield self.TEXTS, Data("text", self.codes.texts)
        if self.codes.numbers:
            yield self.NUMBERS, Data("limit", self.codes.numbers)

    def tests(self, tested: Samples) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the constants of each row of a self-test, and those of its answers."""
        for row, answer in zip(tested.rows, tested.answers, strict=True):
            yield self._values(row, self.inputs), self._values(answer, self.outputs)

    def _values(self, row: Sequence[Any], fields: Sequence[Field]) -> list[str]:
        return [self.value(v, field.kind) for v, field in zip(row, fields, strict=True)]


def tested_rows(formula: Formula, rows: Any) -> Samples:
    """Return the rows of a self-test, few where they are wide."""
    width = max(1, len(formula.inputs) + len(formula.outputs))
    return samples(formula, rows, limit=max(1, min(20, ENTRIES // width)))


def block(head: str, lines: Iterable[str], end: str = "}", indent: str = "    ") -> str:
    """Return a block: its head, its lines one step further in, its end."""
    inner = (indent + line if line else line for part in lines for line in part.split("\n"))
    return "\n".join([head, *inner, end])


def elements(data: Data, spelled: Mapping[str, Callable[[Any], str]], indent: str = "    ") -> str:
    """Return the elements of an array, on lines of about 96 characters."""
    written = spelled.get(data.kind, _whole)
    return joined(map(written, data.values), 96, indent)


def _whole(value: Any) -> str:
    return str(int(value))
