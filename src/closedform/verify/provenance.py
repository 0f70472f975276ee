"""What a certificate says about its own making: versions, hashes, seed, time."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ops.payloads import labels_of
from closedform.store import content_hash

PACKAGES = {
    "closedform": "closedform",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "sympy": "sympy",
}
"""Module → package whose version is told, if it is loaded."""


def provenance(formula: Formula, X: Any, *, seed: int, seconds: float) -> dict[str, Any]:
    """Return versions, hashes of the formula and of the data, seed and time."""
    found: dict[str, Any] = {"python": platform.python_version()}
    for module, name in PACKAGES.items():
        if module in sys.modules:
            found[name] = getattr(sys.modules[module], "__version__", "?")
    return found | {
        "model": formula.source,
        "formula": "sha256:" + content_hash(formula),
        "data": "sha256:" + hash_of_rows(formula, X),
        "seed": seed,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
    }


def hash_of_rows(formula: Formula, X: Any) -> str:
    """Return the SHA-256 of the formula's inputs on some rows."""
    columns, _ = columns_of(formula.inputs, X, formula.needed)
    whole = sha256()
    for feature, column in zip(formula.inputs, columns, strict=True):
        whole.update(feature.name.encode())
        if column.dtype.kind == "i":
            whole.update(_text(labels_of(column).tolist()))
        else:
            whole.update(np.ascontiguousarray(column, dtype="<f8").tobytes())
    return whole.hexdigest()


def _text(labels: Sequence[Any]) -> bytes:
    return "\x1f".join(map(repr, labels)).encode()
