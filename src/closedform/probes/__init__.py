"""Rows worth trying: those on which a formula and its model are most likely to differ."""

from __future__ import annotations

from closedform.probes.trying import Probes, plausible, worth_trying

__all__ = ["Probes", "plausible", "worth_trying"]
