"""JAX: a function's jaxpr, read operation by operation onto arrays of nodes."""

from closedform.readers.jax.function import read_model

__all__ = ["read_model"]
