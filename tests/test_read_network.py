"""Multilayer perceptrons: every activation and kind of output."""

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit

SMALL = {"hidden_layer_sizes": (5, 3), "max_iter": 40, "random_state": 0}
KINDS = ("identity", "logistic", "tanh", "relu")

CASES = [
    *(Case(MLPRegressor(activation=k, **SMALL), data.standard_numbers) for k in KINDS),
    *(Case(MLPClassifier(activation=k, **SMALL), data.standard_three) for k in KINDS),
    Case(MLPRegressor(**SMALL), data.two_numbers),
    Case(MLPRegressor(hidden_layer_sizes=(), max_iter=40), data.standard_numbers),
    Case(MLPRegressor(**{**SMALL, "hidden_layer_sizes": 1}), data.one_column),
    Case(MLPRegressor(**SMALL), data.constant),
    Case(MLPClassifier(**SMALL), data.standard_two),
    Case(MLPClassifier(**SMALL), data.truths),
    Case(MLPClassifier(**SMALL), data.five_texts),
    Case(MLPClassifier(**SMALL), data.one_class),
]
if "loss" in MLPRegressor().get_params():  # since 1.7
    CASES.append(Case(MLPRegressor(loss="poisson", **SMALL), data.counts))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_network_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_hidden_units_are_named_by_layer_and_unit():
    model = fit(MLPRegressor(activation="tanh", **SMALL), *data.standard_numbers())
    names = set(cf.read(model).names.values())
    assert names == {f"h1_{i}" for i in range(1, 6)} | {f"h2_{i}" for i in range(1, 4)}


def test_activations_and_links_are_remembered_as_stages():
    model = fit(MLPClassifier(activation="relu", **SMALL), *data.standard_three())
    stages = cf.read(model).stages
    assert [(s.name, s.kind) for s in stages] == [
        ("relu", "activation"), ("relu", "activation"), ("softmax", "link"),
    ]  # fmt: skip
    assert [name for name, _ in stages[1].after] == ["h2_1", "h2_2", "h2_3"]


def test_a_network_of_60_units_in_two_layers_is_a_few_hundred_nodes():
    model = MLPRegressor(hidden_layer_sizes=(60, 60), max_iter=3, random_state=0)
    formula = cf.read(fit(model, *data.standard_numbers()))
    # 4 inputs, 60 + 60 sums, as many activations, a 0 for relu, and the output
    assert len(formula.nodes) <= 4 + 240 + 2


def test_a_certificate_of_a_network_of_one_class_passes():
    rows, y = data.one_class()
    model = fit(MLPClassifier(**SMALL), rows, y)
    assert cf.read(model).verify(model, rows)
