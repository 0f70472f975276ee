"""What PySR's regressor predicts: the equation that it has chosen for each output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform.errors import NotFitted, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Node
from closedform.loading.stream import Broken
from closedform.readers.elementary import JUMPS
from closedform.readers.infix import NUMBERS, Malformed, parse, tokens
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.pysr.fame import fame_of_file, fame_of_frame
from closedform.readers.pysr.operators import OPERATORS
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Element, node_of, number

MOST_INPUTS = 10_000
"""Numbers up to which a file's x0, x1 … are taken as the numbers of columns."""

JULIA = "What is evaluated in Julia is not read; distil a formula from its predictions."


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted PySRRegressor as a formula: of each output, the equation that it predicts by.

    That is the one which its `model_selection` takes. PySR itself is not imported.

    Raises:
        UnsupportedModel: an operator is not known, or the equations are evaluated in Julia.
        NotFitted: there are no equations.
        BadInput: `names` does not fit.
    """
    _frames(model)
    known = _names_of(model)
    return formula_of(
        partial(predicted, model),
        input_names(names, known, len(known)),
        source=type(model).__name__,
        reader=f"PySR {_version()}".strip(),
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a fitted PySRRegressor gives over some columns."""
    frames = _frames(model)
    reading.refuse_missing(columns)
    if _in_julia(model):
        reading.problem(f"The equations of this {type(model).__name__} are Julia's.", JULIA)
        return Prediction.nothing()
    used = dict(zip(_selected(model), columns.pick(_picked(model)).nodes, strict=True))
    rule = str(getattr(model, "model_selection", "best"))
    made = [_equation(frame, rule, used, reading) for frame in frames]
    return Prediction.of_values(made)


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return the best equation of a `hall_of_fame.csv` by PySR's own rule.

    Its inputs are `names` in order; without them, all that some equation reads in the order of
    their numbers, and where they are called x0, x1 …, also those in between.

    Raises:
        Broken: the file is damaged.
        UnsupportedModel: an operator is not one of PySR's own.
        BadInput: an equation reads what is not among `names`.
    """
    fame = fame_of_file(raw)
    try:
        known = _variables(fame.equations)
        chosen = fame.chosen("best")
        return formula_of(
            partial(_predicted_by, fame.equations[chosen]),
            known if names is None else [str(n) for n in names],
            source=f"PySR, complexity {fame.complexity[chosen]:g}",
            reader="PySR's hall of fame",
        )
    except ValueError as error:
        raise Broken(str(error)) from error


def _predicted_by(equation: str, columns: Columns, reading: Reading) -> Prediction:
    reading.refuse_missing(columns)  # as predict does
    return Prediction.of_values([_parsed(equation, dict(columns), reading)])


# --- the regressor ------------------------------------------------------------------------------


def _frames(model: Any) -> list[Any]:
    found = getattr(model, "equations_", None)
    if found is None:
        raise NotFitted(
            f"This {type(model).__name__} has no equations.", hint="Call its fit(X, y) first."
        )
    return list(found) if isinstance(found, list) else [found]


def _selected(model: Any) -> list[str]:
    """Return the names of the columns that the equations may read."""
    return [str(n) for n in model.feature_names_in_]


def _picked(model: Any) -> list[int]:
    """Return the positions of these columns among those that predict takes."""
    mask = getattr(model, "selection_mask_", None)
    if mask is None or np.sum(mask) != len(model.feature_names_in_):
        return list(range(len(model.feature_names_in_)))
    return [int(i) for i in np.flatnonzero(np.asarray(mask, dtype=bool))]


def _names_of(model: Any) -> list[str]:
    """Return a name for each column that predict takes; those left out are called by number."""
    names, picked = _selected(model), _picked(model)
    mask = getattr(model, "selection_mask_", None)
    width = max(len(names), 0 if mask is None else len(mask))
    own = dict(zip(picked, names, strict=True))
    free = (n for n in (f"x{i}" for i in range(10**9)) if n not in names)
    return [own[i] if i in own else next(free) for i in range(width)]


def _in_julia(model: Any) -> bool:
    """Tell whether the equations are templates, or of a type that is not a real number."""
    spec = getattr(model, "expression_spec", None)
    plain = spec is None or type(spec).__name__ == "ExpressionSpec"
    return not plain or hasattr(model, "_type_spec_runtime_definition_")


def _equation(frame: Any, rule: str, used: Mapping[str, Node], reading: Reading) -> Node:
    fame = fame_of_frame(frame)
    try:
        i = fame.chosen(rule)
    except ValueError as error:
        raise UnsupportedModel(
            f"No equation can be chosen: {error}.",
            hint="Set model_selection to best, accuracy or score.",
        ) from error
    if "sympy_format" in frame.columns:
        return _from_sympy(frame["sympy_format"].iloc[i], used, reading)
    try:
        return _parsed(fame.equations[i], used, reading)
    except Malformed as error:
        raise UnsupportedModel(
            f"The equation {fame.equations[i][:200]!r} cannot be read: {error}.", hint=JULIA
        ) from error


def _from_sympy(expression: Any, used: Mapping[str, Node], reading: Reading) -> Node:
    """Return what predict evaluates: with the user's own operators as extra_sympy_mappings has."""
    import sympy

    from closedform.readers.sympy.expressions import plain
    from closedform.readers.sympy.walking import Walk

    whole = plain(sympy.sympify(expression))
    found = {s: used[s.name] for s in whole.free_symbols if s.name in used}
    for s in whole.free_symbols:
        if s not in found:
            reading.problem(f"The equation reads {s}, which is no column.", JULIA)
            found[s] = node_of(np.nan)
    made: Node = Walk(found, reading).nodes([whole])[0]
    return made


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pysr")
    except PackageNotFoundError:
        return ""


# --- text ---------------------------------------------------------------------------------------


def _parsed(equation: str, used: Mapping[str, Element], reading: Reading) -> Node:
    if "mod(" in equation or "%" in equation:
        reading.differs(JUMPS)
    return node_of(number(parse(equation, used, OPERATORS, _noting(reading))))


def _noting(reading: Reading) -> Callable[[str, str], None]:
    def note(kind: str, name: str) -> None:
        if kind == "name":
            reading.problem(
                f"The equation reads {name!r}, which is no column.",
                "Give all columns in order: read(path, names=[…]).",
            )
        else:
            reading.problem(
                f"The operator {name!r} is none of PySR's own.",
                "Read the fitted PySRRegressor with its extra_sympy_mappings.",
            )

    return note


def _variables(equations: Iterable[str]) -> list[str]:
    """Return the inputs of a file's equations, in the order of their numbers."""
    found = {t.text for e in equations for t in tokens(e) if t.kind == "name"} - set(NUMBERS)
    numbered = [int(n[1:]) for n in found if re.fullmatch(r"x(0|[1-9]\d{0,8})", n, re.ASCII)]
    if len(numbered) == len(found) and max(numbered, default=0) < MOST_INPUTS:
        return [f"x{i}" for i in range(max(numbered, default=-1) + 1)]
    return sorted(found, key=_natural)


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = [p for p in re.split(r"([0-9]{1,18})", name) if p]
    return [(0, int(p)) if p[0] in "0123456789" else (1, p) for p in parts]
