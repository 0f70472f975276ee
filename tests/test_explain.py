"""cf.explain: all explanations of a model in one place."""

import inspect
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform.explanations import explaining
from closedform.explanations.tables import Table

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(RANDOM.normal(size=(200, 3)), columns=["a", "b", "c"])
Y = FRAME["a"] * 2 + FRAME["b"] * FRAME["a"]


def test_an_editor_sees_what_the_function_takes():
    assert inspect.signature(cf.explain) == inspect.signature(explaining.explain)
    assert isinstance(cf.explain(LinearRegression().fit(FRAME, Y), FRAME), cf.Explanation)


def test_a_short_formula_is_explained_beside_its_model():
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=50, random_state=0).fit(FRAME, Y)
    short = cf.read(LinearRegression().fit(FRAME[["a"]], model.predict(FRAME)))
    found = cf.explain(model, FRAME, Y, formula=short)
    told = str(found)
    assert "model  " in told and "formula" in told and "the formula is" in told
    apart = short(FRAME) - model.predict(FRAME)
    assert found.agreement.greatest == pytest.approx(np.abs(apart).max(), rel=1e-9)
    assert found.importance.values["formula"][1:3].tolist() == [0, 0]
    assert found.importance is found.importance and found.effect("a") is found.effect(0)


def test_everything_is_plain_values_and_the_same_another_time():
    model = RandomForestClassifier(5, random_state=0).fit(FRAME, Y > 0)
    found = [cf.explain(model, FRAME, Y > 0, time_limit=None).to_dict() for _ in range(2)]
    texts = [json.dumps(told, allow_nan=False) for told in found]
    assert texts[0] == texts[1]
    assert found[0]["target"]["name"] == "P(True)"
    assert set(found[0]) >= {"importance", "coefficients", "interactions", "effects"}


def test_a_model_without_a_formula_is_explained_alone():
    found = cf.explain(lambda rows: rows["a"].to_numpy() ** 2, FRAME)
    assert list(found.importance.values) == ["model"]
    assert "no formula" in str(found) and found.most_important == ("a",)
    assert found.to_dict()["agreement"] is None


def test_the_picture_has_the_bars_and_an_effect_for_each_input_that_matters():
    plt = pytest.importorskip("matplotlib.pyplot")
    found = cf.explain(LinearRegression().fit(FRAME, Y), FRAME)
    drawn = found.plot()
    assert len(drawn.axes_) == 1 + len(found.effects)
    with pytest.raises(cf.BadInput, match="1 axes were given"):
        found.plot([drawn.ax_])
    plt.close(drawn.figure_)


def test_surrogates_boundaries_and_laws_near_a_row_are_of_the_same_model():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X[["mean radius", "mean texture", "worst area"]]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = cf.explain(model, X, y, time_limit=10)
    # 0.9: the boundary is a plane, and a tree of few tests follows it in steps.
    assert found.surrogates["tree"].fidelity > 0.9
    assert found.boundary("mean radius", "worst area").solved
    near = found.local(3, time_limit=3)
    assert near.said == pytest.approx(model.decision_function(X.iloc[[3]])[0], rel=1e-9)


def test_a_model_that_is_worse_than_a_constant_is_explained_by_what_it_reads():
    def model(rows):
        return np.asarray(rows)[:, 1]

    explanation = cf.explain(model, FRAME, -FRAME["b"])
    assert explanation.importance.values["model"][1] < 0
    assert [made.input for made in explanation.effects] == ["b"]


@pytest.mark.parametrize("heads", [("input", *map(str, range(20)), ""), ("", "value", "")])
def test_tables_keep_to_their_width_and_lose_nothing(heads):
    words = "a text that is longer than a line of a narrow column would be"
    row = ("name", *(k + 0.1234 for k in range(len(heads) - 2)), words)
    lines = str(Table("title", heads, (row,))).splitlines()
    assert max(map(len, lines)) <= 100
    said = " ".join(lines).split()
    assert {f"{k + 0.1234:.4g}" for k in range(len(heads) - 2)} | set(words.split()) <= set(said)
    assert "none" in str(Table("title", heads, ()))
