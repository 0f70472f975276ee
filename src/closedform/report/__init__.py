"""One self-contained page: the formula, its frontier, what drives it, what is proven."""

from closedform.report.reporting import report

__all__ = ["report"]
