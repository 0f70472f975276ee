"""Laws: what a model has learned, or what data follow, as formulas to choose from."""

from __future__ import annotations

from closedform.laws.distilling import distill
from closedform.laws.found import Constant, Laws
from closedform.laws.operators import OPERATORS

__all__ = ["OPERATORS", "Constant", "Laws", "distill"]
