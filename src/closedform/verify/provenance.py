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
from closedform.ir import Node, fold
from closedform.ops.payloads import labels_of

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
        "formula": "sha256:" + hash_of_formula(formula),
        "data": "sha256:" + hash_of_rows(formula, X),
        "seed": seed,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
    }


def hash_of_formula(formula: Formula) -> str:
    """Return the SHA-256 of what the formula computes: inputs, outputs, every number bit for bit.

    Names of intermediate values and the trail do not change it.
    """
    digests = fold(formula.roots, _digest)
    whole = sha256()
    for feature in formula.inputs:
        whole.update(repr((feature.name, feature.type.value, feature.categories)).encode())
        whole.update(repr((feature.missing, feature.unseen)).encode())
    for name, digest in zip(formula.outputs, digests, strict=True):
        whole.update(repr(name).encode() + digest)
    return whole.hexdigest()


def _digest(n: Node, *below: bytes) -> bytes:
    made = sha256(f"{n.op.name} {n.type.value} {_key(n.data)!r}".encode())
    for digest in below:
        made.update(digest)
    return made.digest()


def _key(data: Any) -> Any:
    if isinstance(data, float):
        return data.hex()
    return data.key if hasattr(data, "key") else data


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
