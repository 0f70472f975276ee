"""The target vba: `write` is in writing.py."""

from closedform.printers.vba.writing import write

__all__ = ["write"]
