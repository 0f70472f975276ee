"""SHAP values of a model by the shap package, which sees numbers of rows in the place of values.

What it shuffles are row numbers; the model gets the cells that stand in these rows. So categories,
missing values and types stay what they are, and one way serves all models.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import MissingExtra
from closedform.explanations.shapley.sampling import Asked
from closedform.ir import Array

MOST_EXACT = 10
"""Inputs all of whose coalitions the package may ask about: 1024."""
MOST_ORDERS = 10
"""Orders of the inputs, each forth and back, which is the package's own default."""


@dataclass(frozen=True)
class Effort:
    """How the package goes about it.

    Attributes:
        orders: of the inputs, each forth and back; 0: all coalitions.
        asked: how many answers of the model that takes for each row.
    """

    orders: int
    asked: int

    @classmethod
    def of(cls, inputs: int, background: int, affordable: float) -> Effort:
        """Return the best that so many answers for a row allow, or the least there is."""
        coalitions, order = background << min(inputs, 60), background * (2 * inputs + 1)
        orders = int(np.clip(affordable // order, 1, MOST_ORDERS))
        if inputs <= MOST_EXACT and coalitions <= max(affordable, orders * order):
            return cls(0, coalitions)
        return cls(orders, orders * order)

    def __str__(self) -> str:
        """Return it in words."""
        if not self.orders:
            return "by the shap package from all coalitions"
        return f"by the shap package from {2 * self.orders} orders of the inputs for each row"


def by_package(
    ask: Asked, rows: Array, background: Array, inputs: int, effort: Effort, seed: int
) -> tuple[Array, Array]:
    """Return SHAP values and their standard errors, each of shape (rows, inputs).

    Args:
        ask: the model, asked about rows made of cells.
        rows, background: numbers of the rows that are explained, and of those behind them.
        inputs: how many there are.
        effort: how it is done.
        seed: of the orders.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports warns of its own age
            import shap
    except ImportError:
        raise MissingExtra("shap", "shap", "SHAP values by the shap package") from None
    cells = np.repeat(rows[:, None], inputs, axis=1)
    masker = shap.maskers.Independent(
        np.repeat(background[:, None], inputs, axis=1), max_samples=len(background)
    )
    with _own_randomness(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _explained(shap, lambda z: ask(np.asarray(z, np.int64)), masker, cells, effort, seed)


def _explained(
    shap: Any, ask: Asked, masker: Any, cells: Array, effort: Effort, seed: int
) -> tuple[Array, Array]:
    if not effort.orders:
        found = shap.explainers.Exact(ask, masker)(cells, silent=True)
        return np.asarray(found.values, float), np.zeros(cells.shape)
    explainer = shap.explainers.Permutation(ask, masker, seed=seed)
    found = explainer(
        cells, max_evals=effort.orders * (2 * cells.shape[1] + 1), error_bounds=True, silent=True
    )
    # It gives the deviation of single orders.
    errors = np.asarray(found.error_std, float) / np.sqrt(2 * effort.orders)
    return np.asarray(found.values, float), errors


@contextmanager
def _own_randomness() -> Iterator[None]:
    """The package sets NumPy's global seed: give it back as it was."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
