"""Evolutionary engines: other packages' symbolic regression, each behind one `solve`."""

from __future__ import annotations

from closedform.discover.engines.registry import ENGINES, engine, engines, solve

__all__ = ["ENGINES", "engine", "engines", "solve"]
