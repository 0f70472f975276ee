"""Polars expressions: run lazily, equal to the formula, and nothing else of the frame changes."""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

import closedform as cf
from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from programs import assert_same, left_to_right
from strategies import BUILD, formulas, rows
from test_c import relabelled

pl = pytest.importorskip("polars")

EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
SPECIES = load_iris().target_names[KINDS]
LOGISTIC = LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES)
TEXTS = {v: f"<{v}>" for v in ("A", "B", "", "naïve", 3, 2.5, True, "unseen")}


def plain(formula, found):
    """Every output as a list; a missing number is null there."""
    real = {k for k, n in formula.outputs.items() if n.type is Type.REAL}
    return {
        k: [math.nan if v is None and k in real else v for v in found[k].to_list()]
        for k in formula.outputs
    }


@settings(max_examples=100, phases=[Phase.generate])
@given(formulas(outputs=5, size=25, among=sorted(EXACT - {"kth", "div"})), rows())
def test_every_formula_runs_and_is_equal(formula, X):
    formula, X = relabelled(formula, X, TEXTS)
    kinds = {f.name: pl.String if f.type is Type.LABEL else pl.Float64 for f in formula.inputs}
    frame = pl.LazyFrame({k: pl.Series(X[k], dtype=kind) for k, kind in kinds.items()})
    found = formula.to("polars")(frame).collect()
    assert not [name for name in found.columns if name.startswith("closedform")]
    assert_same(plain(formula, found), left_to_right(formula, X))


def test_null_and_nan_are_missing_and_the_rest_of_the_frame_stays(tmp_path):
    formula = cf.read(LOGISTIC)
    frame = pl.from_pandas(FLOWERS).with_columns(label=pl.lit("mine"))
    name = frame.columns[0]
    frame = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(None)
        .when(pl.int_range(pl.len()) == 1).then(math.nan).otherwise(pl.col(name)).alias(name)
    )  # fmt: skip
    frame.write_parquet(tmp_path / "rows.parquet")
    lazy = formula.to("polars")(pl.scan_parquet(tmp_path / "rows.parquet"), "our ")
    found = lazy.collect(engine="streaming")
    assert found["our label"].to_list()[:2] == [None, None]
    assert found["our label"].to_list()[2:] == LOGISTIC.predict(FLOWERS)[2:].tolist()
    assert found["our P(setosa)"].null_count() == 2
    assert found.drop(n for n in found.columns if n.startswith("our ")).equals(frame)


def test_expressions_may_stand_in_the_users_own():
    found = pl.from_pandas(FLOWERS).select(**cf.read(LOGISTIC).to("polars").expressions())
    assert found["label"].to_list() == LOGISTIC.predict(FLOWERS).tolist()


@pytest.mark.parametrize("trees", [3, 60])
def test_small_and_large_forests_are_equal_bit_for_bit(trees):
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X.loc[::7, "bmi"] = np.nan
    model = HistGradientBoostingRegressor(max_iter=trees).fit(X, y)
    found = cf.read(model).to("polars")(pl.from_pandas(X, nan_to_null=True).lazy()).collect()
    assert found["y"].to_list() == model.predict(X).tolist()


def test_names_that_polars_would_read_as_patterns_are_names():
    names = ["*", "^a.*$", "closedform 0"]
    formula = Formula(
        {"^y$": ops.lin(0, *((i + 1, ops.input_(i)) for i in range(3)))}, tuple(map(Feature, names))
    )
    frame = pl.DataFrame({n: [1.0 + i] for i, n in enumerate(names)} | {"ab": [5.0]})
    assert formula.to("polars")(frame)["^y$"].to_list() == [1 + 4 + 9]


def test_labels_of_two_types_have_no_column():
    kind = ops.input_(0, Type.LABEL)
    formula = Formula(
        {"y": ops.where(ops.equal(kind, ops.label("a")), ops.label(1), kind)},
        (Feature("kind", Type.LABEL, ("a", 1)),),
    )
    with pytest.raises(UnsupportedTarget, match="both"):
        formula.to("polars")


def test_text_grows_with_the_formula_and_not_with_its_paths():
    def chain(steps):
        x = ops.input_(0)
        for i in range(steps):
            x = ops.maximum(ops.lin(i, (0.5, ops.mul(x, x)), (0.5, x)), x)
        return Formula({"y": x}, (Feature("x"),))

    small, large = (len(chain(n).to("polars", as_text=True)) for n in (100, 200))
    assert large < 2.5 * small
    assert chain(30).to("polars")(pl.DataFrame({"x": [0.1]}))["y"].null_count() == 0


def test_a_choice_is_written_without_a_stray_space():
    assert "choose( " not in cf.read(LOGISTIC).to("polars", as_text=True)
