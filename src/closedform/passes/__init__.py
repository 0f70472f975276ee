"""Passes: formula → formula, each one file that declares what it changes."""

from __future__ import annotations

from closedform.formula import Formula

__all__ = ["tidy"]


def tidy(formula: Formula, *, fold: bool = True) -> Formula:
    """Return the formula as `read` gives it."""
    return formula
