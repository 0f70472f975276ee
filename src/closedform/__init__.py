"""closedform reads a trained model as a formula, and says, checked, how far it is from it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from closedform.about import __version__
from closedform.errors import (
    BadExpression,
    BadFile,
    BadInput,
    ClosedformError,
    MissingExtra,
    NotFitted,
    UnsupportedModel,
    UnsupportedTarget,
    UntrustedFile,
)
from closedform.formula import Feature, Formula, Task
from closedform.printers import targets
from closedform.readers import read

if TYPE_CHECKING:
    from closedform.explanations.explaining import Explanation, explain
    from closedform.frontiers import Frontier, frontier
    from closedform.hybrid.local import local_law
    from closedform.laws import Laws, distill
    from closedform.laws.regression import SymbolicRegression
    from closedform.passes.domain import simplify
    from closedform.reports import report
    from closedform.shorten.additive import additive
    from closedform.shorten.chebyshev import chebyshev
    from closedform.shorten.numbers import snap
    from closedform.shorten.pieces import pieces
    from closedform.shorten.polynomial import polynomial
    from closedform.shorten.prune import prune
    from closedform.shorten.regions import regions
    from closedform.shorten.scorecard import scorecard
    from closedform.shorten.screening import screen
    from closedform.shorten.series import pade, taylor
    from closedform.shorten.students import students
    from closedform.shorten.terms import terms
    from closedform.shorten.trees.born import born_again
    from closedform.shorten.trees.fewer import fewer_trees
    from closedform.shorten.trees.listed import rule_list
    from closedform.shorten.trees.small import small_tree
    from closedform.store import load
    from closedform.verify import Certificate, Comparison, verify_program

__all__ = [
    "BadExpression",
    "BadFile",
    "BadInput",
    "Certificate",
    "ClosedformError",
    "Comparison",
    "Explanation",
    "Feature",
    "Formula",
    "Frontier",
    "Laws",
    "MissingExtra",
    "NotFitted",
    "SymbolicRegression",
    "Task",
    "UnsupportedModel",
    "UnsupportedTarget",
    "UntrustedFile",
    "__version__",
    "additive",
    "born_again",
    "chebyshev",
    "distill",
    "explain",
    "fewer_trees",
    "frontier",
    "load",
    "local_law",
    "pade",
    "pieces",
    "polynomial",
    "prune",
    "read",
    "regions",
    "report",
    "rule_list",
    "scorecard",
    "screen",
    "simplify",
    "small_tree",
    "snap",
    "students",
    "targets",
    "taylor",
    "terms",
    "verify_program",
]

# Imported when first asked for: `import closedform` stays under a third of a second.
_LATER = {
    "Certificate": "closedform.verify",
    "Comparison": "closedform.verify",
    "Explanation": "closedform.explanations.explaining",
    "Frontier": "closedform.frontiers",
    "Laws": "closedform.laws",
    "SymbolicRegression": "closedform.laws.regression",
    "additive": "closedform.shorten.additive",
    "born_again": "closedform.shorten.trees.born",
    "chebyshev": "closedform.shorten.chebyshev",
    "distill": "closedform.laws",
    "explain": "closedform.explanations.explaining",
    "fewer_trees": "closedform.shorten.trees.fewer",
    "frontier": "closedform.frontiers",
    "load": "closedform.store",
    "local_law": "closedform.hybrid.local",
    "pade": "closedform.shorten.series",
    "pieces": "closedform.shorten.pieces",
    "polynomial": "closedform.shorten.polynomial",
    "prune": "closedform.shorten.prune",
    "regions": "closedform.shorten.regions",
    "report": "closedform.reports.reporting",
    "rule_list": "closedform.shorten.trees.listed",
    "scorecard": "closedform.shorten.scorecard",
    "screen": "closedform.shorten.screening",
    "simplify": "closedform.passes.domain",
    "small_tree": "closedform.shorten.trees.small",
    "snap": "closedform.shorten.numbers",
    "students": "closedform.shorten.students",
    "taylor": "closedform.shorten.series",
    "terms": "closedform.shorten.terms",
    "verify_program": "closedform.verify",
}


def __getattr__(name: str) -> Any:
    if name in ("hybrid", "mlflow_flavor"):
        return import_module(f"closedform.{name}")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'closedform' has no attribute {name!r}")
