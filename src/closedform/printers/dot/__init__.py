"""The target dot: `write` is in writing.py."""

from closedform.printers.dot.writing import write

__all__ = ["write"]
