"""The target mathml: `write` is in writing.py."""

from closedform.printers.mathml.writing import before_rounding, write

__all__ = ["before_rounding", "write"]
