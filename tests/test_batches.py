"""Batches of rows come back as what they were, with the outputs beside them."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type

X = pd.DataFrame({"sex": ["m", "f", "x"] * 20, "age": np.arange(60.0)})
ENCODE = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough")
MODEL = make_pipeline(ENCODE, LogisticRegression(max_iter=2000)).fit(X, X["sex"] + "!")
FORMULA = cf.read(MODEL)


def kinds():
    yield X.copy()
    yield {name: X[name].to_numpy() for name in X}
    for name in ("polars", "pyarrow"):
        library = pytest.importorskip(name)
        yield library.from_pandas(X) if name == "polars" else library.Table.from_pandas(X)


def test_each_kind_of_batch_is_given_back_with_the_outputs():
    for batch in kinds():
        found = FORMULA.map_batches(batch, "our ")
        assert type(found) is type(batch)
        assert np.array(found["our label"]).tolist() == MODEL.predict(X).tolist()
        np.testing.assert_allclose(
            np.array(found["our P(m!)"]), MODEL.predict_proba(X)[:, 1], rtol=1e-9
        )
        assert np.array(found["age"]).tolist() == X["age"].tolist()


def test_a_batch_may_be_empty():
    found = FORMULA.map_batches(X.iloc[:0])
    assert len(found) == 0
    assert "P(m!)" in found


@pytest.mark.parametrize("classes", [["a", "b"], [1, 2], [True, False]])
@pytest.mark.parametrize("name", ["polars", "pyarrow"])
def test_every_batch_has_columns_of_the_same_types_and_nulls_for_what_is_missing(name, classes):
    library = pytest.importorskip(name)
    Z = pd.DataFrame({"x": np.arange(20.0)})
    formula = cf.read(LogisticRegression().fit(Z, np.repeat(classes, 10)))
    table = library.from_pandas(Z) if name == "polars" else library.Table.from_pandas(Z)
    whole = formula.map_batches(table)
    for rows in (Z[:0], Z[:2] + np.nan):
        batch = library.from_pandas(rows) if name == "polars" else library.Table.from_pandas(rows)
        found = formula.map_batches(batch)
        for output in formula.outputs:
            mine, full = found[output], whole[output]
            assert (mine.dtype == full.dtype) if name == "polars" else (mine.type == full.type)
            nulls = mine.null_count() if name == "polars" else mine.null_count
            assert nulls == len(rows)


def arrow_table():
    """A table of Arrow with a null in each column, and its rows as Python holds them."""
    pa = pytest.importorskip("pyarrow")
    kind = pa.array(["u", None, "v", "z"]).dictionary_encode()
    columns = {"n": pa.array([1, 2, None, 4]), "x": pa.array([0.5, None, 2.0, 1.0]), "k": kind}
    return pa.table(columns)


def of_arrow():
    n, x = ops.input_(0), ops.input_(1)
    coded = ops.table(ops.input_(2, Type.LABEL), {"u": 10.0, "v": 20.0}, 50.0, 70.0)
    known = ops.where(ops.missing(x), ops.const(100), x)
    inputs = (Feature("n"), Feature("x"), Feature("k", Type.LABEL, ("u", "v")))
    return Formula({"y": ops.lin(0, (1, n), (1, known), (1, coded))}, inputs)


def test_a_table_of_arrow_is_rows_and_a_null_in_a_dictionary_is_missing():
    table, formula = arrow_table(), of_arrow()
    wanted = [11.5, 2 + 100 + 70.0, math.nan, 4 + 1 + 50.0]
    for run in (formula, formula.compile()):
        for rows in (table, table.to_batches()[0], table.select(["k", "x", "n"])):
            np.testing.assert_array_equal(run(rows), wanted)
    assert formula.map_batches(table)["y"].to_pylist() == [11.5, 172.0, None, 55.0]


def test_a_table_with_a_column_twice_or_without_one_is_refused():
    table, formula = arrow_table(), of_arrow()
    with pytest.raises(BadInput, match="there are several columns 'x'"):
        formula(table.append_column("x", table["n"]))
    with pytest.raises(BadInput, match="column 'k' is absent"):
        formula.compile()(table.select(["x", "n"]))


def test_a_formula_keeps_its_meaning_in_another_process(tmp_path):
    (tmp_path / "function").write_bytes(pickle.dumps(FORMULA.map_batches))
    script = """
import pickle, sys
function = pickle.load(open(sys.argv[1], "rb"))
print(function({"sex": ["f", "x", "m"], "age": [1.0, 2.0, 3.0]})["label"].tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "function"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['f!', 'x!', 'm!']"


def test_what_is_no_batch_is_told():
    with pytest.raises(BadInput, match="list"):
        FORMULA.map_batches([[1, 2]])


def test_dask_maps_partitions():
    dask = pytest.importorskip("dask.dataframe")
    found = dask.from_pandas(X, npartitions=3).map_partitions(FORMULA.map_batches).compute()
    assert found["label"].tolist() == MODEL.predict(X).tolist()


@pytest.fixture
def parquet(tmp_path):
    """Rows in a file, one without an age and one without a sex."""
    rows = X.copy()
    rows.loc[3, "age"], rows.loc[4, "sex"] = np.nan, None
    pytest.importorskip("pyarrow")
    rows.to_parquet(tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet"), str(tmp_path / "scored")


def assert_scored(folder):
    found = pd.read_parquet(folder).sort_values("age", ignore_index=True, na_position="first")
    assert found.loc[found["age"].isna(), "label"].isna().all()
    given = found.dropna(subset=["age", "sex"])
    assert len(given) == 58
    assert given["label"].tolist() == MODEL.predict(given[["sex", "age"]]).tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_maps_batches_of_a_file_into_another(parquet):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False)  # with one, its reader and its writer wait
    try:
        rows = ray.data.read_parquet(parquet[0])
        rows.map_batches(FORMULA.map_batches, batch_size=65_536).write_parquet(parquet[1])
    finally:
        ray.shutdown()
    assert_scored(parquet[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_spark_maps_pandas_frames_of_a_file_into_another(parquet, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = spark.getOrCreate()

    def score(batches):
        return map(FORMULA.map_batches, batches)

    try:
        rows = spark.read.parquet(parquet[0])
        types = dict.fromkeys(FORMULA.outputs, "double") | {"label": "string"}
        schema = ", ".join(f"`{n}` {t}" for n, t in [*rows.dtypes, *types.items()])
        rows.mapInPandas(score, schema).write.parquet(parquet[1])
    finally:
        spark.stop()
    assert_scored(parquet[1])
