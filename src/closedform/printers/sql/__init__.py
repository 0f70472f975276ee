"""The target sql: `write` is in writing.py."""

from closedform.printers.sql.dialects import DIALECTS
from closedform.printers.sql.writing import write

__all__ = ["DIALECTS", "write"]
