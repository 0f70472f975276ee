"""CatBoost: its estimators, and its JSON files without the package."""

from closedform.readers.catboost.exporting import model_of
from closedform.readers.catboost.outputs import predicted, read_file, read_model

__all__ = ["model_of", "predicted", "read_file", "read_model"]
