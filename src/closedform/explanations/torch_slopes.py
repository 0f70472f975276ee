"""The slopes of a PyTorch module in its numbers, by captum."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import MissingExtra
from closedform.explanations.sides import Side, Sides
from closedform.ir import Array

AT_ONCE = 1 << 14
"""Rows that a module is asked about together."""
ALIKE = 1e-4
"""What is asked here is what the model answers to rows, as far as float32 goes."""


@dataclass(frozen=True, eq=False)
class OfModule:
    """One element of what a module gives, over tables of numbers.

    Attributes:
        module: in evaluation mode.
        shapes: of each tensor that it takes, for one row.
        column: the element.
        captum: captum.attr.
    """

    module: Any
    shapes: Sequence[tuple[int, ...]]
    column: int
    captum: Any
    how: str = "by captum"

    def __call__(self, rows: Any) -> Any:
        """Return the element for rows as one tensor, shape (rows,)."""
        taken, first = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape, dtype=int))
            taken.append(rows[:, first : first + size].reshape(-1, *shape))
            first += size
        given = self.module(*taken)
        return given.reshape(len(rows), -1)[:, self.column]

    def _tensor(self, table: Array) -> Any:
        import torch

        weights = next(iter(self.module.parameters()), torch.zeros(0))
        return torch.as_tensor(np.nan_to_num(table), dtype=weights.dtype, device=weights.device)

    def answers(self, table: Array) -> Array:
        """Return the answers, shape (rows,), to numbers of shape (rows, inputs)."""
        import torch

        with torch.no_grad():
            return _array(self(self._tensor(table)))

    def slopes(self, table: Array) -> Array:
        """Return the slopes, shape (rows, inputs); NaN without a number."""
        with _quiet():
            found = self.captum.Saliency(self).attribute(self._tensor(table), abs=False)
        return np.where(np.isnan(table), np.nan, _array(found))

    def integrated(self, begin: Array, end: Array, steps: int) -> Array:
        """Return the slopes integrated from one table to another, shape (rows, inputs)."""
        with _quiet():
            found = self.captum.IntegratedGradients(self).attribute(
                self._tensor(end), self._tensor(begin), n_steps=steps, method="gausslegendre",
                internal_batch_size=AT_ONCE,
            )  # fmt: skip
        return _array(found)

    def smoothed(self, table: Array, noise: Array, draws: int, seed: int) -> tuple[Array, Array]:
        """Return mean slopes under noise of these deviations, and their standard errors."""
        import torch

        # It takes one deviation for all inputs, and so gets them in units of their own; what does
        # not vary gets one that is lost in rounding.
        unit = self._tensor(
            np.where(noise > 0, noise, 1e-9 * (1 + np.abs(np.nan_to_num(table[0]))))
        )
        steep = self.captum.NoiseTunnel(self.captum.Saliency(lambda rows: self(rows * unit)))
        rows = self._tensor(table) / unit
        with _quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mean, squares = (
                _array(steep.attribute(
                    rows, nt_type=kind, nt_samples=draws, nt_samples_batch_size=10, stdevs=1.0,
                    abs=False,
                ) / unit**power)
                for kind, power in (("smoothgrad", 1), ("smoothgrad_sq", 2))
            )  # fmt: skip
        return mean, np.sqrt(np.maximum(squares - mean**2, 0.0) / (draws - 1))


def module_of(side: Side, sides: Sides, table: Array, picked: Array) -> tuple[OfModule | None, str]:
    """Return a side as a PyTorch module that captum can be asked about, or why there is none.

    Args:
        side: the model.
        sides: what is explained.
        table: the numbers of some rows, shape (rows, inputs).
        picked: which rows they are.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(side.model, torch.nn.Module):
        return None, "it is no PyTorch module"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import captum.attr as captum
    except ImportError:
        return None, str(MissingExtra("captum", "captum", "the slopes of a module"))
    options = side.formula.trail[0].options if side.formula is not None else {}
    slots = options.get("inputs") or [["x", [len(sides.features)], False]]
    if options.get("by name") or options.get("layout") or any(whole for _, _, whole, *_ in slots):
        return None, "it takes more than rows of numbers"
    shapes = [tuple(shape) for _, shape, *_ in slots]
    module = copy.deepcopy(side.model).eval()
    truth = sides.ask(side, sides.part(picked).X)
    return _matching(module, shapes, captum, table, truth)


def _matching(
    module: Any, shapes: Sequence[tuple[int, ...]], captum: Any, table: Array, truth: Array
) -> tuple[OfModule | None, str]:
    """Return the element of what a module gives that the model answers, if there is one."""
    column = 0
    while True:
        found = OfModule(module, shapes, column, captum)
        try:
            said = found.answers(table)
        except (RuntimeError, IndexError, TypeError, ValueError, AttributeError):
            return None, "no element of what it gives is the answer that is explained"
        if np.abs(said - truth).max() <= ALIKE * max(1e-30, np.abs(truth).max()):
            return found, ""
        column += 1


def _array(values: Any) -> Array:
    return np.asarray(values.detach().cpu(), dtype=np.float64)


@contextmanager
def _quiet() -> Iterator[None]:
    """It warns that it sets what gradients need, which is what it is asked to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
