"""SymPy's expressions: symbols that nothing collides with, and the same values."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform.printers.sympy.writing import Steps

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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_module_is_read_line_by_line_and_not_worked_on_by_sympy():
    # Evaluated, the maxima of one such network kept SymPy busy for a minute and a half.
    network = MLPClassifier(hidden_layer_sizes=(20, 20), max_iter=5, random_state=0)
    model = network.fit(X, np.array(["N", "y z", "result"])[np.arange(60) % 3])
    hostile = ["F", "steps", '"""\n', "Symbol"]
    text = cf.read(model, names=hostile).to("sympy", as_text=True)
    assert max(map(len, text.splitlines())) < 110
    assert "import *" not in text
    namespace: dict = {}
    exec(text, namespace)
    values = {sympy.Symbol(n, real=True): column for n, column in zip(hostile, X.T, strict=True)}
    values |= {sympy.Symbol(str(c)): k for k, c in enumerate(model.classes_)}
    found = [*namespace["steps"], *((name, e) for name, e in namespace["result"].items())]
    for name, expression in found:
        used = sorted(expression.free_symbols, key=str)
        plain = [sympy.Dummy() for _ in used]
        again = expression.xreplace(dict(zip(used, plain, strict=True)))
        values[name] = sympy.lambdify(plain, again, "numpy")(*[values[s] for s in used])
    assert (model.classes_[values["label"].astype(int)] == model.predict(X)).all()
    for column, name in zip(model.predict_proba(X).T, model.classes_, strict=True):
        # 1e-10: sums of 20 terms in another order.
        np.testing.assert_allclose(values[f"P({name})"], column, rtol=1e-10)


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


def test_a_tree_over_codes_that_may_be_none_at_all_is_one_expression():
    # SymPy multiplied out the cases of the code, and refused to compare NaN with a threshold.
    rows = pd.DataFrame({"city": ["a", "b", "c", "d"] * 20, "size": np.arange(80.0)})
    target = (rows["city"] == "b") * 5 + rows["size"] / 10
    for options in ({}, {"handle_unknown": "use_encoded_value", "unknown_value": np.nan}):
        codes = ColumnTransformer([("c", OrdinalEncoder(**options), ["city"])],
                                  remainder="passthrough")  # fmt: skip
        model = make_pipeline(codes, DecisionTreeRegressor(max_depth=4)).fit(rows, target)
        formula = cf.read(model)
        assert isinstance(formula.to("sympy"), sympy.Expr)
        assert cf.verify_program(formula, "sympy", rows, model=model, limit=100).ok


def test_a_category_never_seen_takes_the_branch_of_the_missing_ones():
    model, rows = categorical_boosting()
    expression = cf.read(model).to("sympy", output="decision")
    new = rows.iloc[:9].assign(city=pd.Categorical(["never seen"] * 9))
    codes = {label: k for k, label in enumerate("abcxyz")}
    for i, row in enumerate(new.to_dict("records")):
        values = {sympy.Symbol(k, real=True): row[k] for k in ("age", "bmi")}
        values |= {sympy.Symbol(label): code for label, code in codes.items()}
        values |= {sympy.Symbol("city"): 99, sympy.Symbol("grade"): codes[row["grade"]]}
        found = float(expression.subs(values))
        # 1e-12: the same trees, added by SymPy with a few more digits.
        assert found == pytest.approx(model.decision_function(new)[i], rel=1e-12)


def test_where_a_spline_ends_is_nan_and_the_sum_of_splines_can_still_be_printed():
    spline = SplineTransformer(n_knots=4, degree=2, extrapolation="error")
    model = make_pipeline(spline, LinearRegression()).fit(X, y)
    formula = cf.read(model, names=NAMES)
    expression = formula.to("sympy")
    assert "nan" in str(expression)
    inside = X[(X.min(axis=0) < X).all(axis=1) & (X.max(axis=0) > X).all(axis=1)]
    assert cf.verify_program(formula, "sympy", inside, model=model, limit=100).ok
    symbols = [sympy.Symbol(name, real=True) for name in NAMES]
    beyond = dict(zip(symbols, (X.max(axis=0) + 1).tolist(), strict=True))
    assert expression.subs(beyond) is sympy.nan


def test_a_class_that_is_called_what_an_input_is_called_is_told_from_it():
    rows = pd.DataFrame({"N": X[:, 0], "kind": np.array(["a", "N"])[np.arange(60) % 2]})
    encode = ColumnTransformer([("k", OneHotEncoder(), ["kind"])], remainder="passthrough")
    labels = np.array(["N", "kind", "a"])[np.arange(60) % 3]
    model = make_pipeline(encode, LogisticRegression()).fit(rows, labels)
    ran = cf.verify_program(cf.read(model), "sympy", rows, model=model, limit=50)
    assert ran.ok, ran


@pytest.mark.parametrize("output", ["label", "P(b)", "decision(c)"])
def test_one_output_alone_is_compared_with_that_output(output):
    # Each was taken for the first output, and the others for missing.
    model = LogisticRegression().fit(X, np.array(["a", "b", "c"])[np.arange(60) % 3])
    ran = cf.verify_program(cf.read(model), "sympy", X[:9], model=model, output=output, limit=50)
    assert ran.ok, ran
    assert {check.output for check in ran.checks} == {output}


def test_an_output_that_is_no_name_is_refused():
    with pytest.raises(cf.BadInput, match="no output"):
        cf.read(LinearRegression().fit(X, y)).to("sympy", output=["y"])
