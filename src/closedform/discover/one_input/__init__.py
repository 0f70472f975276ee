"""Laws of one input: sums of few familiar functions, seen straight or through another function."""

from __future__ import annotations

from closedform.discover.one_input.search import solve

__all__ = ["solve"]
