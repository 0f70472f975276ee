"""SHAP values: what each input adds to what is said of a row, against a background of other rows.

Interventional Shapley values (Lundberg and Lee 2017, A unified approach to interpreting model
predictions; Janzing et al. 2020): an input that is absent takes its values from the background,
whatever the others are. Of a formula they are exact where its structure allows.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput, MissingExtra
from closedform.explanations.attributions import Attributions, cells_of
from closedform.explanations.shapley.formulas import FEWEST_DRAWS, Found, of_formula
from closedform.explanations.shapley.package import Effort, by_package
from closedform.explanations.shapley.sampling import sampled
from closedform.explanations.sides import FORMULA, Side, Sides
from closedform.ir import Array
from closedform.shorten.options import whole

FEWEST_ROWS, FEWEST_BEHIND = 10, 10
"""So many rows are explained, before a background of so many, however slow the model is."""
TIMED = 500
"""Rows that a model is asked about, to see how long it takes."""


def shapley(
    sides: Sides, *, rows: int = 100, background: int = 100, seconds: float = 20.0
) -> Attributions:
    """Return SHAP values of the model and of the formula, for the same rows and background.

    Args:
        sides: what is explained.
        rows: at most so many are explained, drawn at random from those given; fewer, of a model
            so slow that they would take more than `seconds`.
        background: at most so many rows, drawn at random, are where the values of absent inputs
            come from; fewer likewise.
        seconds: about how long the model is asked.

    Raises:
        BadInput: fewer than two rows are answered with a number by both sides.
    """
    said = {side.name: sides.ask(side, sides.X) for side in sides.sides}
    fine = np.flatnonzero(np.all([np.isfinite(s) for s in said.values()], axis=0))
    if len(fine) < 2:
        raise BadInput(
            f"{len(fine)} of {sides.rows} rows are answered with a number: SHAP values compare "
            "rows with others.",
            hint="Give rows that the model can answer.",
        )
    random = np.random.default_rng([sides.seed, 31])
    others, order = random.permutation(fine), random.permutation(fine)
    rows, background = whole("rows", rows, 1), whole("background", background, 1)
    count, away, effort = _effort(sides, min(rows, len(fine)), min(background, len(fine)), seconds)
    behind, picked = np.sort(others[:away]), np.sort(order[:count])
    found = {side.name: _of_side(sides, side, picked, behind, effort) for side in sides.sides}
    return Attributions(
        "SHAP values", sides.target.name, tuple(f.name for f in sides.features),
        {name: f.values for name, f in found.items()},
        {name: said[name][picked] for name in found},
        {name: np.full(count, said[name][behind].mean()) for name in found},
        {name: f.errors for name, f in found.items()},
        {name: f.how for name, f in found.items()},
        picked, cells_of(sides, picked), tuple(_notes(count, len(behind), len(fine), sides)),
    )  # fmt: skip


def _effort(sides: Sides, rows: int, background: int, seconds: float) -> tuple[int, int, Effort]:
    """Return how many rows the time allows to explain, before how many others, and how."""
    inputs = len(sides.features)
    asked = [s for s in sides.sides if s.name != FORMULA or sides.node is None]
    if not asked:
        return rows, background, Effort.of(inputs, background, 0.0)
    answers = min(_answers(sides, side, seconds) for side in asked)
    few = answers // (FEWEST_ROWS * Effort.of(inputs, 1, 0.0).asked)
    background = int(np.clip(few, min(FEWEST_BEHIND, background), background))
    least = Effort.of(inputs, background, 0.0).asked
    rows = int(np.clip(answers // least, min(FEWEST_ROWS, rows), rows))
    return rows, background, Effort.of(inputs, background, answers / rows)


def _answers(sides: Sides, side: Side, seconds: float) -> float:
    """Return about how many rows a side answers in some seconds."""
    cells = np.repeat((np.arange(TIMED) % sides.rows)[:, None], len(sides.features), axis=1)
    start = time.perf_counter()
    sides.recombined(side, cells)
    return seconds * TIMED / max(time.perf_counter() - start, 1e-9)


def _of_side(sides: Sides, side: Side, rows: Array, background: Array, effort: Effort) -> Found:
    if side.name == FORMULA and sides.node is not None and side.formula is not None:
        formula = side.formula
        same = formula.inputs == sides.features
        columns = sides.columns if same else columns_of(formula.inputs, sides.X, formula.needed)[0]
        found = of_formula(sides.node, columns, rows, background, sides.seed)
        names = {f.name: i for i, f in enumerate(formula.inputs)}
        return found if same else _in_order(found, [names.get(f.name) for f in sides.features])
    ask, inputs = partial(sides.recombined, side), len(sides.features)
    try:
        values, errors = by_package(ask, rows, background, inputs, effort, sides.seed)
        return Found(values, errors, str(effort))
    except MissingExtra as absent:
        draws = max(FEWEST_DRAWS, effort.asked // (2 * inputs + 2))
        values, errors = sampled(ask, rows, background, range(inputs), inputs, draws, sides.seed)
        how = f"from {2 * draws} orders of the inputs for each row; with the shap package: "
        return Found(values, errors, how + str(absent.hint))


def _in_order(found: Found, places: list[int | None]) -> Found:
    """Return the same for the inputs of the model, of which the formula may lack some."""
    values, errors = (
        np.column_stack([np.zeros(len(a)) if i is None else a[:, i] for i in places])
        for a in (found.values, found.errors)
    )
    return Found(values, errors, found.how)


def _notes(rows: int, background: int, fine: int, sides: Sides) -> list[str]:
    drawn = f", drawn at random with seed {sides.seed}," if background < fine else ""
    said = f"explained are {rows} rows; inputs that are absent take their values from {background}"
    notes = [f"{said} of the rows{drawn} whatever the other inputs are"]
    if fine < sides.rows:
        notes.append(f"{sides.rows - fine} rows without a number as answer are left out")
    return notes + list(sides.notes)
