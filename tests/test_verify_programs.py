"""Printed programs: each is run and compared with formula and model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from closedform.errors import BadInput, UnsupportedTarget
from closedform.printers import registry
from closedform.readers import read
from closedform.verify import verify_program
from programs import HEAVY, PROGRAMS, TOO_LONG

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
RIDGE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
FOREST = RandomForestRegressor(10, max_depth=5, random_state=0).fit(X.round(1) * 1.1, Y)
LOGISTIC = LogisticRegression(max_iter=500).fit(FLOWERS, KINDS)
SLOW = pytest.mark.slow
ROUNDING = 1e-13  # sums of ten terms, folded scalers: some hundred ulp relative to the spread

MODELS = {"ridge": (RIDGE, X), "forest": (FOREST, X), "logistic": (LOGISTIC, FLOWERS)}


def of_all_kinds():
    """Every target with a linear model; the others, of which test_targets.py has more, of four."""
    often = {"c", "numpy", "python", "sql"}
    soon = often | set(PROGRAMS) - HEAVY
    return [
        pytest.param(t, name, marks=() if t in (soon if name == "ridge" else often) else SLOW)
        for t in PROGRAMS
        for name in MODELS
    ]


@pytest.mark.parametrize(("target", "name"), of_all_kinds())
def test_a_printed_program_is_run_and_agrees_with_formula_and_model(target, name):
    model, rows = MODELS[name]
    if name in TOO_LONG.get(target, ()):
        with pytest.raises(UnsupportedTarget, match=r"8,192|126"):
            read(model).to(target)
        return
    certificate = verify_program(read(model), target, rows, model=model, limit=500)
    assert certificate.ok, str(certificate)
    assert certificate.worst_relative < ROUNDING
    assert "formula" in {c.method for c in certificate.checks}
    assert "predict" in {c.method for c in certificate.checks}


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_a_program_that_is_wrong_or_does_not_run_fails(target, monkeypatch):
    formula = read(RIDGE)
    right = formula.to(target)
    monkeypatch.setattr("closedform.verify.programs.content", lambda *_: right + "\n\noops()\n")
    certificate = verify_program(formula, target, X)
    assert not certificate.ok
    assert "oops" in str(certificate)
    wrong = right.replace("def evaluate(", "def other(") + (
        "\ndef evaluate(*a, **k):\n    found = other(*a, **k)\n"
        "    return {name: value * 1.001 for name, value in found.items()}\n"
    )
    monkeypatch.setattr("closedform.verify.programs.content", lambda *_: wrong)
    found = verify_program(formula, target, X, made_up=False)
    assert not found.ok
    assert found.worst_relative > 1e-4


@pytest.mark.parametrize(
    ("target", "right", "wrong", "said"),
    [
        ("c", "#include", "#inclde", "inclde"),
        ("javascript", "export", "exprot", "SyntaxError"),
        ("numpy", "def ", "fed ", "SyntaxError"),
        ("sql", "FROM", "FORM", 'at or near "FORM"'),
    ],
)
def test_a_program_that_does_not_run_fails_in_its_own_name(target, right, wrong, said, monkeypatch):
    formula = read(RIDGE)
    broken = formula.to(target).replace(right, wrong)
    monkeypatch.setattr("closedform.verify.programs.content", lambda *_: broken)
    found = verify_program(formula, target, X, model=RIDGE)
    told = str(found)
    assert not found.ok
    assert told.startswith("NOT COMPARED: the program failed · 442 rows given")
    assert said in told
    assert "the model" not in told  # that is not asked, and not to blame


def test_a_python_program_runs_without_any_package(monkeypatch):
    program = read(RIDGE).to("python")
    monkeypatch.setattr("closedform.verify.programs.content", lambda *_: "import numpy\n" + program)
    assert "numpy" in str(verify_program(read(RIDGE), "python", X, made_up=False))


def test_sympy_objects_are_run_and_their_text_is_not():
    formula = read(RIDGE)
    with pytest.raises(BadInput, match="as_text"):
        verify_program(formula, "sympy", X, as_text=True)
    assert verify_program(formula, "sympy", X, form="steps").ok


def test_sympy_is_run_where_nothing_is_missing_and_wrong_expressions_fail(monkeypatch):
    holes = X.copy()
    holes.loc[[17, 300], "bmi"] = np.nan
    right = verify_program(read(RIDGE), "sympy", holes, made_up=False)
    assert right.ok
    assert right.checks[0].rows == len(X) - 2
    wrong = read(RIDGE).to("sympy") * 1.001
    monkeypatch.setattr("closedform.verify.programs.write", lambda *_: wrong)
    assert not verify_program(read(RIDGE), "sympy", X, made_up=False).ok


def test_an_unseen_category_reaches_the_program_as_one():
    data = pd.DataFrame({"sex": ["m", "f", "x"] * 20, "age": np.arange(60.0)})
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex"]), remainder="passthrough"
    )
    model = make_pipeline(encode, Ridge()).fit(data, np.arange(60.0) ** 2)
    for target in ("python", "numpy"):
        certificate = verify_program(read(model), target, data, model=model)
        assert certificate.ok, str(certificate)


def test_a_target_that_cannot_be_run_is_an_error():
    assert "latex" in registry.TARGETS
    with pytest.raises(UnsupportedTarget, match="latex"):
        verify_program(read(RIDGE), "latex", X)
