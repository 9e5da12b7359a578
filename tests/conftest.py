"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.worlds"]

# Whether a machine is fast enough is no property of the code: no deadline, no complaint about slow
# generation (on a clean checkout the first text has to build Hypothesis's Unicode tables).
settings.register_profile(
    "gatewright", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gatewright")
