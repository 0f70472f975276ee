"""The target mathematica: `write` is in writing.py."""

from closedform.printers.mathematica.writing import write

__all__ = ["write"]
