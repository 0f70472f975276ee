"""Every target: each op is spelled, lowered or refused with a reason; and what is common to all."""

import subprocess
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import OPS
from closedform.printers import content
from closedform.printers.registry import TARGETS
from each_op import FEATURES, ONE, ROWS, TEST, A, B
from programs import HEAVY, PROGRAMS, TOO_LONG, each, run, with_their_tools

NEVER = {
    target: tuple(getattr(import_module(module), "NEVER", ())) for target, module in TARGETS.items()
}
"""What each target cannot spell, as its module says, with a reason each."""
QUICK = {"python", "numpy", "sympy", "c", "javascript", "sql", "onnx"}
"""Targets whose programs take no second to build and run: they run each op by itself."""
NO_MISSING = {"sympy"}
"""Targets that cannot say where a value is missing or has no code."""
NO_INFINITY = {"vba"}
"""Targets whose numbers are all finite: what is infinite in the formula is missing there."""
NO_TINY = {"excel", "excel_formula"}
"""Targets that know neither -0.0 nor what is below 2.2e-308, which made-up rows hold."""
NO_SIGNED_ZERO = {"pmml"}
"""Targets that take -0.0 as 0.0: 1 divided by it is then another infinity."""


def test_every_op_has_a_formula_here():
    assert set(ONE) == set(OPS)


@pytest.mark.parametrize("target", with_their_tools(TARGETS))
@pytest.mark.parametrize("name", ONE)
def test_every_op_is_written_in_every_target_or_refused_with_a_reason(target, name):
    formula = Formula({"y": ONE[name]}, FEATURES)
    if name in NEVER[target]:
        with pytest.raises(UnsupportedTarget, match=name):
            content(formula, target)
    else:
        assert content(formula, target)  # as text, for which JAX itself is not needed


def same_in_a_program(target, outputs):
    # 1e-12: each op alone is within a few ulp (1e-16) of NumPy's, which is the reference.
    ran = cf.verify_program(Formula(outputs, FEATURES), target, ROWS, tolerance=1e-12,
                            made_up=target not in NO_MISSING | NO_TINY | NO_INFINITY)  # fmt: skip
    assert ran.ok, ran


@pytest.mark.parametrize("target", sorted(QUICK.intersection(PROGRAMS)))
@pytest.mark.parametrize("name", ONE)
def test_every_op_means_the_same_in_every_quick_program(target, name):
    if name not in NEVER[target]:
        same_in_a_program(target, {"y": ONE[name]})


@pytest.mark.parametrize("target", each(sorted(set(PROGRAMS) - QUICK)))
def test_every_op_means_the_same_in_every_program(target):
    told = {*NEVER[target], *(["div"] if target in NO_SIGNED_ZERO else [])}
    same_in_a_program(target, {k: n for k, n in ONE.items() if k not in told})


@pytest.mark.parametrize("target", each(sorted(NO_SIGNED_ZERO.intersection(PROGRAMS))))
def test_division_means_the_same_but_for_the_sign_of_zero(target):
    rows = ROWS | {"a": [0.25, 0.0, 0.9, -0.75], "b": [0.0, 0.0, 3.0, 0.0]}
    ran = cf.verify_program(Formula({"y": ONE["div"]}, FEATURES), target, rows, made_up=False)
    assert ran.ok, ran


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def models():
    X, y = load_iris(return_X_y=True, as_frame=True)
    D, z = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    D = D.assign(sex=D["sex"].map({1.0: "A", 2.0: "B"}).astype("category"))
    D.loc[::13, "bmi"] = np.nan
    names = load_iris().target_names
    small = MLPClassifier(hidden_layer_sizes=(6,), max_iter=2000, random_state=0)
    return {
        "logistic": (make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names[y]), X),
        "network": (make_pipeline(StandardScaler(), small).fit(X, y), X),
        "tree": (DecisionTreeClassifier(random_state=0).fit(X, y), X),
        "boosted": (GradientBoostingClassifier(n_estimators=40, random_state=0).fit(X, y == 1), X),
        "categories": (
            HistGradientBoostingRegressor(categorical_features="from_dtype", max_iter=30).fit(D, z),
            D,
        ),
        "shapes": (
            make_pipeline(
                QuantileTransformer(n_quantiles=20, output_distribution="normal"),
                SplineTransformer(),
                LinearRegression(),
            ).fit(X.iloc[:, 1:], X.iloc[:, 0]),
            X.iloc[:, 1:],
        ),
    }


MODELS = models()


def of_all_kinds():
    """Every target with every model; PyTorch, which takes 5 s to start, often with two alone."""
    seldom = {("torch", name) for name in MODELS} - {("torch", "network"), ("torch", "categories")}
    slow = pytest.mark.slow
    return [
        pytest.param(t, name, marks=slow if t in HEAVY or (t, name) in seldom else ())
        for t in PROGRAMS
        for name in MODELS
    ]


@pytest.mark.parametrize(("target", "name"), of_all_kinds())
def test_the_program_of_a_model_gives_what_the_model_gives(target, name):
    model, X = MODELS[name]
    if name in TOO_LONG.get(target, ()):
        with pytest.raises(UnsupportedTarget, match=r"8,192|126"):
            cf.read(model).to(target)
        return
    if target in NO_MISSING and name in ("categories", "shapes"):
        pytest.skip("it cannot say where a value is missing or has no code")
    formula = cf.read(model)
    rows = X if target not in HEAVY | {"sympy"} else X.iloc[::10]
    # 1e-9 of the output's spread is the bar; rounding alone is near 1e-15.
    ran = cf.verify_program(formula, target, rows, model=model, made_up=target not in NO_MISSING,
                            limit=300 if target in HEAVY else 5_000)  # fmt: skip
    assert ran.ok, ran
    assert ran.labels_differ == 0


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_a_program_imports_only_what_it_says(target):
    text = cf.read(MODELS["shapes"][0]).to(target)
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == {"python": ["import math"], "numpy": ["import numpy as np"]}[target]


def test_a_long_sum_and_many_trees_are_no_limit():
    weights = np.arange(1, 3001) / 7
    inputs = [ops.input_(i) for i in range(3000)]
    formula = Formula({"y": ops.linear(0.5, weights, inputs)},
                      tuple(Feature(f"x{i}") for i in range(3000)))  # fmt: skip
    row = {f"x{i}": [1.0 + i % 3] for i in range(3000)}
    for target in ("python", "numpy"):
        assert cf.verify_program(formula, target, row, made_up=False).ok


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_two_hundred_classes_are_no_limit(target):
    # A choice within a choice ends at some 200 brackets: Python's parser reads no more of them.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    model = LogisticRegression(max_iter=5000).fit(X, np.arange(400) % 200)
    ran = cf.verify_program(cf.read(model), target, X[:20], model=model, limit=50)
    assert ran.ok, ran


def test_choices_within_choices_and_choices_used_twice_are_labels():
    first = ops.where(TEST, ops.label("a"), ops.where(ops.less(B, A), ops.label("b"), ops.label(1)))
    second = ops.where(ops.less(A, ops.const(0.5)), first, ops.label("c"))
    third = ops.where(ops.equal(second, ops.label("a")), first, second)
    formula = Formula({"y": third, "z": second}, FEATURES)
    for target in ("python", "numpy"):
        ran = cf.verify_program(formula, target, ROWS)
        assert ran.ok, ran


@pytest.mark.parametrize("target", ["python", "numpy"])
def test_a_column_that_the_model_drops_may_be_text_or_absent(target):
    X = pd.DataFrame({"a": [1.0, 2.0, 4.0], "note": ["x", None, "é"], "b": [0.5, 0.0, 1.0]})
    model = make_pipeline(ColumnTransformer([("s", StandardScaler(), ["b", "a"])]),
                          LinearRegression()).fit(X, [1.0, 2.0, 3.0])  # fmt: skip
    program = run(cf.read(model).to(target))
    wanted = model.predict(X)
    for rows in (X, X.drop(columns="note"), X.to_numpy()):
        if target == "python":
            listed = rows if isinstance(rows, np.ndarray) else rows.to_dict("records")
            found = [program.predict(row) for row in listed]
        else:
            found = program.predict(rows)
        # 1e-12: the same sum in another order.
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    absent = X.drop(columns="a")
    with pytest.raises(KeyError, match="a"):
        program.predict(absent if target == "numpy" else absent.iloc[0])


def test_rounded_programs_say_that_they_are():
    model, X = MODELS["logistic"]
    for target in ("python", "numpy"):
        text = cf.read(model).to(target, digits=3, data=X)
        assert "rounded to 3 significant digits" in text
        assert "by at most" in text


def test_nobody_is_asked_for_an_unknown_target():
    with pytest.raises(UnsupportedTarget, match="'cobol'") as refusal:
        cf.read(MODELS["tree"][0]).to("cobol")
    assert "python" in refusal.value.hint


def test_a_printed_module_runs_by_itself(tmp_path):
    model, X = MODELS["tree"]
    file = tmp_path / "printed.py"
    row = X.iloc[100].tolist()
    file.write_text(cf.read(model).to("python") + f"\nprint(predict({row}))\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(model.predict(X.iloc[[100]])[0])
