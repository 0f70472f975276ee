"""PyOperon: every function of its trees in float32, against its own predict."""

import numpy as np
import pytest

pytest.importorskip("pyoperon")

import pandas as pd
import pyoperon
from pyoperon.sklearn import SymbolicRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from battery import compare, fit
from closedform.errors import NotFitted, UnsupportedModel

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(150, 3))
y = 2.5 * np.sin(X[:, 0]) + X[:, 1] ** 2 - 0.3 * X[:, 2]
FRAME = pd.DataFrame(X, columns=["a", "b", "c c"])
SMALL = {"population_size": 60, "generations": 5, "random_state": 1, "max_evaluations": 5000,
         "optimizer_iterations": 2}  # fmt: skip
USUAL = "add,sub,mul,div,sqrt,square,exp,log,sin,cos,asin,constant,variable"
TYPES = pyoperon.NodeType
ONE = ("Abs", "Acos", "Asin", "Atan", "Cbrt", "Ceil", "Cos", "Cosh", "Exp", "Floor", "Log",
       "Log1p", "Logabs", "Sin", "Sinh", "Sqrt", "Sqrtabs", "Square", "Tan", "Tanh")  # fmt: skip
TWO = ("Add", "Sub", "Mul", "Div", "Aq", "Pow", "Powabs", "Fmin", "Fmax")


@pytest.fixture(scope="module")
def trained():
    return fit(SymbolicRegressor(**SMALL), X, y)


def with_tree(model, items):
    """Return a regressor whose tree has these items: columns by number, constants, types."""
    made = fit(SymbolicRegressor(**SMALL | {"generations": 1}), X, y)
    made.model_ = pyoperon.Tree([node_of(made, item) for item in items]).UpdateNodes()
    return made


def node_of(model, item):
    if isinstance(item, float):
        return pyoperon.Node.Constant(item)
    if isinstance(item, int):
        node = pyoperon.Node.Variable(1.0)
        node.HashValue = node.CalculatedHashValue = list(model.variables_)[item]
        return node
    kind, weight, *rest = item if isinstance(item, tuple) else (item, 1.0)
    node = pyoperon.Node(getattr(TYPES, kind))
    node.Value, node.Arity = weight, rest[0] if rest else node.Arity
    return node


def near(model, rows=X, rtol=1e-5):
    """Compare formula and model; each operation of float32 rounds by 6e-8, of a value itself."""
    formula = cf.read(model)
    rows = rows.astype(np.float32).astype(float)
    theirs = np.asarray(model.predict(rows), dtype=float)
    np.testing.assert_allclose(formula(rows), theirs, rtol=rtol, atol=1e-6)
    return formula


@pytest.mark.parametrize("name", ONE)
def test_every_function_of_one_number_is_read(trained, name):
    near(with_tree(trained, [0, name]))
    near(with_tree(trained, [0, (name, -2.5)]))


@pytest.mark.parametrize("name", TWO)
def test_every_function_of_two_numbers_is_read_the_right_way_round(trained, name):
    formula = near(with_tree(trained, [1, 0, name]))
    if name in ("Sub", "Div", "Pow", "Aq"):
        assert formula(X[:5]) != pytest.approx(cf.read(with_tree(trained, [0, 1, name]))(X[:5]))
    if name not in ("Fmin", "Fmax"):
        near(with_tree(trained, [1, 0, (name, 0.5)]))


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("arity", [1, 3])
def test_functions_of_any_number_of_arguments_are_read(trained, name, arity):
    near(with_tree(trained, [2, 1, 0][-arity:] + [(name, 1.5, arity)]))


@pytest.mark.parametrize("name", ["Fmin", "Fmax"])
@pytest.mark.parametrize("items", [[0, "Log", 1], [1, 0, "Log"]], ids=["second", "first"])
def test_an_extreme_of_what_is_missing_is_what_cpp_makes_of_it(trained, name, items):
    near(with_tree(trained, [*items, name]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"allowed_symbols": USUAL},
        {"allowed_symbols": USUAL, "objectives": ["mse", "length"]},
        {"symbolic_mode": True, "allowed_symbols": "add,mul,sub,constant,variable"},
        {"objectives": ["c2"], "add_model_scale_term": False, "add_model_intercept_term": False},
        {"model_selection_criterion": "mean_squared_error", "optimizer": "lbfgs"},
    ],
    ids=str,
)
def test_a_trained_regressor_and_its_formula_agree(options):
    model = fit(SymbolicRegressor(**SMALL | options), X, y)
    formula = cf.read(model)
    assert formula.precision["y"].dtype == "float32"
    assert formula.precision["y"].ulps < 2**13
    compare(formula, model, X, 0, "training rows")
    certificate = formula.verify(model, X)
    assert certificate.ok, certificate


def test_a_constant_target_and_one_column_are_read():
    near(fit(SymbolicRegressor(**SMALL), X, np.full(len(X), 3.0)))
    near(fit(SymbolicRegressor(**SMALL), X[:, :1], y), X[:, :1])


def test_it_is_read_behind_a_scaler_by_the_names_of_the_columns():
    model = fit(make_pipeline(StandardScaler(), SymbolicRegressor(**SMALL)), FRAME, y)
    formula = cf.read(model)
    assert [f.name for f in formula.inputs] == ["a", "b", "c c"]
    compare(formula, model, FRAME, 0, "training rows")


def test_a_missing_value_is_refused_as_by_the_model(trained):
    formula = cf.read(trained)
    assert np.isnan(formula(np.full((2, 3), np.nan))).all()
    assert formula.verify(trained, X).ok


def test_numbers_keep_all_their_digits(trained):
    shown = cf.read(with_tree(trained, [0, 0.1, "Mul"])).to("text")
    assert repr(float(np.float32(0.1))) in shown


def test_what_is_no_regressor_or_not_fitted_or_unknown_is_refused(trained):
    with pytest.raises(NotFitted):
        cf.read(SymbolicRegressor())
    with pytest.raises(UnsupportedModel, match="does not say which columns"):
        cf.read(trained.model_)
    for odd in (("Fmin", 0.5), ("Fmax", 1.0, 3)):
        with pytest.raises(UnsupportedModel, match="is not known"):
            cf.read(with_tree(trained, [2, 1, 0, odd]))
    with pytest.raises(UnsupportedModel, match="'pow' of 1 arguments"):
        cf.read(with_tree(trained, [0, ("Pow", 1.0, 1)]))


def test_a_certificate_does_not_pass_another_tree_as_rounding(trained):
    formula = cf.read(with_tree(trained, [1, 0, "Mul"]))
    assert not formula.verify(with_tree(trained, [1, 0, "Add"]), X)


def test_a_tree_that_amplifies_float32_says_that_it_is_approximate(trained):
    assert cf.read(with_tree(trained, [0, 1e6, "Mul", "Sin"])).trail[0].kind == "approx"
