"""Which steps of a sequence count, behind each layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.keras import shapes
from closedform.readers.keras.graph import leaves
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch.elements import NoFormula

Masks = Callable[[Layer, Any, Sequence[Any]], list[Tensor | None]]


def _recurrent_masks(layer: Layer, masks: Any, tensors: Sequence[Any]) -> list[Tensor | None]:
    mask = next(iter(leaves(masks)), None)
    if layer.kind == "Bidirectional":
        part = layer.part("forward_layer")
        part.adopt(layer.option("layer"))
        both = layer.option("merge_mode", "concat") is None
        kept = mask if part.option("return_sequences", False) else None
        return [kept, kept] if both else [kept]
    return [mask if layer.option("return_sequences", False) else None]


def _merged_masks(layer: Layer, masks: Any, tensors: Sequence[Any]) -> list[Tensor | None]:
    found = list(leaves(masks))
    if all(m is None for m in found):
        return []
    if layer.kind in ("Multiply", "Maximum", "Minimum"):
        raise NoFormula("it takes tensors with masks, which change its values")
    if any(m is None for m in found):
        return []
    made = found[0]
    for mask in found[1:]:
        made = elementwise(t.either, made, mask)
    return [made]


def _joined_masks(layer: Layer, masks: Any, tensors: Sequence[Any]) -> list[Tensor | None]:
    found = list(masks) if isinstance(masks, list | tuple) else [masks]
    if all(m is None for m in found):
        return []
    grown = [
        np.broadcast_to(np.array(True, dtype=object) if m is None else m[..., None], x.shape)
        for m, x in zip(found, tensors[0], strict=True)
    ]
    joined = np.concatenate(grown, axis=int(layer.option("axis", -1)))
    return [t.reduced(joined, [joined.ndim - 1], False, shapes._any)]


def nonzero(layer: Layer, masks: Any, tensors: Sequence[Any]) -> list[Tensor | None]:
    """Embedding: which numbers are not 0, where it is told that 0 stands for nothing."""
    if not layer.option("mask_zero", False):
        return []
    return [elementwise(lambda v: t.negation(t.equal(v, 0.0)), tensors[0])]


MASKS: dict[str, Masks] = {
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional"), _recurrent_masks),
    **dict.fromkeys(
        ("Add", "Average", "Subtract", "Multiply", "Maximum", "Minimum"), _merged_masks
    ),
    "Concatenate": _joined_masks,
    "Masking": lambda layer, masks, tensors: [shapes.masking_mask(layer, tensors[0])],
}
"""Layers that make a mask of their own → which."""
