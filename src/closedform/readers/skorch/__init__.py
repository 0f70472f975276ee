"""skorch: scikit-learn estimators around PyTorch modules."""

from closedform.readers.skorch.net import predicted, read_model

__all__ = ["predicted", "read_model"]
