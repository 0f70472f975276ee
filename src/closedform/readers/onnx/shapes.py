"""What only moves elements about: views, slices, joins, look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import bounds
from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.elements import as_objects, choice
from closedform.readers.onnx.values import Value, known
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import NoFormula


def axes_of(call: Call, at: int = 1) -> list[int] | None:
    """Return axes, which are an attribute in older opsets and an input in newer ones."""
    found = call.option("axes")
    return call.numbers(at, "the list of axes") if found is None else [int(a) for a in found]


def reshape(call: Call) -> Tensor:
    """Reshape: 0 keeps an axis (unless allowzero), −1 takes what is left."""
    x, shape = call.tensor(0), call.numbers(1, "the new shape") or []
    if not call.option("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    return x.reshape(shape)


def flatten(call: Call) -> Tensor:
    """Flatten into a matrix."""
    x, axis = call.tensor(0), int(call.option("axis", 1))
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)


def squeeze(call: Call) -> Tensor:
    """Squeeze: all axes of length 1, or some."""
    axes = axes_of(call)
    return call.tensor(0).squeeze(None if axes is None else tuple(axes))


def unsqueeze(call: Call) -> Tensor:
    """Unsqueeze."""
    return np.expand_dims(call.tensor(0), tuple(axes_of(call) or ()))


def transpose(call: Call) -> Tensor:
    """Transpose."""
    return call.tensor(0).transpose(call.option("perm"))


def expand(call: Call) -> Tensor:
    """Expand, by broadcasting both ways."""
    x, shape = call.tensor(0), call.numbers(1, "the new shape") or []
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape)))


def tile(call: Call) -> Tensor:
    """Tile."""
    return np.tile(call.tensor(0), call.numbers(1, "the number of repeats") or [])


def sliced(call: Call) -> Tensor:
    """Slice; its places are inputs since opset 10."""
    x = call.tensor(0)
    names = ("starts", "ends", "axes", "steps")
    if call.version < 10:
        starts, ends, axes, steps = (call.option(name) for name in names)
    else:
        starts, ends, axes, steps = (call.numbers(i, n) for i, n in enumerate(names, 1))
    axes = range(len(starts or ())) if axes is None else axes
    at = [slice(None)] * x.ndim
    for axis, lo, hi, step in zip(axes, starts, ends, steps or [1] * len(axes), strict=True):
        at[axis] = slice(lo, hi, step)
    return x[tuple(at)]


def concat(call: Call) -> Value:
    """Concat."""
    parts = [as_objects(call.tensor(i)) for i in range(len(call))]
    kinds = {call.kind(i) for i in range(len(call))}
    if kinds != {"string"}:
        parts = [t.as_tensor(p) if p.dtype.kind != "b" else p.astype(object) for p in parts]
    return Value(np.concatenate(parts, axis=int(call.option("axis", 1))), call.kind(0))


def split(call: Call) -> tuple[Tensor, ...]:
    """Split into equal parts, the last one maybe smaller, or into given ones."""
    x, axis = call.tensor(0), int(call.option("axis", 0))
    sizes = call.option("split") if call.version < 13 else call.numbers(1, "the sizes")
    if sizes is None:
        count = int(call.option("num_outputs", call.wanted))
        each = -(-x.shape[axis] // count)
        return tuple(np.split(x, [each * i for i in range(1, count)], axis=axis))
    call.option("num_outputs")
    return tuple(np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis))


def shape(call: Call) -> Value:
    """Shape: known, as soon as the model's inputs have one."""
    found = call.tensor(0).shape
    return known(found[call.option("start", 0) : call.option("end", len(found))], "int64")


def size(call: Call) -> Value:
    """Size."""
    return known(call.tensor(0).size, "int64")


def pad(call: Call) -> Tensor:
    """Pad: with a number, or with what is there; negative sides cut."""
    x, mode = call.tensor(0), call.option("mode", "constant")
    pads, value, axes = _pads(call)
    where = range(x.ndim) if axes is None else axes
    sides = [(0, 0)] * x.ndim
    for i, axis in enumerate(where):
        sides[axis] = (int(pads[i]), int(pads[len(pads) // 2 + i]))
    return padded(x, sides, mode, value)


def _pads(call: Call) -> tuple[Sequence[int], Element, list[int] | None]:
    if call.version < 11:
        return call.option("pads"), call.option("value", 0.0), None
    value = t.boxed(call.tensor(2)).item() if call.has(2) else 0.0
    return call.numbers(1, "the padding") or [], value, call.numbers(3, "the list of axes")


def padded(
    x: Tensor, sides: Sequence[tuple[int, int]], mode: str = "constant", value: Element = 0.0
) -> Tensor:
    """Return a tensor with more places on both sides of each axis, or fewer."""
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, x.shape, strict=True)]
    grown = [(max(a, 0), max(b, 0)) for a, b in sides]
    x = x[tuple(cut)]
    if x.ndim and grown[0] == (0, 0) and not x.strides[0] and len(x) > 1:
        part = padded(t.distinct(x, 0), grown, mode, value)
        return np.broadcast_to(part, (len(x), *part.shape[1:]))
    if mode == "constant":
        whole = np.empty([n + a + b for n, (a, b) in zip(x.shape, grown, strict=True)], object)
        whole.fill(value)
        whole[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, grown, strict=True))] = x
        return whole
    if mode not in ("reflect", "edge", "wrap"):
        raise NoFormula(f"operator Pad with mode={mode!r}")
    return np.pad(x, grown, mode=mode)  # type: ignore[call-overload,no-any-return]


def triangle(call: Call) -> Tensor:
    """Trilu: the upper or lower triangle of matrices."""
    x, upper = call.tensor(0), int(call.option("upper", 1))
    k = (call.numbers(1, "the diagonal") or [0])[0] if call.has(1) else 0
    mask = (np.triu if upper else np.tril)(np.ones(x.shape[-2:], dtype=bool), k)
    return np.where(mask, x, 0.0)


def depth_to_space(call: Call) -> Tensor:
    """DepthToSpace: blocks of channels become places."""
    x, k = call.tensor(0), int(call.option("blocksize"))
    rows, channels, high, wide = x.shape
    inner = channels // (k * k)
    if call.option("mode", "DCR") == "CRD":
        return x.reshape(rows, inner, k, k, high, wide).transpose(0, 1, 4, 2, 5, 3).reshape(
            rows, inner, high * k, wide * k
        )  # fmt: skip
    return x.reshape(rows, k, k, inner, high, wide).transpose(0, 3, 4, 1, 5, 2).reshape(
        rows, inner, high * k, wide * k
    )  # fmt: skip


def space_to_depth(call: Call) -> Tensor:
    """SpaceToDepth: blocks of places become channels."""
    x, k = call.tensor(0), int(call.option("blocksize"))
    rows, channels, high, wide = x.shape
    cut = x.reshape(rows, channels, high // k, k, wide // k, k).transpose(0, 3, 5, 1, 2, 4)
    return cut.reshape(rows, channels * k * k, high // k, wide // k)


def reverse(call: Call) -> Tensor:
    """ReverseSequence by known lengths."""
    x, lengths = call.tensor(0), call.numbers(1, "the list of lengths") or []
    time, batch = int(call.option("time_axis", 0)), int(call.option("batch_axis", 1))
    made = np.moveaxis(x, (batch, time), (0, 1)).copy()
    for row, n in zip(made, lengths, strict=True):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(made, (0, 1), (batch, time))


def compress(call: Call) -> Tensor:
    """Compress by a known condition."""
    axis = call.option("axis")
    return np.compress(call.constant(1, "the condition"), call.tensor(0), axis)


# --- look-ups -------------------------------------------------------------------------------------

MOST_PLACES = 1 << 14
"""Places among which a value that depends on the inputs may choose."""


def gather(call: Call) -> Value:
    """Gather: places along an axis, known or not; negative ones count from the end."""
    axis, places = int(call.option("axis", 0)), call.value(1)
    x = as_objects(call.tensor(0))
    if places.known:
        return Value(t.boxed(np.take(x, places.data, axis=axis)), call.kind(0))
    if call.kind(0) == "string" and call.value(0).known and x.ndim == 1:
        call.note_classes(x.tolist())
    rows = np.moveaxis(x, axis, 0)
    made = np.empty((*places.data.shape, *rows.shape[1:]), dtype=object)
    for at in np.ndindex(*places.data.shape):
        place = from_end(t.node_of(places.data.item(*at)), len(rows))
        for inner in np.ndindex(*rows.shape[1:]):
            made[(*at, *inner)] = picked(place, rows[(slice(None), *inner)].tolist())
    where = list(range(places.data.ndim))
    return Value(np.moveaxis(made, where, [axis % x.ndim + i for i in where]), call.kind(0))


def from_end(place: Node, count: int) -> Node:
    """Return a place that counts from the end as one that counts from 0."""
    if bounds([place], {})[0].lo >= 0:
        return place
    below = ops.less(place, ops.const(0.0))
    return ops.where(below, ops.lin(count, (1, place)), place)


def picked(place: Node, values: Sequence[Any]) -> Node:
    """Return the value at a place; missing where there is none, for ONNX then refuses the row."""
    if len(values) > MOST_PLACES:
        raise NoFormula(f"choosing one of {len(values):,} places")
    if not any(isinstance(v, Node | str) for v in values):
        return ops.table(place, {float(i): float(v) for i, v in enumerate(values)})
    made: Any = ops.label(None) if isinstance(values[0], str) else ops.const(np.nan)
    for i in range(len(values) - 1, -1, -1):
        made = choice(ops.equal(place, ops.const(float(i))), values[i], made)
    return t.node_of(made)


def gather_elements(call: Call) -> Tensor:
    """GatherElements, at places along an axis that are known or not."""
    x, places, axis = call.tensor(0), call.value(1), int(call.option("axis", 0))
    if places.known:
        return np.take_along_axis(x, _wrapped(places.data, x.shape[axis]), axis)
    if call.kind(0) == "string":
        raise NoFormula("operator GatherElements of text at places that depend on the inputs")
    lines, moved = np.moveaxis(x, axis, -1), np.moveaxis(places.data, axis, -1)
    made = np.empty(moved.shape, dtype=object)
    for at in np.ndindex(*moved.shape):
        place = from_end(t.node_of(moved.item(*at)), lines.shape[-1])
        made[at] = picked(place, lines[at[:-1]].tolist())
    return np.moveaxis(made, -1, axis)


def _wrapped(places: Array, count: int) -> Array:
    return np.where(places < 0, places + count, places)


def gather_nd(call: Call) -> Tensor:
    """GatherND at known places."""
    x, places = call.tensor(0), call.constant(1, "the places")
    lead = int(call.option("batch_dims", 0))
    outer = x.shape[:lead]
    flat, at = x.reshape(-1, *x.shape[lead:]), places.reshape(-1, *places.shape[lead:])
    parts = [a[tuple(np.moveaxis(i, -1, 0))] for a, i in zip(flat, at, strict=True)]
    made = np.stack(parts)
    return made.reshape(*outer, *made.shape[1:])


REDUCTIONS = {
    "none": lambda old, new: new, "add": t.add, "mul": t.multiply, "max": t.greatest,
    "min": t.smallest,
}  # fmt: skip


def scatter_elements(call: Call) -> Tensor:
    """ScatterElements to known places."""
    x, places = t.as_tensor(call.tensor(0)).copy(), call.constant(1, "the places")
    axis, join = int(call.option("axis", 0)), REDUCTIONS[call.option("reduction", "none")]
    new = t.as_tensor(call.tensor(2))
    for at in np.ndindex(*places.shape):
        to = (*at[: axis % x.ndim], int(places[at]), *at[axis % x.ndim + 1 :])
        x[to] = join(x[to], new[at])
    return x


def scatter_nd(call: Call) -> Tensor:
    """ScatterND to known places."""
    x, places = t.as_tensor(call.tensor(0)).copy(), call.constant(1, "the places")
    join = REDUCTIONS[call.option("reduction", "none")]
    new = t.as_tensor(call.tensor(2))
    for at in np.ndindex(*places.shape[:-1]):
        to = tuple(places[at].tolist())
        made = t.elementwise(join, t.boxed(x[to]), t.boxed(new[at]))
        x[to] = made if made.ndim else made.item()  # not the box itself as an element
    return x


def one_hot(call: Call) -> Value:
    """OneHot: `on` where the number is the place, else `off`; negative ones count from the end."""
    x, axis = as_objects(call.tensor(0)), int(call.option("axis", -1))
    depth = (call.numbers(1, "the depth") or [0])[0]
    off, on = call.constant(2, "its values").tolist()
    made = np.empty((*x.shape, depth), dtype=object)
    for at in np.ndindex(*x.shape):
        place = from_end(t.node_of(x.item(*at)), depth)
        for i in range(depth):
            made[(*at, i)] = t.choice(t.equal(place, float(i)), on, off)
    return Value(np.moveaxis(made, -1, axis), call.kind(2))


SHAPES: dict[str, Function] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "Slice": sliced,
    "Concat": concat,
    "Split": split,
    "Shape": shape,
    "Size": size,
    "Pad": pad,
    "Trilu": triangle,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "ReverseSequence": reverse,
    "Compress": compress,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "OneHot": one_hot,
}
"""Operators that move elements."""
