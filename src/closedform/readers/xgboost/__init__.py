"""XGBoost: its estimators, its boosters, and their files without the package."""

from closedform.readers.xgboost.outputs import predicted, read_file, read_model

__all__ = ["predicted", "read_file", "read_model"]
