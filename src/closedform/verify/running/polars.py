"""Polars: the module's text executed in an interpreter of its own, on all rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from closedform.errors import MissingExtra
from closedform.formula import Feature
from closedform.verify.running.process import Outputs
from closedform.verify.running.python import all_at_once

_DRIVER = """
import json, sys
import polars as pl
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
def column(values, is_label):
    kinds = {type(v) for v in values if v is not None and v != "never seen"}
    if not is_label:
        return pl.Series(values, dtype=pl.Float64)
    if kinds and str not in kinds:
        values = [-12345.5 if v == "never seen" else v for v in values]
        return pl.Series(values, strict=False, dtype=pl.Float64)
    return pl.Series(values, dtype=pl.String)
frame = pl.LazyFrame({n: column(c, l) for n, c, l in
                      zip(given["names"], given["columns"], given["labels"])})
found = program["evaluate"](frame, "out:").collect()
outputs = {name[4:]: found[name].to_list() for name in found.columns if name.startswith("out:")}
json.dump({"outputs": outputs, "error": ""}, sys.stdout)
"""


def run_polars(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed Polars module on all rows at once, in a Python of its own."""
    tool()
    return all_at_once(_DRIVER, program, inputs, columns)


def tool() -> None:
    """Look for Polars.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("polars") is None:
        raise MissingExtra("polars", "polars", "Running Polars expressions")
