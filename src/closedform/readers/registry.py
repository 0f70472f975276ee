"""Which module reads which package's models; nothing is imported before it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from closedform.errors import UnsupportedModel
from closedform.formula import Formula
from closedform.passes import tidy

READERS: dict[str, str] = {
    "sklearn": "closedform.readers.sklearn",
    "torch": "closedform.readers.torch",
}
"""Package name of a model's class → the module with its `read_model(model, names)`."""


def read(
    model: Any, *, names: Sequence[str] | None = None, fold: bool = True, example: Any = None
) -> Formula:
    """Return a trained model as one exact formula over its raw inputs.

    Args:
        model: a fitted estimator or pipeline of a framework that closedform reads.
        names: names of the inputs, where the model was trained without any.
        fold: merge scalers and other linear steps into the weights behind them. The formula is
            then the same over the reals, and differs from the model by rounding alone; False
            keeps each step as the model computes it.
        example: rows as the model takes them, where it does not say the shape of its inputs:
            PyTorch modules whose first layer is not linear.

    Returns:
        A `Formula` with every output of the model: prediction, probabilities, decision values.

    Raises:
        UnsupportedModel: some part has no formula; every such part is listed, each with a hint.
        NotFitted: the model has not been trained.
    """
    reader = import_module(_package(model))
    more = {} if example is None else {"example": example}
    formula: Formula = reader.read_model(model, names, **more)
    return tidy(formula, fold=fold)


def _package(model: Any) -> str:
    roots = [c.__module__.partition(".")[0] for c in type(model).__mro__]
    for root in roots:
        if root in READERS:
            return READERS[root]
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    for entry in entry_points(group="closedform.readers"):
        if entry.name in roots:
            return entry.value
    known = ", ".join(sorted(READERS))
    raise UnsupportedModel(
        f"A {type(model).__module__}.{type(model).__qualname__} is no model that can be read.",
        hint=f"Models of these packages are read: {known}. Give the fitted estimator itself.",
    )
