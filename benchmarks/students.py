"""Students of networks on three data sets: `python benchmarks/students.py`.

Agreement (or R²) with the network on held-out rows, and in brackets against what was observed, of
the formula that leaves least unexplained among those of at most so many constants. How they do on
the six known truths is a part of `shorter.py`.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform.shorten import Clock, Teacher
from closedform.shorten.methods import method

REAL: dict[str, tuple[Any, Any]] = {
    "breast cancer": (load_breast_cancer, MLPClassifier((30, 30), max_iter=300, random_state=0)),
    "wine": (load_wine, MLPClassifier((20,), max_iter=500, random_state=0)),
    "diabetes": (
        load_diabetes,
        MLPRegressor(hidden_layer_sizes=(30,), max_iter=1500, alpha=1.0, random_state=0),
    ),
}
SIZES = (5, 10, 20, 40)


def found(name: str, formula: cf.Formula, X: Any, seconds: float) -> Iterator[cf.Formula]:
    """Yield what a method finds for a formula within a time."""
    yield from method(name)(Teacher.of(formula, X), Clock(seconds))


def constants(formula: cf.Formula) -> int:
    """Return how many constants a formula has, as its method counted them."""
    return int(formula.trail[-1].found["constants"])


def on_real_data(name: str, data: str, seconds: float) -> str:
    """Return a line: for each size, agreement (or R²) with the model on held-out rows."""
    load, network_ = REAL[data]
    X, y = load(return_X_y=True, as_frame=True)
    train, test, labels, truth = train_test_split(X, y, random_state=1)
    model = make_pipeline(StandardScaler(), network_).fit(train, labels)
    told = model.predict(test)
    made = list(found(name, cf.read(model), train, seconds))
    cells = []
    for size in SIZES:
        few = [one for one in made if constants(one) <= size]
        best = min(few, key=lambda one: one.trail[-1].found["unexplained"], default=None)
        cells.append("-" if best is None else _scored(best(test), told, np.asarray(truth)))
    own = _scored(told, told, np.asarray(truth))
    return " | ".join(["", data, *cells, own, ""]).strip()


def _scored(got: Any, told: Any, truth: Any) -> str:
    """Return how near an answer is to the model's, and how near to what was observed."""
    if got.dtype.kind == "f":
        near = [1 - np.mean((got - to) ** 2) / np.var(to) for to in (told, truth)]
    else:
        near = [np.mean(got == to) for to in (told, truth)]
    return f"{near[0]:.3f} ({near[1]:.3f})"


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--method", default="students", choices=["students", "prune"])
    asked.add_argument("--seconds", type=float, default=60.0)
    given = asked.parse_args()
    print("| data |", " | ".join(f"≤ {size} constants" for size in SIZES), "| the model |")
    print("|---" * (len(SIZES) + 2) + "|")
    for data in REAL:
        print(on_real_data(given.method, data, given.seconds), flush=True)


if __name__ == "__main__":
    main()
