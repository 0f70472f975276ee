"""The target jax: `write` is in writing.py."""

from closedform.printers.jax.writing import write

__all__ = ["write"]
