"""Files that Keras 2 wrote, and what older and newer versions count otherwise."""

import json
import zipfile
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("torch")

from keras_models import L, chain, check_file, filled, keras

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = np.random.default_rng(0).normal(size=(30, 3)) * 3


def as_second(path: Any, change: Any = lambda config: None) -> None:
    """Make a file of one that Keras 2 could have written."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    parts["metadata.json"] = json.dumps({"keras_version": "2.15.0"}).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)


def values(formula: cf.Formula, rows: np.ndarray) -> np.ndarray:
    """Return all outputs, shape (rows, outputs)."""
    return np.column_stack([formula(rows, name) for name in formula.outputs])


def test_the_hard_sigmoid_of_keras_2_has_another_slope(tmp_path):
    model = chain(L.Dense(2, activation="hard_sigmoid"), shape=(3,))
    model.save(tmp_path / "m.keras")
    weights, bias = model.get_weights()
    z = ROWS @ weights.astype(float) + bias
    assert (
        abs(values(cf.read(tmp_path / "m.keras"), ROWS) - np.clip(z / 6 + 0.5, 0, 1)).max() < 1e-9
    )
    as_second(tmp_path / "m.keras")
    assert (
        abs(values(cf.read(tmp_path / "m.keras"), ROWS) - np.clip(z / 5 + 0.5, 0, 1)).max() < 1e-9
    )


def test_a_half_that_goes_backwards_need_not_be_told(tmp_path):
    model = chain(L.Bidirectional(L.LSTM(2, return_sequences=True)), L.GRU(2), shape=(3, 1))
    model.save(tmp_path / "m.keras")
    formula = cf.read(model)

    def forget(config: Any) -> None:
        del config["config"]["layers"][1]["config"]["backward_layer"]

    as_second(tmp_path / "m.keras", forget)
    assert (values(cf.read(tmp_path / "m.keras"), ROWS) == values(formula, ROWS)).all()


@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
def test_the_calls_of_an_inner_model_are_counted_as_keras_2_counts_them(kind, tmp_path):
    model = filled(twice(kind))
    model.save(tmp_path / "m.keras")
    expected = np.hstack(model.predict(ROWS, verbose=0))

    def recount(config: Any) -> None:
        config["module"] = "tf_keras.src.engine.functional"
        for layer in config["config"]["layers"]:
            if layer["class_name"] == kind:
                name = layer["name"]
                layer["inbound_nodes"] = [[["a", 0, 0, {}]], [[name, 1, 0, {}]]]
        config["config"]["output_layers"] = [[name, 1, 0], [name, 2, 0]]
        config["config"]["input_layers"] = [["a", 0, 0]]

    as_second(tmp_path / "m.keras", recount)
    assert abs(values(cf.read(tmp_path / "m.keras"), ROWS) - expected).max() < 1e-5


def twice(kind: str) -> Any:
    """Return a model that gives what an inner one makes of its input, and of that again."""
    x, a = keras.Input((3,)), keras.Input((3,), name="a")
    layer = L.Dense(3, activation="tanh")
    inner = keras.Sequential([x, layer]) if kind == "Sequential" else keras.Model(x, layer(x))
    first = inner(a)
    return keras.Model(a, [first, inner(first)])


@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_an_inner_model_that_is_given_twice_is_the_right_call(kind, name, tmp_path):
    model = filled(twice(kind))
    check_file(model, cf.read(model), tmp_path / name)


def test_a_model_within_a_model_is_read_from_one_hdf5_file(tmp_path):
    deepest = keras.Sequential([L.Input((3,)), L.Dense(3, activation="elu")])
    inner = keras.Sequential([L.Input((3,)), deepest, L.BatchNormalization(), L.Dense(2)])
    model = filled(keras.Sequential([L.Input((3,)), inner, L.Dense(2)]))
    check_file(model, cf.read(model), tmp_path / "m.h5")
    deepest.trainable = False  # their weights lie last then
    check_file(model, cf.read(model), tmp_path / "frozen.h5")


def test_a_layer_in_the_place_of_an_activation_is_read_from_a_file(tmp_path):
    model = chain(L.Dense(3, activation=L.LeakyReLU(0.1)), L.Dense(1, activation=L.ReLU(2.0)))
    model.save(tmp_path / "m.keras")
    rows = np.random.default_rng(1).normal(size=(30, 4))
    stored = cf.read(tmp_path / "m.keras")
    assert abs(values(stored, rows) - model.predict(rows, verbose=0)).max() < 1e-5
    assert stored.verify(model, rows).ok


def test_a_layer_that_is_called_with_nothing_is_refused(tmp_path):
    x = keras.Input((4,))
    keras.Model(x, L.Dense(1, name="d")(x)).save(tmp_path / "m.keras")

    def empty(config: Any) -> None:
        config["config"]["layers"][1]["inbound_nodes"] = [{"args": [], "kwargs": {}}]

    as_second(tmp_path / "m.keras", empty)
    with pytest.raises(cf.UnsupportedModel, match="called with nothing"):
        cf.read(tmp_path / "m.keras")
