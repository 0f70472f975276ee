"""The target polars: `write` is in writing.py."""

from closedform.printers.polars.writing import write

__all__ = ["write"]
