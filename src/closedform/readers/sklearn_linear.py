"""scikit-learn's linear models: equations, and the links of their predictions."""

from __future__ import annotations

from typing import Any

from closedform.families.additive import Linear
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading


def linear_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = W·x + b."""
    scores = Linear.of(model.coef_, model.intercept_).nodes(columns.nodes)
    return Prediction.of_values(scores)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "LinearRegression": linear_regressor,
}
