"""The target java: `write` is in writing.py."""

from closedform.printers.java.writing import write

__all__ = ["write"]
