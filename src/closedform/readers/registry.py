"""Which module reads which package's models and files; nothing is imported before it is needed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from closedform.errors import BadFile, BadInput, MissingExtra, UnsupportedModel
from closedform.formula import Formula
from closedform.passes import tidy
from closedform.readers.prediction import Prediction, named_apart
from closedform.readers.reading import Columns, Reading

if TYPE_CHECKING:
    from closedform.loading import FileReport

READERS: dict[str, str] = {
    "sklearn": "closedform.readers.sklearn",
    "xgboost": "closedform.readers.xgboost",
    "lightgbm": "closedform.readers.lightgbm",
    "catboost": "closedform.readers.catboost",
    "torch": "closedform.readers.torch",
    "sympy": "closedform.readers.sympy",
    "gplearn": "closedform.readers.gplearn",
    "kan": "closedform.readers.kan",
    "pyoperon": "closedform.readers.pyoperon",
    "pysr": "closedform.readers.pysr",
    "interpret": "closedform.readers.interpret",
    "onnx": "closedform.readers.onnx",
    "onnxruntime": "closedform.readers.onnx",
    "statsmodels": "closedform.readers.statsmodels",
    "skorch": "closedform.readers.skorch",
    **dict.fromkeys(("jax", "jaxlib", "flax", "equinox"), "closedform.readers.jax"),
    "keras": "closedform.readers.keras",
    "scikeras": "closedform.readers.keras",
    "pygam": "closedform.readers.pygam",
    "optbinning": "closedform.readers.optbinning",
}
"""Package name of a model's class → the module that reads it.

Such a module has `read_model(model, names) -> Formula`, and, so that its models may be parts of
scikit-learn's, `predicted(model, columns, reading) -> Prediction` and, of a package with
transformers, `transformed(model, columns, reading) -> Columns`.
"""

FILES: dict[str, str] = {
    "xgboost-json": "closedform.readers.xgboost",
    "lightgbm-text": "closedform.readers.lightgbm",
    "catboost-json": "closedform.readers.catboost",
    "catboost-cbm": "closedform.readers.catboost",
    "torch-pt2": "closedform.readers.torch",
    "pysr-csv": "closedform.readers.pysr",
    "interpret-json": "closedform.readers.interpret",
    "onnx": "closedform.readers.onnx",
    "keras": "closedform.readers.keras",
    "hdf5": "closedform.readers.keras",
    "pmml": "closedform.readers.pmml",
}
"""Kind of a file (`loading.report.KINDS`) → the module with `read_file(raw, names) -> Formula`.

Where the package of that name can predict from such a file, the module has `model_of(raw)` too.
Both may take `folder`, in which the file lies, where models keep numbers in files beside it.
"""

LARGEST = 2 << 30
"""Bytes of a model file; 1,000 trees of depth 10 take 0.2 GiB as JSON."""


def read(
    model: Any, *, names: Sequence[str] | None = None, fold: bool = True, example: Any = None
) -> Formula:
    """Return a trained model as one exact formula over its raw inputs.

    Args:
        model: a fitted estimator or pipeline of a framework that closedform reads; or the path of
            a model file in a format of its own (XGBoost's JSON and UBJSON, LightGBM's text,
            CatBoost's and interpret's JSON, PyTorch's .pt2, Keras' .keras and .h5, ONNX, PMML,
            PySR's hall of fame), told by its content and read without running any of it; or of a
            skops file whose types skops itself trusts.
        names: names of the inputs, where the model was trained without any.
        fold: merge scalers and other linear steps into the weights behind them. The formula is
            then the same over the reals, and differs from the model by rounding alone; False
            keeps each step as the model computes it.
        example: rows as the model takes them, where it does not say the shape of its inputs:
            PyTorch modules whose first layer is not linear, Keras models of free length, functions
            of JAX; or where it keeps but hashes of its categories: CatBoost.

    Returns:
        A `Formula` with every output of the model: prediction, probabilities, decision values.

    Raises:
        UnsupportedModel: some part has no formula; every such part is listed, each with a hint.
        NotFitted: the model has not been trained.
        BadFile: the file is missing, damaged, or of a kind that is not read.
        UntrustedFile: a skops file holds types that skops does not trust.
        MissingExtra: skops is not installed.
    """
    _refuse_repeated(names)
    if isinstance(model, str | os.PathLike):
        from closedform.loading import inspect_file

        return read_inspected(inspect_file(model), names=names, fold=fold, example=example)
    reader = import_module(_package(model)).read_model
    options = _with_example(reader, example, f"A {type(model).__name__}")
    return tidy(named_apart(reader(model, names, **options)), fold=fold)


def _refuse_repeated(names: Sequence[str] | None) -> None:
    repeated = [name for name, times in Counter(names or ()).items() if times > 1]
    if repeated:
        raise BadInput(
            f"Several inputs are to be called {', '.join(map(repr, repeated))}.",
            hint="Give every input a name of its own.",
        )


def read_inspected(
    report: FileReport, *, names: Sequence[str] | None = None, fold: bool = True,
    example: Any = None,
) -> Formula:  # fmt: skip
    """Return the formula of a model file that has been looked at, as `read` does of its path.

    Raises:
        UnsupportedModel, BadFile, UntrustedFile: as `read` says.
    """
    if report.kind == "skops":
        from closedform.loading import load_model

        return read(load_model(report.path), names=names, fold=fold, example=example)
    module, raw = _contents(report)
    options = _with_example(module.read_file, example, report.path)
    with _damage(report.path):
        beside = _beside(module.read_file, report)
        formula: Formula = module.read_file(raw, names, **options, **beside)
    return tidy(named_apart(formula), fold=fold)


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction | None:
    """Return what a model of any package but scikit-learn predicts over some columns.

    None where it is scikit-learn's own, or of a package whose models are read only as a whole.
    """
    made: Prediction | None = _hook("predicted", model, columns, reading)
    return made


def open_inspected(report: FileReport) -> Any:
    """Return the model in a file as its own package opens it, so that it can be asked.

    Call it after `read` has taken the file: a package trusts more than closedform does.

    Raises:
        BadFile: as `read` says; or no package predicts from such a file.
        MissingExtra: the package is not installed.
    """
    module, raw = _contents(report)
    package = FILES[report.kind].rpartition(".")[2]
    if not hasattr(module, "model_of"):
        raise BadFile(
            f"{report.path}: there is no package here that predicts from such a file.",
            hint="Check the program that is printed: --program python.",
        )
    if find_spec(package) is None:
        raise MissingExtra(package, package, "Asking the model in a file")
    with _damage(report.path):
        return module.model_of(raw, **_beside(module.model_of, report))


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns | None:
    """Return the columns that a transformer of any package but scikit-learn gives for others.

    None where it is scikit-learn's own, or of a package whose models transform nothing.
    """
    made: Columns | None = _hook("transformed", model, columns, reading)
    return made


def _hook(name: str, model: Any, columns: Columns, reading: Reading) -> Any:
    package = reader_of(model)
    if package is None or package == READERS["sklearn"]:
        return None
    function = getattr(import_module(package), name, None)
    return None if function is None else function(model, columns, reading)


def _beside(function: Callable[..., Any], report: FileReport) -> dict[str, Any]:
    """Return the option of a reader whose models may keep numbers in files beside their own."""
    return (
        {"folder": Path(report.path).parent} if "folder" in signature(function).parameters else {}
    )


def _contents(report: FileReport) -> tuple[Any, bytes]:
    """Return the module that reads a file, and its bytes."""
    from closedform.loading.stream import open_regular

    if report.kind not in FILES or report.size > LARGEST:
        raise _unread(report)
    with open_regular(report.path) as file:
        return import_module(FILES[report.kind]), file.read()


def _unread(report: FileReport) -> BadFile:
    """Return what to say of a file that is not read, and what its user can do."""
    from closedform.loading.report import HINTS, KINDS

    if report.kind in FILES:
        large = f"{report.path} is {KINDS[report.kind]} of more than {LARGEST >> 30} GiB."
        return BadFile(large, hint="Load it in Python, and give the model to closedform.read.")
    readable = ", ".join(KINDS[kind].removeprefix("a model saved by ") for kind in FILES)
    unread = "" if report.kind == "unknown" else ": it is not read from its file"
    return BadFile(
        f"{report.path} is {KINDS[report.kind]}{unread}.",
        hint=HINTS.get(report.kind)
        or f"These are read: {readable}; of a skops file, what skops trusts; on the command line "
        "pickle, joblib and any skops file too. A model "
        "of another package is loaded in Python and given to closedform.read.",
    )


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """Say of a broken file which one it is, and what to do."""
    from closedform.loading.stream import Broken

    try:
        yield
    except Broken as error:
        raise BadFile(
            f"{path} is damaged: {error}.",
            hint="Copy or download it again, or save the model again.",
        ) from error


def _with_example(reader: Callable[..., Formula], example: Any, model: str) -> dict[str, Any]:
    """Return the option of a reader that holds an example, if there is one.

    Raises:
        BadInput: the reader needs none.
    """
    if example is None or "example" in signature(reader).parameters:
        return {} if example is None else {"example": example}
    raise BadInput(
        f"{model} says the shape of its inputs: no example is needed.",
        hint="Leave the example out.",
    )


def _package(model: Any) -> str:
    found = reader_of(model)
    if found is not None:
        return found
    owner = getattr(model, "__self__", None)
    if models_in({"": owner}):
        raise UnsupportedModel(
            f"{model.__name__} is a method of a {type(owner).__name__}.",
            hint="Give the model itself.",
        )
    if isinstance(model, type):
        name = model.__name__
        raise UnsupportedModel(
            f"{name} is a class, not a trained model.", hint=f"Train one: {name}(…).fit(X, y)."
        )
    if _is_function(model):
        raise UnsupportedModel(
            f"{getattr(model, '__name__', 'This function')} is a Python function: it does not show "
            "what it computes.",
            hint="One of jax.numpy is read as closedform.read(jax.jit(f), example=X[:1]); it takes "
            "rows, and one of a single row becomes such by jax.vmap(f).",
        )
    name = f"{type(model).__module__}.{type(model).__qualname__}".removeprefix("builtins.")
    known = ", ".join(sorted(READERS))
    raise UnsupportedModel(
        f"{'An' if name[0] in 'aeiou' else 'A'} {name} is no model that can be read.",
        hint=_models_inside(model)
        or f"Models of these packages are read: {known}. Give the fitted estimator itself.",
    )


def _models_inside(several: Any) -> str:
    """Return which parts of a dict, list or tuple are models; nothing where none is."""
    if not isinstance(several, list | tuple | dict):
        return ""
    parts = several if isinstance(several, dict) else dict(enumerate(several))
    found = ", ".join(repr(key) for key in models_in(parts)[:5])
    return f"It holds a model at {found}: give, or save, that alone." if found else ""


def models_in(parts: Mapping[Any, Any]) -> list[Any]:
    """Return the keys of those parts that are models of a package that is read."""
    single = (k for k, part in parts.items() if not isinstance(part, list | tuple | dict | type))
    # A tensor is of a package that is read, and no model.
    return [k for k in single if reader_of(parts[k]) is not None and not hasattr(parts[k], "shape")]


def _found_inside(several: Any) -> str | None:
    """Return the module that reads a list or dict of parts, where there is one for these."""
    parts = list(several.values()) if isinstance(several, dict) else list(several)
    found = {reader_of(part) for part in parts if not isinstance(part, int | float)}
    return READERS["sympy"] if found == {READERS["sympy"]} else None


def _is_function(model: Any) -> bool:
    """Tell a plain function, a method or a partial one from an object of a package's class."""
    return isinstance(model, FunctionType | MethodType | BuiltinFunctionType | partial)


def reader_of(model: Any) -> str | None:
    """Return the module that reads a model: that of the first package among its classes."""
    if isinstance(model, list | tuple | dict):
        return _found_inside(model)
    # A function that SymPy's user has named is of a class without a module.
    roots = [str(c.__module__).partition(".")[0] for c in type(model).__mro__]
    for root in roots:
        if root in READERS:
            return READERS[root]
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    return next(
        (e.value for e in entry_points(group="closedform.readers") if e.name in roots), None
    )
