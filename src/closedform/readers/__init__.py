"""Readers turn a framework's trained object into a formula."""

from closedform.readers.registry import read

__all__ = ["read"]
