"""The sentences that stand beside a printed formula: rounding never happens silently."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

from closedform import ops
from closedform.formula import Formula, Step
from closedform.printers.blocks import Sentence
from closedform.printers.scribe import shortest


def roundings(formula: Formula) -> list[str]:
    """Return one plain sentence for each rounding, for a program's comments."""
    return [s.template.format(*s.names) for s in rounded(formula, str)]


def precisions(formula: Formula) -> list[str]:
    """Return one sentence where trees are added in float32."""
    added = any(n.op is ops.SUM32 and any(a.op is ops.TREE for a in n.args) for n in formula.nodes)
    return [SINGLE] * added


SINGLE = (
    "The trees are added in this order, each partial sum rounded to single precision (float32), as "
    "the model does: for the same bits, use f.to('python') or f.to('numpy')."
)


def rounded(formula: Formula, spelled: Callable[[str], str]) -> Iterator[Sentence]:
    """Yield one sentence for each rounding on the formula's trail.

    Args:
        spelled: the name of an output, as the page writes it.
    """
    for step in formula.trail:
        if step.name == "rounding":
            yield _sentence(step, spelled)


def _sentence(step: Step, spelled: Callable[[str], str]) -> Sentence:
    digits = step.options["digits"]
    how: str = f"Numbers are rounded to {digits} significant digit" + "s" * (digits != 1)
    rows: int | None = step.found.get("rows")
    if rows is None:
        return Sentence(how + "; how far the output moves was not measured (give data=X).")
    names: list[str] = []
    parts = [*_moves(step.found.get("moved", {}), spelled, names)]
    parts += _changes(step.found.get("labels", {}))
    where = f"on the {rows} row{'s' * (rows != 1)} given"
    return Sentence(f"{how}: {'; '.join(parts) or 'nothing moves'}, {where}.", tuple(names))


def _moves(
    moved: Mapping[str, Mapping[str, float]], spelled: Callable[[str], str], names: list[str]
) -> Iterator[str]:
    # Of many outputs (one for each class), the one that moves furthest speaks for all.
    if not moved:
        return
    name, worst = max(moved.items(), key=lambda item: item[1]["relative"])
    alone = len(moved) == 1
    names += [] if worst["absolute"] == 0 and not alone else [spelled(name)]
    if worst["absolute"] == 0:
        yield "{0} does not move" if alone else "no output moves"
    else:
        share, size = at_most(100 * worst["relative"]), at_most(worst["absolute"])
        if alone:
            yield f"{{0}} moves by at most {size} ({share} % of its range)"
        else:
            # Sizes are no measure across outputs: of y₁ in metres and y₂ in millimetres, which?
            yield f"each output moves by at most {share} % of its range ({{0}} does, by {size})"
    appeared = sum(int(m.get("appeared", 0)) for m in moved.values())
    if appeared:
        yield f"{appeared} values become missing, or are no longer missing"


def at_most(value: float) -> str:
    """Return a number from 0 on with two significant digits, never less than it is."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    exact = Decimal(value)
    last = Decimal(1).scaleb(exact.adjusted() - 1)
    return shortest(float(exact.quantize(last, ROUND_UP)), None)


def _changes(labels: Mapping[str, Any]) -> Iterator[str]:
    for count in labels.values():
        yield f"{count} label{'s' * (count != 1)} change{'s' * (count == 1)}"
