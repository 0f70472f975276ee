"""The sentences that stand beside a printed formula: rounding never happens silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from closedform import ops
from closedform.formula import Formula, Step


def roundings(formula: Formula) -> list[str]:
    """Return one sentence for each rounding on the formula's trail."""
    return [_sentence(step) for step in formula.trail if step.name == "rounding"]


def precisions(formula: Formula) -> list[str]:
    """Return one sentence where trees are added in float32."""
    added = any(n.op is ops.SUM32 and any(a.op is ops.TREE for a in n.args) for n in formula.nodes)
    return [SINGLE] * added


SINGLE = (
    "The trees are added in this order, each partial sum rounded to single precision (float32), as "
    "the model does: for the same bits, use f.to('python') or f.to('numpy')."
)


def _sentence(step: Step) -> str:
    digits = step.options["digits"]
    how: str = f"Numbers are rounded to {digits} significant digit" + "s" * (digits != 1)
    rows: int | None = step.found.get("rows")
    if rows is None:
        return how + "; how far the output moves was not measured (give data=X)."
    parts = [*_moves(step.found.get("moved", {})), *_changes(step.found.get("labels", {}))]
    where = f"on the {rows} row{'s' * (rows != 1)} given"
    return f"{how}: {'; '.join(parts) or 'nothing moves'}, {where}."


def _moves(moved: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    # Of many outputs (one for each class), the one that moves furthest speaks for all.
    if not moved:
        return
    name, worst = max(moved.items(), key=lambda item: item[1]["relative"])
    most = "" if len(moved) == 1 else " (of all outputs the most)"
    if worst["absolute"] == 0:
        yield f"{name} does not move" if not most else "no output moves"
    else:
        share = f"{100 * worst['relative']:.2g} % of its range"
        yield f"{name} moves by at most {worst['absolute']:.2g} ({share}){most}"
    appeared = sum(int(m.get("appeared", 0)) for m in moved.values())
    if appeared:
        yield f"{appeared} values become missing, or are no longer missing"


def _changes(labels: Mapping[str, Any]) -> Iterator[str]:
    for count in labels.values():
        yield f"{count} label{'s' * (count != 1)} change{'s' * (count == 1)}"
