"""The sentences that stand beside a printed formula: rounding never happens silently."""

from __future__ import annotations

from closedform.formula import Formula, Step


def roundings(formula: Formula) -> list[str]:
    """Return one sentence for each rounding on the formula's trail."""
    return [_sentence(step) for step in formula.trail if step.name == "rounding"]


def _sentence(step: Step) -> str:
    how = f"Numbers are rounded to {step.options['digits']} significant digits"
    return how + "; how far the output moves was not measured (give data=X)."
