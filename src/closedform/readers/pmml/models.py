"""The models of a PMML file: which module reads which, and what stands around each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from closedform import ops
from closedform.ir import Type
from closedform.readers.pmml.anomalies import anomaly_model
from closedform.readers.pmml.bayes import naive_bayes
from closedform.readers.pmml.clusters import clustering_model
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.expressions import derive
from closedform.readers.pmml.fields import (
    TARGET,
    DataField,
    mining_fields,
    treated,
)
from closedform.readers.pmml.general_regression import general_regression
from closedform.readers.pmml.mining import Inner, mining_model
from closedform.readers.pmml.neighbours import nearest_neighbours
from closedform.readers.pmml.network import neural_network
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.processes import gaussian_process
from closedform.readers.pmml.regression import regression_model
from closedform.readers.pmml.rules import rule_set
from closedform.readers.pmml.scope import Scope, Work
from closedform.readers.pmml.scorecard import scorecard
from closedform.readers.pmml.targets import outputs, targeted
from closedform.readers.pmml.trees import tree_model
from closedform.readers.pmml.values import Unread, Value
from closedform.readers.pmml.vector_machine import vector_machine

DEEPEST = 40
"""Models in models."""


@dataclass(frozen=True)
class Around:
    """What a model needs to know besides what it sees.

    Attributes:
        fields: the data dictionary.
        target: the name of the target field; "" where there is none.
        depth: how many models it stands in.
    """

    fields: Mapping[str, DataField]
    target: str
    depth: int

    @property
    def dtype(self) -> str:
        """The type of the target: text where nothing says otherwise."""
        field = self.fields.get(self.target)
        return "string" if field is None else field.dtype

    @property
    def ordinal(self) -> bool:
        """Whether the classes of the target are in order."""
        field = self.fields.get(self.target)
        return field is not None and field.optype == "ordinal"

    @property
    def categories(self) -> tuple[str, ...]:
        """The values of the target, in the order of the data dictionary."""
        field = self.fields.get(self.target)
        return () if field is None else field.valid

    def seeds(self) -> dict[str, tuple[str, ...]]:
        """Return the valid values of each field."""
        return {name: f.valid for name, f in self.fields.items()}


Reader = Callable[[Element, Scope, Around], Outcome]


def outcome_of(model: Element, scope: Scope, around: Around) -> tuple[Outcome, Scope]:
    """Return what a model gives, and the scope in which its output fields stand.

    What cannot be read is noted as a problem, and something missing stands for it.
    """
    if around.depth > DEEPEST:
        raise ValueError(f"models in models, {around.depth} deep")
    target = _target(model, around)
    around = replace(around, target=target)
    inner, work = scope.inner(), scope.work
    if around.depth:
        _treat_again(model, scope, inner, around.fields)
    derive(model.within("LocalTransformations"), inner)
    before, work.single = work.single, model.get("x-mathContext") == "float"
    try:
        made = targeted(model, target, _read(model, inner, around), work.single)
        _note_rounding(model, made, work)
        made = _as_declared(model, made, around)
    except Unread as problem:
        work.reading.problem(problem.what, problem.hint)
        made = Outcome("regression", ops.const(float("nan")))
    work.single = before
    outputs(model, made, inner)
    return made, inner


def _as_declared(model: Element, made: Outcome, around: Around) -> Outcome:
    """Return a number as the float32 that its target is declared as."""
    single = around.dtype == "float" and bool(mining_fields(model, TARGET))
    if made.kind != "regression" or not single or made.value.op in (ops.SUM32, ops.ROUND32):
        return made
    return replace(made, value=ops.round32(made.value))


FINE = ("TreeModel", "MiningModel")
"""Models that are read with the float32 of their sums; of others it is noted."""


def _note_rounding(model: Element, made: Outcome, work: Work) -> None:
    """Note that a model computes in float32: each predictor and function adds a rounding."""
    if work.single and model.tag not in FINE:
        predictors = sum(len(t.children) for t in model.all("RegressionTable", "NeuralLayer"))
        nodes = [made.value, *made.chances.values()]
        numbers = [n for n in nodes if n.type is not Type.LABEL]
        work.reading.rounds(numbers, "float32", ULPS + predictors)


ULPS = 8
"""A float32 exp, sum and division are each off by 1 or 2, and a share of classes by their sum."""


def _target(model: Element, around: Around) -> str:
    found = [f.need("name") for f in mining_fields(model, TARGET)]
    if len(found) > 1:
        # Several targets: the one that the data dictionary knows first.
        found = [n for n in found if n in around.fields] or found
    if found or not around.depth or around.target not in around.fields:
        return found[0] if found else ""
    # A step of a chain without a target of its own may give classes where the whole gives numbers.
    numeric = around.fields[around.target].optype == "continuous"
    alike = numeric is (model.get("functionName") == "regression")
    return around.target if alike else ""


def _treat_again(
    model: Element, outer: Scope, inner: Scope, fields: Mapping[str, DataField]
) -> None:
    """Apply the mining schema of a model inside another one, where it says something of its own."""
    for element in mining_fields(model):
        name = element.need("name")
        own = set(element.attributes) - {"name", "usageType", "importance", "optype",
                                         "missingValueTreatment"}  # fmt: skip
        plain = element.get("invalidValueTreatment", "returnInvalid") in ("returnInvalid", "asIs")
        own -= {"invalidValueTreatment"} if plain else set()
        own -= {"outliers"} if element.get("outliers", "asIs") == "asIs" else set()
        if own & {"missingValueReplacement", "outliers", "invalidValueTreatment"}:
            inner.later(name, (), _again(element, fields.get(name), outer, plain))
    if inner.pending:  # fields that all models share are computed from what this one sees
        derive([e for e in outer.work.shared if e.get("name") not in inner.pending], inner)


def _again(
    element: Element, field: DataField | None, outer: Scope, plain: bool
) -> Callable[[], Value]:
    known = None if plain else field  # what was invalid has been refused outside

    def make() -> Value:
        return treated(element, known, outer.value(element.need("name")), outer)

    return make


def _read(model: Element, scope: Scope, around: Around) -> Outcome:
    if model.tag not in MODELS:
        why = WITHOUT.get(model.tag, "it is no model of PMML that is known here")
        raise Unread(f"A {model.tag} has no formula here: {why}.",
                     "Distil the model that it stands for, or export another one.")  # fmt: skip
    return MODELS[model.tag](model, scope, around)


def _inner(around: Around) -> Inner:
    def read(element: Element, within: Scope) -> tuple[Outcome, Scope]:
        return outcome_of(element, within, replace(around, depth=around.depth + 1))

    return read


MODELS: dict[str, Reader] = {
    "TreeModel": lambda m, s, a: tree_model(m, s, a.dtype, a.seeds()),
    "RegressionModel": lambda m, s, a: regression_model(m, s, a.dtype, a.ordinal),
    "GeneralRegressionModel": lambda m, s, a: general_regression(m, s, a.dtype, a.categories),
    "MiningModel": lambda m, s, a: mining_model(m, s, a.dtype, _inner(a), a.categories),
    "NeuralNetwork": lambda m, s, a: neural_network(m, s, a.dtype, a.target),
    "SupportVectorMachineModel": lambda m, s, a: vector_machine(m, s, a.dtype, a.categories),
    "NaiveBayesModel": lambda m, s, a: naive_bayes(m, s, a.dtype),
    "ClusteringModel": lambda m, s, a: clustering_model(m, s),
    "NearestNeighborModel": lambda m, s, a: nearest_neighbours(m, s, a.dtype, a.target),
    "Scorecard": lambda m, s, a: scorecard(m, s, a.dtype),
    "RuleSetModel": lambda m, s, a: rule_set(m, s, a.dtype),
    "GaussianProcessModel": lambda m, s, a: gaussian_process(m, s, a.dtype, a.target),
    "AnomalyDetectionModel": lambda m, s, a: anomaly_model(m, s, _inner(a)),
}
"""Element of a model → what reads it."""

WITHOUT = {
    "AssociationModel": "its rules are about sets of items, not about one row",
    "SequenceModel": "it reads sequences of events, not one row",
    "TextModel": "it reads documents",
    "TimeSeriesModel": "it continues a series, and its result depends on the rows before",
    "BaselineModel": "it tests a stream of rows, not one row",
    "BayesianNetworkModel": "its result is an inference over a graph of variables",
}
"""Models without a formula → why."""
