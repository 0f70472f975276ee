"""A program that an engine has made, read as a node by the reader of its package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from closedform import ops
from closedform.errors import UnsupportedModel
from closedform.ir import Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading

Predicted = Callable[[Any, Columns, Reading], Prediction]


def node_of(predicted: Predicted, model: Any, width: int) -> Node | None:
    """Return what a fitted regressor gives over some inputs; None where its reader cannot tell.

    Args:
        predicted: of the reader's module.
        model: the regressor, its program in place.
        width: how many columns it was fitted to; they are the inputs 0, 1, …
    """
    names = tuple(f"x{i}" for i in range(width))
    reading = Reading(names)
    columns = Columns(names, tuple(ops.input_(i) for i in range(width)))
    try:
        made = predicted(model, columns, reading).nodes("primary")[0]
    except UnsupportedModel:
        return None
    return None if reading.problems else made
