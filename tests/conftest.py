"""What every test shares: how many random examples a property is tried on."""

import os

from hypothesis import HealthCheck, settings

# Bounds and rules have more (`strategies.many`).
# The same ones each time: a test fails for what was changed. `make test-all` tries new ones.
# How fast examples are drawn says something about the machine, nothing about the code.
settings.register_profile(
    "default",
    max_examples=100,
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
