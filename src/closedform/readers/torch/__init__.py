"""PyTorch: a module's traced graph, read operation by operation onto arrays of nodes."""

from closedform.readers.torch.module import read_file, read_model
from closedform.readers.torch.packages import program_of as model_of

__all__ = ["model_of", "read_file", "read_model"]
