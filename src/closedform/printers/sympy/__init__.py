"""The target sympy: `write` is in writing.py."""

from closedform.printers.sympy.writing import NEVER, write

__all__ = ["NEVER", "write"]
