"""The target python: `write` is in writing.py."""

from closedform.printers.python.writing import write

__all__ = ["write"]
