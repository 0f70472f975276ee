"""JAX: the module's text executed in an interpreter of its own, on all rows at once."""

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
import jax
import numpy as np
jax.config.update("jax_enable_x64", True)
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
columns = [c if l else np.array(c, dtype=float)
           for c, l in zip(given["columns"], given["labels"])]
found = program["evaluate"](dict(zip(given["names"], columns)))
outputs = {name: program["labels_of"](column) if column.dtype.kind == "i" else column.tolist()
           for name, column in found.items()}
json.dump({"outputs": outputs, "error": ""}, sys.stdout)
"""


def run_jax(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed JAX module on all rows at once, in a Python of its own."""
    tool()
    return all_at_once(_DRIVER, program, inputs, columns)


def tool() -> None:
    """Look for JAX.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("jax") is None:
        raise MissingExtra("jax", "jax", "Running a JAX function")
