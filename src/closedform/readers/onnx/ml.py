"""The operators of classical models: domain ai.onnx.ml."""

from __future__ import annotations

from closedform.readers.onnx import ml_columns, ml_labels, ml_machines, ml_tree_operators
from closedform.readers.onnx.call import Function

OPERATORS: dict[str, Function] = {
    **ml_tree_operators.OPERATORS,
    **ml_machines.OPERATORS,
    **ml_columns.OPERATORS,
    **ml_labels.OPERATORS,
}
"""Name of an operator → the same on arrays of nodes."""

REFUSED: dict[str, str] = {
    "DictVectorizer": "it takes maps, whose keys may be any",
    "CastMap": "it takes maps, whose keys may be any",
}
"""Operators that have no formula, and why."""
