"""gplearn: programs with protected operations, against its own predict."""

import numpy as np
import pytest

pytest.importorskip("gplearn")

import pandas as pd
from gplearn.functions import make_function
from gplearn.genetic import SymbolicClassifier, SymbolicRegressor, SymbolicTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from battery import check_reader, compare, fit
from battery_rows import kinds_of_rows
from closedform.errors import NotFitted, UnsupportedModel

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 3))
X[:6, 1] = [0.0, 0.001, -0.001, 0.0005, np.nextafter(0.001, 1), -0.0]
y = X[:, 0] ** 2 / (X[:, 1] + 2) + np.log(np.abs(X[:, 2]))
FRAME = pd.DataFrame(X, columns=["a", "b", "petal length (cm)"])
LABELS = np.where(y > 0, "yes", "no")

ALL = ("add", "sub", "mul", "div", "sqrt", "log", "abs", "neg", "inv", "max", "min", "sin", "cos",
       "tan")  # fmt: skip
SMALL = {"population_size": 40, "generations": 2, "random_state": 0}
WIDE = SMALL | {
    "generations": 1, "tournament_size": 1, "init_depth": (4, 6), "function_set": ALL,
    "parsimony_coefficient": 0, "stopping_criteria": -1,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_a_program_and_its_formula_agree_on_rows_of_every_kind(seed):
    model = fit(SymbolicRegressor(**WIDE | {"random_state": seed}), X, y)
    # Unfolded: far outside, sin of a sum added in another order is another number.
    formula = cf.read(model, fold=False)
    for kind, rows in kinds_of_rows(model, X):
        compare(formula, model, rows, 1e-9, kind)
    at_the_edge = np.repeat(X[:6], 3, axis=0)
    compare(cf.read(model), model, at_the_edge, 1e-9, "beside 0.001")


@pytest.mark.parametrize("name", ALL)
def test_every_function_of_gplearn_is_read(name):
    edge = np.array([0.0, -0.0, 0.001, -0.001, 0.0005, np.nextafter(0.001, 1), 3.0, -3.0, 1e300])
    rows = np.column_stack([np.roll(edge, 1), edge, edge])
    model = fit(SymbolicRegressor(function_set=(name,), **SMALL), X, y)
    assert any(getattr(item, "name", "") == name for item in model._program.program)
    compare(cf.read(model, fold=False), model, rows, 1e-12, name)
    assert cf.read(model).verify(model, X).ok


def test_a_classifier_has_its_sigmoid_and_ties_go_to_the_first_class():
    model = fit(SymbolicClassifier(**SMALL), FRAME, LABELS)
    formula = check_reader(model, FRAME)
    assert list(formula.outputs) == ["label", "P(no)", "P(yes)"]
    assert formula.verify(model, FRAME).ok
    # A program that gives 0 and 1e-17: both chances are 0.5 in floating point.
    model._program.program = [1e-17]
    compare(cf.read(model), model, FRAME, 0, "a tie")
    assert (cf.read(model)(FRAME) == "no").all()


def test_a_transformer_is_read_alone_and_as_a_step():
    few = SMALL | {"n_components": 3, "hall_of_fame": 10}
    alone = fit(SymbolicTransformer(**few), FRAME, y)
    assert len(check_reader(alone, FRAME).outputs) == 3
    model = make_pipeline(StandardScaler(), SymbolicTransformer(**few), Ridge())
    formula = check_reader(fit(model, FRAME, y), FRAME)
    assert formula.verify(model, FRAME).ok


def test_a_regressor_is_read_behind_a_scaler():
    model = fit(make_pipeline(StandardScaler(), SymbolicRegressor(**SMALL)), FRAME, y)
    assert check_reader(model, FRAME).verify(model, FRAME).ok


def test_the_names_of_the_inputs_are_the_models():
    names = {"feature_names": ["p", "q", "r"]}
    assert [f.name for f in cf.read(fit(SymbolicRegressor(**SMALL, **names), X, y)).inputs] == [
        "p", "q", "r",
    ]  # fmt: skip
    plain = fit(SymbolicRegressor(**SMALL), X, y)
    assert [f.name for f in cf.read(plain).inputs] == ["x0", "x1", "x2"]
    assert [f.name for f in cf.read(plain, names=["u", "v", "w"]).inputs] == ["u", "v", "w"]


def test_a_program_of_one_column_or_one_number_is_read():
    model = fit(SymbolicRegressor(**SMALL), X, y)
    for program in ([1], [2.5]):
        model._program.program = program
        compare(cf.read(model), model, X, 0, "one item")


def _doubled(x1):
    return x1 * 2


def _shadow(x1, x2):
    return x1 + 0 * x2


def test_ufuncs_are_read_and_functions_of_the_users_own_are_refused_by_name():
    arc = make_function(function=np.arctan, name="sin", arity=1)
    model = fit(SymbolicRegressor(function_set=("add", arc), **SMALL), X, y)
    assert "sin" in str(model)
    check_reader(model, X)  # told by what it computes, not by its name

    mine = make_function(function=_shadow, name="add", arity=2)
    model = fit(SymbolicRegressor(function_set=(mine,), **SMALL | {"init_depth": (2, 3)}), X, y)
    with pytest.raises(UnsupportedModel, match="'add' is one of the user's own"):
        cf.read(model)
    link = make_function(function=_doubled, name="double", arity=1)
    with pytest.raises(UnsupportedModel, match="'double'"):
        cf.read(fit(SymbolicClassifier(transformer=link, **SMALL), X, LABELS))


def test_a_model_that_is_not_fitted_is_refused():
    with pytest.raises(NotFitted):
        cf.read(SymbolicRegressor())


def test_a_missing_value_is_refused_as_by_the_model():
    model = fit(SymbolicRegressor(**SMALL), X, y)
    rows = np.where(np.eye(3, dtype=bool), np.nan, 1.0)
    assert np.isnan(cf.read(model)(rows)).all()


def test_the_protection_is_written_out():
    model = fit(SymbolicRegressor(**SMALL), X, y)
    divide = next(f for f in model._function_set if f.name == "div")
    model._program.program = [divide, 0, 1]
    text = cf.read(model).to("text")
    assert "x0/x1 when abs(x1) > 0.001, else 1" in text
