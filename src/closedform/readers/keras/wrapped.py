"""Keras models as estimators of scikit-learn: SciKeras, Keras' own wrappers, a bare model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted
from closedform.formula import Formula, label_above, label_of
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.keras.graph import Graph
from closedform.readers.keras.layer import LiveLayer
from closedform.readers.keras.model import slot_of
from closedform.readers.keras.source import graph_of, traced_model
from closedform.readers.keras.trying import tried
from closedform.readers.keras.walking import MODELS, Value, Walk
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading, unique_names
from closedform.readers.tensors import elementwise, node_of, number
from closedform.readers.torch.elements import NoFormula

FINEST = 64
"""Units of rounding that a network within a pipeline may be off by at least: what the steps before
it give in float64 it takes in float32."""

LABELS = "Fit it with one column of labels, or read model.model_, the network alone."


def read_wrapper(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted wrapper as a formula over the columns that it was trained on.

    Raises:
        NotFitted: it has no network yet.
        UnsupportedModel: a part has no formula.
        BadInput: `names` does not fit.
    """
    network_of(model)
    known = getattr(model, "feature_names_in_", None)
    wide = input_names(names, known, int(model.n_features_in_))
    from closedform.readers.keras.model import _version

    return formula_of(
        lambda columns, reading: predicted(model, columns, reading), wide,
        source=type(model).__name__, reader=_version(),
    )  # fmt: skip


def network_of(model: Any) -> Any:
    """Return the network in a wrapper; a network itself as it is.

    Raises:
        NotFitted: the wrapper has none.
    """
    if hasattr(model, "_flatten_layers"):
        return model
    found = getattr(model, "model_", None)
    if found is None:
        raise NotFitted(
            f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
        )
    return found


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a wrapper, or a network, predicts over some columns."""
    kind = kind_of(model)
    if kind not in ROLES:
        reading.problem(
            f"{type(model).__name__} is no Keras model, nor one of the wrappers that are read.",
            "Give the network itself, or a KerasRegressor, KerasClassifier or SKLearnRegressor.",
        )
        return Prediction.nothing()
    network = network_of(model)
    if kind != "network":
        reading.refuse_missing(columns)
        columns = _encoded(model, columns, reading)
    values = network_values(network, columns, reading)
    return Prediction.nothing() if values is None else ROLES[kind](model, values, reading)


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns | None:
    """Return the columns that a wrapper gives as a transformer; None of any other model."""
    if kind_of(model) != "SKLearnTransformer":
        return None
    made = predicted(model, columns, reading).outputs
    return Columns(tuple(made), tuple(made.values()))


def kind_of(model: Any) -> str:
    """Return which of the known wrappers a model is, "network" for none."""
    if hasattr(model, "_flatten_layers"):
        return "network"
    for parent in type(model).__mro__:
        if parent.__module__.partition(".")[0] in ("scikeras", "keras"):
            return str(parent.__name__)
        if not OVERRIDDEN.isdisjoint(vars(parent)):
            return ""
    return ""


OVERRIDDEN = {"predict", "predict_proba", "transform", "decision_function"}


def _encoded(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Return the columns as SciKeras hands them on."""
    encoder = getattr(model, "feature_encoder_", None)
    plain = type(encoder).__name__ == "FunctionTransformer"
    if encoder is None or (plain and encoder.func is None):
        return columns
    from closedform.readers.sklearn.dispatch import transformed as transform

    return transform(encoder, columns, reading)


def network_values(network: Any, columns: Columns, reading: Reading) -> list[Node] | None:
    """Return what a network gives over some columns; None where it cannot take them."""
    layer = LiveLayer(network)
    try:
        own = layer.kind in MODELS
        graph = graph_of(layer) if own else traced_model(network, np.zeros((1, len(columns))))
    except NoFormula as error:
        reading.problem(f"The network {layer.name!r} cannot be read: {error}.")
        return None
    slots = [slot_of(told) for told, _ in graph.inputs]
    if len(slots) != 1 or slots[0].size != len(columns):
        reading.problem(
            f"The network {layer.name!r} takes {sum(s.size for s in slots)} numbers in "
            f"{len(slots)} tensors, and there are {len(columns)} columns.",
            "In a pipeline, a network takes one tensor with a place for each column.",
        )
        return None
    if slots[0].text:
        reading.problem(f"The network {layer.name!r} takes text.", "Read it alone.")
        return None
    row = np.empty(slots[0].size, dtype=object)
    row[:] = columns.nodes
    given = row.reshape(1, *slots[0].shape)
    given = elementwise(t.truncated, given) if slots[0].whole else given
    count = len(reading.problems)
    whole = frozenset(given.ravel().tolist()) if slots[0].whole else frozenset()
    made = Walk(reading, whole).run(graph, [Value(given)])
    if len(reading.problems) > count:
        return None
    values = [node_of(number(x)) for v in made for x in v.tensor.ravel().tolist()]
    _note_rounding(network, graph, values, reading)
    return values


def _note_rounding(network: Any, graph: Graph, values: list[Node], reading: Reading) -> None:
    """Measure the network's own rounding on its own inputs, and see that it is read rightly."""
    alone = Reading(tuple(f"x{i}" for i in range(slot_of(graph.inputs[0][0]).size)))
    slot = slot_of(graph.inputs[0][0])
    row = np.empty(slot.size, dtype=object)
    row[:] = alone.columns().nodes
    whole = frozenset(row.tolist()) if slot.whole else frozenset()
    made = Walk(alone, whole).run(graph, [Value(row.reshape(1, *slot.shape))])
    outputs = [node_of(number(x)) for v in made for x in v.tensor.ravel().tolist()]
    trial = tried(network, outputs, [slot], None)
    reading.rounds(values, trial.dtype if trial.dtype != "float64" else "float32",
                   max(FINEST, 4 * trial.ulps))  # fmt: skip


# --- what the values mean -----------------------------------------------------------------------


def _regression(model: Any, values: list[Node], reading: Reading) -> Prediction:
    return Prediction.of_values(values)


def _scikeras(model: Any, values: list[Node], reading: Reading) -> Prediction:
    """KerasRegressor: the network's values, if the target is not transformed otherwise."""
    name = type(model.target_encoder_).__name__
    if name == "FunctionTransformer" and model.target_encoder_.func is None:
        return Prediction.of_values(values)
    if name != "RegressorTargetEncoder":
        reading.problem(
            f"The {type(model).__name__} has a target encoder of its own ({name}).",
            "Put a TransformedTargetRegressor around it instead, or read model.model_.",
        )
    return Prediction.of_values(values)


def _classification(model: Any, values: list[Node], reading: Reading) -> Prediction:
    """KerasClassifier: of one value the chance of the second class, else one for each."""
    encoder = model.target_encoder_
    kind = getattr(encoder, "_target_type", None)
    if type(encoder).__name__ != "ClassifierLabelEncoder" or kind not in ("binary", "multiclass"):
        reading.problem(
            f"The {type(model).__name__} has targets of the kind {kind!r}, which are not read.",
            LABELS,
        )
        return Prediction.nothing()
    classes = [c.item() if isinstance(c, np.generic) else c for c in model.classes_]
    if kind == "binary" and len(values) == 1:
        chance = [ops.lin(1, (-1, values[0])), values[0]]
        label = label_above(values[0], 0.5, classes)
        return Prediction.of_classes(classes, label=label, link="none", probability=chance)
    if len(values) != len(classes):
        reading.problem(
            f"The network gives {len(values)} values for {len(classes)} classes.", LABELS
        )
        return Prediction.nothing()
    return Prediction.of_classes(
        classes, label=label_of(values, classes), link="none", probability=values
    )


def _scores(model: Any, values: list[Node], reading: Reading) -> Prediction:
    """SKLearnClassifier: the class of the greatest value, by a OneHotEncoder backwards."""
    classes = [c.item() if isinstance(c, np.generic) else c for c in model.classes_]
    if len(values) != len(classes):
        reading.problem(
            f"The network gives {len(values)} values for {len(classes)} classes.", LABELS
        )
        return Prediction.nothing()
    return Prediction.of_classes(
        classes, label=label_of(values, classes), link="none", decision=values
    )


def _columns(model: Any, values: list[Node], reading: Reading) -> Prediction:
    names = unique_names([f"y{i}" for i in range(len(values))])
    return Prediction.of_columns(Columns(tuple(names), tuple(values)))


ROLES: dict[str, Callable[[Any, list[Node], Reading], Prediction]] = {
    "network": _regression,
    "KerasRegressor": _scikeras,
    "KerasClassifier": _classification,
    "SKLearnRegressor": _regression,
    "SKLearnClassifier": _scores,
    "SKLearnTransformer": _columns,
}
"""Class of a wrapper → what the values of its network are."""
