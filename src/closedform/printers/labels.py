"""Several labels are several formulas on one page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from closedform.formula import Formula


def formulas_of_labels(formula: Formula) -> Iterator[tuple[str, Formula]]:
    """Yield the formula of each label, with its title: several labels are several formulas."""
    if not formula.task.parts:
        yield "", formula
    for i, task in enumerate(formula.task.parts):
        outputs = {n: formula.outputs[n] for n in task.outputs if n in formula.outputs}
        if outputs:
            yield f"Label {i}:", replace(formula, outputs=outputs, task=task)
