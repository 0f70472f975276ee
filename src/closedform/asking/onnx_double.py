"""An ONNX graph that computes in float64 what the model computes in less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from closedform.asking.onnx_classical import DOMAIN, KEPT, written_out
from closedform.ir import Array

COARSE = (1, 10, 16)
"""float32, float16 and bfloat16 among ONNX's element types."""
DOUBLE = 11

OWN = ("", "ai.onnx", DOMAIN)
"""What has been written out keeps those operators of ai.onnx.ml that give no new numbers."""

TYPES = {
    "Cast": "to", "EyeLike": "dtype", "SequenceEmpty": "dtype", "DequantizeLinear": "output_dtype",
}  # fmt: skip
"""Operator → its attribute that names an element type."""


def in_double(model: Any) -> bytes | None:
    """Return a copy of a graph with float64 in the place of every float type.

    None where it has no such copy: operators of other domains are bound to float32.
    """
    made = type(model)()
    made.CopyFrom(model)
    if made.functions:  # ONNX's own implementation knows no attributes of functions
        from onnx import inliner

        made = inliner.inline_local_functions(made)
    if any(n.domain == DOMAIN for n in made.graph.node) and not written_out(made):
        return None
    nodes = list(_nodes(made.graph))
    if any(n.domain not in OWN for n in nodes):
        return None
    for graph in _graphs(made.graph):
        for tensor in graph.initializer:
            _widen(tensor)
        for info in (*graph.value_info, *graph.input, *graph.output):
            _retype(info.type)
    for n in nodes:
        _rewrite(n)
    raw: bytes = made.SerializeToString()
    return raw


def _graphs(whole: Any) -> Iterator[Any]:
    """Yield a graph and those that it holds."""
    todo = [whole]
    while todo:
        graph = todo.pop()
        yield graph
        for n in graph.node:
            for a in n.attribute:
                todo += [*([a.g] if a.HasField("g") else []), *a.graphs]


def _nodes(whole: Any) -> Iterator[Any]:
    for graph in _graphs(whole):
        yield from graph.node


def _retype(type_: Any) -> None:
    kind = type_.WhichOneof("value")
    if kind == "tensor_type" and type_.tensor_type.elem_type in COARSE:
        type_.tensor_type.elem_type = DOUBLE
    elif kind in ("sequence_type", "optional_type"):
        _retype(getattr(type_, kind).elem_type)


def _widen(tensor: Any) -> None:
    from onnx import numpy_helper

    if tensor.data_type in COARSE:
        array: Array = numpy_helper.to_array(tensor)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float64), tensor.name))


def _rewrite(n: Any) -> None:
    for a in n.attribute:
        if a.HasField("t"):
            _widen(a.t)
        for tensor in a.tensors:
            _widen(tensor)
        if a.name == TYPES.get(n.op_type) and a.i in COARSE and not n.output[0].endswith(KEPT):
            a.i = DOUBLE
    REWRITTEN.get(n.op_type, lambda n: None)(n)


def _constant(n: Any) -> None:
    from onnx import helper

    for a in n.attribute:
        if a.name in ("value_float", "value_floats"):
            values = [a.f] if a.name == "value_float" else list(a.floats)
            shape = [] if a.name == "value_float" else [len(values)]
            a.CopyFrom(
                helper.make_attribute("value", helper.make_tensor("", DOUBLE, shape, values))
            )


def _zeros(n: Any) -> None:
    from onnx import helper

    if not any(a.name == "value" for a in n.attribute):
        n.attribute.append(
            helper.make_attribute("value", helper.make_tensor("", DOUBLE, [1], [0.0]))
        )


def _stash(n: Any) -> None:
    """Compute the norm itself in float64 too."""
    from onnx import helper

    kept = [a for a in n.attribute if a.name != "stash_type"]
    del n.attribute[:]
    n.attribute.extend([*kept, helper.make_attribute("stash_type", DOUBLE)])


REWRITTEN: dict[str, Callable[[Any], None]] = {
    "Constant": _constant,
    "ConstantOfShape": _zeros,
    "LayerNormalization": _stash,
    "GroupNormalization": _stash,
    "RMSNormalization": _stash,
}
"""Operators whose numbers are float32 in other ways."""
