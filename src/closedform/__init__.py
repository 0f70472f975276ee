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
    from closedform.frontiers import Frontier, frontier
    from closedform.store import load
    from closedform.verify import Certificate, Comparison, verify_program

__all__ = [
    "BadExpression",
    "BadFile",
    "BadInput",
    "Certificate",
    "ClosedformError",
    "Comparison",
    "Feature",
    "Formula",
    "Frontier",
    "MissingExtra",
    "NotFitted",
    "Task",
    "UnsupportedModel",
    "UnsupportedTarget",
    "UntrustedFile",
    "__version__",
    "frontier",
    "load",
    "read",
    "targets",
    "verify_program",
]

# Imported when first asked for: `import closedform` stays under a third of a second.
_LATER = {
    "Certificate": "closedform.verify",
    "Comparison": "closedform.verify",
    "Frontier": "closedform.frontiers",
    "frontier": "closedform.frontiers",
    "load": "closedform.store",
    "verify_program": "closedform.verify",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'closedform' has no attribute {name!r}")
