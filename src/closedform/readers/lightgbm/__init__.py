"""LightGBM: its estimators, its boosters, and their text files without the package."""

from closedform.readers.lightgbm.outputs import model_of, predicted, read_file, read_model

__all__ = ["model_of", "predicted", "read_file", "read_model"]
