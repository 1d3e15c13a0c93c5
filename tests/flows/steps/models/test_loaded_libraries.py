"""A night that finds its models in the lake loads none of the libraries that fit them."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("lightgbm", "sklearn", "scipy", "great_expectations", "duckdb", "numba")


def test_asking_for_stored_models_loads_no_heavy_library() -> None:
    program = (
        "import sys; from flows.steps.models.train import stored_models;"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
