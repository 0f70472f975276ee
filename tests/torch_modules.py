"""Comparing PyTorch modules with their formulas, in float64 and float32."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Of(nn.Module):
    """A module that computes one function, with some trained numbers of its own."""

    def __init__(self, function: Callable[..., Any], **buffers: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *args: Any) -> Any:
        return self.function(*args, *self.buffers())


def rows_for(formula: cf.Formula, count: int = 50) -> np.ndarray:
    """Return rows that float32 holds, whole numbers from 0 to 3 where the module takes such."""
    draw = np.random.default_rng(7)
    rows = draw.normal(size=(count, len(formula.inputs))).astype(np.float32).astype(float)
    at = 0
    for _, shape, whole in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        if whole:
            rows[:, at : at + size] = draw.integers(0, 4, size=(count, size))
        at += size
    return rows


def answers(module: Any, formula: cf.Formula, rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Return what the module itself says, shape (rows, outputs)."""
    tensors, at = [], 0
    for _, shape, whole in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        part = torch.tensor(rows[:, at : at + size].reshape(len(rows), *shape))
        tensors.append(part.long() if whole else part.to(dtype))
        at += size
    with torch.no_grad():
        made = copy.deepcopy(module).eval().to(dtype)(*tensors)
    parts = torch.utils._pytree.tree_leaves(made)
    return np.hstack([p.double().numpy().reshape(len(rows), -1) for p in parts])


def check(module: Any, example: Any = None, rtol: float = 1e-12) -> cf.Formula:
    """Compare a module and its formula; in float32, some 1,000 steps round by 2^-23 each."""
    formula = cf.read(module, example=example)
    rows = rows_for(formula)
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    for dtype, near in ((torch.float64, rtol), (torch.float32, 1e-4)):
        same(ours, answers(module, formula, rows, dtype), near, str(dtype))
    return formula


def check_each(functions: dict[str, Callable[..., Any]], example: Any) -> None:
    """Compare functions with their formulas, in one module, since tracing takes its second."""
    module = Of(lambda x: tuple(f(x) for f in functions.values()))
    with torch.no_grad():
        sizes = [f(example)[0].numel() for f in functions.values()]
    formula = cf.read(module, example=example)
    rows = rows_for(formula)
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    for dtype, near in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        said = answers(module, formula, rows, dtype)
        assert ours.shape == said.shape
        end = np.cumsum(sizes)
        for name, last, size in zip(functions, end, sizes, strict=True):
            part = slice(last - size, last)
            same(ours[:, part], said[:, part], near, f"{name}, {dtype}")


def same(ours: np.ndarray, expected: np.ndarray, near: float, what: str) -> None:
    """Fail unless two tables are as near, by the largest number in them, and missing alike."""
    assert ours.shape == expected.shape
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
    with np.errstate(invalid="ignore"):
        away = np.where(ours == expected, 0.0, np.abs(ours - expected))
    away[np.isnan(ours) & np.isnan(expected)] = 0.0
    assert away.max() <= near * scale, what


def network() -> Any:
    """Return a small network of tanh and ReLU, the same each time."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
