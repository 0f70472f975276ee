"""Ibis: expressions over a table of any of its engines, shared values in stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers import spell as s
from closedform.printers.frames import Engine, module
from closedform.printers.ibis.prelude import HELPERS, NEEDS
from closedform.printers.program import defined
from closedform.printers.spell import Custom, Speller, Spelling, Written, call


def _guarded(guard: str, method: str) -> Custom:
    def spell(_: Speller, n: Node, args: Sequence[Written]) -> Written:
        return Written(f"{guard}(lambda x: x.{method}(), {args[0].text})")

    return spell


SPELL: dict[str, Spelling | Custom] = {
    "sqrt": call("sqrt"),
    "atan": Spelling("{0}.atan()", s.ATOM, (s.ATOM,)),
    **{name: _guarded("wave", name) for name in ("sin", "cos")},
    **{name: _guarded("arc", name) for name in ("asin", "acos")},
}

IMPORTS = """import functools
import math
import operator

import ibis

INFINITY = math.inf"""

ENGINE = Engine(
    name="ibis",
    imports=IMPORTS,
    prelude=HELPERS,
    needs=NEEDS,
    always=("Columns", "value", "sound", "Work", "Inline"),
    spell=SPELL,
    text="ibis.literal({})",
    none="ibis.null()",
    missing='ibis.null("float64")',
    kinds={"int": '"int64"', "bool": '"boolean"', "float": '"float64"'},
    sound=True,
)


def write(formula: Formula, *, as_text: bool = False) -> Any:
    """Return a function of an Ibis table; or the text of its module.

    `evaluate(table, prefix="")` returns the table with a column for each output, to be computed by
    whatever engine holds it; `evaluate.expressions(table)` returns them as a dict of
    expressions over its columns, in which what is used twice is repeated. NULL and NaN are missing,
    and NULL is given for rows that the model refuses.

    Args:
        formula: what to write.
        as_text: whether to return the text of a Python module.

    Raises:
        MissingExtra: Ibis is not installed.
        UnsupportedTarget: a column of labels holds both texts and numbers.
    """
    text = module(formula, ENGINE)
    if as_text:
        return text
    return defined(text, "evaluate", "ibis", "Writing Ibis expressions")
