"""Keras models to try, and how a formula is compared with one."""

from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.asking import keras as asking

keras = pytest.importorskip("keras")
L = keras.layers


def answers(model: Any, formula: cf.Formula, rows: np.ndarray, double: bool = True) -> np.ndarray:
    """Return what a model says about rows of a formula's inputs, in float64 or as it is."""
    options = formula.trail[0].options
    slots = [asking.Slot(name, tuple(shape), *rest) for name, shape, *rest in options["inputs"]]
    if not double:
        return asking.predicted(model, slots)(rows)
    fine = asking.in_double(model)
    assert fine is not None, "no copy in float64"
    return asking.called(fine, slots)(rows)


def rows_of(formula: cf.Formula, count: int = 40, tokens: int = 3) -> np.ndarray:
    """Return random rows; whole numbers below `tokens` where the model takes these."""
    draw = np.random.default_rng(3)
    columns = [
        draw.integers(0, tokens, (count, int(np.prod(shape, dtype=int)))) if whole
        else draw.normal(size=(count, int(np.prod(shape, dtype=int))))
        for _, shape, whole, *_ in formula.trail[0].options["inputs"]
    ]  # fmt: skip
    return np.hstack(columns).astype(np.float32).astype(float)


def check(model: Any, *, tokens: int = 3, rtol: float = 1e-12, **given: Any) -> cf.Formula:
    """Compare the formula with its model in float64 and, within its rounding, with `predict`."""
    formula = cf.read(model, **given)
    rows = rows_of(formula, tokens=tokens)
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    exact = answers(model, formula, rows)
    size = np.abs(exact).max(axis=0)
    assert (size > 0).any(), "nothing is compared"
    assert (np.abs(ours - exact) <= rtol * (size + 1e-3)).all()
    near = max(p.relative for p in formula.precision.values()) if formula.precision else rtol
    own = answers(model, formula, rows, double=False)
    assert (np.abs(ours - own) <= 4 * near * (size + 1e-3)).all()
    return formula


def check_file(model: Any, formula: cf.Formula, path: Any) -> None:
    """Compare the formula of a model with that of its file: the same nodes, names and inputs."""
    model.save(path)
    stored = cf.read(path)
    assert list(stored.outputs) == list(formula.outputs)
    assert all(a is b for a, b in zip(stored.roots, formula.roots, strict=True))
    assert stored.inputs == formula.inputs


def filled(model: Any, seed: int = 0) -> Any:
    """Return a model with weights as a training may leave them, none of them 0 or 1."""
    draw = np.random.default_rng(seed)
    model.set_weights(
        [
            draw.uniform(0.5, 2.0, w.shape) if "variance" in v.name
            else draw.normal(size=w.shape) * 0.7
            for v, w in zip(model.weights, model.get_weights(), strict=True)
        ]
    )  # fmt: skip
    return model


def chain(*parts: Any, shape: tuple[int, ...] = (4,), dtype: str = "float32") -> Any:
    """Return a Sequential model of some layers, its weights drawn."""
    return filled(keras.Sequential([L.Input(shape, dtype=dtype), *parts]))
