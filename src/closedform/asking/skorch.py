"""Nets of skorch: rows become the floats that the module takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.asking.torch import dtype_of, evaluating, in_double
from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ir import Array


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a net is asked: predict, and predict_proba where it gives chances.

    The values of a net that computes in less are also asked of a copy in float64.
    """
    options = formula.trail[0].options if formula.trail else {}
    shape = options.get("shape", [len(formula.inputs)])
    dtype = dtype_of(model.module_)
    double = dtype == "float64"

    def asks(method: Callable[[Array], Any], kind: str) -> Callable[[Any], Array]:
        def ask(X: Any) -> Array:
            rows = np.column_stack(columns_of(formula.inputs, X)[0]).reshape(-1, *shape)
            with np.errstate(over="ignore"):
                given = rows.astype(kind)
            if (np.isinf(given) & ~np.isinf(rows)).any():
                raise ValueError(f"a number is beyond the range of {kind}")
            return np.asarray(method(given))

        return ask

    chances = formula.task.probability
    values = chances or formula.primary
    found = []
    fine = None if double else in_double(module_of(model))
    if fine is not None and any(o in formula.outputs for o in values):
        ask = asks(lambda rows: _answer(fine, rows), "float64")
        found.append(Method("net in float64", ask, values, double=True))
    twin = 0 if found else None
    for name, outputs in (("predict", formula.primary), ("predict_proba", chances)):
        if any(o in formula.outputs for o in outputs):
            ask = asks(getattr(model, name), dtype)
            own = twin if outputs == values else None
            found.append(Method(name, ask, tuple(outputs), double=double, twin=own))
    return found


def _answer(module: Any, rows: Array) -> Array:
    import torch

    with evaluating(module) as asked:
        return np.asarray(asked(torch.as_tensor(rows)).numpy())


def module_of(model: Any) -> Any:
    """Return a net's module with what predict_proba does to its first result."""
    import torch

    nonlinearity = model._get_predict_nonlinearity()
    flat = any(kind.__name__ == "NeuralNetBinaryClassifier" for kind in type(model).__mro__)

    class Asked(torch.nn.Module):  # type: ignore[misc]
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
