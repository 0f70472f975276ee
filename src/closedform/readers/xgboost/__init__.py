"""XGBoost: its estimators, its boosters, and their files without the package."""

from closedform.readers.xgboost.outputs import (
    model_of,
    predicted,
    read_file,
    read_model,
    types_of_categories,
)

__all__ = ["model_of", "predicted", "read_file", "read_model", "types_of_categories"]
