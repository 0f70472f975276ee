"""The target javascript: `write` is in writing.py."""

from closedform.printers.javascript.writing import write

__all__ = ["write"]
