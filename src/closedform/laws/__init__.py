"""Laws: what a model has learned, or what data follow, as formulas to choose from."""

from __future__ import annotations

from closedform.discover.operators import OPERATORS
from closedform.laws.distilling import distill
from closedform.laws.found import Constant, Laws

__all__ = ["OPERATORS", "Constant", "Laws", "distill"]
