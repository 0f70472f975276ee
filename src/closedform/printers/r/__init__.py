"""The target r: `write` is in writing.py."""

from closedform.printers.r.writing import write

__all__ = ["write"]
