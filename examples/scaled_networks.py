"""Laws in raw units from Keras between MinMax scalers: `python -m examples.scaled_networks`.

One hidden layer has learned how a cup of tea cools, two hidden layers a swing that dies away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler

from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import minimised

os.environ.setdefault("KERAS_BACKEND", "torch")


def trained(x: Array, y: Array, hidden: list[int], steps: int, seed: int) -> Any:
    """Return a tanh network after ten epochs of Keras' Adam and some steps of L-BFGS.

    Keras has no L-BFGS; on its PyTorch backend, weights are PyTorch's. Adam alone leaves 2 % after
    the same seconds.
    """
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(units, activation="tanh", dtype="float64") for units in hidden]
    last = keras.layers.Dense(1, dtype="float64")
    net = keras.Sequential([keras.Input((1,), dtype="float64"), *layers, last])
    net.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    net.fit(x, y, epochs=10, batch_size=32, verbose=0)
    rows, told = (torch.tensor(a, device="cpu") for a in (x, y))
    minimised(net.parameters(), lambda: torch.nn.functional.mse_loss(net(rows), told), steps)
    return net


def between_scalers(
    x: Array, y: Array, hidden: list[int], steps: int, seed: int
) -> Callable[[Array], Array]:
    """Return scaler, network and the way back as one function of rows in raw units."""
    inner, outer = MinMaxScaler().fit(x), MinMaxScaler().fit(y[:, None])
    net = trained(inner.transform(x), outer.transform(y[:, None]), hidden, steps, seed)

    def model(rows: Array) -> Array:
        said = np.asarray(net(inner.transform(rows)).detach().numpy(), float)
        return np.asarray(outer.inverse_transform(said)[:, 0])

    return model


def cooling(x: Array, room: Any, above: Any, rate: Any) -> Array:
    """Return a temperature in °C after some minutes."""
    return np.asarray(room + above * np.exp(-rate * x[:, 0]))


def swing(x: Array, width: Any, rate: Any, speed: Any) -> Array:
    """Return a deflection in cm after some seconds."""
    return np.asarray(width * np.exp(-rate * x[:, 0]) * np.cos(speed * x[:, 0]))


LAWS = [
    (
        "Keras, one hidden layer of 16 tanh units: how tea cools (minutes, °C)",
        Truth("20 + 70*exp(-0.1*t)", cooling, {"room": 20, "above": 70, "rate": 0.1}),
        [16], 40.0, 600,
    ),
    (
        "Keras, two hidden layers of 24 tanh units: a swing that dies away (seconds, cm)",
        Truth("3*exp(-0.3*t)*cos(2*t)", swing, {"width": 3, "rate": 0.3, "speed": 2}),
        [24, 24], 8.0, 1200,
    ),
]  # fmt: skip


def cases(effort: Effort) -> Iterator[Case]:
    """Yield both networks, trained on 512 rows each."""
    for stream, (title, truth, hidden, end, steps) in enumerate(LAWS):
        draw = effort.draw(stream)
        x = draw.uniform(0, end, size=(512, 1))
        y = truth(x)
        model = between_scalers(x, y, hidden, effort.steps(steps), effort.seed)
        yield Case(
            title=title, model=model, X=x, y=y, names=["t"], truth=truth, ask=model,
            held=draw.uniform(0, end, size=(1000, 1)),
            outside=draw.uniform(end, 2 * end, size=(1000, 1)),
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
