"""Where the decision turns: a slice through two inputs, of the model and of its formula.

All other inputs are held at their medians, categories at the commonest one. The formula's boundary
has an equation: it is that of the formula with these values put in, and nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.explanations.drawing import COLOURS, DASHES, GREY, Display, across, named, new_axes
from closedform.explanations.importance import importance
from closedform.explanations.sides import Said, Side, Sides
from closedform.explanations.tables import Record, Table, figure
from closedform.formula import Feature, Formula, Task
from closedform.ir import Array, Node, Type, substitute
from closedform.length import length
from closedform.ops.payloads import Label, labels_of
from closedform.passes.legible import rewritten
from closedform.passes.simplify import simplified
from closedform.printers.choices import softmax_scores
from closedform.probes.containers import edited
from closedform.shorten.options import number, whole

POINTS = 80
MOST_SHOWN = 500
"""So many rows are drawn as points."""
LEGIBLE = 80
"""Symbols: an equation of more is not spelled."""
HELD = 6
"""So many of the inputs that are held are named."""
APART = "rows differ in what is held, too: not every one is on the side of the line that it lies on"
LEVELS = {"chance": 0.5, "label": 0.5, "score": 0.0}
"""Where a decision turns, by the kind of the target."""


@dataclass(frozen=True, eq=False, repr=False)
class Boundary(Record):
    """What both sides say of a slice through two inputs, and where that crosses a level.

    Attributes:
        target: the number that is explained.
        level: the decision turns where the target crosses it.
        inputs: the names of the two that vary.
        grid: the values of each, shape (points,).
        values: side → the target, shape (points of the second, points of the first).
        held: the other inputs that a side reads, or may, with the value that each is held at.
        equation: the formula's boundary: what is equal to 0 on it; "" where that is too long to
            read, or there is no formula.
        solved: the same for the second input, where it is a straight line; else "".
        disagree: the share of the slice where the sides are on different sides of the level.
        places: rows of the data in these two inputs, shape (rows, 2), and
        above: whether the first side puts them above the level; for the picture alone.
    """

    withheld: ClassVar[tuple[str, ...]] = ("places", "above")

    target: str
    level: float
    inputs: tuple[str, str]
    grid: tuple[Array, Array]
    values: Mapping[str, Array]
    held: Mapping[str, float | str]
    equation: str
    solved: str
    disagree: float
    places: Array
    above: Array

    def tables(self) -> Sequence[Table]:
        """Return the share of the slice above the level, by side, and the equation."""
        rows = tuple((side, float(np.mean(v > self.level))) for side, v in self.values.items())
        notes = []
        if self.held:
            told = [f"{name} = {figure(value)}" for name, value in self.held.items()]
            more = len(told) - HELD
            told = [*told[:HELD], *[f"{more} more at their medians"] * (more > 0)]
            notes.append(f"held: {', '.join(told)}")
        if self.equation:
            notes.append(f"the formula's boundary: {self.solved or f'0 = {self.equation}'}")
        if self.held and len(self.places):
            notes.append(APART)
        if len(self.values) > 1:
            notes.append(f"the two decide differently on {self.disagree:.1%} of the slice")
        title = (f"Where {self.target} crosses {figure(self.level)}, by {self.inputs[0]} and "
                 f"{self.inputs[1]}")  # fmt: skip
        return [Table(title, ("", "share of the slice above"), rows, tuple(notes))]

    def plot(self, ax: Any = None) -> BoundaryDisplay:
        """Draw the slice; see `BoundaryDisplay.plot`."""
        return BoundaryDisplay(self).plot(ax)


class BoundaryDisplay(Display[Boundary]):
    """A slice through two inputs: shades for what the first side says, a line a side, the rows."""

    def plot(self, ax: Any = None) -> BoundaryDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        told = self.found
        ax = new_axes(ax, "drawing a boundary", (7.0, 5.5))
        first = next(iter(told.values.values()))
        if np.isfinite(first).any() and np.nanmin(first) < np.nanmax(first):
            shades = ax.contourf(*told.grid, first, levels=12, cmap="cividis", alpha=0.55)
            ax.figure.colorbar(shades, ax=ax, label=named(told.target, 40))
        for side, values in told.values.items():
            if np.nanmin(values) < told.level < np.nanmax(values):
                ax.contour(*told.grid, values, levels=[told.level], colors=COLOURS[side],
                           linestyles=DASHES[side], linewidths=2)  # fmt: skip
                ax.plot([], [], DASHES[side], color=COLOURS[side], label=f"{side}'s boundary")
        for above, mark, name in ((True, "^", "above"), (False, "v", "below")):
            some = told.places[told.above == above]
            ax.plot(*some.T, mark, color=GREY, markerfacecolor="white" if above else GREY,
                    markersize=4, linestyle="", label=f"rows {name}")  # fmt: skip
        ax.set_xlabel(named(told.inputs[0], across(ax)))
        ax.set_ylabel(named(told.inputs[1], 40))
        ax.set_title(f"Where {told.target} crosses {figure(told.level)}".replace("$", r"\$"),
                     wrap=True)  # fmt: skip
        ax.legend(fontsize="small")
        return self.drawn_on(ax)


def boundary(
    sides: Sides, first: str | int | None = None, second: str | int | None = None, *,
    level: float | None = None, points: int = POINTS,
) -> Boundary:  # fmt: skip
    """Return what both sides say of a slice through two inputs, and where the decision turns.

    Of more than two classes, what is shown is how far the class is ahead of all others.

    Args:
        sides: the model and the formula.
        first, second: names or positions of two inputs that are numbers; default: the two most
            important ones.
        level: where the decision turns; default: a chance of 0.5, a score of 0. Of a regression
            one must be given: where the prediction crosses it.
        points: of the grid, each way.

    Raises:
        BadInput: no such inputs, inputs that are no numbers or have a single value, or no level.
    """
    points = whole("points", points, 2, 1000)
    turn = _turn(sides, level)
    i, j = _pair(sides, first, second)
    typical = [_typical(f, c) for f, c in zip(sides.features, sides.columns, strict=True)]
    base = edited(sides.X, sides.features, np.zeros(1, dtype=int), [dict(enumerate(typical))])
    grid = (_even(sides, i, points), _even(sides, j, points))
    edits = [{i: x, j: y} for y in grid[1].tolist() for x in grid[0].tolist()]
    slice_ = edited(base, sides.features, np.zeros(len(edits), dtype=int), edits)
    values = {s.name: turn.ask(s, slice_).reshape(points, points) for s in sides.sides}
    decided = [v > turn.level for v in values.values()]
    held = {
        f.name: typical[k] for k, f in enumerate(sides.features)
        if k not in (i, j) and _read(sides, f.name)
    }  # fmt: skip
    equation, solved = _spelled(sides, turn.node, typical, (i, j))
    few = sides.some(MOST_SHOWN)
    return Boundary(
        turn.name, turn.level, (sides.features[i].name, sides.features[j].name), grid, values,
        held, equation, solved, float(np.mean(decided[0] != decided[-1])),
        np.column_stack([few.columns[i], few.columns[j]]),
        turn.ask(few.sides[0], few.X) > turn.level,
    )  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """Where a decision turns: a number, the level that it crosses, and what is 0 there.

    Attributes:
        name: of the number.
        level: the one that it crosses.
        ask: a side and rows → the number, shape (rows,).
        node: of the formula, what is 0 where the decision turns; None where there is none.
    """

    name: str
    level: float
    ask: Callable[[Side, Any], Array]
    node: Node | None


def _turn(sides: Sides, level: float | None) -> Turn:
    """Return where the decision turns.

    Raises:
        BadInput: the level is no number, or there is none.
    """
    target, task, formula = sides.target, sides.task, sides.formula
    if level is None and target.kind not in LEVELS:
        raise BadInput(
            f"{target.name} is a number: it decides nothing by itself.",
            hint="Give level=…: the boundary is where the prediction crosses it.",
        )
    known = {} if formula is None else formula.outputs
    many = task.probability if target.output in task.probability else task.decision
    if level is None and target.kind in ("chance", "score") and len(many) > 2:
        others = [n for n in many if n != target.output]
        scores = _scores_of(known, task, many)
        node = _ahead(scores, target.output, others)
        ask = lambda side, X: _lead(side.said(X, many), target.output, others)  # noqa: E731
        return Turn(f"the lead of {target.name} over the next class", 0.0, ask, node)
    if level is None:
        at = LEVELS.get(target.kind, 0.0)
    else:
        at = number("level", level, "a number, as 0.5", least=-np.inf)
    score = task.decision[0] if level is None and len(task.decision) == 1 else None
    node = known.get(score) if score is not None else sides.node
    if node is not None and node.op is ops.SIGMOID and at == LEVELS["chance"]:
        node = node.args[0]
    elif node is not None and score is None:
        node = ops.lin(-at, (1, node))
    return Turn(target.name, at, sides.ask, node)


def _lead(said: Said, own: str, others: Sequence[str]) -> Array:
    return np.asarray(said[own] - np.max([said[name] for name in others], axis=0), dtype=float)


def _ahead(scores: Mapping[str, Node], own: str, others: Sequence[str]) -> Node | None:
    if own not in scores:
        return None
    return ops.lin(0, (1, scores[own]), (-1, ops.maximum(*(scores[name] for name in others))))


def _scores_of(known: Mapping[str, Node], task: Task, many: Sequence[str]) -> Mapping[str, Node]:
    """Return, by the names of chances, nodes that are in the same order as these, the simplest."""
    if len(task.decision) == len(many) and all(name in known for name in task.decision):
        return {name: known[score] for name, score in zip(many, task.decision, strict=True)}
    if any(name not in known for name in many):
        return {}
    nodes = [known[name] for name in many]
    return dict(zip(many, softmax_scores(nodes) or nodes, strict=True))


def _read(sides: Sides, name: str) -> bool:
    """Tell whether any side reads an input, or may."""
    formulas = [side.formula for side in sides.sides]
    return any(f is None or name in {f.inputs[k].name for k in f.used} for f in formulas)


def _pair(sides: Sides, first: Any, second: Any) -> tuple[int, int]:
    given = [None if name is None else sides.position(name) for name in (first, second)]
    for i in given:
        if i is not None and not _varies(sides, i):
            raise BadInput(
                f"{sides.features[i].name!r} is no number that varies: there is no slice along it.",
                hint="Give another input.",
            )
    if None in given:
        order = importance(sides, repeats=1, seconds=2.0).order.tolist()
        rest = [i for i in order if _varies(sides, i) and i not in given]
        given = [rest.pop(0) if i is None and rest else i for i in given]
    if None in given or given[0] == given[1]:
        raise BadInput(
            "A slice needs two different inputs that are numbers and vary.",
            hint='Name them: boundary("x0", "x1").',
        )
    return int(given[0] or 0), int(given[1] or 0)


def _varies(sides: Sides, i: int) -> bool:
    if sides.features[i].type is not Type.REAL:
        return False
    known = sides.columns[i][np.isfinite(sides.columns[i])]
    return len(known) > 0 and bool(np.ptp(known))


def _even(sides: Sides, i: int, points: int) -> Array:
    known = sides.columns[i][np.isfinite(sides.columns[i])]
    return np.linspace(known.min(), known.max(), points)


def _typical(feature: Feature, column: Array) -> Any:
    """Return the median, a value that was there, or the commonest label; NaN where none was."""
    if feature.type is Type.LABEL:
        codes, counts = np.unique(column, return_counts=True)
        label: Label | None = labels_of(codes[[counts.argmax()]])[0]
        return np.nan if label is None else label
    known = column[np.isfinite(column)]
    return float(np.quantile(known, 0.5, method="inverted_cdf")) if len(known) else np.nan


# --- the equation -------------------------------------------------------------------------------


def _spelled(
    sides: Sides, node: Node | None, typical: Sequence[Any], pair: tuple[int, int]
) -> tuple[str, str]:
    """Return the equation, and solved for the second input where it is a straight line."""
    formula = sides.formula
    if node is None or formula is None:
        return "", ""
    names = [f.name for f in sides.features]
    fixed = {
        ops.input_(k, f.type): _constant(f, typical[names.index(f.name)])
        for k, f in enumerate(formula.inputs)
        if f.name in names and names.index(f.name) not in pair
    }
    (made,) = substitute([node], fixed)
    made = simplified([made])[made]
    if length([made]) > LEGIBLE:
        return "", ""
    (made,) = rewritten([made])
    line = Formula({"turn": made}, formula.inputs)
    text = str(line.to("text", form="line", digits=4, width=100_000))
    return _right(text), _solved(made, formula, names[pair[1]])


def _right(text: str) -> str:
    """Return what stands right of the first `=`."""
    line = next(line for line in text.splitlines() if " = " in line)
    return line.partition(" = ")[2].strip()


def _solved(made: Node, formula: Formula, name: str) -> str:
    if made.op is not ops.LIN or any(a.op is not ops.INPUT for a in made.args):
        return ""
    weights = dict(zip(made.args, made.data.weights.tolist(), strict=True))
    wanted = next((a for a in made.args if formula.inputs[a.data].name == name), None)
    if wanted is None or not weights[wanted]:
        return ""
    by = -weights.pop(wanted)
    other = ops.lin(made.data.bias / by, *((w / by, a) for a, w in weights.items()))
    text = Formula({name: other}, formula.inputs).to("text", form="line", digits=4, width=100_000)
    return f"{name} = {_right(str(text))}"


def _constant(feature: Feature, value: Any) -> Node:
    if feature.type is Type.LABEL:
        return ops.label(None if value != value else value)
    return ops.const(value)
