"""Passes: formula → formula, each one file that declares what it changes.

The order in which they make sense: `simplify` (exact and real: read calls it, as `tidy`), then
`double_sums` and `rounding` (approx), then `differentiate` where a slope is wanted, and last, for
one target, `lower`, which gives up brevity.
"""

from __future__ import annotations

from closedform.formula import Formula
from closedform.passes.double_sums import double_sums
from closedform.passes.simplify import simplify

__all__ = ["double_sums", "simplify", "tidy"]


def tidy(formula: Formula, *, fold: bool = True) -> Formula:
    """Return the formula as `read` gives it.

    Args:
        formula: as a reader built it, step by step as the model computes.
        fold: also apply what keeps the value over the reals alone: scalers fold into weights.
    """
    return simplify(formula, kinds=("exact", "real") if fold else ("exact",))
