"""Formulas in the place of parts of a PyTorch network, and the parts back in theirs."""

from __future__ import annotations

from closedform.hybrid.controls import Control, Controls, controls
from closedform.hybrid.distilling import distill
from closedform.hybrid.law import BlockLaw
from closedform.hybrid.laws import BlockLaws, load
from closedform.hybrid.pruning import Pruning
from closedform.hybrid.swapping import restore, swap

__all__ = [
    "BlockLaw",
    "BlockLaws",
    "Control",
    "Controls",
    "Pruning",
    "controls",
    "distill",
    "load",
    "restore",
    "swap",
]
