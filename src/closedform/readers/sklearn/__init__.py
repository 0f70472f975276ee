"""scikit-learn: estimators, transformers, and the pieces that put them together."""

from closedform.readers.sklearn.dispatch import read_model

__all__ = ["read_model"]
