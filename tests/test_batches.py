"""Batches of rows come back as what they were, with the outputs beside them."""

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
from closedform.errors import BadInput

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


@pytest.mark.slow
def test_ray_maps_batches():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False)
    try:
        rows = ray.data.from_pandas(X).map_batches(FORMULA.map_batches).take_all()
    finally:
        ray.shutdown()
    assert [r["label"] for r in rows] == MODEL.predict(X).tolist()
