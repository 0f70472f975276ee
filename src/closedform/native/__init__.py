"""Formulas as functions that are fast: `formula.compile()`."""

from closedform.native.compiled import Compiled

__all__ = ["Compiled"]
