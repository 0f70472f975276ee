"""pygam: a LogisticGAM gives one chance for each row, that of True."""

from __future__ import annotations

from typing import Any

from closedform.asking import Method
from closedform.formula import Formula


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a LogisticGAM is asked; nothing of any other, which has predict alone."""
    wanted = {"predict": formula.task.primary[:1], "predict_proba": formula.task.probability[1:]}
    return [
        Method(name, getattr(model, name), outputs)
        for name, outputs in wanted.items()
        if hasattr(model, "predict_proba") and outputs and outputs[0] in formula.outputs
    ]
