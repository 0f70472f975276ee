"""SymPy: expressions, node by node; nothing is parsed and nothing is evaluated."""

from closedform.readers.sympy.expressions import read_model

__all__ = ["read_model"]
