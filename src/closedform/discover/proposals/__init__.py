"""Proposals for a function that is only nearly a law: fits over many rows, never slopes."""

from __future__ import annotations

from closedform.discover.proposals.method import solve

__all__ = ["solve"]
