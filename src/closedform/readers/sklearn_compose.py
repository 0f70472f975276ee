"""scikit-learn: compose."""

from __future__ import annotations

from typing import Any

TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {}
