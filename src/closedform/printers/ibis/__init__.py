"""The target ibis: `write` is in writing.py."""

from closedform.printers.ibis.writing import write

__all__ = ["write"]
