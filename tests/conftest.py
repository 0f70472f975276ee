"""What every test shares: how many random examples a property is tried on."""

import os

from hypothesis import HealthCheck, settings

# 300, not 100: a planted bug in the bounds of trees survived 60 examples and fell at 300.
# How fast examples are drawn says something about the machine, nothing about the code.
settings.register_profile(
    "default",
    max_examples=300,
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=5000)
settings.load_profile("default")
