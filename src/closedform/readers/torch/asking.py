"""What a module itself answers, for rows as formulas take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.formula import Formula
from closedform.ir import Array
from closedform.readers.torch.module import evaluating
from closedform.readers.torch.walking import Slot


def answers_of(model: Any, formula: Formula) -> Callable[[Any], Array]:
    """Return the module as a function of rows, shape (rows, inputs), that gives (rows, outputs).

    It is asked in evaluation mode. Rows that it cannot take raise, as the module itself does.
    """
    traced = formula.trail[0].options
    slots = [Slot(name, tuple(shape), whole) for name, shape, whole in traced.get("inputs", ())]
    by_name = bool(traced.get("by name"))
    names = [f.name for f in formula.inputs]

    def ask(X: Any) -> Array:
        import torch

        rows = np.column_stack([np.asarray(X[n]) for n in names]) if hasattr(X, "columns") else X
        flat = np.asarray(rows, dtype=np.float64)
        tensors = _tensors(model, slots or [Slot("x", (flat.shape[1],), False)], flat)
        with evaluating(model):
            made = (
                model(**dict(zip([s.name for s in slots], tensors, strict=True)))
                if by_name
                else model(*tensors)
            )
        parts, _ = torch.utils._pytree.tree_flatten(made)
        return np.hstack([p.detach().double().numpy().reshape(len(flat), -1) for p in parts])

    return ask


def _tensors(model: Any, slots: list[Slot], flat: Array) -> list[Any]:
    import torch

    dtype = next((p.dtype for p in model.parameters()), torch.get_default_dtype())
    made, at = [], 0
    for slot in slots:
        part = flat[:, at : at + slot.size].reshape(len(flat), *slot.shape)
        at += slot.size
        if slot.whole and (part != np.floor(part)).any():
            raise ValueError(f"{slot.name} takes whole numbers")
        made.append(torch.as_tensor(part).to(torch.int64 if slot.whole else dtype))
    return made
