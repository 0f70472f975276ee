"""Keras on TensorFlow, in a process of its own: the backend is chosen when Keras is imported."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow

MODELS = """
import keras
import numpy as np

import closedform as cf

L = keras.layers
x, steps, image = keras.Input((3,)), keras.Input((4, 2)), keras.Input((5, 5, 1))
hidden = L.LayerNormalization()(L.Dense(4, activation="tanh")(x))
models = {
    "rectified": (x, L.Dense(2)(L.Dense(4, activation="relu")(L.LeakyReLU()(hidden)))),
    "pooled": (image, L.Flatten()(L.ReLU(6.0)(L.MaxPooling2D(2)(image)))),
    "dense": (x, L.Dense(2, activation="softmax")(L.Dropout(0.5)(hidden))),
    "recurrent": (steps, L.Bidirectional(L.GRU(2))(L.LSTM(3, return_sequences=True)(steps))),
    "image": (image, L.Flatten()(L.AveragePooling2D(2)(L.Conv2D(2, 2, activation="elu")(image)))),
    "attending": (steps, L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 2)(steps, steps))),
}
for name, (taken, given) in models.items():
    net = keras.Model(taken, given)
    rows = np.random.default_rng(0).normal(size=(40, *net.input_shape[1:]))
    certificate = cf.read(net).verify(net, rows)
    assert certificate.ok, f"{name}: {certificate}"
    print(name, certificate.verdict)
"""


TABLES = """
import keras
import numpy as np
import tensorflow as tf

import closedform as cf

L = keras.layers
draw = np.random.default_rng(0)
columns = {
    "kind": draw.choice(["fixed", "normal", "odd"], (60, 1)).astype(object),
    "age": draw.normal(50, 10, (60, 1)).astype("float32"),
    "code": draw.integers(0, 5, (60, 1)),
}
lookups = [
    dict(output_mode="multi_hot"), dict(output_mode="one_hot", mask_token="odd"),
    dict(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True), dict(output_mode="count"),
]
rows = {name: column[:, 0] for name, column in columns.items()}
for options in lookups:
    whole = {**options, "mask_token": None} if "mask_token" in options else options
    layers = L.StringLookup(**options), L.Normalization(), L.IntegerLookup(**whole)
    types = "string", "float32", "int64"
    given = {name: keras.Input((1,), dtype=kind, name=name) for name, kind in zip(columns, types)}
    for layer, column in zip(layers, columns.values()):
        layer.adapt(column[:40] if column.dtype != object else tf.constant(column[:40]))
    coded = [layer(x) for layer, x in zip(layers, given.values())]
    net = keras.Model(list(given.values()), L.Dense(2)(L.Concatenate()(coded)))
    formula = cf.read(net)
    certificate = formula.verify(net, rows)
    assert certificate.ok, f"{options}: {certificate}"
    tensors = [tf.constant(c) if c.dtype == object else c for c in columns.values()]
    assert abs(formula(rows) - net.predict(tensors, verbose=0)).max() < 1e-4
    net.save("net.keras")
    stored = cf.read("net.keras")
    assert all(a is b for a, b in zip(stored.roots, formula.roots))
space = keras.utils.FeatureSpace({
    "kind": "string_categorical", "age": "float_normalized", "code": "integer_categorical",
}, output_mode="concat")
space.adapt(tf.data.Dataset.from_tensor_slices({k: v[:, 0] for k, v in columns.items()}))
net = keras.Model(space.get_inputs(), L.Dense(1)(space.get_encoded_features()))
certificate = cf.read(net).verify(net, rows)
assert certificate.ok, str(certificate)
print("done")
"""


def run(program: str, folder) -> str:
    asked = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    asked["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", program], env=asked, capture_output=True, text=True, check=False,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_lookups_of_labels_and_whole_numbers_are_read_and_verified(tmp_path):
    assert "done" in run(TABLES, tmp_path)


def test_models_on_tensorflow_are_read_and_verified(tmp_path):
    assert run(MODELS, tmp_path).count("exact") == 6
