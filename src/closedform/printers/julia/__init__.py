"""The target julia: `write` is in writing.py."""

from closedform.printers.julia.writing import write

__all__ = ["write"]
