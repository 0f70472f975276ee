"""A formula as a model of MLflow predicts what it predicts by itself, and nothing is pickled."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

import closedform as cf
from closedform import mlflow_flavor

# It would rather have an example of the rows; a formula knows its inputs without one.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*input example was not provided")
mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    return model, X, cf.read(model)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store in files, which mlflow-skinny can do alone."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{tmp_path}/runs")
    yield
    mlflow.set_tracking_uri(None)


def test_a_saved_formula_predicts_by_pyfunc_what_the_model_does(iris, tmp_path):
    model, X, formula = iris
    mlflow_flavor.save_model(formula, tmp_path / "made", input_example=X[:3])
    served = mlflow.pyfunc.load_model(str(tmp_path / "made"))
    np.testing.assert_array_equal(served.predict(X), model.predict(X))
    # To within what summing in another order may do to a chance.
    chance = served.predict(X, params={"output": "P(1)"})
    np.testing.assert_allclose(chance, model.predict_proba(X)[:, 1], rtol=1e-12)
    assert [c.name for c in served.metadata.get_input_schema()] == list(X.columns)
    with pytest.raises(cf.BadInput, match="no output 'P\\(9\\)'"):
        served.predict(X, params={"output": "P(9)"})


def test_a_logged_formula_comes_back_with_its_certificate_beside_it(iris, store):
    model, X, formula = iris
    certificate = formula.verify(model, X)
    with mlflow.start_run():
        info = mlflow_flavor.log_model(formula, "iris", certificate=certificate)
    back = mlflow_flavor.load_model(info.model_uri)
    np.testing.assert_array_equal(back(X), formula(X))
    served = mlflow.pyfunc.load_model(info.model_uri)
    np.testing.assert_array_equal(served.predict(X[X.columns[::-1]]), formula(X))
    folder = mlflow.artifacts.download_artifacts(artifact_uri=info.model_uri)
    files = {file.name: file for file in _files(folder)}
    assert json.loads(files["certificate.json"].read_text())["verdict"] == certificate.verdict
    assert certificate.verdict in files["certificate.md"].read_text()
    assert "LogisticRegression" in files["card.md"].read_text()
    assert r"\text" in files["formula.tex"].read_text()
    assert f"closedform=={cf.__version__}" in files["requirements.txt"].read_text()
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]


def _files(folder):
    from pathlib import Path

    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_without_an_example_the_signature_is_that_of_the_formulas_inputs(tmp_path):
    X = pd.DataFrame({"colour": ["red", "blue", "red", "green"] * 5, "size": np.arange(20.0)})
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encoder = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = make_pipeline(encoder, LinearRegression()).fit(X, np.arange(20.0) ** 2)
    mlflow_flavor.save_model(cf.read(model), tmp_path / "made")
    served = mlflow.pyfunc.load_model(str(tmp_path / "made"))
    schema = served.metadata.get_input_schema()
    assert {c.name: c.type.name for c in schema} == {"colour": "string", "size": "double"}
    # A sum in another order: to 1e-12 of a range of 361.
    np.testing.assert_allclose(served.predict(X), model.predict(X), atol=1e-9)


def test_a_model_of_several_outputs_has_them_as_columns(tmp_path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X[["bmi", "bp"]], np.column_stack([y, -y]))
    mlflow_flavor.save_model(cf.read(model), tmp_path / "made")
    served = mlflow.pyfunc.load_model(str(tmp_path / "made"))
    assert len(served.metadata.get_output_schema()) == 2
    # Columns that the model does not know are left out, as MLflow does.
    np.testing.assert_allclose(served.predict(X), model.predict(X[["bmi", "bp"]]), rtol=1e-12)


def test_what_is_no_formula_and_what_holds_none_is_refused(iris, tmp_path):
    model, _, formula = iris
    with pytest.raises(cf.BadInput, match="LogisticRegression is no formula"):
        mlflow_flavor.save_model(model, tmp_path / "made")
    with pytest.raises(cf.BadInput, match="is no certificate"):
        mlflow_flavor.save_model(formula, tmp_path / "made", certificate="fine")
    mlflow.pyfunc.save_model(tmp_path / "other", loader_module="json", pip_requirements=[])
    with pytest.raises(cf.BadFile, match="a model of another kind: python_function"):
        mlflow_flavor.load_model(str(tmp_path / "other"))


def test_without_mlflow_the_line_to_type_is_told(iris, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(cf.MissingExtra, match=r'pip install "closedform\[mlflow\]"'):
        mlflow_flavor.save_model(iris[2], tmp_path / "made")


def test_the_name_of_the_package_is_not_taken():
    import closedform.mlflow_flavor

    assert not hasattr(cf, "mlflow")
    assert cf.mlflow_flavor is closedform.mlflow_flavor
