"""Comparing JAX functions with their formulas, in float64 and float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf
from closedform.asking.jax import Call, bits64, in_double

jax = pytest.importorskip("jax")
jnp = jax.numpy


def rows_for(formula: cf.Formula, count: int = 50) -> np.ndarray:
    """Return rows that float32 holds; whole numbers from 0 to 3, or truths, where such are due."""
    draw = np.random.default_rng(7)
    rows = draw.normal(size=(count, len(formula.inputs))).astype(np.float32).astype(float)
    at = 0
    for _, shape, dtype in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        if dtype == "bool" or "int" in dtype:
            end = 2 if dtype == "bool" else 4
            rows[:, at : at + size] = draw.integers(0, end, size=(count, size))
        at += size
    return rows


def arguments(formula: cf.Formula, rows: np.ndarray, wide: bool) -> list[Any]:
    """Return rows as the arrays that a function takes, one after the other."""
    made, at = [], 0
    for _, shape, dtype in formula.trail[0].options["inputs"]:
        size = int(np.prod(shape, dtype=int))
        part = rows[:, at : at + size].reshape(len(rows), *shape)
        made.append(jnp.asarray(part, "float64" if wide and "float" in dtype else dtype))
        at += size
    return made


def columns(made: Any) -> np.ndarray:
    """Return results, which any container may hold, as columns."""
    parts = [np.asarray(p).astype(float) for p in jax.tree_util.tree_leaves(made)]
    return np.hstack([p.reshape(len(p), -1) for p in parts])


def check(
    function: Callable[..., Any], *example: Any, rtol: float = 1e-12, wide: bool = True,
    rows: Any = None,
) -> cf.Formula:  # fmt: skip
    """Compare a function of rows and its formula; in float32, some 1,000 steps round by 2^-23 each.

    Args:
        function: as `cf.read` takes it, jitted or not.
        example: its arguments.
        rtol: relative to the size of the largest output, in float64.
        wide: whether the function computes in float64 where it is given that.
        rows: what to compare on, in the place of random rows.
    """
    model = jax.jit(function)
    formula = cf.read(model, example=example)
    tried = rows_for(formula) if rows is None else rows
    ours = np.column_stack([formula(tried, name) for name in formula.outputs])
    near_to(ours, columns(model(*arguments(formula, tried, False))), 1e-4)
    assert formula.trail[0].options["twin"] == ("x64" if wide else "jaxpr")
    if wide:
        with bits64():
            expected = columns(model(*arguments(formula, tried, True)))
        near_to(ours, expected, rtol)
    else:  # each operation by JAX in float64
        near_to(ours, in_double(model, Call.of_options(formula))(tried), rtol)
    return formula


def together(table: dict[str, Callable[..., Any]], count: int) -> list[Callable[..., Any]]:
    """Return the functions of a table in groups, each as one function that gives a dict.

    JAX compiles for a tenth of a second, whether it is one operation or ten.
    """
    names = list(table)
    groups = [names[i : i + count] for i in range(0, len(names), count)]
    return [
        lambda x, group=group: {name: table[name](x) for name in group} for group in groups
    ]  # fmt: skip


def near_to(ours: np.ndarray, expected: np.ndarray, rtol: float) -> None:
    """Fail unless two tables are as near as asked, and missing at the same places."""
    assert ours.shape == expected.shape
    scale = np.abs(np.where(np.isfinite(expected), expected, 0.0)).max(axis=0, initial=1e-300)
    with np.errstate(invalid="ignore"):
        away = np.where(ours == expected, 0.0, np.abs(ours - expected))
    away[np.isnan(ours) & np.isnan(expected)] = 0.0
    assert (away <= rtol * scale).all(), np.flatnonzero((away > rtol * scale).any(axis=0))
