"""Printers write a formula in a target language."""

from closedform.printers.registry import TARGETS, targets, write

__all__ = ["TARGETS", "targets", "write"]
