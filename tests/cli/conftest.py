"""Files and data as users have them, and the command line that is tried on them."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import closedform
from closedform.cli import main


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with models and data, as users have them."""
    folder = tmp_path_factory.mktemp("files")
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X["sex"] = np.where(X["sex"] == 1, "f", "m")
    numbers = [name for name in X if name != "sex"]
    mixed = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["sex"]))
    pipeline = make_pipeline(mixed, Ridge()).fit(X, y)
    joblib.dump(pipeline, folder / "model.joblib")
    skops.io.dump(pipeline, folder / "model.skops")
    skops.io.dump(
        make_pipeline(StandardScaler(), Ridge()).fit(X[["age", "bmi"]], y), folder / "small.skops"
    )
    odd = make_pipeline(
        FunctionTransformer(np.sort), StandardScaler(), KNeighborsRegressor(metric="correlation")
    )
    joblib.dump(odd.fit(X[numbers].to_numpy(), y), folder / "odd.joblib")
    data = X.assign(progression=y)[[*reversed(X.columns), "progression"]]
    data.to_csv(folder / "rows.csv", index=False)
    data.to_parquet(folder / "rows.parquet")
    closedform.read(pipeline).save(folder / "formula.json")
    flowers, kinds = load_iris(return_X_y=True)
    joblib.dump(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(flowers, kinds),
        folder / "iris.pkl",
    )
    frame = pd.DataFrame(flowers, columns=["sl", "sw", "pl", "pw"]).assign(species=kinds)
    frame.to_csv(folder / "iris.csv", index=False)
    closedform.read(
        GradientBoostingClassifier(n_estimators=5).fit(frame[["sl", "pl"]], kinds)
    ).save(folder / "trees.json")  # fmt: skip
    return folder


@pytest.fixture
def run(made, monkeypatch, capsys):
    """Run the command in the folder; return (exit status, standard output, standard error)."""
    monkeypatch.chdir(made)

    def call(*words):
        status = main([str(word) for word in words])
        return (status, *capsys.readouterr())

    return call


@pytest.fixture
def ask(run):
    """Run the command with `--json`; return (exit status, the object)."""

    def call(*words):
        status, out, err = run(*words, "--json")
        assert err == ""
        return status, json.loads(out)

    return call
