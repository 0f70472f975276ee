"""PyTorch: a module's traced graph, read operation by operation onto arrays of nodes."""

from closedform.readers.torch.module import read_file, read_model

__all__ = ["read_file", "read_model"]
