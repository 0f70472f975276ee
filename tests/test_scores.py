"""The scores that short formulas are fitted to: log-odds, as the model's own chances have them."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

import closedform as cf
from closedform import ops as o
from closedform.ir import toposort
from closedform.shorten import Teacher
from closedform.shorten.scores import score_nodes

DATA = load_iris()
MODELS = [
    MLPClassifier(hidden_layer_sizes=(5,), max_iter=60, random_state=0),
    LogisticRegression(max_iter=2000),
    GaussianNB(),
]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_scores_are_the_log_odds_of_the_models_chances(model, classes):
    rows = classes * 50
    X, labels = DATA.data[:rows], DATA.target[:rows]
    f = cf.read(model.fit(X, labels))
    chances = np.log(np.maximum(model.predict_proba(X), 1e-300))
    expected = chances[:, 1:] - chances[:, :1]
    teacher = Teacher.of(f, X)
    fine = abs(expected) < 15  # beyond, a chance is held for 1e-9
    assert np.allclose(teacher.ask(teacher.inputs, rows)[fine], expected[fine], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_log_odds_of_a_network_are_taken_before_its_softmax(classes):
    rows = classes * 50
    f = cf.read(MODELS[0].fit(DATA.data[:rows], DATA.target[:rows]))
    nodes = toposort(score_nodes(f))
    assert {n.op.name for n in nodes} == {"input", "const", "lin", "max"}
    assert all(len(n.args) == 2 for n in nodes if n.op is o.MAX)
