"""MATLAB and Octave: one function file that computes all rows at once and runs in both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers import spell as s
from closedform.printers.clike import finite
from closedform.printers.forests import Data
from closedform.printers.matlab.prelude import HELPERS, NEEDS
from closedform.printers.program import banner, comma, joined, printable
from closedform.printers.script import Script
from closedform.printers.script_pages import COUNTED, ScriptPage, script_page
from closedform.printers.scripted import Matrix
from closedform.printers.spell import BREAK, Spelling, call, unbroken

_WORDS = """
break case catch classdef continue do else elseif end endfunction endif endwhile endfor endswitch
end_try_catch end_unwind_protect for function global if otherwise parfor persistent return spmd
switch try until unwind_protect unwind_protect_cleanup while i j e pi Inf NaN NA eps ans true false
c data rows x y outputs prediction refused constants nargin nargout varargin varargout inputname
exp log log1p expm1 sqrt sin cos tanh asin acos atan erf floor abs sign min max sort cumsum repmat
zeros ones size numel find isnan strcmp ismember double logical cellfun single char native2unicode
uint8 isstruct iscell isnumeric fieldnames spread
"""
TAKEN = frozenset(_WORDS.split())


def write(formula: Formula, *, name: str = "model") -> str:
    """Return a function file (save it as `name.m`) for MATLAB and Octave, without any toolbox.

    `[prediction, outputs] = model(data)` computes all rows at once. `data` is a struct of columns
    whose fields are the inputs' identifiers (they stand beside the inputs' own names in the file's
    help), a table by either name, a cell array of columns, or a numeric matrix in the order of the
    inputs. `prediction` is a column (of several outputs, a struct), `outputs` a struct of columns.

    NaN is missing; of labels (a cell array of texts, a string or categorical array) what is no
    text, '' and <missing> are, unless '' is a label that the model knows. Missing labels come out
    as '', and then as NaN. Labels that are numbers are numbers. Rows that the model refuses give
    missing outputs.

    Args:
        formula: what to write.
        name: what the function is called.

    Raises:
        BadInput: `name` is no name in MATLAB.
        UnsupportedTarget: labels of several types in one column.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) or name in TAKEN:
        raise BadInput(f"{name!r} is no name in MATLAB.", hint="Use up to 63 letters and digits.")
    made = script_page(formula, SCRIPT, HELPERS, NEEDS, taken=[*TAKEN, name])
    return "\n\n".join(_parts(made, name)) + "\n"


def number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return finite(value, "NaN", "Inf") or repr(value).removesuffix(".0")


def text(value: str) -> str:
    """Return a text as a constant on one line, whatever is in it."""
    parts = [
        f"native2unicode(uint8([{codes(found)}]), 'UTF-8')" if found else f"'{plain}'"
        for plain, found in re.findall(_RUNS, value.replace("'", "''"))
    ]
    if len(parts) < 2:
        return parts[0] if parts else "''"
    return f"[{', '.join(parts)}]"


# What is no plain letter or sign could end the line, or turn the text that is shown around.
_RUNS = r"([ -~]+)|([^ -~]+)"


def codes(value: str) -> str:
    """Return the bytes of a text as numbers."""
    return " ".join(map(str, value.encode("utf-8", "surrogatepass")))


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    head = f"function value = {name}({', '.join(parameters)})"
    inner = "    value = " + " ...\n    ".join(line for line in body).lstrip() + ";"
    return "\n".join(["% The value of one tree.", head, inner, "end"])


SCRIPT = Script(
    target="matlab",
    number=number,
    limit=number,
    text=text,
    nothing="NaN",
    truths=("false", "true"),
    functions={name: name for name in ("exp", "expm1", "sin", "cos", "tanh", "atan", "erf")}
    | {name: name for name in ("floor", "abs", "sign")}
    | {name: f"real_{name}" for name in ("log", "log1p", "sqrt", "asin", "acos")},
    spell={
        "mul": s.infix(" .* ", s.PRODUCT, s.PRODUCT + 1),
        "div": s.infix(" ./ ", s.PRODUCT, s.PRODUCT + 1),
        "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "& "),
        "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "| "),
        "not": Spelling("~{0}", s.SIGN, (s.ATOM,)),
        "equal": s.comparison("=="),
        "equal_text": call("same_text"),
        "member": Spelling("member({0}, [{1}])"),
        "member_text": Spelling("member_text({0}, {{{1}}})"),
        "pick_text": Spelling(f"pick_text({{0}},{BREAK}{{1}},{BREAK}{{2}})"),
        "round32": call("single_of"),
    },
    element=lambda name, i: f"{name}(:, {i + 1})",
    row=lambda values: f"side_by_side({comma(values)})",
    layer=frozenset(
        {"tanh", "sigmoid", "softplus", "exp", "abs", "sin", "cos", "expm1"}
        | {"max", "min", "mul", "erf"}
    ),
    over=lambda written: written,
    constant=lambda name: f"c.{name}",
    trees="c, ",
    first=1,
    function=_function,
    branch=None,
    look_up_text="look_up_text",
)


def _parts(made: ScriptPage, name: str) -> Iterator[str]:
    main = _main(made, name)
    yield main
    constants = _constants(made)
    if constants:
        yield constants
    yield from made.trees()
    yield from made.helpers(main)


def _help(made: ScriptPage, name: str) -> str:
    lines = [f"{name.upper()} The prediction for each row, and all outputs."]
    lines += banner(made.own, "").split("\n")
    lines += ["", "Inputs, in this order (fields of data):"]
    lines += [
        f"    {plain}" + (f"  {printable(f.name)}" if plain != f.name else "")
        for plain, f in zip(made.made.inputs, made.own.inputs, strict=True)
    ]
    lines += ["Outputs (fields of outputs):"]
    lines += [
        f"    {plain}" + (f"  {printable(own)}" if plain != own else "")
        for own, plain, _, _ in made.outputs
    ]
    return "\n".join(f"% {line}".rstrip() for line in lines)


def _main(made: ScriptPage, name: str) -> str:
    body = ["rows = rows_of(data);"]
    if next(made.constants(), None) is not None:
        body = ["persistent c", "if isempty(c)", "    c = constants();", "end", *body]
    for i in made.asked():
        plain, own = made.made.inputs[i], made.own.inputs[i].name
        read = f"column(data, {i + 1}, '{plain}', {text(own)})"
        known = f", {_truth(_empty_is_known(made))}"
        how = f"texts({read}{known})" if made.reads_text(i) else f"numbers({read})"
        body.append(f"{plain} = {how};")
    body += [f"{v} = {_broken(value)};" for v, value, _ in made.made.speller.lines]
    if made.made.guard is not None:
        body.append(f"refused = {_broken(made.made.guard)};")
    body += [f"outputs.{plain} = {_given(made, n, v)};" for _, plain, n, v in made.outputs]
    body += _prediction(made)
    lines = "\n".join("    " + line for part in body for line in part.split("\n"))
    head = f"function [prediction, outputs] = {name}(data)"
    return f"{head}\n{_help(made, name)}\n{lines}\nend"


def _prediction(made: ScriptPage) -> list[str]:
    own = [name for name, _, _, _ in made.outputs]
    plain = [made.outputs[own.index(name)][1] for name in made.own.answer]
    if len(plain) == 1:
        return [f"prediction = outputs.{plain[0]};"]
    return [f"prediction.{name} = outputs.{name};" for name in plain]


def _given(made: ScriptPage, n: Node, value: str) -> str:
    refused = made.made.guard is not None
    if made.writer.text_like(n):
        spread = f"spread(as_cell({_broken(value)}), rows)"
        full = f"without(refused, {spread})" if refused else _broken(value)
        return f"given({full}, rows, {_truth(_empty_is_known(made))})"
    full = f"spread({_broken(value)}, rows)"
    return f"without(refused, {full})" if refused else full


def _empty_is_known(made: ScriptPage) -> bool:
    return "" in made.writer.codes.texts


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _broken(written: str) -> str:
    """Return an expression that fits the page: a long one on several lines."""
    if len(written) < 78 or BREAK not in written:
        return unbroken(written)
    lines = s.wrapped(written, 88, "    ").split("\n")
    return " ...\n".join(lines)


def _constants(made: ScriptPage) -> str:
    texts = []
    for name, data in made.constants():
        column = isinstance(data, Data) and name in TREES
        texts.append(f"    c.{name} = {_constant(data)}{chr(39) if column else ''};")
    if not texts:
        return ""
    head = "% The numbers of the formula.\nfunction c = constants()"
    return "\n".join([head, *texts, "end"])


TREES = COUNTED | {"THRESHOLD", "MISSING_LEFT", "LEAVES", "SIZES", "CODES", "OFFSETS"}
"""The arrays of trees, which are columns."""


def _constant(data: Data | Matrix) -> str:
    if isinstance(data, Matrix):
        rows = [_listed([number(v) for v in row]) for row in data.values.tolist()]
        return "[" + "; ...\n        ".join(rows) + "]"
    if data.kind == "text":
        return "{" + _listed([text(v) for v in data.values]) + "}"
    kinds: dict[str, Callable[[Any], str]] = {"whole": str, "truth": lambda v: str(int(v))}
    listed = _listed([kinds.get(data.kind, number)(v) for v in data.values])
    return f"logical([{listed}])" if data.kind == "truth" else f"[{listed}]"


def _listed(values: Sequence[str]) -> str:
    short = ", ".join(values)
    if len(short) < 76:
        return short
    lines = joined(values, indent="        ", width=92).removesuffix(",")
    return "...\n" + lines.replace("\n", " ...\n")
