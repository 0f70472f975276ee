"""pygam: generalised additive models of splines, factors and lines."""

from closedform.readers.pygam.gam import predicted, read_model

__all__ = ["predicted", "read_model"]
