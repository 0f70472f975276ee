"""closedform reads a trained model as a formula, and says, checked, how far it is from it."""

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
from closedform.readers import read

__version__ = "0.1.0"

__all__ = [
    "BadExpression",
    "BadFile",
    "BadInput",
    "ClosedformError",
    "Feature",
    "Formula",
    "MissingExtra",
    "NotFitted",
    "Task",
    "UnsupportedModel",
    "UnsupportedTarget",
    "UntrustedFile",
    "read",
]
