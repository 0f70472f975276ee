"""Models that must be asked in their own way: rows become what the framework takes, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from closedform.formula import Formula

ASKED: dict[str, str] = {
    "torch": "closedform.asking.torch",
    "jpmml_evaluator": "closedform.asking.pmml",
}
"""Package of a model's class → the module with `methods(model, formula) -> list[Method]`."""


@dataclass(frozen=True)
class Method:
    """One way of asking a model, and the outputs that it answers, in the order of its columns.

    Attributes:
        name: what the model is asked for, as "predict_proba".
        ask: a function of the rows.
        outputs: the formula's names for its columns.
        double: whether the model is made to compute in double precision here.
        twin: the position, among the model's methods, of the one that gives the same in double
            precision: how far the two are apart is this one's own rounding.
    """

    name: str
    ask: Callable[[Any], Any]
    outputs: tuple[str, ...]
    double: bool = False
    twin: int | None = None


def own_methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a model of a package in `ASKED` is asked; of any other, nothing."""
    for kind in type(model).__mro__:
        found = ASKED.get(kind.__module__.partition(".")[0])
        if found is not None:
            made: list[Method] = import_module(found).methods(model, formula)
            return made
    return []
