"""How steep an answer is in each number: saliency, integrated gradients, SmoothGrad.

Of a formula the slopes are those of its own derivative. Of a PyTorch module they are by captum,
where it is installed; of any other model by its exact formula, where another one stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.explanations.attributions import Attributions, Slopes, cells_of
from closedform.explanations.sides import FORMULA, MODEL, Sides
from closedform.explanations.slopes import OfNode
from closedform.explanations.spreads import deviation
from closedform.explanations.torch_slopes import OfModule, module_of
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.shorten.options import number, whole

STEPS = (32, 128, 512)
"""Points on the way from the baseline: more of them until the values add up."""
COMPLETE = 1e-6
"""A gap that small, as a share of how far the answers range, is none."""
ROWS = 200
NAMED = 6
"""So many inputs are named in a note."""


def saliency(sides: Sides, *, rows: int = ROWS) -> Slopes:
    """Return the slope of the answer in each number at each row (Simonyan et al. 2014).

    Args:
        sides: what is explained.
        rows: at most so many, drawn at random from those given.

    Raises:
        BadInput: there is neither a formula nor a PyTorch module, or its answer has no slopes.
    """
    place = _Place.at(sides, rows)
    found = {}
    for name, steep in place.sides.items():
        slopes = steep.slopes(place.table)
        found[name] = slopes, np.zeros(slopes.shape)
    return place.slopes("slopes", found)


def smoothgrad(
    sides: Sides, *, noise: float = 0.15, draws: int = 50, rows: int = ROWS
) -> Slopes:  # fmt: skip
    """Return slopes averaged over noise around each row (Smilkov et al. 2017, SmoothGrad).

    Args:
        sides: what is explained.
        noise: its standard deviation, in those of each number over the rows.
        draws: for each row.
        rows: at most so many, drawn at random from those given.

    Raises:
        BadInput: as of `saliency`.
    """
    noise, draws = number("noise", noise, "deviations from 0 on, as 0.15"), whole("draws", draws, 2)
    place = _Place.at(sides, rows)
    found = {
        name: steep.smoothed(place.table, noise * place.deviations, draws, sides.seed)
        for name, steep in place.sides.items()
    }
    note = f"averaged over {draws} draws from a normal distribution around each row, whose standard"
    note += f" deviation is {noise:g} times that of each input"
    return place.slopes("smoothed slopes", found, note)


def integrated_gradients(
    sides: Sides, *, baseline: Mapping[str, float] | None = None, rows: int = ROWS
) -> Attributions:
    """Return the slopes integrated on the way from a baseline to each row (Sundararajan 2017).

    They add up to the difference of the answers, but for the gap that is stated: it comes of jumps
    and of kinks, which no number of points on the way sees exactly.

    Args:
        sides: what is explained.
        baseline: numbers from which the way starts, by the names of inputs; default, for each that
            is not given: the median of the rows. Categories, and what is missing, stay the row's.
        rows: at most so many, drawn at random from those given.

    Raises:
        BadInput: as of `saliency`; or a baseline for what is no number.
    """
    place = _Place.at(sides, rows)
    start = place.baseline(baseline or {})
    values, base, said, how = {}, {}, {}, {}
    for name, steep in place.sides.items():
        values[name], base[name], said[name], steps = _integrated(steep, place.table, start)
        how[name] = f"{steep.how}, at {steps} points on the way"
    errors = {name: np.zeros(v.shape) for name, v in values.items()}
    given = f"; given: {', '.join(baseline)}" if baseline else ""
    note = "the way starts at the median of each number" + given
    return Attributions(
        "integrated gradients", sides.target.name, tuple(sides.names), values, said, base, errors,
        how, place.picked, cells_of(sides, place.picked),
        (note + "; categories and missing values are held", *place.notes),
    )  # fmt: skip


def _integrated(steep: Steep, table: Array, start: Array) -> tuple[Array, Array, Array, int]:
    """Return values (rows, inputs), the answers at the start and at the rows, and the points."""
    begin = np.where(np.isnan(table) | np.isnan(start), table, start)
    base, said = steep.answers(begin), steep.answers(table)
    spread = float(np.nanmax(np.abs(said - base), initial=0.0))
    for steps in STEPS:
        values = steep.integrated(begin, table, steps)
        gap = np.abs(said - base - values.sum(axis=1))
        if not np.nanmax(gap, initial=0.0) > COMPLETE * spread:
            break
    return values, base, said, steps


Steep = OfNode | OfModule
"""What has slopes."""


@dataclass(frozen=True, eq=False)
class _Place:
    """The rows at which slopes are taken.

    Attributes:
        of: what is explained.
        picked: the numbers of the rows.
        table: their numbers, shape (rows, inputs); NaN for what is missing, or is no number.
        deviations: standard deviations over all rows, shape (inputs,); 0 for what is no number.
        medians: over all rows, shape (inputs,); NaN for what is no number.
        sides: those that have slopes.
        notes: why one has none.
    """

    of: Sides
    picked: Array
    table: Array
    deviations: Array
    medians: Array
    sides: Mapping[str, Steep]
    notes: tuple[str, ...]

    @classmethod
    def at(cls, sides: Sides, rows: int) -> _Place:
        """Pick the rows, and find who has slopes there.

        Raises:
            BadInput: nobody has.
        """
        rows = min(whole("rows", rows, 1), sides.rows)
        random = np.random.default_rng([sides.seed, 43])
        picked = np.sort(random.choice(sides.rows, rows, replace=False))
        every = np.column_stack([
            column if feature.type is Type.REAL else np.full(sides.rows, np.nan)
            for feature, column in zip(sides.features, sides.columns, strict=True)
        ])  # fmt: skip
        found, notes = _steep(sides, picked, every[picked])
        for name, steep in list(found.items()):
            if _flat(steep, every[picked]):
                del found[name]
                notes.append(
                    f"the {name} is flat at all of these rows, as trees are almost everywhere"
                )
        if not found:
            raise BadInput(
                "There are no slopes: " + "; ".join(notes) + ".",
                hint="SHAP values need none: cf.explain(model, X).shap.",
            )
        known = np.isfinite(every).any(axis=0)
        deviations, medians = np.zeros(every.shape[1]), np.full(every.shape[1], np.nan)
        finite = np.where(np.isfinite(every[:, known]), every[:, known], np.nan)
        deviations[known] = deviation(finite, axis=0)
        medians[known] = np.nanmedian(finite, axis=0)
        return cls(sides, picked, every[picked], deviations, medians, found, tuple(notes))

    def baseline(self, given: Mapping[str, float]) -> Array:
        """Return where the way starts, shape (inputs,); NaN for what is held."""
        names = self.of.names
        numbers = [f.name for f in self.of.features if f.type is Type.REAL]
        strange = [name for name in given if name not in numbers]
        if strange:
            raise BadInput(
                f"The baseline has {', '.join(map(repr, strange))}, which is no input that is a "
                "number.",
                hint="These are: " + ", ".join(numbers) + ".",
            )
        start = self.medians.copy()
        for name, value in given.items():
            start[names.index(name)] = float(value)
        return start

    def slopes(
        self, method: str, found: Mapping[str, tuple[Array, Array]], note: str = ""
    ) -> Slopes:
        """Return slopes and their standard errors as a record, in deviations of each input."""
        scale = self.deviations
        return Slopes(
            method, self.of.target.name, tuple(self.of.names),
            {name: values * scale for name, (values, _) in found.items()},
            {name: steep.answers(self.table) for name, steep in self.sides.items()}, {},
            {name: errors * scale for name, (_, errors) in found.items()},
            {name: steep.how for name, steep in self.sides.items()},
            self.picked, cells_of(self.of, self.picked),
            tuple(filter(None, (note, self._left_out(found), *self.notes))), scale,
        )  # fmt: skip

    def _left_out(self, found: Mapping[str, tuple[Array, Array]]) -> str:
        """Return how many rows have no slope in a number, in words; "" where all have one."""
        slopes = np.array([values for values, _ in found.values()])
        lost = (~np.isfinite(slopes)).any(axis=0).sum(axis=0).tolist()
        told = [
            f"{f.name} {count}"
            for f, count in zip(self.of.features, lost, strict=True)
            if count and f.type is Type.REAL
        ]
        if not told:
            return ""
        more = f" and {len(told) - NAMED} more inputs" if len(told) > NAMED else ""
        return (
            f"left out are rows where the value is missing, or the slope not finite: of "
            f"{len(self.picked)} rows, {', '.join(told[:NAMED])}{more}"
        )


def _steep(sides: Sides, picked: Array, table: Array) -> tuple[dict[str, Steep], list[str]]:
    """Return the sides that have slopes, and why others have none."""
    found: dict[str, Steep] = {}
    notes: list[str] = []
    cells = np.repeat(picked[:, None], len(sides.features), axis=1)
    model, formula = sides[MODEL], sides.formula
    if model is not None:
        module, why = module_of(model, sides, table, picked)
        own = model.formula
        if module is not None:
            found[MODEL] = module
        elif own is not None and own is not formula and sides.target.output in own.outputs:
            node = own.outputs[sides.target.output]
            found[MODEL] = of_node(sides, own, node, cells, "the derivative of its exact formula")
        else:
            notes.append(f"the model has no slopes of its own: {why}")
    if formula is None:
        notes.append("there is no formula beside it")
    elif sides.node is None:
        notes.append("the formula gives a label")
    else:
        found[FORMULA] = of_node(sides, formula, sides.node, cells, "its own derivative")
    return found, notes


def of_node(sides: Sides, formula: Formula, node: Node, cells: Array, how: str = "") -> OfNode:
    """Return a node of a formula over tables of the model's inputs.

    Args:
        sides: what is explained.
        formula: over inputs of the model.
        node: what is differentiated.
        cells: from which row each category comes, shape (rows, inputs).
        how: where the slopes are from, in words.

    Raises:
        BadInput: the formula reads something else.
    """
    columns, names = sides.columns, sides.names
    if formula.inputs != sides.features:
        columns = tuple(columns_of(formula.inputs, sides.X, formula.needed)[0])
    strange = [f.name for f in formula.inputs if f.name not in names]
    if strange:
        raise BadInput(
            f"The formula reads {', '.join(map(repr, strange))}, which is no input of the model.",
            hint="Give a formula of the same inputs.",
        )
    at = [names.index(f.name) for f in formula.inputs]
    labels = {
        i: columns[i][cells[:, at[i]]]
        for i, f in enumerate(formula.inputs)
        if f.type is not Type.REAL
    }
    return OfNode(node, formula.inputs, at, labels, how)


def _flat(steep: Steep, table: Array) -> bool:
    """Tell whether answers differ though no slope does."""
    said = steep.answers(table)
    varies = len(np.unique(said[np.isfinite(said)])) > 1
    return varies and not np.nan_to_num(steep.slopes(table)).any()
