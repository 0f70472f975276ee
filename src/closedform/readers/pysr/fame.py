"""A hall of fame: equations from simple to accurate, and which of them PySR takes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.loading.stream import Broken
from closedform.readers.documents import understood

LARGEST = 64 << 20
"""Bytes of a file; PySR keeps one equation for each complexity, some 10 kB."""
NEAR_BEST = 1.5
"""PySR's rule "best": the greatest score among those with at most so many times the least loss."""


@dataclass(frozen=True)
class Fame:
    """The equations of one output.

    Attributes:
        complexity, loss: of each equation, shape (equations,).
        score: how much the logarithm of the loss falls with each step of complexity; None where
            the loss may be negative.
        equations: as text.
    """

    complexity: Array
    loss: Array
    score: Array | None
    equations: tuple[str, ...]

    def chosen(self, rule: str) -> int:
        """Return the number of the equation that PySR's `model_selection` takes.

        Raises:
            ValueError: there is no such rule, or no equation with a loss.
        """
        known = np.isfinite(self.loss)
        if not known.any():
            raise ValueError("no equation has a finite loss")
        if self.score is None or rule == "accuracy":
            return int(np.nanargmin(self.loss))
        if rule not in ("best", "score"):
            raise ValueError(f"there is no rule {rule!r}")
        near = self.loss <= NEAR_BEST * np.nanmin(self.loss) if rule == "best" else known
        return int(np.argmax(np.where(near & ~np.isnan(self.score), self.score, -math.inf)))


def scores(complexity: Array, loss: Array) -> Array | None:
    """Return the score of each equation, as PySR's `calculate_scores` does; None below a loss of 0.

    The first has 0, and one without loss infinity.
    """
    if (loss < 0).any():
        return None
    with np.errstate(all="ignore"):
        fallen = -np.log(loss[1:] / loss[:-1]) / np.diff(complexity)
    return np.concatenate([[0.0], np.where(loss[1:] > 0, fallen, np.inf)])


def fame_of_frame(frame: Any) -> Fame:
    """Return one of the tables in a regressor's `equations_`."""
    loss = np.asarray(frame["loss"], dtype=np.float64)
    score = np.asarray(frame["score"], dtype=np.float64) if "score" in frame.columns else None
    complexity = np.asarray(frame["complexity"], dtype=np.float64)
    return Fame(complexity, loss, score, tuple(str(e) for e in frame["equation"]))


def fame_of_file(raw: bytes) -> Fame:
    """Return the table in a `hall_of_fame.csv`.

    Raises:
        Broken: it is no such table.
    """
    if len(raw) > LARGEST:
        raise Broken(f"it has more than {LARGEST >> 20} MiB")
    try:
        text = raw.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Broken(f"it is no table ({error})") from error
    made: Fame = understood(rows, _parsed)
    return made


def _parsed(rows: Sequence[Sequence[str]]) -> Fame:
    head, *body = rows
    if list(head) != ["Complexity", "Loss", "Equation"] or not body:
        raise ValueError("Complexity, Loss and Equation are due, and a row")
    if any(len(row) != 3 for row in body):
        raise ValueError("a row has not three cells")
    complexity = np.array([_number(row[0]) for row in body])
    loss = np.array([_number(row[1]) for row in body])
    return Fame(complexity, loss, scores(complexity, loss), tuple(row[2] for row in body))


def _number(text: str) -> float:
    """Return a number as Julia writes it: 1.0f-5 is 1e-5."""
    plain = text.strip()
    return float(plain.replace("f", "e") if plain[:1].isdigit() else plain)
