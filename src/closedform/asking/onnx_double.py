"""An ONNX graph that computes in float64 what the model computes in less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from closedform.asking.onnx_classical import DOMAIN, DOUBLE, NoCopy, written_out
from closedform.asking.onnx_trees import COARSE, is_kept, keep_trees
from closedform.ir import Array

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
    try:
        keep_trees(made)
    except NoCopy:
        return None
    if any(n.domain == DOMAIN for n in made.graph.node) and not written_out(made):
        return None
    nodes = list(_nodes(made.graph))
    if any(n.domain not in OWN for n in nodes):
        return None
    for graph in _graphs(made.graph):
        for tensor in graph.initializer:
            if not is_kept(tensor.name):
                _widen(tensor)
        for info in (*graph.value_info, *graph.input, *graph.output):
            _retype(info.type)
    for n in nodes:
        if not any(map(is_kept, n.output)):
            _rewrite(n)
    if any(n.domain == OWN_FUNCTIONS for n in nodes):
        _add_sigmoid(made)
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
        if a.name == TYPES.get(n.op_type) and a.i in COARSE:
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


OWN_FUNCTIONS = "closedform"
"""The domain of functions in the place of operators that onnxruntime computes too coarsely."""


def _sigmoid(n: Any) -> None:
    n.domain = OWN_FUNCTIONS


def _add_sigmoid(model: Any) -> None:
    """Define Sigmoid by Exp: that of onnxruntime is 1 − 1 / (1 + exp(x)) below 0, with 1e-16 off.

    Its logarithm is infinite from −38 on.
    """
    from onnx import helper, numpy_helper

    own = next(o for o in model.opset_import if o.domain in ("", "ai.onnx"))
    one = numpy_helper.from_array(np.ones((), np.float64))
    nodes = [
        helper.make_node("Constant", [], ["one"], value=one),
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("Exp", ["n"], ["e"]),
        helper.make_node("Add", ["one", "e"], ["s"]),
        helper.make_node("Div", ["one", "s"], ["y"]),
    ]
    made = helper.make_function(OWN_FUNCTIONS, "Sigmoid", ["x"], ["y"], nodes, [own])
    model.functions.append(made)
    model.opset_import.append(helper.make_opsetid(OWN_FUNCTIONS, 1))
    model.ir_version = max(model.ir_version, 8)  # the first with functions


REWRITTEN: dict[str, Callable[[Any], None]] = {
    "Constant": _constant,
    "ConstantOfShape": _zeros,
    "LayerNormalization": _stash,
    "GroupNormalization": _stash,
    "RMSNormalization": _stash,
    "Sigmoid": _sigmoid,
}
"""Operators whose numbers are float32 in other ways."""
