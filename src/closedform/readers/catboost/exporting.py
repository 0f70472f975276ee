"""CatBoost models as its JSON export: what is live or binary is exported first."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from closedform.errors import BadInput, MissingExtra, NotFitted, UnsupportedModel
from closedform.loading.stream import Broken, shown
from closedform.readers.catboost.booster import Booster, booster_of
from closedform.readers.documents import json_document, understood


def live(model: Any, example: Any = None) -> Booster:
    """Return the record of an estimator; `example` holds rows that name its categories.

    Raises:
        NotFitted, UnsupportedModel, BadInput: as `read_model` says.
    """
    if not model.is_fitted():
        name = type(model).__name__
        raise NotFitted(f"This {name} is not fitted.", hint="Call its fit(X, y) first.")
    import catboost

    try:
        return exported(model, example)
    except catboost.CatBoostError as error:
        raise _not_exported(f"this {type(model).__name__}", str(error)) from error


def _not_exported(what: str, said: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"CatBoost itself does not export {what}: {said.rpartition(': ')[2]}.",
        hint="Leave text and embedding columns out, or turn them into numbers before.",
    )


def exported(model: Any, example: Any = None) -> Booster:
    """Return the record of what an estimator exports."""
    pool = None if example is None else _pool(model, example)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        model.save_model(path, format="json", pool=pool)
        with open(path, "rb") as file:
            return _understood(file.read())


def _understood(raw: bytes) -> Booster:
    found: Booster = understood(json_document(raw), booster_of)
    return found


def _pool(model: Any, rows: Any) -> Any:
    import catboost

    chosen = model.get_cat_feature_indices()
    try:
        return catboost.Pool(_as_taken(rows, model.feature_names_, chosen), cat_features=chosen)
    except (catboost.CatBoostError, KeyError) as error:
        raise BadInput(
            f"CatBoost does not take the example: {str(error)[:160]}",
            hint="Give rows as the model's own predict takes them.",
        ) from error


def _as_taken(rows: Any, names: Sequence[str], chosen: Sequence[int]) -> Any:
    """Return a table's columns in the model's order, whole numbers among its categories as such.

    CatBoost refuses 1.0 as a category, which is how a table with a missing value holds 1.
    """
    if not hasattr(rows, "assign"):
        return rows
    rows = rows[list(names)] if set(names) & set(rows.columns) else rows
    whole = {
        name: [int(v) if isinstance(v, float) and v.is_integer() else v for v in rows[name]]
        for name in (rows.columns[i] for i in chosen if i < len(rows.columns))
        if rows[name].dtype.kind == "f"
    }
    return rows.assign(**whole)


def _of_binary(raw: bytes) -> Booster:
    if find_spec("catboost") is None:
        missing = MissingExtra("catboost", "catboost", "Reading a .cbm file")
        missing.hint = f"{missing.hint}, or save the model as JSON: save_model(…, format='json')"
        raise missing
    with tempfile.TemporaryDirectory() as folder:
        given, made = (os.path.join(folder, name) for name in ("model.cbm", "model.json"))
        with open(given, "wb") as file:
            file.write(raw)
        try:
            done = subprocess.run(
                [sys.executable, "-c", CONVERT, given, made, *sys.path], capture_output=True,
                text=True, errors="replace", check=False, timeout=TIMEOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Broken(f"CatBoost is not done with it after {TIMEOUT} seconds") from error
        if done.returncode:
            said = shown((done.stderr.strip().splitlines() or ["it breaks down on it"])[-1])
            if done.returncode == NOT_EXPORTED:
                raise _not_exported("the model in this file", said)
            raise Broken(f"CatBoost does not load it ({said[:160]})")
        with open(made, "rb") as file:
            return _understood(file.read())


CONVERT = """
import sys
given, made, *sys.path = sys.argv[1:]
from catboost import CatBoost
model = CatBoost().load_model(given, format="cbm")
try:
    model.save_model(made, format="json")
except Exception as error:
    print(error, file=sys.stderr)
    sys.exit(9)
"""
"""Run in a process of its own, since CatBoost breaks down on some files that are damaged."""
NOT_EXPORTED = 9
TIMEOUT = 300
"""Seconds; 1,000 trees of depth 10 take 4."""


def model_of(raw: bytes) -> Any:
    """Return the estimator in a file."""
    import catboost

    kind = catboost.CatBoostClassifier if saved(raw).classifies else catboost.CatBoostRegressor
    if raw.startswith(BINARY):
        return kind().load_model(blob=raw)
    with tempfile.TemporaryDirectory() as folder:  # a blob is never JSON to CatBoost
        path = os.path.join(folder, "model.json")
        with open(path, "wb") as file:
            file.write(raw)
        return kind().load_model(path, format="json")


def saved(raw: bytes) -> Booster:
    """Return the record of a file, JSON or binary."""
    return _of_binary(raw) if raw.startswith(BINARY) else _understood(raw)


BINARY = b"CBM1"
