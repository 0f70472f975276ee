"""How many nodes a layer makes: known before it is computed, so that too much is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from closedform.readers.keras import shapes
from closedform.readers.keras.layer import Layer
from closedform.readers.keras.recurrent import CELLS, cell_of
from closedform.readers.keras.table import LAYERS, MASKS_BY_NAME
from closedform.readers.tensors import Tensor


def cost(layer: Layer, tensors: Sequence[Tensor]) -> float:
    """Estimate how many nodes a layer makes; a long sum counts for more than one."""
    size = sum(x.size for x in tensors)
    if not tensors:
        return 0.0
    x = tensors[0]
    return float(COSTS[layer.kind](layer, x) if layer.kind in COSTS else size)


def _dense_cost(layer: Layer, x: Tensor) -> float:
    weights = layer.number(0)
    units = weights.size / max(x.shape[-1], 1)
    return float(x.size / max(x.shape[-1], 1) * units * (1 + x.shape[-1] / 1000))


def _window_cost(layer: Layer, x: Tensor) -> float:
    weights = layer.number(0)
    strides = layer.option("strides", 1)
    each = strides if isinstance(strides, int) else math.prod(strides)
    transposed = layer.kind.endswith("Transpose")
    places = x.size * each if transposed else x.size / max(each, 1)
    filters = weights.shape[-2] if transposed else weights.shape[-1]
    return float(places / max(x.shape[-1], 1) * filters * (1 + weights[..., 0].size / 100))


def _recurrent_cost(layer: Layer, x: Tensor) -> float:
    if layer.kind == "Bidirectional":
        return 20.0 * x.size
    cell = cell_of(layer)
    cells = cell.parts("cells") if cell.kind == "StackedRNNCells" else [cell]
    units = sum(int(c.option("units", 1)) for c in cells if c.kind in CELLS)
    return float(x.shape[1] * units * 12)


def _attention_cost(layer: Layer, x: Tensor) -> float:
    heads = layer.option("num_heads", layer.option("num_query_heads", 1))
    steps = x.shape[1] if x.ndim > 2 else 1
    width = layer.option("key_dim", layer.option("head_dim", 1)) or 1
    return float(heads) * steps * steps * 4 * width + 8 * x.size


COSTS: dict[str, Callable[[Layer, Tensor], float]] = {
    **dict.fromkeys(("Dense", "EinsumDense", "ReversibleEmbedding"), _dense_cost),
    **{kind: _window_cost for kind in LAYERS if "Conv" in kind},
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional"), _recurrent_cost),
    **dict.fromkeys((*MASKS_BY_NAME, "Attention", "AdditiveAttention"), _attention_cost),
    **{
        kind: lambda layer, x: float(shapes.size_after(layer, x))
        for kind in LAYERS
        if kind.startswith(("RepeatVector", "UpSampling", "ZeroPadding", "Resizing"))
    },
    "CategoryEncoding": lambda layer, x: float(x.size * int(layer.option("num_tokens"))),
    "Discretization": lambda layer, x: float(x.size * len(layer.option("bin_boundaries") or [])),
    **{f"GlobalMaxPooling{n}D": lambda layer, x: x.size / 10 for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": lambda layer, x: x.size / 10 for n in (1, 2, 3)},
}
"""Layers that make more or less than they take → how much."""
