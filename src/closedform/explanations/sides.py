"""What is explained: a model and a formula, asked about the same rows for the same number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import Plan, columns_for, fill
from closedform.formula import Feature, Formula, Task
from closedform.frontiers.observed import observed_of
from closedform.frontiers.subject import formula_of
from closedform.ir import Array, Node
from closedform.ops.payloads import Label
from closedform.probes.containers import Edits, edited, first_rows, recombined, take
from closedform.shorten.asked import TRIED, seconds_a_row, seconds_each
from closedform.shorten.options import refuse_no_formula, seed_of
from closedform.verify.oracle import predictions

MODEL, FORMULA = "model", "formula"
"""The names of the sides."""

MOST, LEAST = 5000, 100
"""Rows that an explanation is made of: with 5,000, a mean is known to 1.4 % of a deviation."""
PER_CELL = 2e-8
"""Seconds for each cell of a row that is put together."""

Said = Mapping[str, Array]


@dataclass(frozen=True)
class Target:
    """The one number that is explained.

    Attributes:
        output: the formula's output that holds it.
        label: of a classifier, the class that it speaks for.
        kind: "prediction", a "chance", a "score" (of a classifier without chances), or the
            "label" itself: 1 where the answer is that class.
        turned: whether the negative of the output is meant: of two classes with a single score,
            that of the first.
    """

    output: str
    label: Label | None = None
    kind: str = "prediction"
    turned: bool = False

    @property
    def name(self) -> str:
        """What an axis is called."""
        return f"the answer {self.label}" if self.kind == "label" else self.output

    def of(self, said: Said) -> Array:
        """Return the number for each row, shape (rows,); NaN where there is no answer."""
        column = said[self.output]
        if self.kind != "label":
            made = np.asarray(column, dtype=float)
            return -made if self.turned else made
        return np.array([np.nan if v is None else float(v == self.label) for v in column.tolist()])


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two that are asked.

    Attributes:
        name: "model" or "formula".
        said: rows, and the names of outputs → what is answered, by these names.
        formula: the formula, of that side.
        model: what was given, of a model.
    """

    name: str
    said: Callable[[Any, Sequence[str]], Said]
    formula: Formula | None = None
    model: Any = None
    _plans: dict[Node, Plan] = field(default_factory=dict, repr=False)

    def plan(self, node: Node) -> Plan:
        """Return how one number of the formula is computed; it is asked for thousands of times."""
        if node not in self._plans:
            self._plans[node] = Plan([node])
        return self._plans[node]


@dataclass(frozen=True, eq=False)
class Sides:
    """A model and a formula, the rows that they are asked about, and what was observed.

    Attributes:
        sides: those that are asked: the model first, where there is one beside the formula.
        features: the inputs, as of the model.
        X: the rows, in the container in which they came.
        columns: the same, one array an input: NaN is missing; of categories, codes.
        rows: how many there are.
        target: the number that is explained.
        task: what is predicted.
        y: what was observed, shape (rows,) or (rows, outputs), None where that is not known.
        source: the model in a few words.
        seed: of everything random.
        notes: what the user should know of y and of the choice of the target.
    """

    sides: tuple[Side, ...]
    features: tuple[Feature, ...]
    X: Any
    columns: tuple[Array, ...]
    rows: int
    target: Target
    task: Task
    y: Array | None = None
    source: str = ""
    seed: int = 0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, model: Any, X: Any, y: Any = None, *, formula: Formula | None = None,
        output: Any = None, seed: int = 0, read_as: Formula | None = None,
    ) -> Sides:  # fmt: skip
        """Read a model, unless it has been read, and choose the number that is explained.

        Args:
            model: a trained model, any function of the rows, or a formula.
            X: rows; some that it was trained on, or better, that it was not.
            y: what was observed there.
            formula: what stands beside the model; default: the exact formula, where it has one.
            output: which number: the name of an output, or a class. Default: the first output; of
                two classes the chance of the second, of more of them that of the commonest answer.
            seed: of everything random.
            read_as: the exact formula of the model, where it has been read.

        Raises:
            BadInput: rows, y, a formula or an output that do not fit the model.
            UnsupportedModel: it can be neither read nor asked.
        """
        refuse_no_formula(formula)
        read, exact = formula_of(model, X) if read_as is None else (read_as, True)
        shown = formula if formula is not None else read if exact else None
        _refuse_other_kind(read, shown)
        columns, rows = columns_of(read.inputs, X, read.needed if exact else None)
        if not rows:
            raise BadInput("There is no row.", hint="Give rows that the model can answer.")
        if formula is not None:
            columns_of(formula.inputs, X, formula.needed)  # refuses another model's, at once
        observed, notes = observed_of(y, rows, read)
        sides = []
        if shown is not model:
            sides.append(Side(MODEL, _asking(model, read), read if exact else None, model))
        if shown is not None:
            sides.append(Side(FORMULA, _asking(shown, read), shown))
        target = target_of(read, sides[0], X, output)
        if output is None and target.label is not None and len(read.task.classes) > 2:
            notes = [*notes, f"of {len(read.task.classes)} classes {target.label} is explained, "
                     "the model's commonest answer; output picks another"]  # fmt: skip
        return cls(tuple(sides), read.inputs, X, tuple(columns), rows, target, read.task,
                   observed, read.source, seed_of(seed), tuple(notes))  # fmt: skip

    def __getitem__(self, name: str) -> Side | None:
        """Return a side by its name; None if it is not there."""
        return next((side for side in self.sides if side.name == name), None)

    @property
    def formula(self) -> Formula | None:
        """The formula that is explained, None if there is none."""
        side = self[FORMULA]
        return None if side is None else side.formula

    @property
    def node(self) -> Node | None:
        """The formula's node of the target; None without a formula, or for a label."""
        if self.formula is None or self.target.kind == "label":
            return None
        own = self.formula.outputs[_own(self.formula, self.target.output)]
        return ops.lin(0.0, (-1.0, own)) if self.target.turned else own

    def ask(self, side: Side, X: Any) -> Array:
        """Return what one side says of rows: the target's number, shape (rows,)."""
        return self.target.of(side.said(X, [self.target.output]))

    def recombined(self, side: Side, cells: Array) -> Array:
        """Return what one side says of rows put together from cells of the rows.

        Args:
            side: who is asked.
            cells: from which row each cell comes, shape (new rows, inputs): what is asked is made
                of values that were there, whatever they are.
        """
        node = self.node
        if node is not None and self._reads_columns(side):
            moved = [c[cells[:, i]] for i, c in enumerate(self.columns)]
            plan = side.plan(node)
            made = columns_for(plan, len(cells))
            fill(plan, moved, None, range(len(cells)), made)
            return made[0]
        return self.ask(side, recombined(self.X, self.features, cells))

    def _reads_columns(self, side: Side) -> bool:
        formula = side.formula if side.name == FORMULA else None
        return formula is not None and formula.refused is None and formula.inputs == self.features

    def edited(self, side: Side, picked: Array, edits: Sequence[Edits]) -> Array:
        """Return what one side says of rows some of whose values are replaced; see `edited`."""
        return self.ask(side, edited(self.X, self.features, picked, edits))

    def part(self, picked: Array) -> Sides:
        """Return the same with some of the rows."""
        return replace(
            self, X=take(self.X, picked), columns=tuple(c[picked] for c in self.columns),
            rows=len(picked), y=None if self.y is None else self.y[picked],
        )  # fmt: skip

    @property
    def model(self) -> Any:
        """What was given to be explained: the model, or a formula alone."""
        first = self.sides[0]
        return first.formula if first.model is None else first.model

    @property
    def names(self) -> list[str]:
        """The names of the inputs."""
        return [feature.name for feature in self.features]

    def position(self, given: Any) -> int:
        """Return which input is meant by a name, or by its number.

        Raises:
            BadInput: there is no such input.
        """
        names = self.names
        if isinstance(given, str) and given in names:
            return names.index(given)
        whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
        if not whole or not -len(names) <= given < len(names):
            raise BadInput(
                f"The model has no input {given!r}.", hint=f"Its inputs are: {', '.join(names)}."
            )
        return int(given) % len(names)

    def reads(self, side: Side, i: int) -> bool:
        """Tell whether a side may read an input: a formula surely does not read some."""
        formula = side.formula if side.name == FORMULA else None
        if formula is None:
            return True
        name = self.features[i].name
        return any(formula.inputs[k].name == name for k in formula.used)

    def affordable(self, asks: float, seconds: float, most: int = MOST) -> int:
        """Return how many rows can be asked about so many times in some seconds.

        Args:
            asks: how many rows are asked about for each row, of each side.
            seconds: the time for it; how long an answer takes is tried out on some rows.
            most: no more rows than that, nor than there are.
        """
        most = min(most, self.rows)
        return int(np.clip(seconds / (asks * self.seconds), min(LEAST, most), most))

    @property
    def seconds(self) -> float:
        """About how long all sides together take for a row, among many."""
        return sum(self._seconds(side) + PER_CELL * len(self.features) for side in self.sides)

    def _seconds(self, side: Side) -> float:
        """Return about how long a side takes for a row, among many; a model is tried out once."""
        if side.name == FORMULA and side.formula is not None:
            return seconds_a_row(side.formula)
        if side not in _TRIED:
            _TRIED[side] = seconds_each(
                lambda rows: self.ask(side, first_rows(self.X, rows)), min(TRIED, self.rows)
            )
        return _TRIED[side]

    def drawn(self, count: int, *, seed: int = 0) -> Array:
        """Return the numbers of at most `count` rows, drawn at random where there are more."""
        if self.rows <= count:
            return np.arange(self.rows)
        random = np.random.default_rng([self.seed, seed])
        return np.sort(random.choice(self.rows, count, replace=False))

    def some(self, count: int, *, seed: int = 0) -> Sides:
        """Return the same with at most `count` rows, drawn at random where there are more."""
        return self if self.rows <= count else self.part(self.drawn(count, seed=seed))


_TRIED: WeakKeyDictionary[Side, float] = WeakKeyDictionary()
"""How long models take for a row, in seconds."""


def _refuse_other_kind(read: Formula, shown: Formula | None) -> None:
    if shown is not None and read.task.kind == "classification" != shown.task.kind:
        raise BadInput(
            "The model gives classes, and the formula beside it a number: it may be log-odds, or "
            "anything.",
            hint="Give a formula with classes, as cf.frontier and cf.distill find them.",
        )


def _asking(model: Any, read: Formula) -> Callable[[Any, Sequence[str]], Said]:
    part = cache(model.only if isinstance(model, Formula) else read.only)
    if isinstance(model, Formula):

        def said(X: Any, names: Sequence[str]) -> Said:
            own = [_own(model, n) for n in names]
            found = part(*dict.fromkeys(own)).evaluate(X)
            return {n: found[o] for n, o in zip(names, own, strict=True)}

        return said
    return lambda X, names: predictions(part(*names), model, X)


def _own(formula: Formula, output: str) -> str:
    """Return what a formula calls an output of the model: one with a single answer, that.

    Raises:
        BadInput: it has no such output.
    """
    if output not in formula.outputs and len(formula.answer) == 1:
        return formula.answer[0]
    if output not in formula.outputs:
        raise BadInput(
            f"The formula has no output {output!r}.",
            hint="Its outputs are: " + ", ".join(formula.outputs) + ".",
        )
    return output


def target_of(formula: Formula, asked: Side, X: Any, output: Any) -> Target:
    """Return the number that is explained.

    Args:
        formula: the model's, or one with its outputs alone.
        asked: who is asked for the commonest class.
        X: the rows.
        output: as of `Sides.of`.

    Raises:
        BadInput: there is no such output or class.
    """
    task, names = formula.task, tuple(formula.outputs)
    if task.kind != "classification" or not task.classes:
        return _of_output(formula, output)
    if isinstance(output, str) and output in names and output not in task.classes:
        return _of_class(task, names, task.classes[-1]) if output in task.primary else (
            _of_output(formula, output))  # fmt: skip
    if output is not None and output not in task.classes:
        raise BadInput(
            f"output={output!r} is neither an output nor a class.",
            hint="Give one of the classes " + ", ".join(map(repr, task.classes)) + ".",
        )
    if output is not None:
        return _of_class(task, names, output)
    if len(task.classes) <= 2 or not task.primary:
        return _of_class(task, names, task.classes[-1])
    said = asked.said(X, task.primary[:1])[task.primary[0]].tolist()
    return _of_class(task, names, max(task.classes, key=said.count))


def _of_output(formula: Formula, output: Any) -> Target:
    if output is None:
        return Target(formula.answer[0])
    if output not in formula.outputs:
        raise BadInput(
            f"output={output!r} is no output of the model.",
            hint="Give one of " + ", ".join(map(repr, formula.outputs)) + ".",
        )
    return Target(str(output))


def _of_class(task: Task, names: Sequence[str], label: Label) -> Target:
    at = task.classes.index(label)
    if len(task.probability) == len(task.classes) and task.probability[at] in names:
        return Target(task.probability[at], label, "chance")
    if len(task.decision) == len(task.classes) and task.decision[at] in names:
        return Target(task.decision[at], label, "score")
    if len(task.decision) == 1 and len(task.classes) == 2 and at and task.decision[0] in names:
        return Target(task.decision[0], label, "score")
    return Target(task.primary[0], label, "label")
