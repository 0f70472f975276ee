"""The target numpy: `write` is in writing.py."""

from closedform.printers.numpy.writing import write

__all__ = ["write"]
