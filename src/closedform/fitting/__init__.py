"""Constants of a formula fitted to what a model says: one vector, its Jacobian, least squares."""

from __future__ import annotations

from closedform.fitting.constants import Constants
from closedform.fitting.layered import Layered, constants_of
from closedform.fitting.levenberg import Fitted, Slopes, levenberg_marquardt

__all__ = ["Constants", "Fitted", "Layered", "Slopes", "constants_of", "levenberg_marquardt"]
