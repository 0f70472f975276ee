"""Ibis: the module's text executed in an interpreter of its own, on all rows at once."""

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
import ibis
import pyarrow as pa
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
def column(values, is_label):
    kinds = {type(v) for v in values if v is not None and v != "never seen"}
    if not is_label:
        return pa.array(values, pa.float64())
    if kinds and str not in kinds:
        plain = [-12345.5 if v == "never seen" else v if v is None else float(v) for v in values]
        return pa.array(plain, pa.float64())
    return pa.array(values, pa.string())
table = ibis.memtable(pa.table({n: column(c, l) for n, c, l in
                                zip(given["names"], given["columns"], given["labels"])}))
names = given["names"]
# DuckDB has no column without a name, and "A" and "a" are one column there.
held = "" not in names and len({n.lower() for n in names}) == len(names)
engine = ibis.duckdb if held else ibis.polars
found = engine.connect().to_pyarrow(program["evaluate"](table, "out:"))
outputs = {name[4:]: found[name].to_pylist() for name in found.column_names
           if name.startswith("out:")}
json.dump({"outputs": outputs, "error": ""}, sys.stdout)
"""


def run_ibis(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed Ibis module on all rows at once, in a Python of its own."""
    tool()
    return all_at_once(_DRIVER, program, inputs, columns)


def tool() -> None:
    """Look for Ibis and DuckDB.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("ibis") is None or find_spec("duckdb") is None:
        raise MissingExtra("ibis", "ibis", "Running Ibis expressions")
