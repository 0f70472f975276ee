"""Every entry of a reader's table is tried: it stands in a list of cases of some test module."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from closedform.readers.sklearn.dispatch import MODULES


def cases_of(module: str) -> list:
    """Return the cases of a test module; none where its package cannot be imported."""
    try:
        return getattr(import_module(module), "CASES", [])
    except pytest.skip.Exception:
        return []


CASES = [
    case
    for file in sorted(Path(__file__).parent.glob("test_read_*.py"))
    for case in cases_of(file.stem)
]


def kinds(model: object) -> Iterator[str]:
    """Yield the class names of an estimator and of everything that it is made of."""
    parts = model.get_params(deep=True).values() if hasattr(model, "get_params") else ()
    for part in (model, *parts):
        yield from (parent.__name__ for parent in type(part).__mro__)


TRIED = {name for case in CASES for name in kinds(case.model)}
ENTRIES = sorted(
    {
        name
        for module in MODULES
        for table in ("TRANSFORMS", "ESTIMATORS")
        for name in getattr(import_module(module), table)
    }
)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_estimator_with_a_reader_has_a_model_in_the_battery(name):
    assert name in TRIED, f"give {name} a Case in a test_read_*.py"
