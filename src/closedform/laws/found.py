"""Laws that were found: a frontier that also knows how sure their constants are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from closedform.discover.problem import Problem
from closedform.formula import Formula
from closedform.frontiers import Entry, Frontier


@dataclass(frozen=True)
class Constant:
    """A number in a law, and how sure it is.

    Attributes:
        output: the output in whose law it stands.
        value: the number.
        deviation: the standard deviation of what a fit on other rows would give.
    """

    output: str
    value: float
    deviation: float

    def __str__(self) -> str:
        """Return it as `0.25 ± 0.003`."""
        return f"{self.value:.6g} ± {self.deviation:.2g}"


@dataclass(frozen=True, eq=False, repr=False)
class Laws(Frontier):
    """The laws that were found, from a constant to the nearest: `laws[i]` is a formula.

    Attributes:
        problems: each output over all inputs, on rows to fit on.
        noise: the error of what the model says, as it was given or estimated, of each output: a
            share of the deviation.
        outside: of each law, the error beyond the range of the rows, where the model was asked
            there and some law agrees with it; otherwise empty.
    """

    problems: tuple[Problem, ...] = field(default=(), repr=False)
    noise: tuple[float, ...] = ()
    outside: tuple[float, ...] = ()

    @classmethod
    def among(cls, front: Frontier, **more: Any) -> Laws:
        """Return a frontier of laws as laws; `more` holds what they have beside it."""
        own = {f.name: getattr(front, f.name) for f in fields(Frontier)}
        return cls(**{**own, **more})

    def _record(self, e: Entry) -> dict[str, Any]:
        told = super()._record(e)
        at = next((i for i, own in enumerate(self.entries) if own is e), None)
        if self.outside and at is not None:
            told["error_outside"] = self.outside[at]
        return told

    def uncertainties(self, index: int | None = None) -> tuple[Constant, ...]:
        """Return the constants of a law that were fitted, each with its standard deviation.

        By leaving out one region of the rows after another, so that a smooth error of the model
        shows as well as noise. Numbers that are part of the structure (2 in x², a sign) are left
        out.

        Args:
            index: the number of the law; default: the best.
        """
        from closedform.discover import constants

        i = self.choice.index if index is None else index
        made = []
        for name, node, problem in zip(*_scored(self[i]), self.problems, strict=True):
            made += [Constant(name, v, s) for v, s in constants.uncertainties(problem, node)]
        return tuple(made)


def _scored(formula: Formula) -> tuple[Sequence[str], Sequence[Any]]:
    """Return the names and nodes of what was fitted: the outputs, or log-odds."""
    names = formula.scores
    if formula.task.kind == "classification" and len(names) > 1:
        names = names[1:]
    return names, [formula.outputs[name] for name in names]
