"""The frontier: the formulas for one model, from exact down to a constant."""

from __future__ import annotations

from closedform.frontiers.front import Entry, Frontier
from closedform.frontiers.searching import frontier

__all__ = ["Entry", "Frontier", "frontier"]
