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
    "dense": (x, L.Dense(2, activation="softmax")(L.Dropout(0.5)(hidden))),
    "recurrent": (steps, L.Bidirectional(L.GRU(2))(L.LSTM(3, return_sequences=True)(steps))),
    "image": (image, L.Flatten()(L.AveragePooling2D(2)(L.Conv2D(2, 2, activation="elu")(image)))),
    "attending": (steps, L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 2)(steps, steps))),
}
for name, (taken, given) in models.items():
    net = keras.Model(taken, given)
    rows = np.random.default_rng(0).normal(size=(40, *net.input_shape[1:]))
    # On TensorFlow attention computes in float32 alone, where the square of 1e30 is infinite.
    certificate = cf.read(net).verify(net, rows, made_up=name != "attending")
    assert certificate.ok, f"{name}: {certificate}"
    print(name, certificate.verdict)
"""


def test_models_on_tensorflow_are_read_and_verified():
    asked = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", MODELS], env=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("exact") == 4
