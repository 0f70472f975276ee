"""Models that must be asked in their own way: rows become what the framework takes, and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from closedform.formula import Formula

ASKED: dict[str, str] = {
    "jpmml_evaluator": "closedform.asking.pmml",
    "kan": "closedform.asking.kan",
    "keras": "closedform.asking.keras",
    "onnx": "closedform.asking.onnx",
    "onnxruntime": "closedform.asking.onnx",
    "optbinning": "closedform.asking.optbinning",
    "pygam": "closedform.asking.pygam",
    "pyoperon": "closedform.asking.pyoperon",
    "skorch": "closedform.asking.skorch",
    "statsmodels": "closedform.asking.statsmodels",
    "sympy": "closedform.asking.sympy",
    "torch": "closedform.asking.torch",
    **dict.fromkeys(("jax", "jaxlib", "flax", "equinox"), "closedform.asking.jax"),
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
        narrow: whether the twin is the same method, given the same rows in double precision. It may
            itself compute in less, as a booster does, and that counts too.
    """

    name: str
    ask: Callable[[Any], Any]
    outputs: tuple[str, ...]
    double: bool = False
    twin: int | None = None
    narrow: bool = False


def own_methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a model of a package in `ASKED` is asked; of any other, nothing.

    The file of an ONNX graph stands for the graph.
    """
    options = formula.trail[0].options if formula.trail else {}
    found = _module_for(model)
    if isinstance(model, str | os.PathLike) and "layout" in options:
        found, model = ASKED["onnx"], Path(model).read_bytes()
    made: list[Method] = [] if found is None else import_module(found).methods(model, formula)
    return made


def is_asked(model: Any) -> bool:
    """Tell whether a model is of a package in `ASKED`: it is given rows by the inputs' names."""
    return _module_for(model) is not None


def _module_for(model: Any) -> str | None:
    packages = (str(kind.__module__).partition(".")[0] for kind in type(_first(model)).__mro__)
    return next((ASKED[name] for name in packages if name in ASKED), None)


def _first(model: Any) -> Any:
    """Return the model, or of several expressions in a list or dict the first."""
    parts = list(model.values()) if isinstance(model, dict) else model
    if not isinstance(parts, list | tuple):
        return model
    return next((part for part in parts if not isinstance(part, int | float)), None)
