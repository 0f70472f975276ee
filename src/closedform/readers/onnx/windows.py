"""Windows over places: padding, and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.shapes import padded
from closedform.readers.onnx.values import Unknown
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch import layers as la
from closedform.readers.torch.elements import NoFormula

PADDED, BEYOND = math.nan, None
"""What stands in the padding, and behind it where `ceil_mode` lets a window reach so far."""


def sides_of(
    call: Call, lengths: Sequence[int], kernel: Sequence[int], strides: Sequence[int],
    dilations: Sequence[int],
) -> list[tuple[int, int]]:  # fmt: skip
    """Return how many places are put before and behind each axis."""
    auto, pads, axes = call.option("auto_pad", "NOTSET"), call.option("pads"), len(kernel)
    if auto == "NOTSET":
        pads = pads or [0] * (2 * axes)
        return [(int(pads[i]), int(pads[axes + i])) for i in range(axes)]
    if auto == "VALID":
        return [(0, 0)] * axes
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise NoFormula(f"operator {call.op} with auto_pad={auto!r}")
    made = []
    for n, k, s, d in zip(lengths, kernel, strides, dilations, strict=True):
        over = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        half = over // 2
        made.append((half, over - half) if auto == "SAME_UPPER" else (over - half, half))
    return made


def pooled(call: Call, function: Callable[[list[Element]], Element]) -> Tensor:
    """Return a function of each window; padding is NaN in it, and what lies behind is None."""
    x = t.elementwise(t.node_of, call.tensor(0))
    kernel = [int(k) for k in call.option("kernel_shape")]
    strides = call.option("strides") or [1] * len(kernel)
    dilations = call.option("dilations") or [1] * len(kernel)
    sides = sides_of(call, x.shape[2:], kernel, strides, dilations)
    x = padded(x, [(0, 0), (0, 0), *sides], value=PADDED)
    if call.option("ceil_mode", 0) and call.option("auto_pad", "NOTSET") == "NOTSET":
        measures = zip(x.shape[2:], kernel, strides, dilations, sides, strict=True)
        over = [(0, _overhang(n, k, s, d, side[1])) for n, k, s, d, side in measures]
        x = padded(x, [(0, 0), (0, 0), *over], value=BEYOND)  # type: ignore[arg-type]
    seen = t.windows(x, kernel, strides, [0] * len(kernel), dilations, 0.0)
    made: Tensor = t.reduced(seen, list(range(-len(kernel), 0)), False, function)
    return made


def _overhang(length: int, size: int, stride: int, apart: int, pad: int) -> int:
    """Return how far the last window reaches out, if it starts before the padding on the right."""
    reach = apart * (size - 1) + 1
    last = -(-(length - reach) // stride) * stride
    if last >= length - pad:
        last -= stride
    return max(0, last + reach - length)


def max_pool(call: Call) -> tuple[Any, ...]:
    """MaxPool; padding is never the greatest."""
    call.option("storage_order")
    call.undefined(call.tensor(0))

    def best(xs: list[Element]) -> Element:
        return t.greatest(*[v for v in xs if isinstance(v, Node)])

    return pooled(call, best), Unknown("the places that MaxPool finds")


def average_pool(call: Call) -> Tensor:
    """AveragePool, with or without the padding; what lies behind that is never counted."""
    whole = bool(call.option("count_include_pad", 0))

    def average(xs: list[Element]) -> Node:
        found = [v for v in xs if isinstance(v, Node)]
        count = sum(v is not BEYOND for v in xs) if whole else len(found)
        return t.weighted([1 / count] * len(found), found)

    return pooled(call, average)


def lp_pool(call: Call) -> Tensor:
    """LpPool: (Σ |xᵢ|ᵖ)^(1/p)."""
    p = float(call.option("p", 2))
    return pooled(call, lambda xs: la.size_of([v for v in xs if isinstance(v, Node)], p))


def whole(function: Callable[[list[Element]], Element], *, orders: bool = False) -> Function:
    """Return the pooling of all places of a channel."""

    def made(call: Call) -> Tensor:
        x = call.tensor(0)
        if orders:
            call.undefined(x)
        return t.reduced(x, list(range(2, x.ndim)), True, function)

    return made


def global_lp_pool(call: Call) -> Tensor:
    """GlobalLpPool."""
    p = float(call.option("p", 2))
    made: Tensor = whole(lambda xs: la.size_of(xs, p))(call)
    return made


# --- other sizes ----------------------------------------------------------------------------------


def resize(call: Call) -> Tensor:
    """Resize, to the nearest place or between two of them."""
    x = call.tensor(0)
    options = {
        "mode": call.option("mode", "nearest"),
        "place": call.option("coordinate_transformation_mode", "half_pixel"),
        "nearest": call.option("nearest_mode", "round_prefer_floor"),
    }
    for name in ("cubic_coeff_a", "exclude_outside", "extrapolation_value"):
        call.option(name)
    _require_plain(call, options)
    axes = call.option("axes") or list(range(x.ndim))
    at = 2 if call.version >= 11 else 1
    scales = call.constant(at, "its scales").tolist() if call.has(at) else []
    sizes = call.numbers(3, "its sizes") if call.version >= 11 else None
    for i, axis in enumerate(axes):
        n = x.shape[axis]
        length = int(sizes[i]) if sizes else math.floor(n * scales[i])
        scale = scales[i] if scales and not sizes else length / n
        if length != n or scale != 1:
            x = _resized(call, x, axis, length, scale, options)
    return x


def _require_plain(call: Call, options: dict[str, str]) -> None:
    if options["mode"] not in ("nearest", "linear") or call.option("antialias", 0):
        raise NoFormula(f"operator Resize with mode={options['mode']!r}")
    if call.option("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NoFormula("operator Resize with keep_aspect_ratio_policy")
    if options["place"] not in PLACES:
        raise NoFormula(f"operator Resize with coordinate_transformation_mode={options['place']!r}")


def upsample(call: Call) -> Tensor:
    """Upsample, which Resize has replaced."""
    x, mode = call.tensor(0), call.option("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise NoFormula(f"operator Upsample with mode={mode!r}")
    scales = call.option("scales") or call.constant(1, "its scales").tolist()
    options = {"mode": mode, "place": "asymmetric", "nearest": "floor"}
    for axis, scale in enumerate(scales):
        if scale != 1:
            x = _resized(call, x, axis, math.floor(x.shape[axis] * scale), scale, options)
    return x


Places = Callable[[Any, int, int, float], Any]

PLACES: dict[str, Places] = {
    "half_pixel": lambda i, n, k, s: (i + 0.5) / s - 0.5,
    "pytorch_half_pixel": lambda i, n, k, s: (i + 0.5) / s - 0.5 if k > 1 else i * 0.0,
    "asymmetric": lambda i, n, k, s: i / s,
    "align_corners": lambda i, n, k, s: i * ((n - 1) / (k - 1)) if k > 1 else i * 0.0,
    "half_pixel_symmetric": lambda i, n, k, s: (
        n / 2 * (1 - k / (n * s)) + (i + 0.5) / s - 0.5
    ),
}  # fmt: skip
"""coordinate_transformation_mode → the place before, from (place, length, new length, scale)."""

NEAREST: dict[str, Callable[[Any], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}
"""nearest_mode → the whole place that is nearest."""


def _resized(
    call: Call, x: Tensor, axis: int, length: int, scale: float, options: dict[str, str]
) -> Tensor:
    """Return a tensor with another length along one axis."""
    call.undefined(x)  # next to a place, with a share of 0, a missing one counts or does not
    count = x.shape[axis]
    place = PLACES[options["place"]](np.arange(length, dtype=float), count, length, scale)
    if options["mode"] == "nearest":
        found = NEAREST[options["nearest"]](place).astype(int)
        taken: Tensor = np.take(x, np.clip(found, 0, count - 1), axis=axis)
        return taken
    place = np.clip(place, 0, count - 1)
    low = np.floor(place).astype(int)
    share = (place - low).reshape([-1, *[1] * (x.ndim - axis - 1)])
    left, right = (np.take(x, i, axis=axis) for i in (low, np.minimum(low + 1, count - 1)))
    made: Tensor = t.elementwise(lambda a, b, w: t.weighted([1 - w, w], [a, b]), left, right, share)
    return made


WINDOWS: dict[str, Function] = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalAveragePool": whole(t.mean),
    "GlobalMaxPool": whole(lambda xs: t.greatest(*xs), orders=True),
    "GlobalLpPool": global_lp_pool,
    "Resize": resize,
    "Upsample": upsample,
}
"""Operators over windows of places."""
