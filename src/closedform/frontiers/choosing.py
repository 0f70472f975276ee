"""Which formulas are useful, and which of them is the best: with the reason in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from closedform.frontiers.judging import Judge
from closedform.frontiers.words import LEGIBLE
from closedform.ir import Array

if TYPE_CHECKING:
    from closedform.frontiers.front import Entry

GAIN = 0.05
"""A longer formula must lower the error of all shorter ones by this share: with 0.01, a network
of 4,681 constants gave 23 formulas of which no reader could tell seven apart."""
SURER = 0.2
"""Of two that tell as many classes right, the longer one must lower the divergence of the chances
by this share: on 4,000 rows `0.9 + 2.1*x0*x1*exp(-0.2*x2^2) - abs(x3)` and the same with
`5*sin(0.38*x0*x1)` have an error of 0.0585 and 0.062, which may be chance, and a divergence of
0.0146 and 0.0196, which is not: only the first is as often right as its network."""
NOTHING = 0.01
"""The share of the error of a constant that is next to nothing."""
SHORT = 60
"""Symbols: what one would put in a paper."""
POOR = 0.25
"""A formula that leaves more than this share of the constant's error is not called good."""
UNSURE = 0.15
"""The same of the divergence of its chances: where the truth is short, the formula of its length
leaves 2 to 12 %; where it is not, the best of up to 60 symbols leaves 19 %."""
MORE = ((1.1, 1.0), (1.5, 0.5))
"""A formula that is longer by less than the first, and whose error is less than this share, makes
the shorter one useless: of 2,237 symbols and 2,249 nobody wants both, nor 9 with an error of 0.33
beside 11 with 0.03."""


@dataclass(frozen=True)
class Choice:
    """The number of the best formula, and why it is the best."""

    index: int
    reason: str


def useful(found: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are nearer to the model than all shorter ones, the shortest first.

    Judged by the rows to choose by, and nearer by more than one standard error of the differences
    row by row: of 2,000 rows, five more or less say nothing. So of a classifier the chances of the
    classes are looked at, too: they tell more than the classes. The exact formula stays whatever
    the rows say: it alone is exact on all others, too.
    """
    kept = [e for e in found if e.method == "constant"]
    others = [e for e in found if e.method == "exact" or e.inputs > 0]
    for entry in sorted(others, key=lambda e: (e.length, e.judged.chosen_by)):
        # What is refitted to y stays: it is nearer to y than all shorter ones.
        if entry.method == "exact" or entry.refitted or _nearer(entry, kept):
            kept.append(entry)
    exact = next((e for e in kept if e.method == "exact"), None)
    # What is longer than the exact formula is of no use.
    return _apart(kept if exact is None else kept[: kept.index(exact) + 1])


def _nearer(entry: Entry, shorter: Sequence[Entry]) -> bool:
    if not shorter:
        return True
    best = min(shorter, key=lambda e: e.judged.chosen_by)
    error, other = entry.judged.chosen_by, best.judged.chosen_by
    if error < other * (1 - GAIN) and _surely_less(entry.judged.away, best.judged.away):
        return True
    return error <= other and _surer(entry, shorter)


def _surer(entry: Entry, shorter: Sequence[Entry]) -> bool:
    """Tell whether the chances of the classes are nearer to the model's than all shorter ones'."""
    own, others = entry.judged.diverges, [e.judged.diverges for e in shorter]
    told = [d for d in others if d is not None]
    if own is None or not told:
        return False
    least = min(told, key=lambda d: float(d.mean()))
    return bool(own.mean() < (1 - SURER) * least.mean()) and _surely_less(own, least)


def _surely_less(losses: Array | None, others: Array | None) -> bool:
    """Tell whether the others' mean is greater by more than a standard error; True if unknown."""
    return losses is None or others is None or not _as_good(others, losses)


def _apart(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries without those that the next one makes useless.

    The constant stays, and so does what is refitted: it is there for its error against y.
    """
    kept = list(entries[-1:])
    for e in reversed(entries[:-1]):
        if e.method == "constant" or e.refitted or not _makes_useless(kept[0], e):
            kept.insert(0, e)
    return kept


def _makes_useless(longer: Entry, e: Entry) -> bool:
    ratio, error = longer.length / max(e.length, 1), longer.judged.chosen_by
    return any(ratio < most and error < share * e.judged.chosen_by for most, share in MORE)


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
    return _knee(entries)


def so_far(entries: Sequence[Entry], tolerance: float | None) -> Entry:
    """Return the best while the search goes on, by all but y: that takes an evaluation of each."""
    if tolerance is not None:
        return entries[_within(entries, tolerance).index]
    return entries[(_nothing_left(entries) or _knee(entries)).index]


def _within(entries: Sequence[Entry], tolerance: float) -> Choice:
    for i, e in enumerate(entries):
        if e.judged.chosen_by <= tolerance:
            return chosen(entries, i, f"the shortest one within the tolerance of {tolerance:g}.")
    i = min(range(len(entries)), key=lambda i: entries[i].judged.chosen_by)
    return Choice(
        i, f"no formula is within the tolerance of {tolerance:g}; this one comes nearest, with "
        f"an error of {entries[i].judged.chosen_by:.3g}.",
    )  # fmt: skip


def _nothing_left(entries: Sequence[Entry]) -> Choice | None:
    """Return the shortest formula that leaves next to nothing of the error, if it is short."""
    most = entries[0].judged.chosen_by
    if most == 0:
        return Choice(0, "the model gives the same answer on all the rows to choose by.")
    for i, e in enumerate(entries):
        if e.length <= SHORT and e.judged.chosen_by <= NOTHING * most < math.inf:
            return chosen(entries, i, "the shortest one that is the model, but for "
                                       f"{NOTHING:.0%} of the error of a constant.")  # fmt: skip
    return None


def _as_good_on_y(entries: Sequence[Entry], judge: Judge) -> Choice | None:
    """Return the shortest that is as good against y as the model, by the one-standard-error rule.

    None where no formula that can be read is: a model that has learned its own rows by heart. Then
    y says nothing, since what is near the model knows some of these y, too: of a forest trained on
    442 rows, a tree of 96 symbols had an error of 0.63 on y there, and of 0.88 on others.

    Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), §3.4.3; here
    of the differences row by row, since both answer the same rows.
    """
    theirs = judge.model_losses
    for i in _readable(entries):
        own = judge.losses(entries[i].formula)
        # What is fitted to y is nearer to it than the model, and so further from the model.
        near = entries[i].refitted or not _is_poor(entries, i)
        if _as_good(own, theirs) and near:
            return chosen(entries, i, "the shortest one that is as good against y as the model "
                                       "itself, within one standard error.")  # fmt: skip
    return None


def _readable(entries: Sequence[Entry]) -> list[int]:
    """Return the numbers of the formulas that can be read and look at something."""
    return [i for i, e in enumerate(entries) if e.inputs > 0 and e.length <= LEGIBLE]


def _as_good(losses: Array, others: Array) -> bool:
    """Tell whether the mean loss is within one standard error of the other's, row by row."""
    more = losses - others
    more = more[np.isfinite(more)]
    slack = float(more.std()) / math.sqrt(max(len(more), 1)) if len(more) else 0.0
    return len(more) > 0 and float(more.mean()) <= slack


def _knee(entries: Sequence[Entry]) -> Choice:
    """Return the point furthest below the line from the constant to the longest formula.

    Of those that can be read. Satopää, Albrecht, Irwin and Raghavan, Finding a "kneedle" in a
    haystack (2011), over the logarithm of the length.
    """
    readable = [i for i in _readable(entries) if math.isfinite(entries[i].judged.chosen_by)]
    if len(entries) == 1:
        return Choice(0, "the only formula there is.")
    if not readable:
        return chosen(entries, 0, f"no other formula of up to {LEGIBLE} symbols was found that is "
                                   "nearer to the model.")  # fmt: skip
    ends = [0, *readable, len(entries) - 1]
    lengths = np.log([max(entries[i].length, 1) for i in ends])
    errors = np.array([entries[i].judged.chosen_by for i in ends])
    errors[~np.isfinite(errors)] = 2 * errors[np.isfinite(errors)].max()
    x = (lengths - lengths[0]) / (np.ptp(lengths) or 1.0)
    y = (errors - errors[-1]) / (errors[0] - errors[-1] or 1.0)
    i = readable[int(np.argmax((1 - x - y)[1:-1]))]
    return chosen(entries, i, f"the knee of the curve{_but_poor(entries)}.")


def _is_poor(entries: Sequence[Entry], i: int) -> bool:
    return bool(entries[i].judged.chosen_by > POOR * entries[0].judged.chosen_by)


def _but_poor(entries: Sequence[Entry]) -> str:
    """Return what is to be said where nothing small is near the model."""
    small = [e for e in entries if e.inputs > 0 and e.length <= SHORT]
    for away, most, what in (
        (lambda e: e.judged.chosen_by, POOR, "error"), (_divergence, UNSURE, "divergence"),
    ):  # fmt: skip
        whole = away(entries[0])
        least = min((away(e) for e in small), default=whole)
        if most * whole < least < math.inf:
            return (f"; but no small formula is near this model: those of up to {SHORT} symbols "
                    f"leave at least {least / whole:.0%} of a constant's {what} on the rows to "
                    "choose by")  # fmt: skip
    return ""


def _divergence(e: Entry) -> float:
    """Return how far its chances are from the model's; 0 of what gives none."""
    return 0.0 if e.judged.diverges is None else float(e.judged.diverges.mean())


def chosen(entries: Sequence[Entry], i: int, why: str) -> Choice:
    """Return a choice with how it compares with its neighbours on the rows that no step saw."""
    e = entries[i]
    symbols = "symbol" if e.length == 1 else "symbols"
    told = [f"{why} On the rows kept aside: an error of {e.judged.error:.3g} with "
            f"{e.length:,} {symbols}"]  # fmt: skip
    for j, which in ((i - 1, "shorter"), (i + 1, "longer")):
        if 0 <= j < len(entries):
            other = entries[j]
            told.append(
                f"the next {which} formula has {other.judged.error:.3g} with {other.length:,}"
            )
    text = "; ".join(told) + "."
    if i > 0 and entries[i - 1].judged.error <= e.judged.error:
        text += (f" On those to choose by, it has {e.judged.chosen_by:.3g}, and the shorter one "
                 f"{entries[i - 1].judged.chosen_by:.3g}.")  # fmt: skip
    return Choice(i, text)
