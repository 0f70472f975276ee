"""Python and NumPy: a module executed in an interpreter of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from closedform.formula import Feature
from closedform.ir import Type
from closedform.verify.running.process import Outputs, run

# `-I -S`: no site packages and no user's environment, so that a program which needs more than it
# says fails here. Rows go through as JSON, whose floats come back bit for bit.
_DRIVER = """
import json, sys
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
rows, error = [], ""
for row in zip(*given["columns"]):
    try:
        rows.append(program["evaluate"](*row))
    except Exception as problem:
        rows.append(None)
        error = error or f"{type(problem).__name__}: {problem}"
json.dump({"rows": rows, "error": error}, sys.stdout)
"""


def run_python(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed Python module row by row, in a Python of its own without any package."""
    made = _in_a_process(_DRIVER, ("-I", "-S"), program, columns)
    rows = made["rows"]
    names = next((list(row) for row in rows if row is not None), [])
    return {n: [None if r is None else r[n] for r in rows] for n in names}, made["error"]


_ALL_AT_ONCE = """
import json, sys
import numpy as np
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
columns = [np.array(c, dtype=object if l else float)
           for c, l in zip(given["columns"], given["labels"])]
found = program["evaluate"](dict(zip(given["names"], columns)))
outputs = {name: np.asarray(column).tolist() for name, column in found.items()}
json.dump({"outputs": outputs, "error": ""}, sys.stdout)
"""


def run_numpy(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed NumPy module on all rows at once, in a Python of its own."""
    return all_at_once(_ALL_AT_ONCE, program, inputs, columns)


def all_at_once(
    driver: str, program: str, inputs: Sequence[Feature], columns: list[list[Any]]
) -> tuple[Outputs, str]:
    """Run a program of whole columns in a Python of its own.

    Args:
        driver: what reads the program and the columns as JSON, and tells the outputs.
        program, inputs, columns: as for a runner.
    """
    labels = [f.type is Type.LABEL for f in inputs]
    names = [f.name for f in inputs]
    made = _in_a_process(driver, ("-I",), program, columns, labels=labels, names=names)
    return made.get("outputs", {}), made["error"]


def _in_a_process(
    driver: str, flags: tuple[str, ...], program: str, columns: list[list[Any]], **more: Any
) -> dict[str, Any]:
    given = json.dumps({"program": program, "columns": columns, **more})
    done = run([sys.executable, *flags, "-c", driver], given=given)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return {"rows": [None] * len(columns[0] if columns else ()), "error": last}
    made: dict[str, Any] = json.loads(done.stdout)
    return made
