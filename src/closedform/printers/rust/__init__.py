"""The target rust: `write` is in writing.py."""

from closedform.printers.rust.writing import write

__all__ = ["write"]
