"""ONNX: the graph run by onnxruntime on all rows at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from closedform.errors import MissingExtra
from closedform.formula import Feature
from closedform.ir import Array
from closedform.verify.running.process import Outputs


def run_onnx(
    program: bytes, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a graph on all rows, its inputs and outputs taken in their order."""
    session = _session(program)
    given = session.get_inputs()
    if options.get("inputs") == "matrix":
        X = np.array(columns, dtype=np.float64).T
        feeds = {x.name: X.astype(KINDS[x.type]) for x in given}
    else:
        by_name = _columns(given, inputs, columns)
        missing = session.get_modelmeta().custom_metadata_map.get("missing_label", "")
        feeds = {x.name: _tensor(x.type, by_name[x.name], missing) for x in given}
    try:
        found = session.run(None, feeds)
    except Exception as problem:
        return {}, str(problem)
    rows = len(columns[0]) if columns else 1
    missing = session.get_modelmeta().custom_metadata_map.get("missing_label", "")
    return {
        name: _values(np.broadcast_to(made, (rows, 1)), missing)
        for name, made in zip(outputs, found, strict=True)
    }, ""


KINDS = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(string)": object}


def tool() -> Any:
    """Return onnxruntime.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtra("onnxruntime", "onnx", "Running an ONNX graph")
    import onnxruntime

    return onnxruntime


def _session(program: bytes) -> Any:
    runtime = tool()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    return runtime.InferenceSession(program, options, providers=["CPUExecutionProvider"])


def _columns(
    given: Sequence[Any], inputs: Sequence[Feature], columns: list[list[Any]]
) -> dict[str, list[Any]]:
    """Return the column of each tensor, which has the name of its feature or something like it."""
    # Tensors come in the order of the features, some of which the graph does not read.
    found: dict[str, list[Any]] = {}
    waiting = list(given)
    for feature, column in zip(inputs, columns, strict=True):
        if waiting and _is_called(waiting[0].name, feature.name):
            found[waiting.pop(0).name] = column
    return found


def _is_called(tensor: str, feature: str) -> bool:
    return tensor == feature or not feature or tensor.rsplit(" ", 1)[0] == feature


def _tensor(kind: str, column: list[Any], missing: str) -> Array:
    if kind == "tensor(string)":
        texts = [missing if v is None or v != v else str(v) for v in column]
        return np.array(texts, dtype=object)[:, None]
    numbers = [math.nan if v is None or isinstance(v, str) else float(v) for v in column]
    return np.array(numbers, dtype=KINDS[kind])[:, None]


def _values(made: Array, missing: str) -> list[Any]:
    values: list[Any] = made[:, 0].tolist()
    return [None if v == missing else v for v in values] if made.dtype.kind in "OU" else values
