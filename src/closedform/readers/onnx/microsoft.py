"""The operators that onnxruntime's own optimisers put into a graph: domain com.microsoft."""

from __future__ import annotations

from closedform.readers.onnx.call import Function

OPERATORS: dict[str, Function] = {}
"""Name of an operator → the same on arrays of nodes."""

REFUSED: dict[str, str] = {}
"""Operators that have no formula, and why."""
