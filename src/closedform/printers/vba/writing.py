"""VBA: a module with worksheet functions for Excel and Access."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula
from closedform.printers import spell as s
from closedform.printers.program import banner, comma, printable
from closedform.printers.script import Script
from closedform.printers.script_pages import ScriptPage, script_page
from closedform.printers.scripted import Matrix
from closedform.printers.spell import BREAK, Spelling, call, unbroken, wrapped
from closedform.printers.vba.prelude import HELPERS, NEEDS

_WORDS = """
addressof alias and any array as attribute base binary boolean byref byte byval call case cbool
cbyte ccur cdate cdbl cdec chrw cint clng close compare const csng cstr currency cverr date
decimal declare defbool dim do double each else elseif empty end enum eqv erase error event exit
explicit false for friend function get global gosub goto if iif imp implements in input int
integer is isarray isempty iserror isnull isnumeric isobject let lib like line lock long lset me
mid mod module name new next not nothing null object on open option optional or paramarray preserve
print private property public put raiseevent redim rem resume return rset seek select set sgn
single static step stop string sub text then to true type typeof ubound until variant vartype vba
wend while with withevents write xor abs atn cos exp log sin sqr tan len val str local
cell cells found outputs refused prepare evaluate count_of_inputs predict feature threshold child
missing_left member starts sizes codes leaves roots offsets ready given
"""
TAKEN = frozenset(_WORDS.split())

LINES = 20
"""Lines that one statement may have; VBA reads 24 of at most 1,023 characters."""


def write(formula: Formula, *, name: str = "model") -> str:
    """Return a VBA module: in the editor (Alt+F11) import it, or paste it into a new module.

    Each output is a worksheet function, `=model_label(A2:D2)` or with one cell for each input in
    their order; `=model(…)` is the prediction and `=model_all(…)` an array of all outputs. In
    Access, call them in a query.

    Empty cells, error values and texts that are no numbers are missing; so are empty labels,
    unless "" is a label that the model knows. A missing output, as in a row that the model
    refuses, is #N/A.

    VBA keeps 15 digits of a number. Those that values are compared with (thresholds, edges) are
    written as sums of two where they have more, and are exact; weights are not. It has no infinite
    numbers: what overflows, and the logarithm of 0, are missing.

    Args:
        formula: what to write.
        name: what the names of the functions begin with.

    Raises:
        BadInput: `name` is no name in VBA.
        UnsupportedTarget: labels of several types in one column, or one with a zero character.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,80}", name) or name.lower() in TAKEN:
        raise BadInput(f"{name!r} is no name in VBA.", hint="Use letters, digits and underscores.")
    made = script_page(formula, SCRIPT, HELPERS, NEEDS, taken=[*TAKEN, name.lower()])
    return "\n\n".join(_parts(made, name)) + "\n"


def number(value: float) -> str:
    """Return a number as VBA reads it to 15 digits at least."""
    if value != value:
        return "Null"
    if abs(value) > LARGEST:
        return f"{'-' if value < 0 else ''}1.79769313486231E+308"
    if 0 < abs(value) < SMALLEST:
        # A literal of such a number is an error.
        return f"({value / 2.0**-1022 * 2.0**52!r} * {2.0**-1022!r} * {2.0**-52!r})".upper()
    return repr(value).upper()


LARGEST, SMALLEST = 1.79769313486231e308, 2.0**-1022


def exact(value: float) -> str:
    """Return a number exactly: one of more than 15 digits as a sum of two."""
    text = number(value)
    if sum(c.isdigit() for c in text.partition("E")[0].lstrip("-0.")) <= 15 or text[0] == "(":
        return text
    head = float(Context(prec=15, rounding=ROUND_DOWN).create_decimal(Decimal(value)))
    rest = float(f"{value - head:.14e}")
    if head + rest != value:
        return text
    # A function, since LibreOffice adds constants when it reads them, and keeps 16 digits.
    return f"exactly({number(head)}, {number(rest)})"


def text(value: str) -> str:
    """Return a text as a constant: ASCII, whatever is in it."""
    if "\0" in value:
        raise UnsupportedTarget(
            f"The text {value!r} holds a zero character, which ends a text in VBA.",
            hint="Write the formula in Python: formula.to('python').",
        )
    doubled = value.replace('"', '""')
    parts = [
        f'chars("{_codes(found)}")' if found else f'"{plain}"'
        for plain, found in re.findall(r"([ -~]{1,400})|([^ -~]{1,80})", doubled)
    ]
    return f"{BREAK}& ".join(parts) if parts else '""'


def _codes(value: str) -> str:
    raw = value.encode("utf-16-le", "surrogatepass")
    units = (int.from_bytes(raw[i : i + 2], "little") for i in range(0, len(raw), 2))
    return "".join(f"{unit:05d}" for unit in units)


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    given = ", ".join(f"{p} As Variant" for p in parameters)
    head = f"Private Function {name}({given}) As Variant"
    return "\n".join(["' The value of one tree.", head, *body, "End Function"])


EITHER = Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "Or ")
SCRIPT = Script(
    target="vba",
    number=number,
    limit=exact,
    text=text,
    nothing="Null",
    truths=("False", "True"),
    functions={name: f"{name}_of" for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh")}
    | {name: f"{name}_of" for name in ("sin", "cos", "atan", "asin", "acos", "abs", "erf")}
    | {"floor": "floor", "probit": "probit"},
    spell={
        "less": call("below"),
        "less_equal": call("at_most"),
        "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "And "),
        "or": EITHER,
        "not": Spelling("Not {0}", s.NOT, (s.NOT + 1,)),
        "div": call("divide"),
        "equal": call("same"),
        "equal_text": call("same"),
        "member": Spelling("member({0}, Array({1}))"),
        "member_text": Spelling("member({0}, Array({1}))"),
        "missing": call("IsNull"),
        "missing_text": call("IsNull"),
        "round32": call("single_of"),
    },
    element=lambda name, i: f"{name}({i})",
    row=lambda values: f"Array({comma(values)})",
    layer=frozenset(),
    over=lambda written: written,
    constant=lambda name: name,
    trees="",
    first=0,
    function=_function,
    branch=lambda test: (f"If {test} Then", "Else", "End If"),
    give=lambda name, value: f"{name} = {value}",
)


def _parts(made: ScriptPage, name: str) -> Iterator[str]:
    yield "\n".join([banner(made.own, "' "), "'", *_legend(made, name)])
    yield "Option Explicit\nOption Compare Binary"
    fills = list(_fills(made))
    names = [constant for constant, _ in made.constants()]
    yield "\n".join(
        [f"Private Const COUNT_OF_INPUTS = {len(made.own.inputs)}"]
        + [f"Private {constant} As Variant" for constant in names]
    )
    core = _evaluate(made, bool(names))
    public = list(_public(made, name))
    yield from public
    yield core
    yield from made.trees()
    yield from made.helpers(core, *public, *fills)
    yield from fills


def _legend(made: ScriptPage, name: str) -> Iterator[str]:
    last = _cell(max(1, len(made.own.inputs)))
    yield f"' Use: ={name}(A2:{last}2), with the inputs in this order:"
    for feature in made.own.inputs:
        yield f"'     {printable(feature.name)}"
    yield "' Outputs:"
    for own, plain, _, _ in made.outputs:
        yield f"'     {name}_{plain}" + (f"  {printable(own)}" if own != plain else "")


def _cell(count: int) -> str:
    """Return the letters of a column of a sheet, counted from 1."""
    letters = ""
    while count:
        count, rest = divmod(count - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _public(made: ScriptPage, name: str) -> Iterator[str]:
    own = [output for output, _, _, _ in made.outputs]
    answer = [own.index(output) for output in made.own.answer]
    values = [f"for_cell(found({i}))" for i in answer]
    given = values[0] if len(values) == 1 else f"Array({comma(values)})"
    yield _function_of_cells(name, "The prediction.", given)
    for i, (output, plain, _, _) in enumerate(made.outputs):
        yield _function_of_cells(f"{name}_{plain}", printable(output), f"for_cell(found({i}))")
    yield _function_of_cells(f"{name}_all", "All outputs, as an array.", "all_of(found)")


def _function_of_cells(name: str, said: str, value: str) -> str:
    lines = [
        f"' {said}",
        f"Public Function {name}(ParamArray cells() As Variant) As Variant",
        "    Dim found As Variant",
        "    found = cells",
        "    found = evaluate(found)",
        f"    {name} = {_broken(value)}",
        "End Function",
    ]
    return "\n".join(lines)


def _evaluate(made: ScriptPage, prepared: bool) -> str:
    asked = [(made.made.inputs[i], i) for i in made.asked()]
    lines = [(name, value) for name, value, _ in made.made.speller.lines]
    body = ["Dim cell As Variant, refused As Variant, outputs As Variant"]
    body += _declared(list(dict.fromkeys(name for name, _ in [*asked, *lines])))
    # What overflows stays missing, and the other outputs have their values.
    body += ["On Error Resume Next", *["prepare"] * prepared, "cell = flat(given)"]
    empty = SCRIPT.truth("" in made.writer.codes.texts)
    for plain, i in asked:
        text_like = made.reads_text(i)
        how = f"as_label(cell({i}), {empty})" if text_like else f"as_number(cell({i}))"
        body.append(f"{plain} = {how}")
    body += [f"{name} = {_broken(value)}" for name, value in lines]
    values = [value for _, _, _, value in made.outputs]
    body.append(f"ReDim outputs({len(values) - 1})")
    refused = made.made.guard is not None
    body += [f"refused = {_broken(made.made.guard)}"] if made.made.guard is not None else []
    for i, value in enumerate(values):
        body += [f"outputs({i}) = Null"]
        body += [f"{'If Not refused Then ' if refused else ''}outputs({i}) = {_broken(value)}"]
    body.append("evaluate = outputs")
    inner = "\n".join("    " + line for line in body)
    head = "' Every output for one row, Null where it is missing."
    return f"{head}\nPrivate Function evaluate(given As Variant) As Variant\n{inner}\nEnd Function"


def _declared(names: Sequence[str]) -> Iterator[str]:
    """Yield declarations of some variables, which are missing until they have a value."""
    for part in _chunks(names, 60):
        yield "Dim " + ", ".join(f"{name} As Variant" for name in part)
        yield ": ".join(f"{name} = Null" for name in part)


def _chunks(parts: Sequence[str], width: int) -> Iterator[list[str]]:
    """Yield the parts in groups of about `width` characters."""
    now: list[str] = []
    size = 0
    for part in parts:
        if now and size + len(part) > width:
            yield now
            now, size = [], 0
        now.append(part)
        size += len(part) + 10
    if now:
        yield now


KINDS: dict[str, Callable[[Any], str]] = {
    "text": text, "whole": str, "truth": lambda v: str(int(v)), "limit": exact,
}  # fmt: skip


def _fills(made: ScriptPage) -> Iterator[str]:
    """Yield procedures that fill the constant arrays; one may hold 64 KB."""
    statements: list[str] = []
    for name, data in made.constants():
        kind = "number" if isinstance(data, Matrix) else data.kind
        flat = data.values.ravel().tolist() if isinstance(data, Matrix) else data.values
        values = [unbroken(KINDS.get(kind, number)(v)) for v in flat]
        parts = list(_chunks(values, 5000)) or [[]]
        statements.append(f"    {name} = Array({_listed(parts[0])})")
        statements += [f"    extend {name}, Array({_listed(part)})" for part in parts[1:]]
    groups = list(_chunks_of_lines(statements, 20_000))
    for i, group in enumerate(groups, 1):
        head = f"Private Sub prepare_{i}()"
        yield "\n".join([head, *group, "End Sub"])
    if groups:
        name = next(made.constants())[0]
        calls = [f"    prepare_{i}" for i in range(1, len(groups) + 1)]
        first = f"    If Not IsEmpty({name}) Then Exit Sub"
        yield "\n".join(["' Fill the tables, once.", "Private Sub prepare()", first, *calls,
                         "End Sub"])  # fmt: skip


def _chunks_of_lines(statements: Sequence[str], size: int) -> Iterator[list[str]]:
    now: list[str] = []
    for statement in statements:
        if now and sum(map(len, now)) + len(statement) > size:
            yield now
            now = []
        now.append(statement)
    if now:
        yield now


def _listed(values: Sequence[str]) -> str:
    return _broken(comma(values)) if values else ""


def _broken(written: str) -> str:
    """Return an expression that fits the page: a long one on several lines."""
    if len(written) < 78 or BREAK not in written:
        return unbroken(written)
    for width in (88, 300, 900):
        lines = wrapped(written, width, "        ").split("\n")
        if len(lines) <= LINES:
            break
    return " _\n".join(lines)
