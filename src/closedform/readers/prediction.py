"""What a predictor gives: named outputs and the task that says what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedform.formula import Task, label_above, label_of
from closedform.ir import Node
from closedform.readers.reading import Columns


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
    def of_values(cls, values: Sequence[Node], link: str = "identity") -> Prediction:
        """Return a regression: `y`, or `y0`, `y1` … where there are several."""
        names = ["y"] if len(values) == 1 else [f"y{i}" for i in range(len(values))]
        task = Task("regression", link=link, primary=tuple(names))
        return cls(dict(zip(names, values, strict=True)), task)

    @classmethod
    def of_columns(cls, columns: Columns) -> Prediction:
        """Return a transformer's columns as outputs."""
        task = Task("transform", primary=columns.names)
        return cls(dict(columns), task)

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
        chance = tuple(f"P({c})" for c in classes) if probability else ()
        score = tuple(f"decision({c})" for c in classes) if len(decision) > 1 else ("decision",)
        score = score if decision else ()
        outputs = {"label": label}
        outputs |= dict(zip(chance, probability, strict=True))
        outputs |= dict(zip(score, decision, strict=True))
        task = Task("classification", tuple(classes), link, ("label",), chance, score)
        return cls(outputs, task)


def highest(scores: Sequence[Node], classes: Sequence[Any]) -> Node:
    """Return the class of the highest score; of two classes and one score, by its sign."""
    if len(scores) == 1:
        return label_above(scores[0], 0.0, classes)
    return label_of(scores, classes)
