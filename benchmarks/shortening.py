"""How short a formula a model has: six known truths, networks and forests, every method.

    python benchmarks/shortening.py
    python benchmarks/shortening.py --truths rule ratio --models relu hgb --seeds 0 1 --full

Each model is trained on 20,000 noisy rows; everything in the table is measured on 20,000 fresh
ones. "of the truth" is the agreement that the truth itself has with the model: more than that is
noise that the model has learned. Accuracy is what is expected under the true chances, so that drawn
labels add no noise. A line is the formula of the fewest constants that comes within half a point of
the agreement of the most faithful one that the method gave; `--full` prints all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from truths import TRUTHS, Data, network

import closedform as cf
from closedform.fitting.constants import count_constants
from closedform.shorten.clock import Clock
from closedform.shorten.methods import METHODS, method
from closedform.shorten.teacher import Teacher, outputs_of

HEAD = (
    "truth       model seed method      constants agreement of the truth "
    "accuracy: formula model best seconds"
)
NEAR = 0.005
MODELS = ("tanh", "relu", "rf", "hgb")
OF_TREES = {"rule"}
"""Truths that forests and boosters are tried on: the others they only approximate by stairs."""


@dataclass(frozen=True)
class Tried:
    """One formula of one method.

    Attributes:
        formula: the formula.
        constants: how many numbers a reader sees.
        agreement: the share of fresh rows on which it gives the model's class.
        accuracy: the share of fresh rows on which it is expected to be right.
        seconds: after how many it was found.
    """

    formula: cf.Formula
    constants: int
    agreement: float
    accuracy: float
    seconds: float


def trained(kind: str, data: Data, seed: int) -> Any:
    """Return a model of a kind, trained on rows."""
    if kind in ("tanh", "relu"):
        return network(data, kind, seed)
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    model = (
        RandomForestClassifier(300, random_state=seed)
        if kind == "rf"
        else HistGradientBoostingClassifier(max_iter=300, random_state=seed)
    )
    return model.fit(data.X, data.y)


def read(model: Any) -> cf.Formula:
    """Return the exact formula of a model; a network's one number is the log-odds of class 1."""
    formula = cf.read(model)
    if formula.task.kind == "classification":
        return formula
    task, outputs = outputs_of(cf.Task("classification", (0, 1)), formula.roots)
    return replace(formula, task=task, outputs=outputs)


def tries(formula: cf.Formula, data: Data, fresh: Data, name: str, limit: float) -> Iterator[Tried]:
    """Yield the formulas of one method, as it finds them."""
    said = formula(fresh.X)
    started = time.perf_counter()
    teacher = Teacher.of(formula, data.X, data.y)
    for found in method(name)(teacher, Clock(limit)):
        seconds = time.perf_counter() - started
        labels = found(fresh.X)
        agreement = float((labels == said).mean())
        accuracy = fresh.accuracy(np.asarray(labels))
        yield Tried(found, count_constants(found), agreement, accuracy, seconds)


def chosen(found: list[Tried]) -> Tried:
    """Return the one of the fewest constants that is nearly as faithful as any."""
    most = max(t.agreement for t in found)
    return min((t for t in found if t.agreement >= most - NEAR), key=lambda t: t.constants)


def spelt(formula: cf.Formula) -> str:
    """Return the scores of a formula on one line."""
    text = formula.only(*formula.scores).to("text").partition("\n\n")[0]
    return " ".join(text.split())


def lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the table, a line at a time."""
    yield HEAD
    for truth, kind, seed in product(options.truths, options.models, options.seeds):
        if kind in ("rf", "hgb") and truth not in OF_TREES:
            continue
        data, fresh = Data.of(truth, seed=seed), Data.of(truth, seed=seed + 1_000)
        formula = read(trained(kind, data, seed))
        said = np.asarray(formula(fresh.X))
        ceiling = ((TRUTHS[truth](fresh.X) > 0) == said).mean()
        for name in options.methods:
            found = list(tries(formula, data, fresh, name, options.limit))
            for t in found if options.full else [chosen(found)]:
                yield (
                    f"{truth:<11} {kind:<5} {seed:>4} {name:<11} {t.constants:>9} "
                    f"{t.agreement:>9.2%} {ceiling:>12.2%} {t.accuracy:>17.4f} "
                    f"{fresh.accuracy(said):.4f} {fresh.best:.4f} {t.seconds:>6.1f}"
                )
                yield f"    {spelt(t.formula)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS), choices=list(TRUTHS))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each method")
    parser.add_argument("--full", action="store_true", help="every formula that was found")
    for line in lines(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
