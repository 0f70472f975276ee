"""Which formulas are useful, and which of them is the best: with the reason in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from closedform.frontiers.judging import Judge
from closedform.frontiers.words import LEGIBLE

if TYPE_CHECKING:
    from closedform.frontiers.front import Entry

GAIN = 0.05
"""A longer formula must lower the error of all shorter ones by this share: with 0.01, a network
of 4,681 constants gave 23 formulas of which no reader could tell seven apart."""
NOTHING = 0.01
"""The share of the error of a constant that is next to nothing."""
SHORT = 60
"""Symbols: what one would put in a paper."""
POOR = 0.25
"""A formula that leaves more than this share of the constant's error is not called good."""


@dataclass(frozen=True)
class Choice:
    """The number of the best formula, and why it is the best."""

    index: int
    reason: str


def useful(found: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are nearer to the model than all shorter ones, the shortest first.

    Judged by the rows to choose by. The exact formula stays whatever the rows say: it alone is
    exact on all others, too.
    """
    kept = [e for e in found if e.method == "constant"]
    others = [e for e in found if e.method != "constant"]
    for entry in sorted(others, key=lambda e: (e.length, e.judged.chosen_by)):
        best = min((e.judged.chosen_by for e in kept), default=math.inf)
        # What is refitted to y stays: it is nearer to y than all shorter ones.
        if entry.method == "exact" or entry.refitted or _nearer(entry.judged.chosen_by, best):
            kept.append(entry)
    exact = next((e for e in kept if e.method == "exact"), None)
    # What is longer than the exact formula is of no use.
    return kept if exact is None else kept[: kept.index(exact) + 1]


def _nearer(error: float, best: float) -> bool:
    return error < best * (1 - GAIN) or (math.isinf(best) and not math.isnan(error))


def choose(entries: Sequence[Entry], judge: Judge, tolerance: float | None) -> Choice:
    """Return the best: within the tolerance, or the model itself, or as good on y, or the knee."""
    if tolerance is not None:
        return _within(entries, tolerance)
    whole = _nothing_left(entries)
    if whole is not None:
        return whole
    if judge.subject.select.y is not None:
        found = _as_good_on_y(entries, judge)
        if found is not None:
            return found
    return _knee(entries, judge)


def _within(entries: Sequence[Entry], tolerance: float) -> Choice:
    for i, e in enumerate(entries):
        if e.judged.chosen_by <= tolerance:
            return Choice(i, f"the shortest one within the tolerance of {tolerance:g}"
                             f"{_neighbours(entries, i)}.")  # fmt: skip
    i = min(range(len(entries)), key=lambda i: entries[i].judged.chosen_by)
    return Choice(
        i, f"no formula is within the tolerance of {tolerance:g}; this one comes nearest, with "
        f"an error of {entries[i].judged.chosen_by:.3g}.",
    )  # fmt: skip


def _nothing_left(entries: Sequence[Entry]) -> Choice | None:
    """Return the shortest formula that leaves next to nothing of the error, if it is short."""
    for i, e in enumerate(entries):
        if e.length <= SHORT and e.judged.chosen_by <= NOTHING * entries[0].judged.chosen_by:
            return Choice(i, f"the shortest one that is the model, but for {NOTHING:.0%} of the "
                             f"error of a constant{_neighbours(entries, i)}.")  # fmt: skip
    return None


def _as_good_on_y(entries: Sequence[Entry], judge: Judge) -> Choice | None:
    """Return the shortest that is as good against y as the model, by the one-standard-error rule.

    None where no formula that can be read is: a model that has learned its own rows by heart.

    Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), §3.4.3; here
    of the differences row by row, since both answer the same rows.
    """
    theirs = judge.model_losses
    for i, e in enumerate(entries):
        if e.inputs == 0 or e.length > LEGIBLE:
            continue
        more = judge.losses(e.formula) - theirs
        more = more[np.isfinite(more)]
        slack = float(more.std()) / math.sqrt(max(len(more), 1))
        # What is fitted to y is nearer to it than the model, and so further from the model.
        if float(more.mean()) <= slack and (e.refitted or not _is_poor(entries, i)):
            return Choice(
                i, "the shortest one that is as good against y as the model itself, within one "
                f"standard error{_neighbours(entries, i)}.",
            )  # fmt: skip
    return None


def _knee(entries: Sequence[Entry], judge: Judge) -> Choice:
    """Return the point furthest below the line from the constant to the exact formula.

    Satopää, Albrecht, Irwin and Raghavan, Finding a "kneedle" in a haystack (2011), over the
    logarithm of the length.
    """
    lengths = np.log([max(e.length, 1) for e in entries])
    errors = np.array([e.judged.chosen_by for e in entries])
    if len(entries) == 1:
        return Choice(0, "the only formula there is.")
    if np.ptp(lengths) == 0 or np.ptp(errors) == 0:
        return Choice(0, "the shortest; no other comes nearer to the model.")
    x = (lengths - lengths[0]) / np.ptp(lengths)
    y = (errors - errors[-1]) / (errors[0] - errors[-1] or 1.0)
    i = int(np.argmax(1 - x - y))
    if _is_poor(entries, i):
        return Choice(
            i, "the knee of the curve, but no small formula is near this model: this one leaves "
            f"{entries[i].judged.error / (entries[0].judged.error or 1):.0%} of the error of a "
            f"constant{_neighbours(entries, i)}.",
        )  # fmt: skip
    return Choice(i, f"the knee of the curve{_neighbours(entries, i)}.")


def _is_poor(entries: Sequence[Entry], i: int) -> bool:
    return bool(entries[i].judged.chosen_by > POOR * entries[0].judged.chosen_by)


def _neighbours(entries: Sequence[Entry], i: int) -> str:
    """Return how an entry compares with its neighbours on the rows that no step saw."""
    told = [f": an error of {entries[i].judged.error:.3g} with {entries[i].length:,} symbols"]
    if i > 0:
        e = entries[i - 1]
        told.append(f"the next shorter one has {e.judged.error:.3g} with {e.length:,}")
    if i + 1 < len(entries):
        e = entries[i + 1]
        told.append(f"the next longer one {e.judged.error:.3g} with {e.length:,}")
    return "; ".join(told)
