"""What both sides say is what the model's own predict and the formula say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import closedform as cf
from closedform.errors import BadInput
from closedform.explanations.sides import Sides

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "idle": RANDOM.normal(size=60),
    "size": RANDOM.normal(size=60),
    "town": pd.Categorical(RANDOM.choice(["A", "B", "C"], 60)),
    "age": RANDOM.integers(1, 90, 60),
})  # fmt: skip
LABELS = np.where(FRAME["size"] > 0.8, "high", np.where(FRAME["age"] > 50, "low", "mid"))


def pipeline(last):
    prepared = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town"]), (StandardScaler(), ["size", "age"])
    )
    return make_pipeline(prepared, last)


def test_a_network_takes_the_columns_of_a_dataframe_in_order_and_by_their_names():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    rows = FRAME[["size", "age"]]
    sides = Sides.of(network, rows)
    assert sides.names == ["size", "age"]
    with torch.no_grad():
        expected = network(torch.tensor(rows.to_numpy(), dtype=torch.float32)).numpy()[:, 0]
    # Computed in float32, of numbers near 1.
    for side in sides.sides:
        np.testing.assert_allclose(sides.ask(side, rows), expected, atol=1e-6)
    with pytest.raises(BadInput, match="'x0' is absent"):
        Sides.of(network, rows.rename(columns={"age": "x1"}))


def test_of_several_classes_it_is_told_which_one_is_explained():
    model = pipeline(LogisticRegression(max_iter=500)).fit(FRAME, LABELS)
    commonest = pd.Series(model.predict(FRAME)).mode()[0]
    assert f"of 3 classes {commonest} is explained" in Sides.of(model, FRAME).notes[0]
    assert Sides.of(model, FRAME, output="low").notes == ()


def test_rows_put_together_from_cells_are_asked_of_both_sides_alike():
    model = pipeline(LinearRegression()).fit(FRAME, FRAME["size"] * 2 + FRAME["age"])
    sides = Sides.of(model, FRAME)
    own, formula = sides.sides
    cells = RANDOM.integers(0, 60, (40, len(sides.features)))
    by_hand = FRAME.iloc[np.zeros(40, dtype=int)].reset_index(drop=True)
    for i, feature in enumerate(sides.features):
        by_hand[feature.name] = FRAME[feature.name].iloc[cells[:, i]].to_numpy()
    said = sides.recombined(own, cells)
    np.testing.assert_array_equal(said, model.predict(by_hand))
    # The scaler is multiplied into the coefficients: the last bits of sums of some 100 differ.
    np.testing.assert_allclose(sides.recombined(formula, cells), said, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "kind", [np.asarray, pd.DataFrame, lambda X: {"x0": X[:, 0], "x1": X[:, 1]}]
)
def test_cells_are_taken_from_every_container(kind):
    X = RANDOM.normal(size=(20, 2))
    sides = Sides.of(lambda X: np.asarray(pd.DataFrame(X))[:, 0] * 10, kind(X))
    cells = np.array([[3, 0], [7, 1]])
    np.testing.assert_array_equal(sides.recombined(sides.sides[0], cells), X[[3, 7], 0] * 10)


def test_of_two_classes_the_chance_of_the_second_is_explained():
    model = RandomForestClassifier(5, random_state=0).fit(FRAME[["size"]], FRAME["age"] > 40)
    sides = Sides.of(model, FRAME[["size"]])
    assert (sides.target.kind, sides.target.label) == ("chance", True)
    said = sides.ask(sides.sides[0], sides.X)
    np.testing.assert_array_equal(said, model.predict_proba(FRAME[["size"]])[:, 1])


def test_of_more_classes_the_commonest_answer_is_explained_or_the_one_that_is_asked_for():
    model = pipeline(LogisticRegression()).fit(FRAME, LABELS)
    common = pd.Series(model.predict(FRAME)).mode()[0]
    assert Sides.of(model, FRAME).target.label == common
    asked = Sides.of(model, FRAME, output="mid")
    said = asked.ask(asked.sides[0], FRAME)
    np.testing.assert_array_equal(said, model.predict_proba(FRAME)[:, 2])


def test_without_chances_a_score_is_explained_and_without_scores_the_label():
    model = LinearSVC().fit(FRAME[["size"]], LABELS == "high")
    assert Sides.of(model, FRAME[["size"]]).target.kind == "score"
    named = Sides.of(lambda X: np.where(X["size"] > 0, "up", "down"), FRAME, output="up")
    assert named.target.kind == "label"
    np.testing.assert_array_equal(named.ask(named.sides[0], FRAME), FRAME["size"] > 0)


def test_a_short_formula_stands_beside_its_model():
    X = RANDOM.normal(size=(80, 2))
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=50, random_state=0).fit(X, X[:, 0])
    short = cf.read(LinearRegression().fit(X, model.predict(X)))
    sides = Sides.of(model, X, formula=short)
    assert [side.name for side in sides.sides] == ["model", "formula"]
    assert [side.name for side in Sides.of(short, X).sides] == ["formula"]


@pytest.mark.parametrize("output", ["nothing", 7])
def test_an_output_that_is_not_there_is_refused(output):
    model = LogisticRegression().fit(FRAME[["size"]], LABELS)
    with pytest.raises(cf.BadInput, match="neither an output nor a class"):
        Sides.of(model, FRAME[["size"]], output=output)
    linear = LinearRegression().fit(FRAME[["size"]], FRAME["age"])
    with pytest.raises(cf.BadInput, match="no output of the model"):
        Sides.of(linear, FRAME[["size"]], output=output)


def test_log_odds_are_not_taken_for_chances():
    model = LogisticRegression().fit(FRAME[["size"]], LABELS == "high")
    number = cf.read(LinearRegression().fit(FRAME[["size"]], FRAME["age"]))
    with pytest.raises(cf.BadInput, match="gives classes, and the formula beside it a number"):
        Sides.of(model, FRAME[["size"]], formula=number)


def test_what_is_no_formula_of_these_rows_is_refused_at_once():
    model = LinearRegression().fit(FRAME[["size", "age"]], FRAME["size"])
    renamed = FRAME[["size"]].rename(columns={"size": "z"})
    other = cf.read(LinearRegression().fit(renamed, FRAME["age"]))
    with pytest.raises(cf.BadInput, match="'z' is absent"):
        cf.explain(model, FRAME, formula=other)
    with pytest.raises(cf.BadInput, match="no formula"):
        cf.explain(model, FRAME, formula="size + age")
    for alone, X in ((other, renamed), (lambda rows: rows["size"], FRAME)):
        with pytest.raises(cf.BadInput, match="nothing beside it"):
            _ = cf.explain(alone, X).agreement
