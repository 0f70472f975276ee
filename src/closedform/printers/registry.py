"""Which module writes which target; nothing is imported before it is needed."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Formula

TARGETS: dict[str, str] = {
    "text": "closedform.printers.text",
    "latex": "closedform.printers.latex",
    "python": "closedform.printers.python",
    "numpy": "closedform.printers.numpy",
    "sympy": "closedform.printers.sympy",
}
"""Target → the module with its `write(formula, **options)`."""


def targets() -> tuple[str, ...]:
    """Return the names of all targets, those of installed plugins included."""
    return (*TARGETS, *(e.name for e in entry_points(group="closedform.targets")))


def write(formula: Formula, target: str, **options: Any) -> Any:
    """Return the formula written in a target.

    Args:
        formula: what to write.
        target: one of `targets()`.
        options: the options of that target's `write`; `digits` (with `data`) for all of them.

    Raises:
        UnsupportedTarget: the target is not known, or cannot spell some part.
    """
    module = TARGETS.get(target) or _plugin(target)
    digits, data = options.pop("digits", None), options.pop("data", None)
    if digits is not None:
        from closedform.passes.rounding import rounding

        formula = rounding(formula, digits, data)
    return import_module(module).write(formula, **options)


def _plugin(target: str) -> str:
    for entry in entry_points(group="closedform.targets"):
        if entry.name == target:
            return entry.value
    raise UnsupportedTarget(
        f"There is no target called {target!r}.", hint="The targets are: " + ", ".join(targets())
    )
