"""What is refused before a graph is walked: what is no model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from closedform.errors import NotFitted, UnsupportedModel


def check(model: Any) -> None:
    """Refuse what is no ONNX model, one without a graph, and one that points to other files.

    Raises:
        UnsupportedModel: a part of a model, or an engine's session.
        NotFitted: there is no graph in it.
    """
    if not hasattr(model, "graph") or not hasattr(model, "opset_import"):
        raise UnsupportedModel(
            f"An {type(model).__module__.partition('.')[0]} {type(model).__name__} holds no graph "
            "that can be read.",
            hint="Give the ModelProto, as onnx.load(path) returns it, or the path of its file.",
        )
    if not model.graph.output:
        raise NotFitted("The ONNX model holds no graph with results.")
    for tensor in _tensors(model):
        if tensor.external_data or tensor.data_location == EXTERNAL:
            raise UnsupportedModel(
                "The ONNX model keeps numbers in another file, and no file is read but its own.",
                hint="Load it, onnx.load(path), and read what that gives; or save it as one file: "
                "onnx.save(onnx.load(path), other).",
            )


EXTERNAL = 1
"""TensorProto.DataLocation of numbers in another file."""


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor in a model, those of branches that are never taken too."""
    todo = [model.graph, *model.functions]
    while todo:
        body = todo.pop()
        yield from getattr(body, "initializer", ())
        for sparse in getattr(body, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for n in body.node:
            for a in n.attribute:
                yield from (a.t, a.sparse_tensor.values, a.sparse_tensor.indices, *a.tensors)
                todo += [*([a.g] if a.HasField("g") else []), *a.graphs]
