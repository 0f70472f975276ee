"""The target excel: `write` is in writing.py."""

from closedform.printers.excel.writing import NEVER, write

__all__ = ["NEVER", "write"]
