"""scikit-learn's neural networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closedform.families.additive import complement
from closedform.families.network import Layer, Network
from closedform.formula import label_above
from closedform.ir import Node
from closedform.ops.payloads import chance_names
from closedform.readers.prediction import Prediction, highest, value_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import YES_OR_NO, class_labels, is_indicator

LINK_OF = {"identity": "identity", "exp": "log", "logistic": "logit", "softmax": "softmax"}
"""From the activation of the last layer to the link that it inverts."""


def mlp_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Layers of weights and activations; the last one is the identity, or exp (poisson)."""
    before, values = _layers(model, columns, reading)
    _note_link(model, reading, before, values, value_names(values))
    return Prediction.of_values(values, LINK_OF[model.out_activation_])


def mlp_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """One sigmoid, whose class is the second one above 0.5, or the highest of a softmax."""
    before, values = _layers(model, columns, reading)
    if is_indicator(model):
        return Prediction.of_labels([_one_of_many(p) for p in values])
    classes = class_labels(model)
    chances = values if len(values) > 1 else [complement(values[0]), values[0]]
    chances = chances[: len(classes)]
    _note_link(model, reading, before, chances, chance_names(classes))
    two = len(values) == 1 and len(classes) == 2
    return Prediction.of_classes(
        classes,
        label=label_above(values[0], 0.5, classes) if two else highest(chances, classes),
        link=LINK_OF[model.out_activation_],
        probability=chances,
    )


def _one_of_many(chance: Node) -> Prediction:
    """Return one label of several, whose chance to be 1 is all that predict_proba gives."""
    label = label_above(chance, 0.5, YES_OR_NO)
    both = [complement(chance), chance]
    made = Prediction.of_classes(YES_OR_NO, label=label, link="logit", probability=both)
    return made.with_chance(1)


def _layers(model: Any, columns: Columns, reading: Reading) -> tuple[list[Node], list[Node]]:
    """Return the last layer before and after its activation, the hidden ones being named."""
    last = len(model.coefs_) - 1
    kinds = [model.activation] * last + [model.out_activation_]
    parts = zip(model.coefs_, model.intercepts_, kinds, strict=True)
    made = Network(tuple(Layer.of(w.T, b, kind) for w, b, kind in parts)).nodes(columns.nodes)
    for i, (before, after) in enumerate(made[:last], 1):
        reading.name(f"h{i}_", after)
        if model.activation != "identity":
            names = [f"h{i}_{j}" for j in range(1, len(after) + 1)]
            reading.stage(model.activation, "activation", _named(names, before),
                          _named(names, after))  # fmt: skip
    return made[last]


def _note_link(
    model: Any, reading: Reading, before: Sequence[Node], after: Sequence[Node],
    names: Sequence[str],
) -> None:  # fmt: skip
    link = LINK_OF[model.out_activation_]
    if link != "identity":
        scores = [f"score({n})" for n in names[-len(before) :]]
        reading.stage(link, "link", _named(scores, before), _named(names, after))


def _named(names: Sequence[str], nodes: Sequence[Node]) -> Columns:
    return Columns(tuple(names), tuple(nodes))


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "MLPRegressor": mlp_regressor,
    "MLPClassifier": mlp_classifier,
}
