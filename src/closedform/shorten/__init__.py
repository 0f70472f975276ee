"""Shorter formulas: each method asks a model and gives formulas, from short to faithful."""

from __future__ import annotations

from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher

__all__ = ["Clock", "Teacher"]
