"""A small tree and a short list of rules that imitate a model: how well is said with each.

Global surrogates, as Craven and Shavlik (Extracting tree-structured representations of trained
networks, 1996) made them; they explain themselves, and the model as far as they are faithful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from closedform.explanations.tables import Record, Table, noted
from closedform.formula import Formula
from closedform.frontiers.front import Entry, Frontier
from closedform.frontiers.searching import frontier
from closedform.frontiers.words import LEGIBLE
from closedform.shorten.options import seconds

KINDS = {"tree": "tree", "rules": "list of rules"}
"""The method that makes each kind, and what it is called."""
KEPT = 0.9
"""The shortest of a kind is taken that keeps this share of what the most faithful one explains."""


@dataclass(frozen=True, eq=False, repr=False)
class Surrogate(Record):
    """A formula that imitates a model.

    Attributes:
        kind: "tree" or "rules".
        formula: what imitates.
        length: how many symbols a person reads in it.
        measure: what its fidelity is, in words.
        fidelity: how far it says what the model says, on rows that it was not fitted to: the share
            of rows with the same class, or the share of the variance (R²).
        at_least: the share of rows with the same class that is sure, with 99.9 % confidence; NaN
            for numbers.
        best: the fidelity of the most faithful one of its kind that can be read.
        rows: how many rows this was measured on.
    """

    kind: str
    formula: Formula
    length: int
    measure: str
    fidelity: float
    at_least: float
    best: float
    rows: int

    def tables(self) -> Sequence[Table]:
        """Return how faithful it is."""
        return [Table(
            f"A {KINDS[self.kind]} that imitates the model: it is not the model",
            ("", ""),
            (
                (f"{self.measure}, on {self.rows:,} rows that it was not fitted to", self.fidelity),
                *((("at least, with 99.9 % confidence", self.at_least),) * (
                    self.at_least == self.at_least)),
                ("of the most faithful one that can be read", self.best),
                ("symbols to read", float(self.length)),
            ),
        )]  # fmt: skip

    def __str__(self) -> str:
        """Return how faithful it is, and what it says."""
        return f"{super().__str__()}\n\n{self.formula.to('text', brief=True).rstrip()}"


@dataclass(frozen=True, eq=False, repr=False)
class Surrogates(Record):
    """A tree and a list of rules in the place of a model.

    Attributes:
        found: those that say more than a constant does, by kind.
        notes: what the user should know.
    """

    found: dict[str, Surrogate]
    notes: tuple[str, ...] = ()

    def __getitem__(self, kind: str) -> Surrogate:
        """Return the one of a kind: "tree" or "rules"."""
        return self.found[kind]

    def tables(self) -> Sequence[Table]:
        """Return how faithful each is."""
        told = [table for one in self.found.values() for table in one.tables()]
        if not told:
            notes = ("no small tree and no short list says more than a constant", *self.notes)
            return [Table("Surrogates", (), (), notes)]
        return [*told[:-1], replace(told[-1], notes=self.notes)]

    def __str__(self) -> str:
        """Return each with what it says."""
        if not self.found:
            return super().__str__()
        notes = "\n".join(noted(self.notes))
        return "\n\n".join(filter(None, [*map(str, self.found.values()), notes]))


def surrogates(
    model: Any, X: Any, y: Any = None, *, formula: Formula | None = None, seed: int = 0,
    time_limit: float | None = 20.0,
) -> Surrogates:  # fmt: skip
    """Return a small tree and a short list of rules that imitate a model.

    Args:
        model: a trained model, any function of the rows, or a formula.
        X: rows, at least 30: on some they are fitted, on others their fidelity is measured.
        y: what was observed; classes that the model never gives are then known.
        formula: the model's formula, where it has been read already.
        seed: of everything random.
        time_limit: seconds for both.

    Raises:
        BadInput: the rows do not fit the model, are too few, or an option has no meaning.
        UnsupportedModel: the model can be neither read nor asked.
    """
    limit = seconds(time_limit)
    found, notes = {}, []
    for kind in KINDS:
        front = frontier(
            model, X, y, formula=formula, seed=seed, methods=[kind],
            time_limit=None if limit is None else limit / len(KINDS), progress=None,
        )  # fmt: skip
        one = _chosen(front, kind)
        if one is not None:
            found[kind] = one
        notes += [n for n in front.notes if n not in notes and not n.startswith("not tried")]
    return Surrogates(found, tuple(notes))


def _chosen(front: Frontier, kind: str) -> Surrogate | None:
    of_kind = [e for e in front.entries if e.method == kind and e.length <= LEGIBLE]
    if not of_kind:
        return None
    fidelity = {e: _fidelity(front, e) for e in of_kind}
    nothing = max((_fidelity(front, e) for e in front.entries if not e.inputs), default=0.0)
    best = max(fidelity.values())
    enough = nothing + KEPT * (best - nothing)
    entry = min((e for e in of_kind if fidelity[e] >= enough), key=lambda e: e.length)
    classifies = front.classifies
    measure = "share of rows with the model's class" if classifies else "R² against the model"
    at_least = 1 - front.surely(entry) if classifies else float("nan")
    return Surrogate(
        kind, entry.formula, entry.length, measure, fidelity[entry], at_least, best, front.rows
    )


def _fidelity(front: Frontier, entry: Entry) -> float:
    """Return the share that is the same: of a root mean square by the deviation, R²."""
    return 1 - entry.error if front.classifies else 1 - entry.error**2
