"""What a running search says of the formulas that it has found."""

from __future__ import annotations

from collections.abc import Sequence

from closedform.frontiers.choosing import so_far, useful
from closedform.frontiers.front import Entry
from closedform.frontiers.words import LEGIBLE, shown
from closedform.progress import Best, Watch

HEADS = ("length", "error", "method", "formula")


def best_so_far(found: Sequence[Entry], tolerance: float | None, watch: Watch) -> Best:
    """Return the best of what is found; its error is that on the rows to choose by."""
    every = useful(found)
    best = so_far(every, tolerance)
    readable = [e for e in every if e.length <= LEGIBLE] if watch.table else []
    rows = tuple((f"{e.length:,}", shown(e.judged.chosen_by), e.method, e.text) for e in readable)
    return Best.of(best.judged.chosen_by, best.length, heads=HEADS, rows=rows)
