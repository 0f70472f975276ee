"""A corrected expression, as a person would write it."""

from __future__ import annotations

from closedform import ops
from closedform.errors import ClosedformError
from closedform.formula import Formula
from closedform.ir import Node
from closedform.passes.simplify import simplified
from closedform.printers import write
from closedform.verify.case import Case

SHORT = 600  # characters


def written(case: Case, mine: Node) -> str:
    """Return a corrected expression with its numbers filled in, or "" where it is long."""
    closed = case.expression.closed(mine)
    short = simplified([closed])[closed]
    if short.op is ops.LIN and all(a.op is ops.INPUT for a in short.args):
        text = _sum(case, short)
    else:
        text = _printed(case, short)
    return text if len(text) <= SHORT else ""


def _sum(case: Case, n: Node) -> str:
    weights = zip(n.data.weights.tolist(), n.args, strict=True)
    terms = [(w, "*" + case.formula.inputs[a.data].name) for w, a in weights if w != 0]
    if n.data.bias != 0 or not terms:
        terms.append((n.data.bias, ""))
    text = " ".join(f"{'-' if w < 0 else '+'} {abs(w):.10g}{name}" for w, name in terms)
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("-") else text[2:]


def _printed(case: Case, n: Node) -> str:
    try:
        text = write(Formula({"y": n}, case.formula.inputs), "text")
    except (ClosedformError, ImportError):
        return ""  # the correction stands without its text
    return str(text) if text.count("\n") < 2 else ""
