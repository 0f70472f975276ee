"""What every test shares: how many random examples a property is tried on."""

import os

import pytest
from hypothesis import HealthCheck, settings

# 300, not 100: a planted bug in the bounds of trees survived 60 examples and fell at 300.
# The same ones each time: a test fails for what was changed. `make test-all` tries new ones.
# How fast examples are drawn says something about the machine, nothing about the code.
settings.register_profile(
    "default",
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly", settings.get_profile("default"), max_examples=5000, derandomize=False
)
settings.load_profile("default")

# Keras computes with TensorFlow unless it is told otherwise; PyTorch is what the tests install.
os.environ.setdefault("KERAS_BACKEND", "torch")

SLOW_TARGETS = ("vba",)
"""Targets that take seconds to start: what is asked of all targets is asked of them in test-all."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow targets, before slow tests are left out."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("target") in SLOW_TARGETS:
            item.add_marker(pytest.mark.slow)
