"""What a method yields, as a list; while it is found, the best so far is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from closedform.formula import Formula
from closedform.progress import Best, Wanted, Watch, watching
from closedform.shorten.clock import Clock


def gathered(
    found: Iterable[Formula], clock: Clock, title: str, progress: Wanted = None
) -> list[Formula]:
    """Return what is found until there is no more, or until Ctrl-C: nothing found is lost.

    With nothing found yet, Ctrl-C ends the work as it ends any other.

    Args:
        found: formulas, as they are found.
        clock: how long that may take.
        title: what it is called.
        progress: see `closedform.progress.Wanted`.
    """
    out: list[Formula] = []
    with watching(progress, title, clock.left) as watch:
        try:
            for made in told(found, watch):
                out.append(made)
        except KeyboardInterrupt:
            if not out:
                raise
    return out


def told(found: Iterable[Formula], watch: Watch) -> Iterator[Formula]:
    """Yield formulas, telling the nearest of them, and of those that say no error, the last."""
    best: Formula | None = None
    for made in found:
        best = made if best is None or _error(made) <= _error(best) else best
        watch.offer(lambda best=best: Best.of(_error(best), best.length))  # type: ignore[misc]
        yield made


def _error(formula: Formula) -> float:
    """Return the error that the last step of a formula tells; ∞ where it tells none."""
    found = formula.trail[-1].found if formula.trail else {}
    if "explained" in found:
        return math.sqrt(max(0.0, 1.0 - float(found["explained"])))
    return float(found.get("error", math.inf))
