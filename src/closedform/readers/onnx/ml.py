"""The operators of classical models: domain ai.onnx.ml."""

from __future__ import annotations

from closedform.readers.onnx.call import Function

OPERATORS: dict[str, Function] = {}
"""Name of an operator → the same on arrays of nodes."""

REFUSED: dict[str, str] = {}
"""Operators that have no formula, and why."""
