"""Which module writes which target; nothing is imported before it is needed."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import Any

from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Formula

TARGETS: dict[str, str] = {
    "text": "closedform.printers.text",
    "latex": "closedform.printers.latex",
    "python": "closedform.printers.python",
    "numpy": "closedform.printers.numpy",
    "c": "closedform.printers.c",
    "javascript": "closedform.printers.javascript",
    "sympy": "closedform.printers.sympy",
}
"""Target → the module with its `write(formula, **options)`."""


def targets() -> tuple[str, ...]:
    """Return the names of all targets, those of installed plugins included."""
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    return (*TARGETS, *(e.name for e in entry_points(group="closedform.targets")))


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
    module = import_module(TARGETS.get(target) or _plugin(target))
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
        formula = rounding(ready(formula, options.get("form", "auto")), digits, data)
    return printer(formula, **options)


def _plugin(target: str) -> str:
    from importlib.metadata import entry_points

    for entry in entry_points(group="closedform.targets"):
        if entry.name == target:
            return entry.value
    raise UnsupportedTarget(
        f"There is no target called {target!r}.", hint="The targets are: " + ", ".join(targets())
    )
