"""Which module reads which package's models and files; nothing is imported before it is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

from closedform.errors import BadFile, BadInput, UnsupportedModel
from closedform.formula import Formula
from closedform.passes import tidy
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading

READERS: dict[str, str] = {
    "sklearn": "closedform.readers.sklearn",
    "xgboost": "closedform.readers.xgboost",
    "lightgbm": "closedform.readers.lightgbm",
    "catboost": "closedform.readers.catboost",
    "torch": "closedform.readers.torch",
}
"""Package name of a model's class → the module that reads it.

Such a module has `read_model(model, names) -> Formula`, and, so that its models may be parts of
scikit-learn's, `predicted(model, columns, reading) -> Prediction`.
"""

FILES: dict[str, str] = {
    "xgboost-json": "closedform.readers.xgboost",
    "lightgbm-text": "closedform.readers.lightgbm",
    "catboost-json": "closedform.readers.catboost",
    "catboost-cbm": "closedform.readers.catboost",
    "torch-pt2": "closedform.readers.torch",
    "pmml": "closedform.readers.pmml",
}
"""Kind of a file (`loading.report.KINDS`) → the module with `read_file(raw, names) -> Formula`."""

LARGEST = 2 << 30
"""Bytes of a model file; 1,000 trees of depth 10 take 0.2 GiB as JSON."""


def read(
    model: Any, *, names: Sequence[str] | None = None, fold: bool = True, example: Any = None
) -> Formula:
    """Return a trained model as one exact formula over its raw inputs.

    Args:
        model: a fitted estimator or pipeline of a framework that closedform reads; or the path of
            a model file in a format of its own (XGBoost's JSON and UBJSON, LightGBM's text,
            CatBoost's JSON, PyTorch's .pt2, PMML), told by its content and read without running
            any of it.
        names: names of the inputs, where the model was trained without any.
        fold: merge scalers and other linear steps into the weights behind them. The formula is
            then the same over the reals, and differs from the model by rounding alone; False
            keeps each step as the model computes it.
        example: rows as the model takes them, where it does not say the shape of its inputs:
            PyTorch modules whose first layer is not linear.

    Returns:
        A `Formula` with every output of the model: prediction, probabilities, decision values.

    Raises:
        UnsupportedModel: some part has no formula; every such part is listed, each with a hint.
        NotFitted: the model has not been trained.
        BadFile: the file is missing, damaged, or of a kind that is not read.
    """
    if isinstance(model, str | os.PathLike):
        return tidy(_read_file(model, names), fold=fold)
    reader = import_module(_package(model)).read_model
    if example is None:
        return tidy(reader(model, names), fold=fold)
    if "example" not in signature(reader).parameters:
        raise BadInput(
            f"A {type(model).__name__} says the shape of its inputs: no example is needed.",
            hint="Leave the example out.",
        )
    return tidy(reader(model, names, example=example), fold=fold)


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction | None:
    """Return what a model of any package but scikit-learn predicts over some columns.

    None where it is scikit-learn's own, or of a package whose models are read only as a whole.
    """
    package = _found(model)
    if package is None or package == READERS["sklearn"]:
        return None
    module: ModuleType = import_module(package)
    function = getattr(module, "predicted", None)
    return None if function is None else function(model, columns, reading)


def _read_file(path: str | os.PathLike[str], names: Sequence[str] | None) -> Formula:
    from closedform.loading import inspect_file
    from closedform.loading.report import KINDS
    from closedform.loading.stream import Broken, open_regular

    report = inspect_file(path)
    if report.kind not in FILES or report.size > LARGEST:
        readable = ", ".join(KINDS[kind].removeprefix("a model saved by ") for kind in FILES)
        large = f" of more than {LARGEST >> 30} GiB" if report.size > LARGEST else ""
        raise BadFile(
            f"{report.path} is {KINDS[report.kind]}{large}; it is not read from its file.",
            hint=f"Model files of these are read: {readable}. Of other packages, load the model "
            "and give it to closedform.read; a saved formula is opened by closedform.load.",
        )
    with open_regular(path) as file:
        raw = file.read()
    try:
        formula: Formula = import_module(FILES[report.kind]).read_file(raw, names)
    except Broken as error:
        raise BadFile(
            f"{report.path} is damaged: {error}.",
            hint="Copy or download it again, or save the model again.",
        ) from error
    return formula


def _package(model: Any) -> str:
    found = _found(model)
    if found is not None:
        return found
    known = ", ".join(sorted(READERS))
    raise UnsupportedModel(
        f"A {type(model).__module__}.{type(model).__qualname__} is no model that can be read.",
        hint=f"Models of these packages are read: {known}. Give the fitted estimator itself.",
    )


def _found(model: Any) -> str | None:
    """Return the module that reads a model: that of the first package among its classes."""
    roots = [c.__module__.partition(".")[0] for c in type(model).__mro__]
    for root in roots:
        if root in READERS:
            return READERS[root]
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    return next(
        (e.value for e in entry_points(group="closedform.readers") if e.name in roots), None
    )
