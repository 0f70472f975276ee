"""Whole numbers in the place of floats: rounding to steps, and products of what is rounded."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.elements import RANGES
from closedform.readers.onnx.layers import product
from closedform.readers.onnx.values import Value, kind_of
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula

STEPS = (
    "the graph rounds to steps in {}: beside the middle between two steps, it may take the other "
    "one than the formula does"
)


def quantise(x: Tensor, scale: Tensor, zero: Tensor, kind: str) -> Value:
    """Return x / scale to the nearest whole number (halves to the even one) + zero, as it fits."""
    lo, hi = RANGES[kind]
    steps = elementwise(lambda v, s: e.nearest(t.divide(v, s)), x, scale)
    moved = elementwise(t.add, steps, zero)
    return Value(elementwise(lambda v: t.smallest(t.greatest(v, lo), hi), moved), kind)


def along_axis(call: Call, i: int, ndim: int) -> Any:
    """Return a scale or zero point, of one axis or of the whole, such that it broadcasts."""
    if not call.has(i):
        return np.zeros(())
    found = call.constant(i, "its scale or zero point")
    if found.size == 1:
        return found.reshape(())
    if call.option("block_size", 0) or found.ndim > 1:
        raise NoFormula(f"operator {call.op} by blocks")
    shape = [1] * ndim
    shape[int(call.option("axis", 1))] = -1
    return found.reshape(shape)


def quantise_linear(call: Call) -> Value:
    """QuantizeLinear."""
    x = call.tensor(0)
    call.option("axis"), call.option("saturate"), call.option("block_size")
    call.option("precision")
    named = call.option("output_dtype", 0)
    kind = kind_of(int(named)) if named else call.kind(2) if call.has(2) else "uint8"
    if kind not in RANGES:
        raise NoFormula(f"operator QuantizeLinear to {kind}")
    call.undefined(x)
    call.reading.differs(STEPS.format(call.kind(0)))
    return quantise(x, along_axis(call, 1, x.ndim), along_axis(call, 2, x.ndim), kind)


def dequantise_linear(call: Call) -> Value:
    """DequantizeLinear: (x − zero)·scale."""
    x = call.tensor(0)
    call.option("axis"), call.option("block_size"), call.option("output_dtype")
    moved = elementwise(lambda v, z: t.add(v, z, -1.0), x, along_axis(call, 2, x.ndim))
    return Value(elementwise(t.multiply, moved, along_axis(call, 1, x.ndim)), call.kind(1))


def _shifted(call: Call, i: int, zero: int) -> Tensor:
    """Return an input less its zero point, of whole or (for a matrix) of rows or columns."""
    x = call.tensor(i)
    if not call.has(zero):
        return x
    z = call.constant(zero, "its zero point")
    if z.size == 1:
        z = z.reshape(())
    elif z.ndim == 1 and i == 0:
        z = z[:, None]
    return elementwise(lambda v, s: t.add(v, s, -1.0), x, z)


def matmul_integer(call: Call) -> Value:
    """MatMulInteger: (A − its zero point) @ (B − its zero point)."""
    return Value(product(_plain(_shifted(call, 0, 2)), _plain(_shifted(call, 1, 3))), "int32")


def _plain(x: Tensor) -> Tensor:
    """Return what holds numbers alone as an array of floats."""
    try:
        return x.astype(np.float64)
    except TypeError:  # nodes
        return x


def qlinear_matmul(call: Call) -> Value:
    """QLinearMatMul: the product of what two tensors stand for, rounded to steps again."""
    sides = []
    for i in (0, 3):
        scale = call.constant(i + 1, "its scale")
        scale = scale.reshape(()) if scale.size == 1 else scale
        sides.append(_plain(elementwise(t.multiply, _shifted(call, i, i + 2), scale)))
    call.reading.differs(STEPS.format("float32"))
    made = product(sides[0], sides[1])
    scale, zero = (call.constant(i, "its scale or zero point").reshape(()) for i in (6, 7))
    return quantise(made, scale, zero, call.kind(7))


QUANTISED: dict[str, Function] = {
    "QuantizeLinear": quantise_linear,
    "DequantizeLinear": dequantise_linear,
    "MatMulInteger": matmul_integer,
    "QLinearMatMul": qlinear_matmul,
}
"""Operators on whole numbers that stand for floats."""
