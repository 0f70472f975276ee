"""formulaic's designs: what a ModelSpec has kept of factors, their states and contrasts."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform.readers.statsmodels.bases import coding
from closedform.readers.statsmodels.design import Design, Factor, Subterm
from closedform.readers.statsmodels.expressions import Frame, Scope, Stateful, parsed
from closedform.readers.statsmodels.functions import name_of


def formulaic_design(spec: Any, frame: Frame) -> Design:
    """Return the terms of a ModelSpec.

    Args:
        spec: formulaic's record of the design.
        frame: what is known of the training data.
    """
    factors = {f.expr: _factor(f, spec, frame) for f in spec.factors}
    subterms = [
        _subterm(str(entry.term), scoped, factors, spec)
        for entry in spec.structure
        for scoped in entry.scoped_terms
    ]
    return Design(tuple(subterms), tuple(str(n) for n in spec.column_names))


def _subterm(name: str, scoped: Any, factors: Mapping[str, Factor], spec: Any) -> Subterm:
    used = [factors[part.factor.expr] for part in scoped.factors]
    matrices = [
        None if factor.levels is None else _matrix(spec.encoder_state[factor.name][1], part)
        for factor, part in zip(used, scoped.factors, strict=True)
    ]
    return Subterm(name, tuple(used), tuple(matrices), scale=float(scoped.scale))


def _matrix(state: Any, part: Any) -> Any:
    made = state["contrasts"].get_coding_matrix(reduced_rank=bool(part.reduced))
    return coding(np.asarray(made))


def _factor(factor: Any, spec: Any, frame: Frame) -> Factor:
    _, state = spec.encoder_state.get(factor.expr, (None, {}))
    levels = tuple(state["categories"]) if "categories" in state else None
    code, aliases = _sanitized(factor)
    scope = Scope(
        frame=frame,
        objects=_objects(),
        transforms=_transforms(spec.transform_state),
        aliases=aliases,
    )
    return Factor(factor.expr, code, scope, levels, width=None, refuses=False)


def _objects() -> Mapping[str, Any]:
    from formulaic.transforms import TRANSFORMS

    return dict(TRANSFORMS)


def _sanitized(factor: Any) -> tuple[str, dict[str, str]]:
    """Return code as Python takes it, and what its names are called in the data."""
    if factor.eval_method.value == "lookup":
        return "column", {"column": factor.expr}
    from formulaic.utils.code import sanitize_variable_names

    aliases: dict[str, str] = {}
    code = sanitize_variable_names(factor.expr, {}, aliases)
    return code.strip(), aliases


def _transforms(states: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of each stateful call, by its code; Q() has none."""
    kinds = {code: _kind(code) for code in states}
    return {c: Stateful(kinds[c], states[c]) for c in states if kinds[c] != "formulaic.Q"}


def _kind(code: str) -> str:
    """Return which transform a piece of code calls."""
    tree, objects = parsed(code), _objects()
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return code
    target = objects.get(tree.func.id)
    if tree.func.id in ("cr", "cs", "cc") and target is not None:
        return "formulaic.cubic_spline"
    return name_of(target) or tree.func.id
