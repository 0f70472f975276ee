"""How a printed program of each target is run; nothing is imported before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from closedform.errors import ClosedformError
from closedform.formula import Feature
from closedform.verify.running.process import Outputs

Runner = Callable[
    [Any, Sequence[Feature], list[list[Any]], Sequence[str], Mapping[str, Any]],
    tuple[Outputs, str],
]
"""function(program, inputs, columns, output names, options) → (outputs by name, first error).

A missing number comes as NaN, a missing label as None; the options are those of the target.
"""

RUNNERS: dict[str, str] = {
    "python": "closedform.verify.running.python:run_python",
    "numpy": "closedform.verify.running.python:run_numpy",
    "torch": "closedform.verify.running.torch:run_torch",
    "jax": "closedform.verify.running.jax:run_jax",
    "polars": "closedform.verify.running.polars:run_polars",
    "ibis": "closedform.verify.running.ibis:run_ibis",
    "sympy": "closedform.verify.running.sympy:run_sympy",
    "c": "closedform.verify.running.c:run_c",
    "cpp": "closedform.verify.running.cpp:run_cpp",
    "go": "closedform.verify.running.go:run_go",
    "java": "closedform.verify.running.java:run_java",
    "rust": "closedform.verify.running.rust:run_rust",
    "javascript": "closedform.verify.running.javascript:run_javascript",
    "r": "closedform.verify.running.r:run_r",
    "vba": "closedform.verify.running.vba:run_vba",
    "matlab": "closedform.verify.running.matlab:run_matlab",
    "excel": "closedform.verify.running.excel:run_excel",
    "excel_formula": "closedform.verify.running.excel_formula:run_excel_formula",
    "mathematica": "closedform.verify.running.mathematica:run_mathematica",
    "sql": "closedform.verify.running.sql:run_sql",
    "typescript": "closedform.verify.running.typescript:run_typescript",
    "onnx": "closedform.verify.running.onnx:run_onnx",
    "pmml": "closedform.verify.running.pmml:run_pmml",
}
"""Target → the module and function that runs its programs."""


def runner(target: str) -> Runner:
    """Return the function that runs programs of a target, which is one of `RUNNERS`."""
    module, _, name = RUNNERS[target].partition(":")
    found: Runner = getattr(import_module(module), name)
    return found


def available(target: str) -> bool:
    """Tell whether what runs a target's programs is here: its module's `tool` looks for that."""
    module = import_module(RUNNERS[target].partition(":")[0])
    try:
        getattr(module, "tool", lambda: None)()
    except ClosedformError:
        return False
    return True
