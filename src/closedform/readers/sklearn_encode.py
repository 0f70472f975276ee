"""scikit-learn: encode."""

from __future__ import annotations

from typing import Any

TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {}
