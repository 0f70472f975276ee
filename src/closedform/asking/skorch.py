"""Nets of skorch: rows become the floats that the module takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.asking.torch import dtype_of
from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ir import Array


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a net is asked: predict, and predict_proba where it gives chances."""
    options = formula.trail[0].options if formula.trail else {}
    shape = options.get("shape", [len(formula.inputs)])
    dtype = dtype_of(model.module_)

    def asks(name: str) -> Callable[[Any], Array]:
        def ask(X: Any) -> Array:
            rows = np.column_stack(columns_of(formula.inputs, X)[0]).reshape(-1, *shape)
            with np.errstate(over="ignore"):
                given = rows.astype(dtype)
            if (np.isinf(given) & ~np.isinf(rows)).any():
                raise ValueError(f"a number is beyond the range of {dtype}")
            return np.asarray(getattr(model, name)(given))

        return ask

    roles = {"predict": formula.primary, "predict_proba": formula.task.probability}
    return [
        Method(name, asks(name), tuple(outputs), double=dtype == "float64")
        for name, outputs in roles.items()
        if any(o in formula.outputs for o in outputs)
    ]


def module_of(model: Any) -> Any:
    """Return a net's module with what predict_proba does to its first result."""
    import torch

    nonlinearity = model._get_predict_nonlinearity()
    flat = any(kind.__name__ == "NeuralNetBinaryClassifier" for kind in type(model).__mro__)

    class Asked(torch.nn.Module):
        """The module, its first result, and the nonlinearity."""

        def __init__(self) -> None:
            super().__init__()
            self.module = model.module_

        def forward(self, x: Any) -> Any:
            """Return what predict_proba gives."""
            made = self.module(x)
            made = made[0] if isinstance(made, tuple) else made
            return nonlinearity(made.reshape(-1) if flat else made)

    return Asked()
