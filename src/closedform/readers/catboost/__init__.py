"""CatBoost: its estimators, and its JSON files without the package."""

from closedform.readers.catboost.outputs import predicted, read_file, read_model

__all__ = ["predicted", "read_file", "read_model"]
