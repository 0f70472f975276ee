"""Formulas in the place of parts of a PyTorch network, and the parts back in theirs."""

from __future__ import annotations

from closedform.hybrid.distilling import distill
from closedform.hybrid.law import BlockLaw
from closedform.hybrid.laws import BlockLaws, load
from closedform.hybrid.swapping import restore, swap

__all__ = ["BlockLaw", "BlockLaws", "distill", "load", "restore", "swap"]
