"""Structured terms: a model as a short sum of terms, found greedily and fitted jointly."""

from __future__ import annotations

from closedform.shorten.terms.method import formulas, terms

__all__ = ["formulas", "terms"]
