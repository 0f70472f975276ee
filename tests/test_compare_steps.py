"""Why does my own formula differ? Links, activations, targets, imputers, categories."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from closedform.readers import read

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)


def _sum(weights, bias, names, digits=None):
    number = repr if digits is None else lambda x: f"{x:.{digits}f}"
    terms = [f"{number(float(w))}*{n}" for w, n in zip(weights, names, strict=True)]
    return " + ".join([*terms, number(float(bias))])


# --- links, classes -----------------------------------------------------------------------------

CELLS, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)
CELLS = CELLS.iloc[:, :4]
LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression()).fit(CELLS, MALIGNANT)
CHANCE = read(LOGISTIC)
W = LOGISTIC[-1].coef_[0] / LOGISTIC[0].scale_
SCORE = _sum(W, LOGISTIC[-1].intercept_[0] - W @ LOGISTIC[0].mean_, list(CELLS.columns))


def test_a_score_agrees_with_the_decision_value_unless_a_probability_is_wanted():
    assert CHANCE.compare(SCORE, CELLS).output == "decision"
    for asked in ({"output": "P(1)"}, {}):
        text = SCORE if asked else f"P(1) = {SCORE}"
        found = CHANCE.compare(text, CELLS, **asked)
        assert found.step == "link"
        assert "The link is missing" in found.verdict


def test_the_probability_of_the_other_class_is_recognised():
    assert CHANCE.compare(f"sigmoid({SCORE})", CELLS).agrees
    found = CHANCE.compare(f"1 - sigmoid({SCORE})", CELLS, output="P(1)")
    assert "P(0), not P(1)" in found.verdict


def test_a_link_taken_twice_is_found():
    found = CHANCE.compare(f"sigmoid(sigmoid({SCORE}))", CELLS, output="P(1)")
    assert "takes the sigmoid" in found.verdict


def _scaled_but_for(pipeline, columns):
    """The score of a pipeline, its scaler left out of some columns."""
    scaler = pipeline[0]
    names = list(scaler.feature_names_in_)
    scaled = [
        name if name in columns else f"((`{name}` - {mean!r})/{width!r})"
        for name, mean, width in zip(names, scaler.mean_, scaler.scale_, strict=True)
    ]
    terms = np.ravel(pipeline[-1].coef_), np.ravel(pipeline[-1].intercept_)[0], scaled
    return _sum(*terms).replace("np.float64", "")


RIDGE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)


@pytest.mark.parametrize("columns", [["bmi"], ["bmi", "bp"], ["age", "sex", "bmi", "bp", "s1"]])
def test_the_columns_on_which_a_scaler_is_missing_are_named(columns):
    found = read(RIDGE).compare(_scaled_but_for(RIDGE, columns), X)
    assert found.step == "transform"
    listed = ", ".join(f"`{name}`" for name in columns)
    assert found.verdict == f"The StandardScaler is missing on {listed}."
    assert found.advice[0].startswith(f"write ({columns[0]} - ")


PLAIN = CELLS.rename(columns=lambda name: name.replace(" ", "_"))
PLAIN_LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression()).fit(PLAIN, MALIGNANT)


def test_a_column_that_is_not_scaled_is_found_inside_a_sigmoid_too():
    text = f"sigmoid({_scaled_but_for(PLAIN_LOGISTIC, ['mean_area'])})"
    found = read(PLAIN_LOGISTIC).compare(text, PLAIN)
    assert found.verdict == "The StandardScaler is missing on `mean_area`."


@pytest.mark.parametrize("link", ["sigmoid({})", "1/(1 + exp(-({})))", "exp({0})/(1 + exp({0}))"])
def test_a_number_inside_a_link_is_put_right_there(link):
    bias = LOGISTIC[-1].intercept_[0] - W @ LOGISTIC[0].mean_
    names = list(CELLS.columns)
    found = CHANCE.compare(link.format(_sum(W, 0.0, names)), CELLS)
    assert found.step == "intercept"
    assert f"add {bias:.6g}" in found.verdict
    other = W * [1, 1, -1, 1]
    found = CHANCE.compare(link.format(_sum(other, bias, names)), CELLS)
    assert found.step == "coefficient"
    assert f"`{names[2]}` is {W[2]:.6g}, not" in found.verdict


def test_a_line_of_one_input_is_not_explained_by_multiplying_and_adding():
    alone = make_pipeline(StandardScaler(), Ridge()).fit(X[["bmi"]], Y)
    for text in ("3.55235*bmi + 66.6", "3.2551*(bmi - 24.76)/8.44 + 0.05*log(bmi) - 44.1"):
        found = read(alone).compare(text, X[["bmi"]])
        assert not found.explained
        assert not found.agrees


def test_scaler_and_link_left_out_are_both_named():
    text = _sum(LOGISTIC[-1].coef_[0], LOGISTIC[-1].intercept_[0], list(CELLS.columns))
    found = CHANCE.compare(text, CELLS, output="P(1)")
    assert "The StandardScaler is missing." in found.verdict
    assert "The link is missing" in found.verdict


def test_exp_left_out_of_a_poisson_model_is_found():
    model = PoissonRegressor(max_iter=1000).fit(X[["bmi", "bp"]] / 100, Y)
    found = read(model).compare(_sum(model.coef_, model.intercept_, ["bmi", "bp"]), X / 100)
    assert found.step == "link"
    assert "exp" in found.verdict


def test_a_sigmoid_in_place_of_a_softmax_is_found():
    flowers, kinds = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(flowers, kinds)
    text = _sum(model.coef_[1], model.intercept_[1], list(flowers.columns))
    found = read(model).compare(f"sigmoid({text})", flowers, output="P(1)")
    assert "softmax" in found.verdict


def test_labels_can_be_compared_as_words_and_as_numbers():
    flowers, kinds = load_iris(return_X_y=True, as_frame=True)
    words = np.array(["setosa", "versicolor", "virginica"])[kinds]
    rule = "{0} if petal width (cm) <= 0.8 else ({1} if petal width (cm) <= 1.75 else {2})"
    for labels, spelled in ((words, ["'setosa'", "'versicolor'", "'virginica'"]), (kinds, "012")):
        model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(
            flowers[["petal width (cm)"]], labels
        )
        formula = read(model)
        assert formula.compare(rule.format(*spelled), flowers).agrees
        wrong = formula.compare(rule.format(*spelled).replace("1.75", "1.4"), flowers)
        differ = (
            model.predict(flowers[["petal width (cm)"]])
            != np.where(
                flowers["petal width (cm)"] <= 0.8,
                labels[0],
                np.where(flowers["petal width (cm)"] <= 1.4, labels[50], labels[149]),
            )
        ).sum()
        if spelled != "012":
            assert wrong.before.rows == differ


# --- networks, targets --------------------------------------------------------------------------

BODY = X[["age", "bmi", "bp"]]


def _network(model, activation, columns, last=""):
    """A network written out by hand, unit by unit."""
    units = list(columns)
    for k, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        function = activation if k < len(model.coefs_) - 1 else last
        units = [
            function + "(" + _sum(w, b, units) + ")" for w, b in zip(weights.T, bias, strict=True)
        ]
    return units[0]


def _scaled(scaler, order=(0, 1, 2)):
    parts = [
        f"(({n} - {lo!r})/{size!r})"
        for n, lo, size in zip(
            BODY, scaler.data_min_.tolist(), scaler.data_range_.tolist(), strict=True
        )
    ]
    return [parts[i] for i in order]


@pytest.fixture(scope="module", params=["tanh", "relu", "logistic"])
def network(request):
    net = MLPRegressor(
        hidden_layer_sizes=(4, 3), activation=request.param, random_state=0, max_iter=200
    )
    return make_pipeline(MinMaxScaler(), net).fit(BODY, Y), request.param


def test_a_network_written_out_agrees(network):
    model, activation = network
    text = _network(model[-1], activation, _scaled(model[0]))
    assert read(model).compare(text, BODY).agrees


def test_an_activation_left_out_is_named(network):
    model, activation = network
    found = read(model).compare(_network(model[-1], "", _scaled(model[0])), BODY)
    assert found.step == "activation"
    assert f"apply {activation} to each hidden unit" in found.verdict


def test_hidden_scaling_and_activation_left_out_are_both_named(network):
    model, activation = network
    found = read(model).compare(_network(model[-1], "", list(BODY)), BODY)
    assert "The MinMaxScaler is missing." in found.verdict
    assert f"apply {activation}" in found.verdict


def test_hidden_scaling_left_out_is_named(network):
    model, activation = network
    found = read(model).compare(_network(model[-1], activation, list(BODY)), BODY)
    assert found.verdict == "The MinMaxScaler is missing."


def test_another_activation_is_named(network):
    model, activation = network
    other = "sigmoid" if activation == "tanh" else "tanh"
    found = read(model).compare(_network(model[-1], other, _scaled(model[0])), BODY)
    assert f"The activation is {activation}" in found.verdict


def test_scaled_columns_that_are_swapped_are_found(network):
    model, activation = network
    text = _network(model[-1], activation, _scaled(model[0], (2, 1, 0)))
    found = read(model).compare(text, BODY)
    assert "`age` and `bp` are swapped" in found.verdict


def test_hidden_scaling_on_both_sides_is_found():
    net = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", random_state=0, max_iter=200)
    model = TransformedTargetRegressor(
        make_pipeline(MinMaxScaler(), net), transformer=MinMaxScaler()
    ).fit(BODY, Y)
    inner = model.regressor_
    both = read(model).compare(_network(inner[-1], "tanh", list(BODY)), BODY)
    assert "The MinMaxScaler is missing." in both.verdict
    assert "The target's MinMaxScaler is missing." in both.verdict
    one = read(model).compare(_network(inner[-1], "tanh", _scaled(inner[0])), BODY)
    assert one.verdict == "The target's MinMaxScaler is missing."
    # The same network with tanh on its output too, as MATLAB's users write it.
    extra = read(model).compare(_network(inner[-1], "tanh", _scaled(inner[0]), "tanh"), BODY)
    assert not extra.agrees


# --- mixed columns ------------------------------------------------------------------------------

MIXED = X[["age", "sex", "bmi"]].assign(sex=np.where(X["sex"] == 1, "m", "f"))
MIXED.loc[::7, "bmi"] = np.nan
STEPS = ColumnTransformer(
    [
        ("num", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "bmi"]),
        ("cat", OneHotEncoder(drop="first"), ["sex"]),
    ]
)
MIXED_MODEL = make_pipeline(STEPS, Ridge()).fit(MIXED, Y)
MIXED_FORMULA = read(MIXED_MODEL)
C = [float(c) for c in MIXED_MODEL[-1].coef_]
BIAS = float(MIXED_MODEL[-1].intercept_)


def test_columns_may_be_named_as_the_steps_name_them():
    text = f"{C[0]!r}*num__age + {C[1]!r}*num__bmi + {C[2]!r}*cat__sex_m + {BIAS!r}"
    assert MIXED_FORMULA.compare(text, MIXED).agrees


def test_only_steps_that_do_something_on_these_rows_are_named():
    text = f"{C[0]!r}*age + {C[1]!r}*bmi + {C[2]!r}*(sex == 'm') + {BIAS!r}"
    both = MIXED_FORMULA.compare(text, MIXED)
    assert both.verdict == "The SimpleImputer and the StandardScaler are missing."
    complete = MIXED_FORMULA.compare(text, MIXED.dropna())
    assert complete.verdict == "The StandardScaler is missing."


def test_an_imputer_alone_is_found_behind_a_scaler_written_by_hand():
    scaler = MIXED_MODEL[0].named_transformers_["num"][-1]
    parts = [
        f"{c!r}*({n} - {m!r})/{s!r}"
        for c, n, m, s in zip(
            C[:2], ["age", "bmi"], scaler.mean_.tolist(), scaler.scale_.tolist(), strict=True
        )
    ]
    text = " + ".join([*parts, f"{C[2]!r}*(sex == 'm')", repr(BIAS)])
    found = MIXED_FORMULA.compare(text, MIXED)
    assert found.verdict == "The SimpleImputer is missing."


def test_another_reference_category_is_found_with_its_numbers():
    text = f"{C[0]!r}*num__age + {C[1]!r}*num__bmi + {C[2]!r}*(sex == 'f') + {BIAS!r}"
    found = MIXED_FORMULA.compare(text, MIXED)
    assert found.step == "category"
    assert "`sex`" in found.verdict
    assert f"m: {C[2]:+.6g}" in found.verdict
