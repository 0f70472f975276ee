"""pykan: Kolmogorov-Arnold networks, their symbolic edges and their splines."""

from closedform.readers.kan.network import read_model

__all__ = ["read_model"]
