"""Julia: one module that needs nothing but Julia; one row at a time.

Not executed here: there is no Julia among the tools of the tests. It is written from the same
`Script` as VBA and MATLAB, which are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers import spell as s
from closedform.printers.clike import finite
from closedform.printers.forests import Data
from closedform.printers.julia.prelude import HELPERS, NEEDS
from closedform.printers.program import banner, comma, joined
from closedform.printers.script import Script
from closedform.printers.script_pages import ScriptPage, script_page
from closedform.printers.scripted import Matrix
from closedform.printers.spell import BREAK, Spelling, call, unbroken, wrapped

_WORDS = """
abstract baremodule begin break catch const continue do else elseif end export false finally for
function global if import in isa let local macro module mutable new outer primitive quote return
struct true try type using where while missing nothing NaN Inf pi im Int Float32 Float64 Bool row
rows x value names evaluate predict INPUTS FEATURE THRESHOLD CHILD MISSING_LEFT MEMBER STARTS SIZES
CODES LEAVES ROOTS OFFSETS exp log log1p expm1 sqrt sin cos tanh asin acos atan floor abs sign isnan
any all reduce sort sortperm cumsum findfirst count length size axes view eachindex string zero
first last map get haskey Symbol NamedTuple refused cell Main Base Core include eval
"""
TAKEN = frozenset(_WORDS.split())


def write(formula: Formula, *, name: str = "Model") -> str:
    """Return a Julia module without any dependency.

    `Model.evaluate(row)` returns a named tuple of every output, `Model.predict(row)` the prediction
    (of several outputs, a tuple). A row is a named tuple, a dict or a DataFrameRow by the names in
    `Model.INPUTS`, or a vector or tuple in their order. Of a table:
    `Model.predict.(eachrow(table))`.

    `missing`, `nothing` and NaN are missing; missing outputs are `missing`, and so are all outputs
    of rows that the model refuses.

    Args:
        formula: what to write.
        name: what the module is called.

    Raises:
        BadInput: `name` is no name in Julia.
        UnsupportedTarget: operations without a spelling, or labels of several types in one column.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in TAKEN:
        raise BadInput(f"{name!r} is no name in Julia.", hint="Use letters, digits, underscores.")
    made = script_page(formula, SCRIPT, HELPERS, NEEDS, taken=[*TAKEN, name])
    parts = [banner(made.own, "# "), f"module {name}", *_parts(made), f"end # module {name}"]
    return "\n\n".join(parts) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return finite(value, "NaN", "Inf") or repr(value)


def text(value: str) -> str:
    """Return a text as a constant: ASCII, and nothing in it is put in its place."""
    return '"' + "".join(map(_character, value)) + '"'


def _character(c: str) -> str:
    if " " <= c <= "~":
        return "\\" + c if c in '"\\$' else c
    return f"\\U{ord(c):08x}" if ord(c) > 0xFFFF else f"\\u{ord(c):04x}"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    head = f'"The value of one tree."\nfunction {name}({", ".join(parameters)})'
    return "\n".join([head, *body, "end"])


ONE_BY_ONE = ("exp", "expm1", "tanh", "atan", "floor", "abs", "sign")
SCRIPT = Script(
    target="julia",
    number=number,
    limit=number,
    text=text,
    nothing="missing",
    truths=("false", "true"),
    functions={name: name for name in ONE_BY_ONE}
    | {name: f"real_{name}" for name in ("log", "log1p", "sqrt", "sin", "cos", "asin", "acos")},
    spell={
        "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "&& "),
        "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "|| "),
        "not": Spelling("!{0}", s.SIGN, (s.ATOM,)),
        "equal": call("same"),
        "equal_text": call("same"),
        "member": Spelling("member({0}, ({1},))"),
        "member_text": Spelling("member({0}, ({1},))"),
        "missing": call("isnan"),
        "missing_text": call("is_missing"),
        "round32": call("single_of"),
    },
    element=lambda name, i: f"{name}[{i + 1}]",
    row=lambda values: f"[{comma(values)}]",
    layer=frozenset({*ONE_BY_ONE, "sigmoid", "softplus", "max", "min"}),
    over=lambda written: written.replace("(", ".(", 1),
    constant=lambda name: name,
    trees="",
    first=1,
    function=_function,
    branch=lambda test: (f"if {test}", "else", "end"),
    give=lambda name, value: f"return {value}",
)


def _parts(made: ScriptPage) -> Iterator[str]:
    names = joined(text(f.name) for f in made.own.inputs)
    yield f"const INPUTS = String[\n{names}\n]"
    for name, data in made.constants():
        yield f"const {name} = {_constant(data)}"
    body = _evaluate(made)
    yield from made.helpers(body)
    yield from made.trees()
    yield CELL
    yield body
    yield _predict(made)


CELL = """"The value of one input: by its name, or by its place."
cell(row::Union{AbstractVector,Tuple}, i) = row[i]
cell(row::AbstractDict, i) = get(() -> get(row, Symbol(INPUTS[i]), missing), row, INPUTS[i])
cell(row, i) = getproperty(row, Symbol(INPUTS[i]))"""


KINDS: dict[str, tuple[Callable[[Any], str], str]] = {
    "text": (text, "String"),
    "whole": (str, "Int"),
    "truth": (lambda v: "true" if v else "false", "Bool"),
}


def _constant(data: Data | Matrix) -> str:
    if isinstance(data, Matrix):
        flat = _listed([number(v) for v in data.values.ravel().tolist()], "Float64")
        rows, columns = data.values.shape
        return f"permutedims(reshape({flat}, {columns}, {rows}))"
    spelled, type_ = KINDS.get(data.kind, (number, "Float64"))
    return _listed([spelled(v) for v in data.values], type_)


def _listed(values: Sequence[str], type_: str) -> str:
    short = ", ".join(values)
    if len(short) < 76:
        return f"{type_}[{short}]"
    return f"{type_}[\n{joined(values)}\n]"


def _evaluate(made: ScriptPage) -> str:
    body = []
    for i in made.asked():
        how = "as_label" if made.reads_text(i) else "as_number"
        body.append(f"{made.made.inputs[i]} = {how}(cell(row, {i + 1}))")
    body += [f"{name} = {_broken(value)}" for name, value, _ in made.made.speller.lines]
    names = joined((f"Symbol({text(name)})" for name, _, _, _ in made.outputs), indent="        ")
    if made.made.guard is not None:
        absent = f"fill(missing, {len(made.outputs)})"
        lines = [f"if {_broken(made.made.guard)}", f"    return named({absent})", "end"]
        body[len(made.asked()) + made.made.guard_lines :
             len(made.asked()) + made.made.guard_lines] = lines  # fmt: skip
    values = "".join(f"\n        {_given(n, value)}," for _, _, n, value in made.outputs)
    body.append(f"return named(({values}\n    ))")
    inner = "\n".join("    " + line for line in body)
    return (
        '"The outputs by name."\nnamed(values) =\n    NamedTuple{(\n'
        f"{names}\n    )}}(Tuple(values))\n\n"
        f'"Every output for one row."\nfunction evaluate(row)\n{inner}\nend'
    )


def _given(n: Node, value: str) -> str:
    return _broken(value) if n.type is Type.BOOL else f"given({_broken(value)})"


def _predict(made: ScriptPage) -> str:
    own = list(made.own.outputs)
    answer = [f"found[{own.index(name) + 1}]" for name in made.own.answer]
    result = answer[0] if len(answer) == 1 else f"({', '.join(answer)})"
    return (
        f'"The prediction for one row."\nfunction predict(row)\n    found = evaluate(row)\n'
        f"    return {result}\nend"
    )


def _broken(written: str) -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(written) < 78 or BREAK not in written:
        return unbroken(written)
    # In brackets, a line that begins with a sign goes on with the one before.
    return "(\n        " + wrapped(written, 92, "        ") + "\n    )"
