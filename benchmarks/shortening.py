"""How short a formula a model has: six known truths, networks and forests, every method and peer.

    python benchmarks/shortening.py
    python benchmarks/shortening.py --truths rule ratio --models relu hgb --seeds 0 1 --full

Each model is trained on 20,000 noisy rows; everything in the table is measured on 20,000 fresh
ones. "of the truth" is the agreement that the truth itself has with the model: more than that is
noise that the model has learned. Accuracy is what is expected under the true chances, so that drawn
labels add no noise. A line is the formula of the fewest constants that comes within half a point of
the agreement of the most faithful one that the method gave; `--full` prints all. "frontier" is
`cf.frontier` with all methods, and the formula that it calls the best. Peers are fitted to what the
model says on the same rows (`peers.py`).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from peers import PEERS, Asked
from truths import TRUTHS, Data, network

import closedform as cf
from closedform.fitting.constants import count_constants
from closedform.frontiers.limiting import TimeIsOver, at_latest
from closedform.shorten.clock import Clock
from closedform.shorten.methods import METHODS, method
from closedform.shorten.teacher import Teacher, outputs_of

HEAD = (
    "truth       model seed method               constants agreement of the truth "
    "accuracy: formula model best seconds"
)
NEAR = 0.005
GRACE = 1.0
"""Seconds for which the step on its way may overrun, as in a frontier."""
MODELS = ("tanh", "relu", "rf", "hgb")
OF_TREES = {"rule"}
"""Truths that forests and boosters are tried on: the others they only approximate by stairs."""
CONTENDERS = ("frontier", *METHODS, *PEERS)


@dataclass(frozen=True)
class Tried:
    """One formula of one contender.

    Attributes:
        constants: how many numbers a reader sees.
        agreement: the share of fresh rows on which it gives the model's class.
        accuracy: the share of fresh rows on which it is expected to be right.
        seconds: after how many it was found.
        text: the formula on one line; of peers nothing.
    """

    constants: int
    agreement: float
    accuracy: float
    seconds: float
    text: str = ""


@dataclass(frozen=True)
class Found:
    """What one contender made of one model.

    Attributes:
        truth: which one is behind the labels.
        model: its kind.
        seed: of the rows, the model and the contender.
        contender: who.
        tried: its formulas, as they were found.
        picked: the number of the one that the contender calls the best; None if it calls none.
        reason: why, in its words; or what went wrong.
        seconds: how long it took.
        accuracy: the model's own.
        best: the truth's.
        ceiling: the share of fresh rows on which the truth and the model agree.
    """

    truth: str
    model: str
    seed: int
    contender: str
    tried: list[Tried]
    picked: int | None
    reason: str
    seconds: float
    accuracy: float
    best: float
    ceiling: float

    @property
    def chosen(self) -> Tried | None:
        """The one picked, or that of the fewest constants that is nearly as faithful as any."""
        if self.picked is not None:
            return self.tried[self.picked]
        most = max((t.agreement for t in self.tried), default=0.0)
        near = [t for t in self.tried if t.agreement >= most - NEAR]
        return min(near, key=lambda t: t.constants, default=None)


@dataclass(frozen=True)
class Subject:
    """A model with the rows that it was trained on and is judged on."""

    truth: str
    model: str
    seed: int
    formula: cf.Formula
    data: Data
    fresh: Data
    said: Any

    @classmethod
    def of(cls, truth: str, kind: str, seed: int, formula: cf.Formula | None = None) -> Subject:
        """Train a model, unless its formula is there already."""
        data, fresh = Data.of(truth, seed=seed), Data.of(truth, seed=seed + 1_000)
        formula = read(trained(kind, data, seed)) if formula is None else formula
        return cls(truth, kind, seed, formula, data, fresh, labels_of(formula, fresh.X))

    def judged(self, labels: Any, constants: int, seconds: float, text: str = "") -> Tried:
        """Measure the labels that a formula gives on the fresh rows."""
        agreement = float((labels == self.said).mean())
        return Tried(constants, agreement, self.fresh.accuracy(labels), seconds, text)


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


def labels_of(formula: cf.Formula, X: Any) -> Any:
    """Return 0 or 1 for each row."""
    return np.asarray(formula(X)).astype(int)


def spelt(formula: cf.Formula) -> str:
    """Return the scores of a formula on one line, cut where it is long."""
    if formula.length > 400:
        return "…"
    text = formula.only(*formula.scores).to("text").partition("\n\n")[0]
    return " ".join(text.split())


# --- contenders ---------------------------------------------------------------------------------

Tries = Iterator[tuple[Any, int, str]]
"""Labels on fresh rows, constants, text."""


def ours(name: str, subject: Subject, limit: float) -> Tries:
    """Yield the formulas of one method."""
    teacher = Teacher.of(subject.formula, subject.data.X, subject.data.y, seed=subject.seed)
    for found in method(name)(teacher, Clock(limit)):
        yield labels_of(found, subject.fresh.X), count_constants(found), spelt(found)


def theirs(name: str, subject: Subject, limit: float) -> Tries:
    """Yield the formulas of one peer."""
    X = subject.data.X
    odds = Teacher.of(subject.formula, X).scores[:, 0]
    asked = Asked(X, labels_of(subject.formula, X), odds, limit, subject.seed)
    for constants, predict in PEERS[name](asked):
        yield np.asarray(predict(subject.fresh.X)).astype(int), constants, ""


def tries(name: str, subject: Subject, limit: float) -> Iterator[Tried]:
    """Yield the formulas of a method or a peer, measured."""
    make: Callable[..., Tries] = theirs if name in PEERS else ours
    started = time.perf_counter()
    for labels, constants, text in make(name, subject, limit):
        yield subject.judged(labels, constants, time.perf_counter() - started, text)


def contend(name: str, subject: Subject, limit: float) -> Found:
    """Let one contender try; what it has given by the limit counts."""
    tried: list[Tried] = []
    started = time.perf_counter()
    picked, reason = None, ""
    try:
        if name == "frontier":  # keeps its own time
            tried, picked, reason = frontier(subject, limit)
        else:
            with at_latest(limit + GRACE):
                for one in tries(name, subject, limit):
                    tried.append(one)
    except TimeIsOver:
        reason = "out of time"
    except Exception as problem:  # a contender's own failure is a result
        reason = f"{type(problem).__name__}: {problem}"[:200]
    data, seconds = subject.fresh, time.perf_counter() - started
    ceiling = float(((TRUTHS[subject.truth](data.X) > 0) == subject.said).mean())
    return Found(
        subject.truth, subject.model, subject.seed, name, tried, picked, reason, seconds,
        data.accuracy(subject.said), data.best, ceiling,
    )  # fmt: skip


def frontier(subject: Subject, limit: float) -> tuple[list[Tried], int, str]:
    """Return the whole frontier, which of it is called the best, and why."""
    X, y = subject.data.X, subject.data.y
    started = time.perf_counter()
    front = cf.frontier(subject.formula, X, y, time_limit=limit, seed=subject.seed)
    seconds = time.perf_counter() - started
    tried = [
        subject.judged(labels_of(e.formula, subject.fresh.X), e.numbers, seconds, e.text)
        for e in front.entries
    ]
    return tried, front.choice.index, front.reason


# --- the table ----------------------------------------------------------------------------------


def lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the table, a line at a time."""
    yield HEAD
    for truth, kind, seed in product(options.truths, options.models, options.seeds):
        if kind in ("rf", "hgb") and truth not in OF_TREES:
            continue
        subject = Subject.of(truth, kind, seed)
        for name in options.methods:
            yield from told(contend(name, subject, options.limit), options.full)


def told(found: Found, full: bool) -> Iterator[str]:
    """Yield one line for each formula."""
    who = f"{found.truth:<11} {found.model:<5} {found.seed:>4} {found.contender:<20}"
    shown = found.tried if full else [t for t in [found.chosen] if t is not None]
    for t in shown:
        yield (
            f"{who} {t.constants:>9} {t.agreement:>9.2%} {found.ceiling:>12.2%} "
            f"{t.accuracy:>17.4f} {found.accuracy:.4f} {found.best:.4f} {t.seconds:>6.1f}"
        )
        if t.text:
            yield f"    {t.text}"
    if found.reason:
        yield f"{who} {found.reason}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS), choices=list(TRUTHS))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--methods", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each method")
    parser.add_argument("--full", action="store_true", help="every formula that was found")
    warnings.simplefilter("ignore")  # of peers, on their own dependencies
    for line in lines(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
