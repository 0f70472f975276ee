"""What a predictor gives: named outputs and the task that says what each of them is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula, Task, label_above, label_of, output_names
from closedform.ir import Node
from closedform.ops.payloads import chance_names
from closedform.readers.reading import Columns, Reading, Retype, unique_names


@dataclass(frozen=True)
class Prediction:
    """The outputs of a predictor, and their roles."""

    outputs: dict[str, Node]
    task: Task

    @classmethod
    def nothing(cls) -> Prediction:
        """Return what stands for a predictor that cannot be read."""
        return cls({}, Task())

    @classmethod
    def of_values(
        cls, values: Sequence[Node], link: str = "identity", deviation: Sequence[Node] = ()
    ) -> Prediction:
        """Return a regression: `y`, or `y0`, `y1` … where there are several.

        Args:
            values: the predicted values.
            link: how scores become values: identity, log, logit.
            deviation: the standard deviation of each, where the model gives it: `std`, or `std0` …
        """
        names = value_names(values)
        spread = tuple(f"std{name[1:]}" for name in names) if deviation else ()
        task = Task("regression", link=link, primary=names, deviation=spread)
        return cls(dict(zip((*names, *spread), (*values, *deviation), strict=True)), task)

    @classmethod
    def of_columns(cls, columns: Columns) -> Prediction:
        """Return a transformer's columns as outputs."""
        names = unique_names(columns.names)
        task = Task("transform", primary=tuple(names))
        return cls(dict(zip(names, columns.nodes, strict=True)), task)

    @classmethod
    def of_classes(
        cls, classes: Sequence[Any], *, label: Node, link: str,
        probability: Sequence[Node] = (), decision: Sequence[Node] = (),
    ) -> Prediction:  # fmt: skip
        """Return a classification: `label`, `P(class)` … and `decision` or `decision(class)` …

        Args:
            classes: the labels, in the model's order.
            label: the predicted class.
            link: how scores become probabilities: logit, softmax, ovr, vote, none.
            probability: one node for each class, or none where the model gives none.
            decision: what `decision_function` gives: one node (binary) or one for each class.
        """
        chance = chance_names(classes) if probability else ()
        score = score_names(classes, len(decision))
        outputs = {"label": label}
        outputs |= dict(zip(chance, probability, strict=True))
        outputs |= dict(zip(score, decision, strict=True))
        task = Task("classification", tuple(classes), link, ("label",), chance, score)
        return cls(outputs, task)

    @classmethod
    def of_labels(cls, parts: Sequence[Prediction]) -> Prediction:
        """Return a classification of several labels: `label0`, `P0(class)`, `decision0` …

        Args:
            parts: the prediction of each label, in the order of predict's columns.
        """
        marked = [part._marked(i) for i, part in enumerate(parts)]
        tasks = tuple(part.task for part in marked)
        links = {task.link for task in tasks}
        task = Task(
            "classification",
            link=links.pop() if len(links) == 1 else "none",
            primary=tuple(name for t in tasks for name in t.primary),
            probability=tuple(name for t in tasks for name in t.probability),
            decision=tuple(name for t in tasks for name in t.decision),
            parts=tasks,
        )
        return cls({name: n for part in marked for name, n in part.outputs.items()}, task)

    def _marked(self, i: int) -> Prediction:
        """Return the same outputs under the names that label number i has: `P(a)` is `P0(a)`."""

        def new(name: str) -> str:
            head, bracket, rest = name.partition("(")
            return f"{head}{i}{bracket}{rest}"

        task = replace(
            self.task,
            primary=tuple(map(new, self.task.primary)),
            probability=tuple(map(new, self.task.probability)),
            decision=tuple(map(new, self.task.decision)),
        )
        return Prediction({new(name): n for name, n in self.outputs.items()}, task)

    def with_chance(self, i: int) -> Prediction:
        """Return the prediction of one label with the probability of its class number i alone."""
        if not self.task.probability:
            return self
        kept = self.task.probability[i]
        dropped = set(self.task.probability) - {kept}
        outputs = {name: n for name, n in self.outputs.items() if name not in dropped}
        return Prediction(outputs, replace(self.task, probability=(kept,)))

    def nodes(self, role: str) -> list[Node]:
        """Return the outputs of one role: "primary", "probability" or "decision"."""
        return [self.outputs[name] for name in getattr(self.task, role)]


def formula_of(
    predict: Callable[[Columns, Reading], Prediction], names: Sequence[str], *,
    source: str, reader: str,
) -> Formula:  # fmt: skip
    """Return what a model predicts over raw inputs of some names.

    `predict` is called again where an input turns out to hold labels.

    Raises:
        UnsupportedModel: with every problem found.
    """
    labels: set[int] = set()
    while True:
        reading = Reading(tuple(names), labels)
        try:
            made = predict(reading.columns(), reading)
        except Retype:
            continue
        return reading.formula(made.outputs, made.task, source, reader)


def named_apart(formula: Formula) -> Formula:
    """Return a regression's formula with outputs f, or f0, f1 …, where an input has their names."""
    task, inputs = formula.task, [f.name for f in formula.inputs]
    ends = [name[1:] for name in task.primary if re.fullmatch(r"y\d*", name)]
    own = task.kind == "regression" and len(ends) == len(task.primary)
    if not own or set(task.primary).isdisjoint(inputs):
        return formula
    new = dict(zip(task.primary, output_names(inputs, ends), strict=True))
    outputs = {new.get(name, name): node for name, node in formula.outputs.items()}
    return replace(formula, outputs=outputs, task=replace(task, primary=tuple(new.values())))


def element_names(slots: Sequence[tuple[str, tuple[int, ...]]]) -> list[str]:
    """Return a name for each element of some tensors: x0, x1 … of a flat one that is alone.

    Args:
        slots: the name and the shape of each tensor.
    """
    if len(slots) == 1 and len(slots[0][1]) == 1:
        return [f"x{i}" for i in range(slots[0][1][0])]
    return unique_names(
        [
            f"{name}[{','.join(map(str, at))}]" if at else name
            for name, shape in slots
            for at in np.ndindex(*shape)
        ]
    )


def input_names(
    names: Sequence[str] | None, known: Sequence[str] | None, width: int
) -> tuple[str, ...]:
    """Return the names of a model's inputs: given, its own, or x0, x1 …

    Raises:
        BadInput: not as many were given as there are inputs.
    """
    if names is None:
        return tuple(str(n) for n in known) if known else tuple(f"x{i}" for i in range(width))
    if len(names) != width:
        raise BadInput(
            f"{len(names)} names were given for {width} inputs.",
            hint="There is one for each element of a row, in the order of the model.",
        )
    return tuple(str(n) for n in names)


def output_name(name: str, at: tuple[int, ...], size: int) -> str:
    """Return the name of one element of a tensor that a network gives: y0, y1 …, `size[0,1]`."""
    if size == 1:
        return name
    inner = ",".join(map(str, at))
    return f"{name}{inner}" if len(at) == 1 and name == "y" else f"{name}[{inner}]"


def value_names(values: Sequence[Node]) -> tuple[str, ...]:
    """Return the names of a regression's outputs: `y`, or `y0`, `y1` …"""
    return ("y",) if len(values) == 1 else tuple(f"y{i}" for i in range(len(values)))


def score_names(classes: Sequence[Any], count: int) -> tuple[str, ...]:
    """Return the names of `count` decision values: none, one for all classes, or one for each."""
    return tuple(f"decision({c})" for c in classes) if count > 1 else ("decision",) * count


def highest(scores: Sequence[Node], classes: Sequence[Any]) -> Node:
    """Return the class of the highest score; of two classes and one score, by its sign."""
    if len(classes) == 1:
        return ops.label(classes[0])
    if len(scores) == 1:
        return label_above(scores[0], 0.0, classes)
    return label_of(scores, classes)


def label_from(score: Node, cut: float, classes: Sequence[Any]) -> Node:
    """Return classes[1] where score >= cut, classes[0] elsewhere."""
    reached = ops.less_equal(ops.const(cut), score)
    return ops.where(reached, ops.label(classes[1]), ops.label(classes[0]))
