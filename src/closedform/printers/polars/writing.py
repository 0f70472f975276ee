"""Polars: expressions over a lazy or an eager frame, shared values in stages."""

from __future__ import annotations

from typing import Any

from closedform.formula import Formula
from closedform.printers import spell as s
from closedform.printers.frames import Engine, module
from closedform.printers.polars.prelude import HELPERS, NEEDS
from closedform.printers.program import defined
from closedform.printers.spell import Custom, Spelling

SPELL: dict[str, Spelling | Custom] = {
    **{
        name: Spelling(f"{{0}}.{method}()", s.ATOM, (s.ATOM,))
        for name, method in {
            "log1p": "log1p", "tanh": "tanh", "sin": "sin", "cos": "cos", "atan": "arctan",
            "asin": "arcsin", "acos": "arccos",
        }.items()
    },
}  # fmt: skip

IMPORTS = """import math

import numpy as np
import polars as pl
import polars.selectors as cs

LONGEST = 500  # tests of trees up to which they are expressions; planning 31,500 takes 7 seconds"""

ENGINE = Engine(
    name="polars",
    imports=IMPORTS,
    prelude=HELPERS,
    needs=NEEDS,
    always=("column", "Columns", "value", "Work", "Inline"),
    spell=SPELL,
    text="pl.lit({})",
    none="pl.lit(None)",
    missing="math.nan",
    kinds={"int": "pl.Int64", "bool": "pl.Boolean", "float": "pl.Float64"},
)


def write(formula: Formula, *, as_text: bool = False) -> Any:
    """Return a function of a Polars frame, lazy or eager; or the text of its module.

    `evaluate(frame, prefix="")` returns the frame with a column for each output;
    `evaluate.expressions()` returns them as a dict of `pl.Expr` over the inputs, in which what is
    used twice is repeated. Null and NaN are missing, and null is given for rows that the model
    refuses. Large forests are walked with NumPy, a batch of rows at a time.

    Args:
        formula: what to write.
        as_text: whether to return the text of a Python module.

    Raises:
        MissingExtra: Polars is not installed.
        UnsupportedTarget: a column of labels holds both texts and numbers.
    """
    text = module(formula, ENGINE)
    if as_text:
        return text
    return defined(text, "evaluate", "polars", "Writing Polars expressions")
