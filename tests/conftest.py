"""What every test shares: one cache of compiled kernels, nothing sent anywhere."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Each kernel is compiled once for all tests and workers, not beside a run.
os.environ.setdefault("NOCTURNE_COMPILE", "now")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

# A change meets the same examples wherever it runs; `make fuzz` looks for new ones.
# How long an example takes says how busy the machine is, not whether the code is right.
_ANY_PACE: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fixed", derandomize=True, **_ANY_PACE)
settings.register_profile("fuzz", derandomize=False, print_blob=True, **_ANY_PACE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

SLOW_DEADLINE_S = 900.0  # a slow test may meet a machine several times slower than the last


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests that name no deadline a long one."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_DEADLINE_S))


@pytest.fixture(scope="session", autouse=True)
def _compiled_code_is_kept() -> None:
    """Compile each kernel once a source version, not once a test process."""
    from trading.jit.compiler import enable

    enable()
