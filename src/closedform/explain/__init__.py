"""What drives a model and its formula: each explanation of both, side by side.

`closedform.explain` is a function, and this package: once one of its modules has been imported,
Python binds the package to the name. So the package can be called, and is the function.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from closedform.explain.explaining import Explanation


class _Called(ModuleType):
    """A package that is a function as well."""

    def __call__(self, *given: Any, **options: Any) -> Explanation:
        """Return what drives a model; see `explaining.explain`."""
        from closedform.explain.explaining import explain

        return explain(*given, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        """Return what an editor shows."""
        from closedform.explain.explaining import explain

        return inspect.signature(explain)


sys.modules[__name__].__class__ = _Called
