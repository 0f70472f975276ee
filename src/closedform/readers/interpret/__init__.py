"""interpret: explainable boosting machines and the linear models and trees beside them."""

from closedform.readers.interpret.machine import predicted, read_file, read_model

__all__ = ["predicted", "read_file", "read_model"]
