"""The target onnx: `write` is in writing.py."""

from closedform.printers.onnx.writing import NEVER, in_file, write

__all__ = ["NEVER", "in_file", "write"]
