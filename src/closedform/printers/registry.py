"""Which module writes which target; nothing is imported before it is needed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula

TARGETS: dict[str, str] = {
    "text": "closedform.printers.text",
    "latex": "closedform.printers.latex",
    "mathematica": "closedform.printers.mathematica",
    "mathml": "closedform.printers.mathml",
    "dot": "closedform.printers.dot",
    "svg": "closedform.printers.svg",
    "python": "closedform.printers.python",
    "numpy": "closedform.printers.numpy",
    "torch": "closedform.printers.torch",
    "jax": "closedform.printers.jax",
    "polars": "closedform.printers.polars",
    "ibis": "closedform.printers.ibis",
    "c": "closedform.printers.c",
    "cpp": "closedform.printers.cpp",
    "go": "closedform.printers.go",
    "java": "closedform.printers.java",
    "rust": "closedform.printers.rust",
    "javascript": "closedform.printers.javascript",
    "typescript": "closedform.printers.typescript",
    "onnx": "closedform.printers.onnx",
    "pmml": "closedform.printers.pmml",
    "r": "closedform.printers.r",
    "julia": "closedform.printers.julia",
    "vba": "closedform.printers.vba",
    "matlab": "closedform.printers.matlab",
    "sympy": "closedform.printers.sympy",
    "excel": "closedform.printers.excel",
    "excel_formula": "closedform.printers.excel.formula",
    "sql": "closedform.printers.sql",
}
"""Target → the module with its `write(formula, **options)`."""


def targets() -> tuple[str, ...]:
    """Return the names of all targets, those of installed plugins included."""
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    return (*TARGETS, *(e.name for e in entry_points(group="closedform.targets")))


NAME_NUMBERS = frozenset({"text", "latex", "mathml", "python", "numpy", "sympy"})
"""Targets that write 1/3 and π/2 so, bit for bit; they are not rounded there."""


def write(formula: Formula, target: str, **options: Any) -> Any:
    """Return the formula written in a target.

    Args:
        formula: what to write.
        target: one of `targets()`.
        options: the options of that target's `write`; `digits` (with `data`) for all of them.

    Raises:
        UnsupportedTarget: the target is not known, or cannot spell some part.
        BadInput: an option that the target does not have.
    """
    module = _module(target)
    printer = module.write
    known = [*list(signature(printer).parameters)[1:], "digits", "data"]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise BadInput(
            f"The target {target!r} has no option {unknown[0]!r}.",
            hint="Its options are: " + ", ".join(known) + ".",
        )
    digits, data = options.pop("digits", None), options.pop("data", None)
    if digits is not None:
        from closedform.passes.rounding import rounding

        # What a page shows as one number must be one before it is rounded: of two factors of four
        # digits each, the product has eight.
        ready = getattr(module, "before_rounding", lambda formula, form="auto": formula)
        ready_one = ready(formula, options.get("form", "auto"))
        formula = rounding(ready_one, digits, data, names=target in NAME_NUMBERS)
    with _uncollected():
        return printer(formula, **options)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let no garbage collection come in between: text leaves no cycles behind.

    Looking for them took 0.45 of the 2.1 s in which 500 trees were printed as MathML.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def content(formula: Formula, target: str, **options: Any) -> str | bytes:
    """Return what a file in a target holds: text, or bytes where the module has `in_file`.

    A target of Python objects has the option `as_text`: the program that builds them.

    Raises:
        UnsupportedTarget, BadInput: as `write`.
    """
    module = _module(target)
    if "as_text" in signature(module.write).parameters:
        options = options | {"as_text": True}
    made = write(formula, target, **options)
    if isinstance(made, str):
        return made if made.endswith("\n") else made + "\n"
    found: str | bytes = made if isinstance(made, bytes) else module.in_file(made)
    return found


def has_option(target: str, option: str) -> bool:
    """Tell whether a target has an option.

    Raises:
        UnsupportedTarget: the target is not known.
    """
    return option in {*signature(_module(target).write).parameters, "digits", "data"}


def _module(target: str) -> ModuleType:
    return import_module(TARGETS.get(target) or _plugin(target))


def _plugin(target: str) -> str:
    from importlib.metadata import entry_points

    for entry in entry_points(group="closedform.targets"):
        if entry.name == target:
            return entry.value
    raise UnsupportedTarget(
        f"There is no target called {target!r}.", hint="The targets are: " + ", ".join(targets())
    )
