"""pykan: asked as any module of PyTorch, but that a row with a missing value has no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.asking import torch as modules
from closedform.columns import columns_of
from closedform.formula import Formula


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a network is asked; all edges are computed, so that one NaN makes all NaN."""

    def known(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def asked(X: Any) -> Any:
            columns = columns_of(formula.inputs, X)[0]
            if any(np.isnan(c).any() for f, c in zip(formula.inputs, columns, strict=True)
                   if not f.missing):  # fmt: skip
                raise ValueError("the network gives NaN where an input is missing")
            return ask(X)

        return asked

    return [replace(m, ask=known(m.ask)) for m in modules.methods(model, formula)]
