"""The operators that onnxruntime's own optimisers put into a graph: domain com.microsoft.

Names and attributes are those of
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.layers import convolution, gemm, product
from closedform.readers.onnx.recurrent import ACTIVATIONS
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula


def fused_matmul(call: Call) -> Tensor:
    """FusedMatMul: alpha·(A @ B), either turned, or its first axis moved before the last."""
    sides = []
    for i, name in enumerate("AB"):
        x = call.tensor(i)
        x = np.moveaxis(x, 0, -2) if call.option(f"transBatch{name}", 0) else x
        sides.append(x.swapaxes(-1, -2) if call.option(f"trans{name}", 0) else x)
    alpha = float(call.option("alpha", 1.0))
    made = product(*sides)
    return made if alpha == 1 else elementwise(lambda x: t.multiply(x, alpha), made)


def activated(call: Call, x: Tensor, first: float, second: float) -> Tensor:
    """Return the activation that an operator is fused with."""
    name = str(call.option("activation", "")).lower()
    if name not in ACTIVATIONS:
        raise NoFormula(f"operator {call.op} with the activation {name!r}")
    return elementwise(ACTIVATIONS[name](first, second), x)


def fused_gemm(call: Call) -> Tensor:
    """FusedGemm: Gemm, then an activation."""
    first, second = (float(call.option(f"activation_{n}", 0.0)) for n in ("alpha", "beta"))
    call.option("activation_gamma")
    return activated(call, gemm(call), first, second)


def fused_conv(call: Call) -> Tensor:
    """FusedConv: Conv, maybe plus another tensor, then maybe an activation."""
    made = convolution(call)
    if call.has(3):
        made = elementwise(t.add, made, call.tensor(3))
    first, second = [*map(float, call.option("activation_params") or ()), 0.0, 0.0][:2]
    if not call.option("activation", ""):
        return made
    if call.option("activation") == "Clip":
        return e.clamp(made, first, second)
    return activated(call, made, first, second)


def with_bias(call: Call) -> Tensor:
    """Return the first input plus the second, where there is one."""
    x = call.tensor(0)
    return elementwise(t.add, x, call.tensor(1)) if call.has(1) else x


def quick_gelu(call: Call) -> Tensor:
    """QuickGelu: x·sigmoid(alpha·x)."""
    alpha, sigmoid = call.option("alpha", 1.702), t.function("sigmoid")
    return elementwise(lambda x: t.multiply(x, sigmoid(t.multiply(x, alpha))), call.tensor(0))


OPERATORS: dict[str, Function] = {
    "FusedMatMul": fused_matmul,
    "FusedGemm": fused_gemm,
    "FusedConv": fused_conv,
    "Gelu": lambda call: e.gelu(call.tensor(0)),
    "BiasGelu": lambda call: e.gelu(with_bias(call)),
    "FastGelu": lambda call: e.gelu(with_bias(call), "tanh"),
    "QuickGelu": quick_gelu,
}
"""Name of an operator → the same on arrays of nodes."""

REFUSED: dict[str, str] = {}
"""Operators that have no formula, and why."""
