"""statsmodels: the results of fitted models, of its arrays and of its formulas."""

from closedform.readers.statsmodels.dispatch import read_model

__all__ = ["read_model"]
