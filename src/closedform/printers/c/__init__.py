"""The target c: `write` is in writing.py."""

from closedform.printers.c.writing import write

__all__ = ["write"]
