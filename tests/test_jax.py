"""JAX functions: run, compiled, mapped and differentiated."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula

jax = pytest.importorskip("jax")

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
SPECIES = load_iris().target_names[KINDS]
MODELS = (DecisionTreeClassifier(max_depth=3, random_state=0), LogisticRegression(max_iter=500))


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("model", MODELS)
def test_a_compiled_function_gives_what_the_model_gives(model):
    model.fit(FLOWERS, SPECIES)
    evaluate = cf.read(model).to("jax")
    found = jax.jit(evaluate)(FLOWERS.to_numpy())
    assert [evaluate.labels[i] for i in found["label"]] == model.predict(FLOWERS).tolist()
    wanted = model.predict_proba(FLOWERS)[:, 1]
    np.testing.assert_allclose(found["P(versicolor)"], wanted, rtol=1e-9)
    columns = {name: FLOWERS[name].to_numpy() for name in FLOWERS}
    np.testing.assert_array_equal(evaluate.predict(columns), found["label"])
    mapped = jax.vmap(evaluate.predict)(FLOWERS.to_numpy())
    np.testing.assert_array_equal(mapped, found["label"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_slopes_are_those_of_small_steps():
    model = MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", max_iter=50, random_state=0)
    model.fit(FLOWERS.to_numpy(), KINDS)
    predict = cf.read(model).to("jax").predict
    row = FLOWERS.to_numpy()[70]
    found = jax.grad(predict)(row)
    for i in range(4):
        step = np.eye(4)[i] * 1e-5
        slope = (model.predict([row + step]) - model.predict([row - step]))[0] / 2e-5
        np.testing.assert_allclose(found[i], slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["log", "sqrt", "asin", "acos", "log1p", "exp", "probit"])
def test_no_slope_is_missing_because_of_a_branch_that_is_not_taken(name):
    x = ops.input_(0)
    safe = ops.where(ops.less(x, ops.const(0.25)), x, ops.unary(name, x))
    predict = Formula({"y": safe}, (Feature("x"),)).to("jax").predict
    slope = jax.grad(predict)
    assert slope(np.array([-2.0]))[0] == 1
    assert slope(np.array([0.0]))[0] == 1
    assert np.isfinite(slope(np.array([0.5]))[0])


def test_without_64_bits_it_computes_in_32():
    with jax.enable_x64(False):
        formula = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES))
        found = formula.to("jax")(FLOWERS.to_numpy())["P(setosa)"]
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, formula.evaluate(FLOWERS)["P(setosa)"], atol=1e-5)
