"""Keras networks as estimators of scikit-learn, alone and in pipelines."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

import closedform as cf

pytest.importorskip("torch")

from battery import compare
from keras_models import L, filled, keras

pytestmark = pytest.mark.filterwarnings("ignore")

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(60, 3)) * [1.0, 10.0, 0.1]
Y = X[:, 0] * 2 - X[:, 1]
KINDS = np.array(["oak", "elm", "ash"])[np.digitize(Y, np.quantile(Y, [0.3, 0.7]))]


def network(X: Any, y: Any, count: int = 1, last: str | None = None) -> Any:
    """Return a small network, compiled as the wrappers want it."""
    parts = [L.Input((np.shape(X)[1],)), L.Dense(3, "tanh"), L.Dense(count, last)]
    made = keras.Sequential(parts)
    made.compile(loss="mse", optimizer="sgd")
    return made


def drawn(wrapper: Any) -> Any:
    """Return a fitted wrapper with weights that are far from their start."""
    filled(wrapper.model_)
    return wrapper


def near(formula: cf.Formula, model: Any, rows: Any) -> None:
    """Compare with every method of the model, within float32."""
    compare(formula, model, rows, 1e-5, "rows")
    assert formula.verify(model, rows).ok


def test_keras_own_regressor_is_read():
    model = drawn(keras.wrappers.SKLearnRegressor(network).fit(X, Y, verbose=0))
    formula = cf.read(model)
    near(formula, model, X)
    assert formula.precision["y"].dtype == "float32"
    assert np.isnan(formula([[1.0, np.nan, 2.0]])[0])


def test_keras_own_classifier_is_read():
    options = {"count": 3, "last": "softmax"}
    model = keras.wrappers.SKLearnClassifier(network, model_kwargs=options)
    model = drawn(model.fit(X, KINDS, verbose=0))
    formula = cf.read(model)
    near(formula, model, X)
    assert set(formula(X)) <= set(KINDS)


def test_a_transformer_in_a_pipeline_is_read():
    middle = keras.wrappers.SKLearnTransformer(network, model_kwargs={"count": 2})
    middle = drawn(middle.fit(X, np.column_stack([Y, Y])[:, 0], verbose=0))
    scaler = StandardScaler().fit(X)
    last = Ridge().fit(middle.transform(scaler.transform(X)), Y)
    model = make_pipeline(scaler, middle, last)
    near(cf.read(model), model, X)


def scikeras() -> Any:
    """Return the wrappers of SciKeras."""
    return pytest.importorskip("scikeras.wrappers")


def of_meta(meta: dict[str, Any]) -> Any:
    """Return a network for what SciKeras knows of the data."""
    count = meta.get("n_classes_", 1)
    last = {1: "linear", 2: "sigmoid"}.get(count, "softmax")
    units = 1 if count == 2 else count
    return keras.Sequential([L.Input((meta["n_features_in_"],)), L.Dense(3, "relu"),
                             L.Dense(units, last)])  # fmt: skip


FRAME = pd.DataFrame({"size": X[:, 0], "age": X[:, 1], "town": DRAW.choice(["a", "b"], 60)})


def test_a_network_of_scikeras_behind_columns_of_two_kinds_is_read():
    columns = make_column_transformer(
        (MinMaxScaler(), ["size", "age"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["town"]),
    )
    last = scikeras().KerasRegressor(of_meta, loss="mse", epochs=1, verbose=0)
    model = make_pipeline(columns, last).fit(FRAME, Y)
    filled(last.model_ if hasattr(last, "model_") else model[-1].model_)
    formula = cf.read(model)
    near(formula, model, FRAME)
    assert [f.name for f in formula.inputs] == ["size", "age", "town"]
    near(formula, model, FRAME.assign(town="c"))


@pytest.mark.parametrize("labels", [KINDS, KINDS == "oak"])
def test_classifiers_of_scikeras_are_read(labels):
    loss = "sparse_categorical_crossentropy" if labels.dtype != bool else "binary_crossentropy"
    model = scikeras().KerasClassifier(of_meta, loss=loss, epochs=1, verbose=0).fit(X, labels)
    filled(model.model_)
    formula = cf.read(model)
    near(formula, model, X)
    assert formula.task.classes == tuple(np.unique(labels).tolist())


def test_a_target_that_is_transformed_around_a_network_is_read():
    inner = scikeras().KerasRegressor(of_meta, loss="mse", epochs=1, verbose=0)
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, Y)
    near(cf.read(model), model, X)


class Doubling(TransformerMixin, BaseEstimator):
    """A target encoder of a user's own."""

    def fit(self, y: Any) -> Any:
        return self

    def transform(self, y: Any) -> Any:
        return y * 2

    def inverse_transform(self, y: Any) -> Any:
        return y / 2


def test_targets_that_are_not_known_are_refused():
    wrappers = scikeras()

    class Own(wrappers.KerasRegressor):
        @property
        def target_encoder(self) -> Any:
            return Doubling()

    model = Own(of_meta, loss="mse", epochs=1, verbose=0).fit(X, Y)
    with pytest.raises(cf.UnsupportedModel, match="target encoder of its own"):
        cf.read(model)
    several = np.column_stack([Y > 0, Y < 1]).astype(int)
    model = scikeras().KerasClassifier(
        lambda meta: keras.Sequential([L.Input((3,)), L.Dense(2, "sigmoid")]),
        loss="binary_crossentropy", epochs=1, verbose=0,
    ).fit(X, several)  # fmt: skip
    with pytest.raises(cf.UnsupportedModel, match="multilabel"):
        cf.read(model)


def test_a_wrapper_that_is_not_fitted_is_refused():
    with pytest.raises(cf.NotFitted):
        cf.read(keras.wrappers.SKLearnRegressor(network))


def test_a_network_that_takes_other_tensors_is_refused_in_a_pipeline():
    def sequence(X: Any, y: Any) -> Any:
        made = keras.Sequential([L.Input((3,)), L.Reshape((3, 1)), L.LSTM(2), L.Dense(1)])
        made.compile(loss="mse", optimizer="sgd")
        return made

    model = drawn(keras.wrappers.SKLearnRegressor(sequence).fit(X, Y, verbose=0))
    near(cf.read(model), model, X)
    two = keras.Input((1,)), keras.Input((2,))
    model.model_ = keras.Model(two, L.Concatenate()(two))
    with pytest.raises(cf.UnsupportedModel, match="in 2 tensors"):
        cf.read(model)
