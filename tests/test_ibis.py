"""Ibis expressions: computed by several engines, equal to the model."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula

ibis = pytest.importorskip("ibis")
pytestmark = pytest.mark.filterwarnings("ignore:.*infer_string")  # ibis of pandas, for SQLite

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
SPECIES = load_iris().target_names[KINDS]
MODELS = (DecisionTreeClassifier(max_depth=3, random_state=0), LogisticRegression(max_iter=500))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "polars"])
@pytest.mark.parametrize("model", MODELS)
def test_every_engine_gives_what_the_model_gives(engine, model):
    model.fit(FLOWERS, SPECIES)
    connection = getattr(ibis, engine).connect()
    table = ibis.memtable(FLOWERS)
    found = connection.to_pyarrow(cf.read(model).to("ibis")(table, "our "))
    assert found["our label"].to_pylist() == model.predict(FLOWERS).tolist()
    wanted = model.predict_proba(FLOWERS)[:, 2]
    np.testing.assert_allclose(found["our P(virginica)"].to_numpy(), wanted, rtol=1e-9)
    assert not [name for name in found.column_names if name.startswith("closedform")]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "polars"])
def test_a_missing_value_makes_no_comparison_true_and_no_query_fail(engine):
    x = ops.input_(0)
    outputs = {
        "below": ops.where(ops.less(x, ops.const(1)), ops.const(1), ops.const(2)),
        "not": ops.where(ops.negate(ops.less(x, ops.const(1))), ops.const(1), ops.const(2)),
        "log": ops.unary("log", x),
        "root": ops.unary("sqrt", x),
        "over": ops.div(ops.const(1), x),
    }
    table = ibis.memtable({"x": [None, -1.0, 0.0, 4.0]}, schema=ibis.schema({"x": "float64"}))
    connection = getattr(ibis, engine).connect()
    found = connection.to_pyarrow(Formula(outputs, (Feature("x"),)).to("ibis")(table))
    assert found["below"].to_pylist() == [2, 1, 1, 2]
    assert found["not"].to_pylist() == [1, 2, 2, 1]
    assert found["log"].to_pylist()[:3] == [None, None, -np.inf]
    assert found["root"].to_pylist() == [None, None, 0, 2]
    assert found["over"].to_pylist() == [None, -1, np.inf, 0.25]
