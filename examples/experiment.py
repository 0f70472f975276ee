"""What all experiments share: a model that has learned a law, the search, and the certificate."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import least_squares

import closedform as cf

Array = np.ndarray[Any, Any]

SAME = 1e-8
"""A law is of the true form where some constants of that form bring it as near to the law.

What is of that form leaves 1e-12, whatever its constants; a leftover term far below what a network
is off by left 1e-7.
"""
ANSWERS, MOST = 5.0, 0.5
"""A constant is right within so many times the share that the model is off by, and within a half:
of a model that was off by 29 %, terms that were not there would have passed for terms of 0."""
ROUNDING = 1e-12
LONGEST = 10_000
"""Characters of a law."""


@dataclass(frozen=True)
class Effort:
    """How much is spent.

    Attributes:
        share: of the training steps.
        seconds: for the search of one law.
        seed: of everything random.
    """

    share: float = 1.0
    seconds: float = 60.0
    seed: int = 0

    def steps(self, full: int) -> int:
        """Return how many of the steps of a full training to take."""
        return max(2, round(self.share * full))

    def draw(self, stream: int = 0) -> np.random.Generator:
        """Return random numbers; each stream has its own."""
        return np.random.default_rng([self.seed, stream])


QUICK = Effort(share=0.5, seconds=10.0)


@dataclass(frozen=True)
class Truth:
    """The law that the data come from.

    Attributes:
        text: as a person writes it.
        form: rows, shape (rows, inputs), and constants → values, shape (rows,).
        constants: its constants, by name.
    """

    text: str
    form: Callable[..., Array]
    constants: dict[str, float]

    def __call__(self, rows: Array) -> Array:
        """Return what the law says of rows."""
        return self.form(rows, *self.constants.values())

    def constants_of(self, law: Callable[[Array], Array], rows: Array) -> tuple[Array, float]:
        """Return the constants of this form that say what another law says, and how nearly.

        Returns:
            the constants, and what is left: root mean square as a share of the law's deviation.
        """
        said = law(rows)
        spread = said.std() or 1.0
        if not np.isfinite(said).all():
            return np.full(len(self.constants), np.nan), float("inf")

        def left(constants: Array) -> Array:
            with np.errstate(all="ignore"):
                away = np.asarray((self.form(rows, *constants) - said) / spread)
            return np.where(np.isfinite(away), away, 1e6)

        start = np.array(list(self.constants.values()))
        scale = np.maximum(np.abs(start), 1e-3)
        found = least_squares(left, start, x_scale=scale, xtol=1e-15, ftol=1e-15, gtol=1e-15)
        return found.x, float(np.sqrt(np.mean(found.fun**2)))


@dataclass(frozen=True)
class Case:
    """A model that was trained on what a law says, and all that the search is told of it.

    Attributes:
        title: what was trained on what.
        model: what the search is given: a network, or any function of rows.
        X: rows to search on, shape (rows, inputs).
        y: what was observed there, or None where nobody knows it.
        names: of the inputs.
        truth: the law, which the search does not see.
        ask: the model as a function of rows → what the law is about, shape (rows,).
        held: rows of the training range that the model has not seen.
        outside: rows beyond the training range.
        output: what the law is about, as it stands before the equals sign.
    """

    title: str
    model: Any
    X: Array
    y: Array | None
    names: Sequence[str]
    truth: Truth
    ask: Callable[[Array], Array]
    held: Array
    outside: Array
    output: str = "y"


def away(got: Array, expected: Array) -> float:
    """Return a root mean square error as a share of the deviation of what is expected."""
    with np.errstate(all="ignore"):
        error = float(np.sqrt(np.mean((got - expected) ** 2)) / (expected.std() or 1.0))
    return error if np.isfinite(error) else float("inf")


def share(error: float) -> str:
    """Return an error as it is printed; what is rounding is nothing."""
    return f"{100 * error if error > ROUNDING else 0:.2g} %"


def in_a_line(formula: cf.Formula) -> str:
    """Return a formula without line breaks, however long it is."""
    lines = str(formula.to("text", brief=True, width=LONGEST)).splitlines()
    return "; ".join(line for line in lines if " = " in line)


@dataclass(frozen=True)
class Verdict:
    """A law that was found, beside the model and the truth.

    Attributes:
        case: what was asked.
        laws: all that the search gives.
        seconds: CPU seconds of the search.
        training: CPU seconds of drawing the data and training the model, all outputs of it.
    """

    case: Case
    laws: Any
    seconds: float
    training: float = 0.0

    @property
    def law(self) -> cf.Formula:
        """The law that is picked, unaided."""
        return self.laws.best

    def says(self, rows: Array) -> Array:
        """Return what the law says of rows, shape (rows,)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.law(rows), float)

    @property
    def named(self) -> cf.Formula:
        """The law over the names of inputs and output: an array has none."""
        pairs = zip(self.law.inputs, self.case.names, strict=True)
        inputs = tuple(replace(one, name=name) for one, name in pairs)
        (root,), said = self.law.roots, self.case.output
        task = replace(self.law.task, primary=(said,))
        return replace(self.law, inputs=inputs, outputs={said: root}, task=task)

    @property
    def text(self) -> str:
        """The law in a line, with the parts that it has a name for."""
        return in_a_line(self.named)

    @cached_property
    def errors(self) -> dict[str, tuple[float, float]]:
        """Where → how far model and law are from the truth there."""
        case = self.case
        places = {"within": case.held, "outside": case.outside}
        told = {name: case.truth(rows) for name, rows in places.items()}
        return {
            name: (away(case.ask(rows), told[name]), away(self.says(rows), told[name]))
            for name, rows in places.items()
        }

    @cached_property
    def against_model(self) -> float:
        """How far the law is from the model on rows that neither has seen."""
        return away(self.says(self.case.held), self.case.ask(self.case.held))

    @cached_property
    def constants(self) -> tuple[Array, float]:
        """The law's constants in the truth's form, and how far it is from that form."""
        return self.case.truth.constants_of(self.says, self.case.held)

    @property
    def same_form(self) -> bool:
        """Whether the law is the truth but for its constants: no term more and none less."""
        return self.constants[1] < SAME

    @property
    def recovered(self) -> bool:
        """Whether the form is the truth's and each constant within what the model is off by."""
        true = np.array(list(self.case.truth.constants.values()))
        off = np.abs(self.constants[0] - true) / np.maximum(np.abs(true), 1e-9)
        enough = min(ANSWERS * self.errors["within"][0], MOST)
        return bool(self.same_form and np.all(off <= enough))

    @property
    def why(self) -> str:
        """Whether the law is recovered, and what speaks for or against it."""
        if not self.same_form:
            return f"no: the law is of another form, {share(self.constants[1])} from the true one"
        if not self.recovered:
            return "no: a constant of the true form is too far off, or a term of it is missing"
        return "yes: the true form, and constants as near as the model is to the truth"

    def __str__(self) -> str:
        """Return the law and its certificate."""
        case, (found, _) = self.case, self.constants
        pairs = zip(case.truth.constants.items(), found, strict=True)
        same = ", ".join(f"{name} = {got:.5g} (truth {true:.5g})" for (name, true), got in pairs)
        rows = [
            ("law", self.text),
            ("truth", case.truth.text),
            ("certificate", "root mean squares on fresh rows, as shares of the deviation"),
            ("  law from model", share(self.against_model)),
            *(
                (f"  {where} range", f"law from truth {share(mine)}, model from truth {share(its)}")
                for where, (its, mine) in self.errors.items()
            ),
            *([("constants", same)] if self.same_form else []),
            ("recovered", self.why),
            ("CPU seconds", f"{self.training:.1f} of training, {self.seconds:.1f} of search"),
        ]
        return "\n".join(f"  {what + ':':<20}{said}" for what, said in rows)


def searched(case: Case, effort: Effort) -> Verdict:
    """Return the law that the search picks for a case."""
    started = time.process_time()
    laws = cf.distill(case.model, case.X, case.y, time_limit=effort.seconds, seed=effort.seed)
    return Verdict(case, laws, time.process_time() - started)


Cases = Callable[[Effort], Iterator[Case]]


def verdicts(cases: Cases, effort: Effort) -> Iterator[Verdict]:
    """Train and search; yield the verdict of each case as soon as it is there."""
    started = time.process_time()
    for case in cases(effort):
        training = time.process_time() - started
        yield replace(searched(case, effort), training=training)
        started = time.process_time()


def main(cases: Cases, about: str | None) -> int:
    """Run an experiment from the command line; return 0 where every law is recovered."""
    recovered = []
    for verdict in verdicts(cases, arguments(about)):
        print(f"\n{verdict.case.title}\n{verdict}", flush=True)
        recovered.append(verdict.recovered)
    print(f"\n{sum(recovered)} of {len(recovered)} laws recovered.")
    return int(not all(recovered))


def arguments(about: str | None) -> Effort:
    """Return what the command line asks for; PyTorch takes one thread, as results depend on it."""
    import torch

    torch.set_num_threads(1)
    asked = argparse.ArgumentParser(description=about)
    asked.add_argument("--quick", action="store_true", help="train less, search 10 s a law")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    effort = QUICK if given.quick else Effort()
    return Effort(effort.share, effort.seconds, given.seed)
