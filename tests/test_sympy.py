"""SymPy's expressions: symbols that nothing collides with, and the same values."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform.printers.sympy import Steps

NAMES = ["N", "I", "lambda", "petal width (cm)"]
RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 4))
y = X @ [1.0, -2.0, 0.5, 3.0] + X[:, 0] * X[:, 1]


def linear():
    return cf.read(LinearRegression().fit(X, y), names=NAMES).to("sympy")


def test_symbols_are_called_what_the_inputs_are_called_and_nothing_else():
    expression = linear()
    assert expression.free_symbols == {sympy.Symbol(name, real=True) for name in NAMES}
    assert not expression.has(sympy.I)


def test_an_expression_can_be_differentiated_substituted_printed_and_pickled():
    model = LinearRegression().fit(X, y)
    expression = linear()
    slope = sympy.diff(expression, sympy.Symbol("lambda", real=True))
    assert float(slope) == model.coef_[2]
    at = dict(zip((sympy.Symbol(n, real=True) for n in NAMES), X[0].tolist(), strict=True))
    assert float(expression.subs(at)) == pytest.approx(model.predict(X[:1])[0], rel=1e-12)
    assert "lambda" in sympy.latex(expression)
    # As text: SymPy counts the precision of a Float as another one once it is pickled.
    assert str(pickle.loads(pickle.dumps(expression))) == str(expression)


def test_numbers_read_back_as_the_same_floats():
    model = LinearRegression().fit(X, y)
    expression = linear()
    for name, weight in zip(NAMES, model.coef_, strict=True):
        assert float(expression.coeff(sympy.Symbol(name, real=True))) == weight


def test_a_tree_is_piecewise_and_gives_what_the_model_gives():
    model = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, y)
    expression = cf.read(model, names=NAMES).to("sympy")
    assert expression.has(sympy.Piecewise)
    symbols = [sympy.Symbol(name, real=True) for name in NAMES]
    computed = sympy.lambdify(symbols, expression, "numpy")(*X.T)
    assert (computed == model.predict(X)).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_large_network_is_steps_that_compute_the_same():
    model = MLPRegressor(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=5).fit(X, y)
    made = cf.read(model, names=NAMES).to("sympy")
    assert isinstance(made, Steps)
    values = {sympy.Symbol(n, real=True): column for n, column in zip(NAMES, X.T, strict=True)}
    for symbol, expression in [*made.steps, (None, made.result)]:
        used = sorted(expression.free_symbols, key=str)
        values[symbol] = sympy.lambdify(used, expression, "numpy")(*[values[s] for s in used])
    np.testing.assert_allclose(values[None], model.predict(X), rtol=1e-10)


def test_the_module_that_builds_them_builds_the_same():
    formula = cf.read(DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, y), names=NAMES)
    namespace: dict = {}
    exec(formula.to("sympy", as_text=True), namespace)
    assert namespace["result"] == formula.to("sympy")


def categorical_boosting():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.normal(size=240), "bmi": rng.normal(size=240)})
    for name, labels in {"city": "abc", "grade": "xyz"}.items():
        rows[name] = pd.Categorical(rng.choice(list(labels), 240))
    classes = np.where(rows["age"] + (rows["city"] == "a") > 0.5, "yes", "no")
    options = {"max_iter": 4, "categorical_features": "from_dtype", "random_state": 0}
    return HistGradientBoostingClassifier(**options).fit(rows, classes), rows


def test_a_label_that_trees_decide_is_steps_since_sympy_would_multiply_out_their_cases():
    # As one expression it had not been built after three minutes.
    model, rows = categorical_boosting()
    formula = cf.read(model)
    found = formula.to("sympy")
    assert isinstance(found, Steps)
    ran = cf.verify_program(formula, "sympy", rows[:30], model=model, limit=100)
    assert ran.ok, ran
    with pytest.raises(cf.UnsupportedTarget, match="multiply out"):
        formula.to("sympy", form="expression")
