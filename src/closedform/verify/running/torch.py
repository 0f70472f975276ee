"""PyTorch: the module's text executed in an interpreter of its own, on all rows at once."""

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
import torch
given = json.load(sys.stdin)
program = {"__name__": "printed"}
exec(compile(given["program"], "<printed>", "exec"), program)
columns = [c if l else torch.tensor(c, dtype=torch.float64)
           for c, l in zip(given["columns"], given["labels"])]
with torch.no_grad():
    found = program["Model"]().evaluate(dict(zip(given["names"], columns)))
outputs = {name: program["labels_of"](column) if column.dtype == torch.int64 else column.tolist()
           for name, column in found.items()}
json.dump({"outputs": outputs, "error": ""}, sys.stdout)
"""


def run_torch(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a printed PyTorch module on all rows at once, in a Python of its own."""
    tool()
    return all_at_once(_DRIVER, program, inputs, columns)


def tool() -> None:
    """Look for PyTorch.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtra("torch", "torch", "Running a PyTorch module")
