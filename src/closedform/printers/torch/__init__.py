"""The target torch: `write` is in writing.py."""

from closedform.printers.torch.writing import write

__all__ = ["write"]
