"""What is lost when all numbers of a formula are made ones that a person would write.

`python benchmarks/snapping.py` fits the constants of each formula of the method `terms` once more,
to all digits, snaps them, and compares the agreement with the model on fresh rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from shortening import Subject, labels_of
from truths import TRUTHS

import closedform as cf
from closedform.fitting.constants import Constants, count_constants
from closedform.fitting.levenberg import levenberg_marquardt
from closedform.formula import Step
from closedform.shorten import Clock, Teacher
from closedform.shorten.methods import method
from closedform.shorten.numbers import digits, snapped
from closedform.shorten.scores import score_nodes

FEWEST = 3
"""Constants: of fewer a formula is of no interest."""


@dataclass(frozen=True)
class Snapped:
    """What snapping did to one formula.

    Attributes:
        truth: which one is behind the labels.
        model: its kind.
        seed: of everything.
        constants: how many it has.
        before: the agreement with the model before.
        after: and after.
        digits: of all constants together, after; before there are 15 for each.
        seconds: how long it took.
    """

    truth: str
    model: str
    seed: int
    constants: int
    before: float
    after: float
    digits: int
    seconds: float


def in_full(formula: cf.Formula, teacher: Teacher) -> cf.Formula:
    """Return a formula with all constants fitted again, to all digits."""
    constants = Constants(score_nodes(formula))
    inputs, rows = teacher.inputs, teacher.rows

    def both(theta: Any) -> tuple[Any, Any]:
        values, slopes = constants.both(theta, inputs, rows)
        return values[:, 0], slopes[:, 0]

    fitted = levenberg_marquardt(
        lambda theta: constants.values(theta, inputs, rows)[:, 0], both, constants.start,
        teacher.scores[:, 0], teacher.weights(teacher.scores),
    )  # fmt: skip
    return teacher.formula_of(constants.put(fitted.theta), Step("refit", "approx"))


def measured(subject: Subject, limit: float) -> list[Snapped]:
    """Snap the formulas that `terms` gives for a model."""
    teacher = Teacher.of(subject.formula, subject.data.X, seed=subject.seed)
    found = []
    for formula in method("terms")(teacher, Clock(limit)):
        if count_constants(formula) < FEWEST:
            continue
        full = in_full(formula, teacher)
        start = time.perf_counter()
        short = snapped(full, teacher)
        took = time.perf_counter() - start
        before, after = (
            float(np.mean(labels_of(f, subject.fresh.X) == subject.said)) for f in (full, short)
        )
        who = (subject.truth, subject.model, subject.seed)
        found.append(Snapped(*who, count_constants(full), before, after, digits(short), took))
    return found


def main() -> None:
    """Print one line a formula."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS), choices=list(TRUTHS))
    parser.add_argument("--models", nargs="+", default=["tanh"], choices=["tanh", "relu"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for truth, model, seed in product(options.truths, options.models, options.seeds):
        for s in measured(Subject.of(truth, model, seed), 60.0):
            print(
                f"{truth:<11} {model} {seed} {s.constants:>3} constants, {s.digits:>3} digits: "
                f"{s.before:.2%} → {s.after:.2%} in {s.seconds:.1f} s", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
