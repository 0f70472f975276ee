"""A Feynman equation back from boosted trees: `python -m examples.boosted_trees`.

Trees are steps: nowhere does their slope say anything, and each value is off by a little. What is
left of the law shows over long distances only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from examples.experiment import Array, Case, Effort, Truth, main


def coulomb(x: Array, scale: Any, power: Any) -> Array:
    """Return the force between two charges."""
    return np.asarray(scale * x[:, 0] * x[:, 1] / (x[:, 2] * x[:, 3] ** power))


def potential(x: Array, scale: Any, power: Any) -> Array:
    """Return the energy of a spring that is drawn out."""
    return np.asarray(scale * x[:, 0] * x[:, 1] ** power)


LAWS = [
    ("I.14.4", ["k", "x"], Truth("k*x^2/2", potential, {"1/2": 0.5, "power": 2})),
    (
        "I.12.2", ["q1", "q2", "ε", "r"],
        Truth("q1*q2/(4*π*ε*r^2)", coulomb, {"1/(4π)": 1 / (4 * np.pi), "power": 2}),
    ),
]  # fmt: skip


def cases(effort: Effort) -> Iterator[Case]:
    """Yield boosters of up to 800 trees, each trained on 10,000 rows."""
    from xgboost import XGBRegressor

    for stream, (number, names, truth) in enumerate(LAWS):
        draw = effort.draw(stream)
        X = draw.uniform(1, 5, size=(10_000, len(names)))
        y = truth(X)
        booster = XGBRegressor(
            n_estimators=effort.steps(800), max_depth=5, learning_rate=0.05, subsample=0.8,
            n_jobs=1, random_state=effort.seed,
        ).fit(X, y)  # fmt: skip
        yield Case(
            title=f"XGBoost, {booster.n_estimators} trees, trained on {number} of Feynman's",
            model=booster, X=X, y=y, names=names, truth=truth,
            ask=lambda x, booster=booster: np.asarray(booster.predict(x), float),
            held=draw.uniform(1, 5, size=(2000, len(names))),
            outside=draw.uniform(5, 10, size=(2000, len(names))),
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
