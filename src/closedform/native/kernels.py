"""What runs compiled: ranks of values, trees on vectors of ranks, and trees walked row by row.

This module needs numba and is imported where it is there, and nowhere else. Its functions are
compiled once for all formulas, in about 5 s, and kept on disk where a folder for that is writable.

A row is looked at through the rank of each value among the thresholds of its feature, one byte or
two. A vector unit compares 64 such bytes at once, so that asking *every* question of a tree, for
512 rows, takes less time than the walk from the root to a leaf does: 0.02 ns per question and row,
against 1.5 ns per level. (The idea that all questions may be cheaper than the right ones is that of
QuickScorer: Lucchese et al., SIGIR 2015; the ranks are those of histogram boosters.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from closedform.ir import Array

BLOCK = 512
"""Rows that the kernels take at once: 30 columns of them in bytes are 15 KB, a third of L1."""

BYTE = np.uint8
PAIR = np.uint16


def kernel(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function when it is first called; keep the code where a folder is writable."""
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder is
        return numba.njit(**options)(function)


def kernel_of_sums(function: Callable[..., Any]) -> Any:
    """Compile a function whose sums may be added in any order, as those of BLAS are."""
    return kernel(function, fastmath={"reassoc", "contract"})


def _vector(bits: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(bits), 512 // bits)


def _splat(builder: ir.IRBuilder, bits: int, value: Any) -> Any:
    kind, lanes = _vector(bits), 512 // bits
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    one = builder.insert_element(
        ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _question(bits: int, left_leaf: bool, right_leaf: bool) -> Any:
    """Return an instruction: for a block of ranks x, `out = right if x > t else left`.

    LLVM's own vectorizer does not see through the overlapping blocks, and 64 rows a step became
    one: 5,200 ns instead of 110 for 100 trees of depth 6.

    Args:
        bits: 8 or 16, of ranks and leaf numbers alike.
        left_leaf, right_leaf: whether that side is the number of a leaf, or the address of a block.
    """

    def ask(typing: Any, x: Any, t: Any, left: Any, right: Any, out: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
            x, t, left, right, out = args
            pointer, narrow = _vector(bits).as_pointer(), ir.IntType(bits)
            limit = _splat(builder, bits, builder.trunc(t, narrow))
            leaves = [
                _splat(builder, bits, builder.trunc(side, narrow)) if leaf else None
                for side, leaf in ((left, left_leaf), (right, right_leaf))
            ]
            for k in range(BLOCK * bits // 512):

                def at(address: Any, step: int = 64 * k) -> Any:
                    moved = builder.add(address, ir.Constant(ir.IntType(64), step))
                    return builder.inttoptr(moved, pointer)

                above = builder.icmp_unsigned(">", builder.load(at(x), align=1), limit)
                a = leaves[0] if left_leaf else builder.load(at(left), align=1)
                b = leaves[1] if right_leaf else builder.load(at(right), align=1)
                builder.store(builder.select(above, b, a), at(out), align=1)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), emit

    return intrinsic(ask)


_leaves8, _leaf_left8 = _question(8, True, True), _question(8, True, False)
_leaf_right8, _inner8 = _question(8, False, True), _question(8, False, False)
_leaves16, _leaf_left16 = _question(16, True, True), _question(16, True, False)
_leaf_right16, _inner16 = _question(16, False, True), _question(16, False, False)


@kernel
def _ask8(code: Array, lo: int, hi: int, ranks: Array, work: Array) -> None:
    xs, blocks = ranks.ctypes.data, work.ctypes.data
    for i in range(lo, hi):
        x, out = xs + code[i, 0] * BLOCK, blocks + code[i, 5] * BLOCK
        t, kind, a, b = code[i, 1], code[i, 2], code[i, 3], code[i, 4]
        if kind == 0:
            _leaves8(x, t, a, b, out)
        elif kind == 1:
            _leaf_left8(x, t, a, blocks + b * BLOCK, out)
        elif kind == 2:
            _leaf_right8(x, t, blocks + a * BLOCK, b, out)
        else:
            _inner8(x, t, blocks + a * BLOCK, blocks + b * BLOCK, out)


@kernel
def _ask16(code: Array, lo: int, hi: int, ranks: Array, work: Array) -> None:
    xs, blocks, size = ranks.ctypes.data, work.ctypes.data, 2 * BLOCK
    for i in range(lo, hi):
        x, out = xs + code[i, 0] * size, blocks + code[i, 5] * size
        t, kind, a, b = code[i, 1], code[i, 2], code[i, 3], code[i, 4]
        if kind == 0:
            _leaves16(x, t, a, b, out)
        elif kind == 1:
            _leaf_left16(x, t, a, blocks + b * size, out)
        elif kind == 2:
            _leaf_right16(x, t, blocks + a * size, b, out)
        else:
            _inner16(x, t, blocks + a * size, blocks + b * size, out)


@kernel
def _ranked(
    x: Array, n: int, limits: Array, first: Array, place: Array, shape: Array, missing: int,
    out: Array,
) -> None:  # fmt: skip
    """Write 1 + the number of thresholds below each value; `missing` for NaN.

    A value's cell on an even grid says between which thresholds it can lie; what rises before
    rounding does not fall after it, so that no value is put into a wrong cell.
    """
    at, start, most = shape[1], shape[2], shape[4]
    origin, scale, last = place[0], place[1], float(shape[3] - 1)
    for r in range(n):
        value = x[r]
        known = value == value
        q = (value - origin) * scale + 1.0 if known else 0.0
        cell = start + int(min(max(q, 0.0), last))
        k = at + first[cell]
        if most <= 4:
            for _ in range(most):
                k += int(limits[k] < value)
        else:
            left = at + first[cell + 1] - k
            while left > 0:
                half = left >> 1
                if limits[k + half] < value:
                    k += half + 1
                    left -= half + 1
                else:
                    left = half
        out[r] = k - at + 1 if known else missing


@kernel
def _in_set(x: Array, n: int, members: Array, shape: Array, missing: int, out: Array) -> None:
    """Write 0 where a code belongs to a set and 1 where it does not; `missing` for NaN."""
    start, size = shape[2], shape[3]
    for r in range(n):
        value = x[r]
        if value != value:
            out[r] = missing
        elif 0 <= value < size and value == np.floor(value):
            out[r] = 1 - members[start + int(value)]
        else:
            out[r] = 1


@kernel
def _columns(
    x: Array, lo: int, n: int, shapes: Array, places: Array, missing: Array, limits: Array,
    first: Array, members: Array, out: Array,
) -> None:  # fmt: skip
    for c in range(len(shapes)):
        column = x[lo : lo + n, shapes[c, 0]]
        if shapes[c, 5] == 1:
            _in_set(column, n, members, shapes[c], missing[c], out[c])
        elif shapes[c, 5] >= 2:  # the column before, but for missing values
            for r in range(n):
                out[c, r] = out[c - 1, r] if column[r] == column[r] else missing[c]
        else:
            _ranked(column, n, limits, first, places[c], shapes[c], missing[c], out[c])


@kernel
def _begin(start: Array, goes_on: bool, out: Array, totals: Array) -> None:
    for s in range(len(start)):
        totals[s, :] = start[s]
        if goes_on:
            for r in range(out.shape[1]):
                totals[s, r] = out[s, r]


@kernel
def _add(terms: Array, lo: int, hi: int, leaves: Array, leaf: Array, n: int, sums: Array) -> None:
    for i in range(lo, hi):
        total, at = sums[terms[i, 0]], terms[i, 1]
        for r in range(n):
            total[r] += leaves[at + leaf[r]]


@kernel
def select8(
    x: Array, shapes: Array, places: Array, missing: Array, limits: Array, first: Array,
    members: Array, code: Array, trees: Array, terms: Array, leaves: Array, start: Array,
    goes_on: bool, out: Array,
) -> None:  # fmt: skip
    """Add the trees whose ranks and leaf numbers fit into a byte each; see `forest.Forest`."""
    ranks = np.zeros((len(shapes), BLOCK), BYTE)
    work = np.zeros((np.max(code[:, 5]) + 2 if len(code) else 1, BLOCK), BYTE)
    totals = np.empty((len(start), BLOCK), leaves.dtype)
    for lo in range(0, x.shape[0], BLOCK):
        n = min(BLOCK, x.shape[0] - lo)
        _columns(x, lo, n, shapes, places, missing, limits, first, members, ranks)
        _begin(start, goes_on, out[:, lo : lo + n], totals)
        for t in range(len(trees) - 1):
            _ask8(code, trees[t, 0], trees[t + 1, 0], ranks, work)
            if trees[t, 0] == trees[t + 1, 0]:
                work[0, :] = 0
            _add(terms, trees[t, 1], trees[t + 1, 1], leaves, work[0], n, totals)
        for s in range(len(start)):
            for r in range(n):
                out[s, lo + r] = totals[s, r]


@kernel
def select16(
    x: Array, shapes: Array, places: Array, missing: Array, limits: Array, first: Array,
    members: Array, code: Array, trees: Array, terms: Array, leaves: Array, start: Array,
    goes_on: bool, out: Array,
) -> None:  # fmt: skip
    """Add trees whose ranks and leaf numbers fit into two bytes each."""
    ranks = np.zeros((len(shapes), BLOCK), PAIR)
    work = np.zeros((np.max(code[:, 5]) + 2 if len(code) else 1, BLOCK), PAIR)
    totals = np.empty((len(start), BLOCK), leaves.dtype)
    for lo in range(0, x.shape[0], BLOCK):
        n = min(BLOCK, x.shape[0] - lo)
        _columns(x, lo, n, shapes, places, missing, limits, first, members, ranks)
        _begin(start, goes_on, out[:, lo : lo + n], totals)
        for t in range(len(trees) - 1):
            _ask16(code, trees[t, 0], trees[t + 1, 0], ranks, work)
            if trees[t, 0] == trees[t + 1, 0]:
                work[0, :] = 0
            _add(terms, trees[t, 1], trees[t + 1, 1], leaves, work[0], n, totals)
        for s in range(len(start)):
            for r in range(n):
                out[s, lo + r] = totals[s, r]


@kernel
def _walk(code: Array, root: int, depth: int, ranks: Array, leaf: Array) -> None:
    # Level by level over 16 rows, without a branch: their loads overlap.
    at = np.empty(16, np.int64)
    for lo in range(0, BLOCK, 16):
        at[:] = root
        for _ in range(depth):
            for r in range(16):
                i = at[r]
                at[r] = code[i, 2] + int(ranks[code[i, 0], lo + r] > code[i, 1])
        for r in range(16):
            leaf[lo + r] = at[r] - root


@kernel
def walk(
    x: Array, shapes: Array, places: Array, missing: Array, limits: Array, first: Array,
    members: Array, code: Array, trees: Array, terms: Array, leaves: Array, start: Array,
    goes_on: bool, out: Array,
) -> None:  # fmt: skip
    """Add deep trees: from the root to a leaf, as only a few of their questions need asking."""
    ranks = np.zeros((len(shapes), BLOCK), PAIR)
    leaf = np.zeros(BLOCK, np.int64)
    totals = np.empty((len(start), BLOCK), leaves.dtype)
    for lo in range(0, x.shape[0], BLOCK):
        n = min(BLOCK, x.shape[0] - lo)
        _columns(x, lo, n, shapes, places, missing, limits, first, members, ranks)
        _begin(start, goes_on, out[:, lo : lo + n], totals)
        for t in range(len(trees) - 1):
            _walk(code, trees[t, 0], trees[t, 2], ranks, leaf)
            _add(terms, trees[t, 1], trees[t + 1, 1], leaves, leaf, n, totals)
        for s in range(len(start)):
            for r in range(n):
                out[s, lo + r] = totals[s, r]


ADD = {"select8": select8, "select16": select16, "walk": walk}
"""How a forest's trees are added, by `Forest.how`."""
