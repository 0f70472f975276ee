"""The target matlab: `write` is in writing.py."""

from closedform.printers.matlab.writing import write

__all__ = ["write"]
