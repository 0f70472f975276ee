"""What depends on no input is computed by ONNX's own reference implementation."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.readers.onnx.values import NUMBERS, Anything, Value, known

NEVER = frozenset(
    {"If", "Loop", "Scan", "SequenceMap", "Constant", "Cast", "CastLike", "Identity"}
    | {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}
    | {"Bernoulli", "Dropout", "BatchNormalization", "Gradient", "ImageDecoder"}
)
"""Operators that are never folded: they hold graphs, draw at random, or are read as well."""


class CannotFold(Exception):
    """The reference implementation has no such operator, or cannot compute it."""


def folded(n: Any, inputs: list[Anything], version: int) -> tuple[Anything, ...]:
    """Return the outputs of a node all of whose inputs are known.

    Floats of every type are computed in float64: a formula's numbers are those of the graph, its
    arithmetic is not rounded.

    Raises:
        CannotFold: the reference implementation has no such operator, or cannot compute it.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in n.input if name]
    given = [v for v in inputs if v is not None]
    feeds = {name: _own(value) for name, value in zip(names, given, strict=True)}
    graph = helper.make_graph(
        [n], "one", [helper.make_tensor_value_info(name, 0, None) for name in feeds],
        [helper.make_tensor_value_info(name, 0, None) for name in n.output if name],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(n.domain, version)])
    try:
        with np.errstate(all="ignore"):
            made = ReferenceEvaluator(model).run(None, feeds)
    except Exception as error:  # of many kinds, for what is malformed or not implemented
        raise CannotFold(str(error)) from error
    found = iter(made)
    return tuple(_kept(next(found), given) if name else None for name in n.output)


def _own(value: Anything) -> Any:
    """Return a value as the reference implementation takes it."""
    if isinstance(value, list):
        return [_own(v) for v in value]
    if value.kind == "string":
        return value.data.astype(object)
    if value.whole and value.kind in ("uint4", "int4"):
        return value.data
    return value.data.astype(np.dtype(value.kind), copy=False) if value.whole else value.data


def _kept(made: Any, given: list[Anything]) -> Anything:
    if isinstance(made, list):
        return [_kept(part, given) for part in made]
    array = np.asarray(made)
    if array.dtype.kind in "iub" or array.dtype.kind in "OSU":
        kind = "string" if array.dtype.kind in "OSU" else str(array.dtype)
        return known(array, kind)
    floats = [v.kind for v in given if isinstance(v, Value) and "float" in v.kind]
    fallback = str(array.dtype) if str(array.dtype) in NUMBERS else "float32"
    return known(array, floats[0] if floats else fallback)
