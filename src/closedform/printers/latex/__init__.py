"""The target latex: `write` is in writing.py."""

from closedform.printers.latex.writing import before_rounding, write

__all__ = ["before_rounding", "write"]
