"""Printers write a formula in a target language."""

from closedform.printers.registry import TARGETS, content, has_option, targets, write

__all__ = ["TARGETS", "content", "has_option", "targets", "write"]
