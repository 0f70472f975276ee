"""TypeScript: the JavaScript module with its types, clean under --strict."""

from __future__ import annotations

from collections.abc import Iterator

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.printers.javascript.prelude import TYPED as HELPERS
from closedform.printers.javascript.writing import TAKEN, TYPED, Module, text
from closedform.printers.pages import NEEDS, page

FEW = 12
"""Labels that the type of an output lists."""
VALUES = "string | number | boolean | null"
COMMON = f"""/** A value of a row; null, undefined and NaN are missing. */
export type Value = {VALUES} | undefined;"""
NUMBERS = "type Numbers = ArrayLike<number>;"


def write(formula: Formula) -> str:
    """Return an ES module in TypeScript that needs nothing.

    It exports what the target javascript does, and the types `Row`, `Outputs` and `Value`. A
    missing number comes out as NaN, a missing label as null.

    Raises:
        UnsupportedTarget: operations without a spelling in JavaScript.
    """
    taken = [*TAKEN, "Row", "Outputs", "Value", "Numbers"]
    made = page(formula, TYPED, HELPERS, NEEDS, target="typescript", taken=taken)
    return "\n\n".join(_Typed(made).parts()) + "\n"


class _Typed(Module):
    """The module with types."""

    def types(self) -> Iterator[str]:
        """Yield the types of rows and answers."""
        yield COMMON
        if any("Numbers" in helper for helper in self.page.helpers()):
            yield NUMBERS
        features = {f.name: f.type for f in self.formula.inputs}
        columns = (f"    {text(k)}?: {_given(t)};\n" for k, t in features.items())
        yield "/** One row, by the names of the columns. */\nexport interface Row {\n" + (
            "".join(columns) + "}"
        )
        outputs = (f"    {text(k)}: {self._type(n)};\n" for k, n in self.formula.outputs.items())
        yield "/** What the formula gives for it. */\nexport interface Outputs {\n" + (
            "".join(outputs) + "}"
        )

    def _type(self, n: Node) -> str:
        if n.type is not Type.LABEL:
            return "boolean" if n.type is Type.BOOL else "number"
        if any(True for _ in self.codes.passed(n)):
            return VALUES
        own = [m.data[0] for m in self.codes.groups.sources(n) if m.op is ops.LABEL]
        listed = sorted({text(v) for v in own if v is not None})
        few = listed if len(listed) <= FEW else sorted({_kind(v) for v in own if v is not None})
        refused = self.page.made.guard is not None or not self.codes.known(n)
        return " | ".join([*few, *["null"] * refused])

    def heads(self) -> tuple[str, str]:
        """Return the heads of the two functions."""
        answers = [f"Outputs[{text(name)}]" for name in self.formula.answer]
        given = answers[0] if len(answers) == 1 else f"[{', '.join(answers)}]"
        row = "row: Row | readonly Value[]"
        return f"evaluate({row}): Outputs", f"predict({row}): {given}"

    def at(self) -> Iterator[str]:
        """Yield the function that reads a column of the row."""
        yield "const by_name = row as unknown as Record<string, Value>;"
        yield "const at = (i: number): Value =>"
        yield "    Array.isArray(row) ? row[i]"
        yield "    : Object.hasOwn(row, INPUTS[i]) ? by_name[INPUTS[i]] : undefined;"

    def map(self) -> str:
        """Return what makes a map of labels."""
        return "new Map<Value, number>"

    def cast(self, n: Node, label: str) -> str:
        """Return a label as what the output is."""
        return f"{label if ' ' not in label else f'({label})'} as {self._type(n)}"


def _kind(label: Label) -> str:
    return (
        "boolean" if isinstance(label, bool) else "string" if isinstance(label, str) else "number"
    )


def _given(type_: Type) -> str:
    return "Value" if type_ is Type.LABEL else "number | null"
