"""One self-contained page: the formula, its frontier, what drives it, what is proven."""

from closedform.reports.reporting import report

__all__ = ["report"]
