"""The target go: `write` is in writing.py."""

from closedform.printers.go.writing import write

__all__ = ["write"]
