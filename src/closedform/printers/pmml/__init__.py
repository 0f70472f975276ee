"""The target pmml: `write` is in writing.py."""

from closedform.printers.pmml.writing import NEVER, write

__all__ = ["NEVER", "write"]
