"""Small expressions of a few inputs, all of them: two are put together where they meet."""

from __future__ import annotations

from closedform.discover.small.search import solve

__all__ = ["solve"]
