"""The methods that make shorter formulas, by name; each gives its formulas as it finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from closedform.formula import Formula
from closedform.shorten.clock import Clock
from closedform.shorten.teacher import Teacher

Method = Callable[[Teacher, Clock], Iterator[Formula]]

METHODS: dict[str, str] = {
    "terms": "closedform.shorten.terms",
    "additive": "closedform.shorten.additive",
    "tree": "closedform.shorten.trees.small",
    "rules": "closedform.shorten.trees.listed",
    "students": "closedform.shorten.students",
    "polynomial": "closedform.shorten.polynomial",
    "pieces": "closedform.shorten.pieces",
    "scorecard": "closedform.shorten.scorecard",
    "merge": "closedform.shorten.trees.merged",
    "fewer": "closedform.shorten.trees.fewer",
    "prune": "closedform.shorten.prune",
}
"""Name → the module whose `formulas(teacher, clock)` gives formulas of several lengths.

They stand in the order in which a frontier tries them: the cheaper and the stronger, the earlier.
"""


def method(name: str) -> Method:
    """Return the method of this name."""
    found: Method = import_module(METHODS[name]).formulas
    return found
