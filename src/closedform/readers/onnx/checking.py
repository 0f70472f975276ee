"""What is refused before a graph is walked: what is no model."""

from __future__ import annotations

from typing import Any

from closedform.errors import NotFitted, UnsupportedModel
from closedform.readers.onnx.outside import is_outside, tensors


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
    if any(map(is_outside, tensors(model))):
        raise UnsupportedModel(
            "The ONNX model keeps numbers in another file, and does not say where that lies.",
            hint="Give the path of the model's file, with the other one beside it; or load both: "
            "onnx.load(path).",
        )
