"""Layers of a network as products of matrices that stay in one thread; needs numba, as `kernels`.

NumPy's own product leaves half of the processor idle at such sizes (18 multiplications a
nanosecond where 40 are possible, of 60 × 60 weights), and starts threads of its own beside ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from closedform.ir import Array
from closedform.native.kernels import kernel, kernel_of_sums

UNITS, VECTORS = 4, 4
"""A tile of a product: so many units by so many vectors of rows are summed up in registers."""

_INT = ir.IntType(64)


def _tile(kind: ir.Type, size: int) -> Any:
    """Return an instruction: `out[j, rows] = bias[j] + Σ w[i, j] · x[i, rows]` for one tile."""
    lanes = 64 // size
    vector = ir.VectorType(kind, lanes)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)

    def spread(builder: Any, address: Any) -> Any:
        one = builder.load(builder.inttoptr(address, kind.as_pointer()))
        first = builder.insert_element(
            ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0)
        )
        return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)

    def multiply(
        typing: Any, w: Any, bias: Any, x: Any, step: Any, n: Any, out: Any, jump: Any
    ) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            w, bias, x, step, n, out, jump = args

            def at(address: Any, index: Any, stride: Any, more: int = 0) -> Any:
                moved = builder.add(address, builder.mul(index, stride))
                return builder.add(moved, _INT(more))

            places = [(j, k) for j in range(UNITS) for k in range(VECTORS)]
            sums = {place: cgutils.alloca_once(builder, vector) for place in places}
            for j, k in places:
                builder.store(spread(builder, at(bias, _INT(j), _INT(size))), sums[j, k])
            with cgutils.for_range(builder, n) as loop:
                xs = [
                    builder.load(
                        builder.inttoptr(at(x, loop.index, step, 64 * k), vector.as_pointer()),
                        align=size,
                    )
                    for k in range(VECTORS)
                ]
                for j in range(UNITS):
                    weight = spread(builder, at(w, loop.index, _INT(UNITS * size), j * size))
                    for k in range(VECTORS):
                        # One rounding for both where the processor can, as in BLAS.
                        term = builder.fmul(weight, xs[k], flags=("contract",))
                        total = builder.load(sums[j, k])
                        builder.store(builder.fadd(total, term, flags=("contract",)), sums[j, k])
            for j, k in places:
                address = builder.inttoptr(at(out, _INT(j), jump, 64 * k), vector.as_pointer())
                builder.store(builder.load(sums[j, k]), address, align=size)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7), emit

    return intrinsic(multiply)


_tile64, _tile32 = _tile(ir.DoubleType(), 8), _tile(ir.FloatType(), 4)


@kernel
def _rest(w: Array, bias: Array, x: Array, lo: int, out: Array) -> None:
    for t in range(w.shape[0]):
        for j in range(UNITS):
            unit = out[t * UNITS + j]
            for r in range(lo, x.shape[1]):
                unit[r] = bias[t * UNITS + j]
            for i in range(w.shape[1]):
                for r in range(lo, x.shape[1]):
                    unit[r] += w[t, i, j] * x[i, r]


@kernel
def layer64(w: Array, bias: Array, x: Array, out: Array) -> None:
    """Write bias + w·x, float64: w as `packed` has it, x (inputs, rows), out (units, rows)."""
    wide = VECTORS * 8
    whole = x.shape[1] // wide * wide
    for lo in range(0, whole, wide):
        for t in range(w.shape[0]):
            _tile64(
                w.ctypes.data + t * w.strides[0], bias.ctypes.data + t * UNITS * 8,
                x.ctypes.data + lo * 8, x.strides[0], w.shape[1],
                out.ctypes.data + t * UNITS * out.strides[0] + lo * 8, out.strides[0],
            )  # fmt: skip
    _rest(w, bias, x, whole, out)


@kernel
def layer32(w: Array, bias: Array, x: Array, out: Array) -> None:
    """Write bias + w·x, float32."""
    wide = VECTORS * 16
    whole = x.shape[1] // wide * wide
    for lo in range(0, whole, wide):
        for t in range(w.shape[0]):
            _tile32(
                w.ctypes.data + t * w.strides[0], bias.ctypes.data + t * UNITS * 4,
                x.ctypes.data + lo * 4, x.strides[0], w.shape[1],
                out.ctypes.data + t * UNITS * out.strides[0] + lo * 4, out.strides[0],
            )  # fmt: skip
    _rest(w, bias, x, whole, out)


@kernel_of_sums
def dot(w: Array, bias: float, x: Array, out: Array) -> None:
    """Write bias + Σ w·x for rows that lie one after the other, shape (rows, inputs)."""
    for r in range(len(x)):
        total = bias
        for i in range(len(w)):
            total += w[i] * x[r, i]
        out[r] = total


LAYER = {8: layer64, 4: layer32}
"""By the size of a number in bytes."""


def packed(weights: Array, bias: Array) -> tuple[Array, Array]:
    """Return weights (units, inputs) as (tiles, inputs, UNITS), and the bias, filled up with 0."""
    units, inputs = weights.shape
    tiles = -(-units // UNITS)
    whole = np.zeros((tiles * UNITS, inputs), weights.dtype)
    whole[:units] = weights
    shift = np.zeros(tiles * UNITS, weights.dtype)
    shift[:units] = bias
    return np.ascontiguousarray(whole.reshape(tiles, UNITS, inputs).transpose(0, 2, 1)), shift
