"""The Wolfram Language: a printed package, read and asked by Mathics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.formula import Feature
from closedform.printers.mathematica.spelling import text
from closedform.verify.running.process import Outputs


def run_mathematica(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Ask a printed package for all rows."""
    session = _session()
    name = options.get("name", "model")
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.wl")
        file.write_text(program, encoding="utf-8")
        context = name[0].upper() + name[1:]
        session.evaluate(f'ClearAll["{context}`*"]; ClearAll["{context}`Private`*"]')
        session.evaluate(f"Get[{text(str(file))}]")
    found: Outputs = {output: [] for output in outputs}
    error = ""
    for row in zip(*columns, strict=True):
        asked = ", ".join(map(_given, row))
        made = session.evaluate(f"{name}Evaluate[{{{asked}}}]")
        values = _entries(made)
        error = error or ("" if values else f"no association: {made}"[:200])
        for output in outputs:
            found[output].append(values.get(output))
    return found, error


def tool() -> None:
    """Raise where Mathics is not installed.

    Raises:
        UnsupportedTarget: it is not.
    """
    if find_spec("mathics") is None:
        raise UnsupportedTarget(
            "A Wolfram Language package cannot be run here: there is no Mathics.",
            hint="Type: pip install mathics3",
        )


@cache
def _session() -> Any:
    """Return the one session: a new one takes seconds."""
    tool()
    from mathics.core.load_builtin import import_and_load_builtins
    from mathics.session import MathicsSession

    import_and_load_builtins()
    return MathicsSession()


def _given(value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "Missing[]"
    return text(value)


def _entries(made: Any) -> dict[str, Any]:
    """Return an association as a dict."""
    if getattr(made, "get_head_name", lambda: "")() != "System`Association":
        return {}
    pairs = (rule.elements for rule in made.elements)
    return {key.value: _value(value) for key, value in pairs}


def _value(made: Any) -> Any:
    head = made.get_head_name()
    if head == "System`DirectedInfinity":
        return math.copysign(math.inf, float(made.elements[0].value))
    if head == "System`Missing":
        return None
    if head == "System`Symbol":
        return {"System`True": True, "System`False": False}.get(made.get_name(), str(made))
    return made.value
