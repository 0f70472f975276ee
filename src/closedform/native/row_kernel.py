"""One row through a program of plain numbers: compiled once, for all formulas.

Like `kernels`, this module needs numba. A program is what `tape.Tape` writes: a list of steps, each
of which reads values and writes one, or those of a layer. A step costs about 3 ns to find.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import carray
from numba.core.types import int64
from numba.core.types.misc import CPointer
from numba.extending import intrinsic

from closedform.ir import Array
from closedform.native.kernels import kernel
from closedform.native.tape import HEAD, STEP

ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
COLUMN, CHILD = np.uint64((1 << 22) - 1), np.uint64(24)


@kernel
def _function(name: int, x: float) -> float:
    if name == 0:
        return math.exp(x)
    if name == 1:
        return np.log(x)
    if name == 2:
        return np.log1p(x)
    if name == 3:
        return math.expm1(x)
    if name == 4:
        return np.sqrt(x)
    if name == 5:
        return abs(x)
    if name == 6:
        return math.tanh(x)
    if name == 7:
        small = math.exp(-abs(x))
        return small / (1 + small) if x < 0 else 1 / (1 + small)
    if name == 8:
        return (x if x > 0 or x != x else 0.0) + math.log1p(math.exp(-abs(x)))
    if name == 9:
        return np.sin(x)
    if name == 10:
        return np.cos(x)
    if name == 11:
        return math.atan(x)
    if name == 12:
        return np.arcsin(x)
    if name == 13:
        return np.arccos(x)
    if name == 14:
        return np.floor(x)
    if name == 15:
        return np.sign(x)
    return float(np.float32(x))


@kernel
def _layer(w: Array, at: int, x: Array, args: Array, lo: int, n: int, out: Array) -> None:
    # Input by input, so that every sum is added from left to right and units go side by side.
    size = len(out)
    total = w[at : at + size].copy()
    weights = w[at + size : at + size * (n + 1)].reshape((n, size))
    fours = n - n % 4
    for i in range(0, fours, 4):  # four at once, since reading and writing sums takes the time
        a, b = x[args[lo + i]], x[args[lo + i + 1]]
        c, d = x[args[lo + i + 2]], x[args[lo + i + 3]]
        for k in range(size):
            half = (total[k] + weights[i, k] * a) + weights[i + 1, k] * b
            total[k] = (half + weights[i + 2, k] * c) + weights[i + 3, k] * d
    for i in range(fours, n):
        value = x[args[lo + i]]
        for k in range(size):
            total[k] += weights[i, k] * value
    for k in range(size):
        out[k] = total[k]


@kernel
def _below(nodes: Array, limits: Array, i: int, x: Array) -> int:
    """Return which node follows node i; a leaf leads to itself.

    Two words a node, side by side in memory: the limit, and child, column and flags in bits.
    Unsigned, since a signed index is first asked whether it counts from the end.
    """
    test = nodes[i + ONE]
    value = x[(test >> TWO) & COLUMN]
    right = (value > limits[i]) | ((value != value) & ((test & ONE) == ZERO))
    return (test >> CHILD) + (np.uint64(right) << ONE)


@kernel
def _below_whole(nodes: Array, limits: Array, i: int, x: Array) -> int:
    """Return which node follows node i of a row without missing values, in two thirds the time."""
    test = nodes[i + ONE]
    return (test >> CHILD) + (np.uint64(x[(test >> TWO) & COLUMN] > limits[i]) << ONE)


@kernel
def _below_sets(nodes: Array, limits: Array, i: int, x: Array) -> int:
    test = nodes[i + ONE]
    value = x[(test >> TWO) & COLUMN]
    if value != value:
        right = (test & ONE) == ZERO
    elif (test & TWO) != ZERO:
        row = nodes[i]
        known = value >= 0 and value < nodes[row] and value == np.floor(value)
        right = not known or nodes[row + ONE + np.uint64(value)] == ZERO
    else:
        right = value > limits[i]
    return (test >> CHILD) + (TWO if right else ZERO)


@kernel
def _leaves(
    nodes: Array, limits: Array, trees: Array, lo: int, n: int, x: Array, whole: bool, at: Array
) -> int:  # fmt: skip
    """Write the leaves of the next eight trees, or of one alone; return how many they are.

    Eight side by side: one by one, each step waits 15 cycles for the one before it.
    """
    a = trees[lo]
    sets = ZERO
    for k in range(3, 4 * min(n, 8), 4):
        sets += trees[lo + k]
    if n < 8 or sets != ZERO:
        for _ in range(trees[lo + 1]):
            a = _below_sets(nodes, limits, a, x) if trees[lo + 3] else _below(nodes, limits, a, x)
        at[0] = a
        return 1
    b, c, d = trees[lo + 4], trees[lo + 8], trees[lo + 12]
    e, f, g, h = trees[lo + 16], trees[lo + 20], trees[lo + 24], trees[lo + 28]
    depth = trees[lo + 1]
    for k in range(5, 32, 4):
        depth = max(depth, trees[lo + k])
    if whole:
        for _ in range(depth):
            a, b = _below_whole(nodes, limits, a, x), _below_whole(nodes, limits, b, x)
            c, d = _below_whole(nodes, limits, c, x), _below_whole(nodes, limits, d, x)
            e, f = _below_whole(nodes, limits, e, x), _below_whole(nodes, limits, f, x)
            g, h = _below_whole(nodes, limits, g, x), _below_whole(nodes, limits, h, x)
        depth = 0
    for _ in range(depth):
        a, b = _below(nodes, limits, a, x), _below(nodes, limits, b, x)
        c, d = _below(nodes, limits, c, x), _below(nodes, limits, d, x)
        e, f = _below(nodes, limits, e, x), _below(nodes, limits, f, x)
        g, h = _below(nodes, limits, g, x), _below(nodes, limits, h, x)
    at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7] = a, b, c, d, e, f, g, h
    return 8


@kernel
def _trees(nodes: Array, limits: Array, data: Array, start: float, trees: Array, lo: int, n: int,
           x: Array, whole: bool) -> float:  # fmt: skip
    total, at = start, np.empty(8, np.uint64)
    while n > 0:
        found = _leaves(nodes, limits, trees, lo, n, x, whole, at)
        for k in range(found):
            total += data[trees[lo + 4 * k + 2] + (at[k] >> ONE)]
        lo, n = lo + 4 * found, n - found
    return total


@kernel
def _trees32(nodes: Array, limits: Array, data: Array, trees: Array, lo: int, n: int,
             x: Array, whole: bool) -> float:  # fmt: skip
    total, at = np.float32(-0.0), np.empty(8, np.uint64)
    while n > 0:
        found = _leaves(nodes, limits, trees, lo, n, x, whole, at)
        for k in range(found):
            total += np.float32(data[trees[lo + 4 * k + 2] + (at[k] >> ONE)])
        lo, n = lo + 4 * found, n - found
    return float(total)


@kernel
def _tanh(x: Array, out: Array) -> None:
    """Write the hyperbolic tangent of a layer, without a call and without a branch.

    Below 0.625 a rational function, above it 1 − 2 / (exp(2x) + 1), as W. J. Cody and W. Waite,
    Software Manual for the Elementary Functions (1980), chapter 13; exp by its series up to
    (ln 2 / 2)¹³. 2 ulp at most, and 120 of them take 0.3 µs instead of 2.5.
    """
    n = len(x)
    power = np.empty(n, np.int64)
    scale = power.view(np.float64)
    for i in range(n):
        y = min(abs(x[i]), 22.0) * 2.0
        power[i] = (int(y * 1.4426950408889634 + 0.5) + 1023) << 52
    for i in range(n):
        v = x[i]
        y = min(abs(v), 22.0) * 2.0
        k = float((power[i] >> 52) - 1023)
        r = (y - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        p = p * r + 1.0
        large = 1.0 - 2.0 / (p * scale[i] + 1.0)
        z = v * v
        top = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z
        low = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
        small = v + v * z * ((top - 1.61468768441708447952e3) / (low + 4.84406305325125486048e3))
        signed = -large if v < 0.0 else large
        # NaN is in neither half, and comes out of the first one as it went in.
        out[i] = signed if abs(v) >= 0.625 else small if v != 0.0 else v


@kernel
def _functions(name: int, x: Array, out: Array) -> None:
    if name == 6:
        _tanh(x, out)
    else:
        for i in range(len(x)):
            out[i] = _function(name, x[i])


@kernel
def _looked_up(data: Array, at: int, n: int, x: float, missing: bool) -> float:
    if missing:
        return data[at + 1]
    lo, hi = at + 2, at + 2 + n
    while lo < hi:
        middle = (lo + hi) >> 1
        if data[middle] < x:
            lo = middle + 1
        else:
            hi = middle
    return data[lo + n] if lo < at + 2 + n and data[lo] == x else data[at]


@kernel
def _stretch(data: Array, at: int, edges: int, powers: int, closed: int, x: float) -> float:
    if x != x:
        return data[at]
    i = 0
    while i < edges and (data[at + 1 + i] < x or (data[at + 1 + i] == x and closed == 0)):
        i += 1
    coefs = at + 1 + edges + (edges + 1) + i * powers
    away, value = x - data[at + 1 + edges + i], data[coefs + powers - 1]
    for j in range(powers - 2, -1, -1):
        value = value * away + data[coefs + j]
    return value


@kernel
def _folded(op: int, x: Array, args: Array, lo: int, n: int) -> float:
    total = x[args[lo]]
    for i in range(lo + 1, lo + n):
        value = x[args[i]]
        if op == 0:
            total *= value
        elif op == 1:
            total = total + value if total != total or value != value else min(total, value)
        elif op == 2:
            total = total + value if total != total or value != value else max(total, value)
        elif op == 3:
            total = 1.0 if total != 0 and value != 0 else 0.0
        else:
            total = 1.0 if total != 0 or value != 0 else 0.0
    return total


@kernel
def _sum32(x: Array, args: Array, lo: int, n: int) -> float:
    total = np.float32(x[args[lo]])
    for i in range(lo + 1, lo + n):
        total += np.float32(x[args[i]])
    return float(total)


@kernel
def _distance(data: Array, at: int, x: Array, args: Array, lo: int, n: int) -> float:
    total = 0.0
    for i in range(n):
        away = x[args[lo + i]] - data[at + 2 * i]
        total += data[at + 2 * i + 1] * (away * away)
    return total


@kernel
def _compared(op: int, a: float, b: float) -> float:
    if op == 0:
        return 1.0 if a < b else 0.0
    if op == 1:
        return 1.0 if a <= b else 0.0
    if op == 2:
        return 1.0 if a == b else 0.0
    return 1.0 if a == b and a >= 0 else 0.0  # labels: two unknown ones need not be the same


@kernel
def run(program: Array, row: Array, values: Array) -> float:
    """Compute every value for one row; return the first output, or NaN where the row is refused.

    Args:
        program: what `Tape.program` gives, int64 (floats among it by their bits).
        row: the inputs, float64 (codes of labels too).
        values: where the values go; their start is that of a copy of the program's constants.
    """
    data = program.view(np.float64)
    first, args, floats, nodes = program[0], program[1], program[2], program[3]
    trees, preset, count = program[4], program[5], program[6]
    a = program[args:]
    w = data[floats:]
    planted = program[trees:].view(np.uint64)
    tests, limits = program[nodes:].view(np.uint64), data[nodes:]
    for i in range(count):
        values[i] = data[preset + i]
    whole = True
    for i in range(len(row)):
        values[i] = row[i]
        whole &= row[i] == row[i]
    for s in range(first, args, STEP):
        op, out, lo, n = program[s], program[s + 1], program[s + 2], program[s + 3]
        at, more = program[s + 4], program[s + 5]
        x = values[a[lo]] if (op > 3 and op < 15) or op == 1 else 0.0
        if op == 0:
            _layer(w, at, values, a, lo, n, values[out : out + more])
            continue
        if op == 15:
            _functions(at, values[lo : lo + more], values[out : out + more])
            continue
        if op == 1:
            found = _function(more, x)
        elif op == 2:
            full, start = whole and at == 1, data[more]
            found = _trees(tests, limits, w, start, planted, lo, n, values, full)
        elif op == 3:
            full = whole and at == 1
            found = _trees32(tests, limits, w, planted, lo, n, values, full)
        elif op == 4:
            found = _folded(more, values, a, lo, n)
        elif op == 5:
            found = _compared(more, x, values[a[lo + 1]])
        elif op == 6:
            found = values[a[lo + 1]] if x != 0 else values[a[lo + 2]]
        elif op == 7:
            found = 1.0 if (x == -1.0 if more else x != x) else 0.0
        elif op == 8:
            found = 1.0 if x == 0 else 0.0
        elif op == 9:
            found = x / values[a[lo + 1]]
        elif op == 10:
            found = x ** values[a[lo + 1]]
        elif op == 11:
            found = _looked_up(w, at, more >> 1, x, (x == -1.0) if more & 1 else (x != x))
        elif op == 12:
            found = _stretch(w, at, more >> 16, (more >> 1) & 0x7FFF, more & 1, x)
        elif op == 13:
            found = _sum32(values, a, lo, n)
        else:
            found = _distance(w, at, values, a, lo, n)
        values[out] = found
    refused = program[HEAD - 2]
    if refused >= 0 and values[refused] != 0:
        return math.nan
    return values[program[HEAD - 1]]


@intrinsic
def _pointer(typing: Any, address: Any, kind: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return CPointer(kind.dtype)(int64, kind), emit


@kernel
def only(program: int, row: int) -> float:
    """Return the first output alone, from addresses: arrays would take 0.25 µs to hand over.

    Args:
        program: where the numbers lie that `run` takes.
        row: where the inputs lie, float64.
    """
    head = carray(_pointer(program, np.int64), HEAD)
    whole = carray(_pointer(program, np.int64), head[HEAD - 4])
    return run(whole, carray(_pointer(row, np.float64), head[HEAD - 3]), np.empty(head[6]))


@kernel
def every(program: int, row: int) -> Array:
    """Return every value, for several outputs or a label."""
    head = carray(_pointer(program, np.int64), HEAD)
    whole, values = carray(_pointer(program, np.int64), head[HEAD - 4]), np.empty(head[6])
    run(whole, carray(_pointer(row, np.float64), head[HEAD - 3]), values)
    return values
