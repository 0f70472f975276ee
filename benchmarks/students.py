"""Students and pruning on six known truths and three data sets: `python benchmarks/students.py`.

For each 15-60-60-1 network the fewest constants at 90, 95 and 97 % agreement with the network on
20,000 rows that nothing has seen, the accuracy that the formula is expected to reach there beside
the network's own, and the seconds. The formulas are picked on those rows: 0.2 points too good.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from truths import INPUTS, ROWS, TRUTHS, Data, network

import closedform as cf
from closedform.shorten import Clock, Teacher
from closedform.shorten.methods import method
from closedform.shorten.teacher import outputs_of

AGREEMENTS = (90, 95, 97)
AIMED = {"interaction": 20, "additive": 10, "rule": 9, "dense": 88}
"""Constants at 95 % agreement that are aimed at."""
REAL: dict[str, tuple[Any, Any]] = {
    "breast cancer": (load_breast_cancer, MLPClassifier((30, 30), max_iter=300, random_state=0)),
    "wine": (load_wine, MLPClassifier((20,), max_iter=500, random_state=0)),
    "diabetes": (
        load_diabetes,
        MLPRegressor(hidden_layer_sizes=(30,), max_iter=1500, alpha=1.0, random_state=0),
    ),
}
SIZES = (5, 10, 20, 40)


def classifier(net: Any) -> cf.Formula:
    """Return a network of log-odds as the formula of a classifier."""
    score = cf.read(net).roots[0]
    task, outputs = outputs_of(cf.Task("classification", (0, 1)), [score])
    features = tuple(cf.Feature(f"x{i}") for i in range(INPUTS))
    return cf.Formula(outputs, features, task, source="15-60-60-1")


def found(name: str, formula: cf.Formula, X: Any, seconds: float) -> Iterator[cf.Formula]:
    """Yield what a method finds for a formula within a time."""
    yield from method(name)(Teacher.of(formula, X), Clock(seconds))


def constants(formula: cf.Formula) -> int:
    """Return how many constants a formula has, as its method counted them."""
    return int(formula.trail[-1].found["constants"])


def on_a_truth(name: str, truth: str, activation: str, seconds: float) -> str:
    """Return a line of the table for one network."""
    data, fresh = Data.of(truth), Data.of(truth, ROWS, seed=1)
    formula = classifier(network(data, activation))
    told = formula(fresh.X).astype(int)
    started, rows = time.perf_counter(), []
    for one in found(name, formula, data.X, seconds):
        labels = one(fresh.X).astype(int)
        rows.append((100 * np.mean(labels == told), constants(one), fresh.accuracy(labels)))
    cells = []
    for wanted in AGREEMENTS:
        short = min((row for row in rows if row[0] >= wanted), key=lambda row: row[1], default=None)
        cells.append("-" if short is None else f"{short[1]} ({short[2]:.4f})")
    took = time.perf_counter() - started
    line = [f"{truth}, {activation}", *cells, f"{fresh.accuracy(told):.4f}", f"{took:.0f}"]
    return " | ".join(["", *line, str(AIMED.get(truth, "")), ""]).strip()


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
    """Print both tables."""
    warnings.simplefilter("ignore")
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("truths", nargs="*", help=", ".join(TRUTHS), default=list(TRUTHS))
    asked.add_argument("--method", default="students", choices=["students", "prune"])
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--activations", nargs="*", default=["tanh", "relu"])
    given = asked.parse_args()
    heads = [f"constants at {a} % (accuracy)" for a in AGREEMENTS]
    print("| network |", " | ".join(heads), "| its accuracy | seconds | aim at 95 % |")
    print("|---" * (len(heads) + 4) + "|")
    for truth in given.truths:
        for activation in given.activations:
            print(on_a_truth(given.method, truth, activation, given.seconds), flush=True)
    print("\n| data |", " | ".join(f"≤ {size} constants" for size in SIZES), "| the model |")
    print("|---" * (len(SIZES) + 2) + "|")
    for data in REAL:
        print(on_real_data(given.method, data, given.seconds), flush=True)


if __name__ == "__main__":
    main()
