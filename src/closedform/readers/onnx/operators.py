"""What each operator of the domain ai.onnx is on arrays of nodes.

Names, inputs and attributes are those of https://onnx.ai/onnx/operators/, in every version of them
that `Call.version` tells apart.
"""

from __future__ import annotations

from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.values import Value
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e


def one(name: str) -> Function:
    """Return one of the elementary functions of `ops`, by name."""
    made = t.function(name)
    return lambda call: elementwise(made, call.tensor(0))


def given_constant(call: Call) -> Value:
    """Constant: what it holds."""
    found = call.option("value")
    assert isinstance(found, Value)
    return found


def matmul(call: Call) -> Tensor:
    """MatMul of matrices."""
    return t.matmul(call.tensor(0), call.tensor(1))


OPERATORS: dict[str, Function] = {
    "Identity": lambda call: call.values[0],
    "Constant": given_constant,
    "Add": lambda call: e.add(call.tensor(0), call.tensor(1)),
    "MatMul": matmul,
    "Tanh": one("tanh"),
    "If": lambda call: None,
}
"""Name of an operator → the same on arrays of nodes."""

REFUSED: dict[str, str] = {}
"""Operators that have no formula, and why."""
