"""R: all rows of a data frame at once, with nothing but base R."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from textwrap import indent
from typing import Any

from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers import spell as s
from closedform.printers.clike import finite
from closedform.printers.forests import Data
from closedform.printers.program import banner, comma, joined
from closedform.printers.r.prelude import HELPERS, NEEDS
from closedform.printers.script import Script
from closedform.printers.script_pages import ScriptPage, script_page
from closedform.printers.scripted import Matrix
from closedform.printers.spell import BREAK, Spelling, call, unbroken, wrapped

_WORDS = """
if else repeat while function for next break in TRUE FALSE NULL Inf NaN NA NA_integer_ NA_real_
NA_character_ c t T F data rows x refused found evaluate predict local list source library return
INPUTS FEATURE THRESHOLD CHILD MISSING_LEFT MEMBER STARTS SIZES CODES LEAVES ROOTS OFFSETS matrix
rep rep_len seq_len seq_along which match names colnames cbind nrow ncol length is_na exp log log1p
expm1 sqrt sin cos tanh asin acos atan floor abs sign pnorm qnorm pmin pmax apply lapply unlist
sort order cumsum stop floor findInterval stretch column
"""
TAKEN = frozenset(_WORDS.split())


def write(formula: Formula, *, name: str = "model") -> str:
    """Return an R script that needs base R alone and computes all rows at once.

    Sourced, it gives one object, a list: `model$inputs`, the names of the columns;
    `model$evaluate(data)`, a data frame with a column for each output; `model$predict(data)`, the
    prediction, a vector (a data frame where it is of several outputs). `data` is a data frame, a
    list of columns, or a matrix; columns are found by name, or as `data.frame` spells that name, or
    by position where there are no names.

    NA and NaN are missing, and so are NA labels; labels are texts or factors. Missing outputs are
    NA or NaN, and so are all outputs of rows that the model refuses.

    R reads some decimal numbers an ulp off; those are written in hexadecimal, which it reads
    exactly.

    Args:
        formula: what to write.
        name: what the object is called.

    Raises:
        BadInput: `name` is no name in R.
        UnsupportedTarget: labels of several types in one column, or one with a zero character.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", name) or name in TAKEN:
        raise BadInput(f"{name!r} is no name in R.", hint="Use letters, digits and underscores.")
    made = script_page(formula, SCRIPT, HELPERS, NEEDS, taken=TAKEN)
    inner = indent("\n\n".join(_parts(made)), "  ", lambda line: line.strip() != "")
    return f"{banner(formula, '# ')}\n\n{name} <- local({{\n{inner}\n}})\n"


def number(value: float) -> str:
    """Return a number as R reads it back: in decimals, or in hexadecimal where R would err."""
    special = finite(value, "NaN", "Inf")
    if special is not None:
        return special
    text = repr(value)
    return text.removesuffix(".0") if _read_well(text, value) else value.hex()


def _read_well(text: str, value: float) -> bool:
    """Tell whether a reader with 64 bits, R's, cannot miss the number.

    R scales the digits by powers of ten in long doubles. Of 20,000 random numbers it missed 3,
    which all lay within 2⁻⁶³ of their size from the middle of two neighbours.
    """
    if abs(value) < 2.3e-308:
        return True  # hexadecimals of such numbers are 0 to R
    exact = Fraction(text)
    return float(exact * (1 - WIDTH)) == float(exact * (1 + WIDTH)) == value


WIDTH = Fraction(1, 2**60)
"""More than the relative error of some operations in 64 bits."""


def text(value: str) -> str:
    """Return a text as a constant: ASCII, whatever is in it."""
    if "\0" in value:
        raise UnsupportedTarget(
            f"The text {value!r} holds a zero character, which no text in R does.",
            hint="Write the formula in Python: formula.to('python').",
        )
    return '"' + "".join(map(_character, value)) + '"'


def _character(c: str) -> str:
    if " " <= c <= "~" and c not in '"\\':
        return c
    if c in '"\\':
        return "\\" + c
    return f"\\u{{{ord(c):x}}}" if ord(c) < 0x10000 else f"\\U{{{ord(c):x}}}"


def _function(name: str, parameters: Sequence[str], body: Sequence[str]) -> str:
    lines = [line.replace("    ", "  ") for line in body]
    head = f"{name} <- function({', '.join(parameters)}) {{"
    return "\n".join(["# The value of one tree.", head, *lines, "}"])


EQUAL = s.comparison("==")
INSIDE = Spelling("{0} %in% c({1})", s.COMPARE + 1, (s.ATOM,))
SCRIPT = Script(
    target="r",
    number=number,
    limit=number,
    text=text,
    nothing="NA",
    truths=("FALSE", "TRUE"),
    functions={name: name for name in ("exp", "log1p", "expm1", "sin", "cos", "tanh", "atan")}
    | {name: name for name in ("log", "sqrt", "asin", "acos", "floor", "abs", "sign")},
    spell={
        "and": Spelling(level=s.AND, needs=(s.AND + 1,), join=BREAK + "& "),
        "or": Spelling(level=s.OR, needs=(s.AND + 1,), join=BREAK + "| "),
        "not": Spelling("!is_true({0})", s.NOT, (0,)),
        "equal": EQUAL,
        "equal_text": EQUAL,
        "member": INSIDE,
        "member_text": INSIDE,
        "missing": call("is.na"),
        "missing_text": call("is.na"),
    },
    element=lambda name, i: f"{name}[, {i + 1}]",
    row=lambda values: f"cbind({comma(values)})",
    layer=frozenset(
        {"tanh", "sigmoid", "softplus", "exp", "abs", "sin", "cos", "log1p", "expm1"}
        | {"max", "min", "mul"}
    ),
    over=lambda written: written,
    constant=lambda name: name,
    trees="",
    first=1,
    function=_function,
    branch=None,
)


def _parts(made: ScriptPage) -> Iterator[str]:
    names = joined((text(f.name) for f in made.own.inputs), indent="  ").removesuffix(",")
    yield f"INPUTS <- c(\n{names}\n)" if names else "INPUTS <- character(0)"
    for name, data in made.constants():
        yield f"{name} <- {_constant(data)}"
    body = _evaluate(made)
    yield from made.helpers(body)
    yield from made.trees()
    yield body
    yield _predict(made)
    yield "list(inputs = INPUTS, evaluate = evaluate, predict = predict)"


def _constant(data: Data | Matrix) -> str:
    if isinstance(data, Matrix):
        inner = _listed([number(v) for v in data.values.ravel().tolist()])
        return f"matrix({inner}, nrow = {data.values.shape[0]}, byrow = TRUE)"
    spelled: dict[str, Callable[[Any], str]] = {
        "text": text,
        "whole": str,
        "truth": lambda v: "TRUE" if v else "FALSE",
    }
    return _listed([spelled.get(data.kind, number)(v) for v in data.values])


def _listed(values: Sequence[str]) -> str:
    short = ", ".join(values)
    if len(short) < 80:
        return f"c({short})"
    return "c(\n" + joined(values, indent="  ", width=94).removesuffix(",") + "\n)"


def _evaluate(made: ScriptPage) -> str:
    outputs = [(name, n, _output(made, n, value)) for name, _, n, value in made.outputs]
    body = [f"rows <- {_count(made)}"]
    for i in made.asked():
        as_text = made.reads_text(i)
        reader = "texts" if as_text else "numbers"
        body.append(f"{made.made.inputs[i]} <- {reader}(column(data, {i + 1}))")
    body += [f"{name} <- {_broken(value)}" for name, value, _ in made.made.speller.lines]
    if made.made.guard is not None:
        body.append(f"refused <- {_broken(made.made.guard)}")
    found = ",\n    ".join(f"{text(name)} = {_broken(value)}" for name, _, value in outputs)
    body.append(f"found <- list(\n    {found}\n  )")
    body.append('structure(found, row.names = seq_len(rows), class = "data.frame")')
    lines = "\n".join("  " + line for line in body)
    return f"# Every output for each row: a data frame.\nevaluate <- function(data) {{\n{lines}\n}}"


def _count(made: ScriptPage) -> str:
    return "if (is.data.frame(data) || is.matrix(data)) nrow(data) else length(data[[1]])"


def _output(made: ScriptPage, n: Node, value: str) -> str:
    value = f"is_true({value})" if n.type is Type.BOOL else value
    full = f"rep_len({value}, rows)"
    return f"without(refused, {full})" if made.made.guard is not None else full


def _predict(made: ScriptPage) -> str:
    answer = [list(made.own.outputs).index(name) + 1 for name in made.own.answer]
    which = f"[[{answer[0]}]]" if len(answer) == 1 else f"[c({', '.join(map(str, answer))})]"
    return f"# The prediction for each row.\npredict <- function(data) evaluate(data){which}"


def _broken(written: str) -> str:
    """Return an expression that fits the page: a long one in brackets, on several lines."""
    if len(written) < 78 or BREAK not in written:
        return unbroken(written)
    return "(\n    " + wrapped(written, 92, "    ") + "\n  )"
