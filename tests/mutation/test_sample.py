"""A sample of faults of the real code: the tests notice nearly all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE, SEED = 40, 2026
BUDGET_S = 600.0
"""Seconds of the processor; a slow machine tries fewer faults, of which as many must be killed."""


@pytest.mark.slow
@pytest.mark.timeout(3_600)  # the budget bounds it; a busy machine only waits longer
def test_nearly_all_faults_of_a_sample_are_noticed() -> None:
    """Fails only where the upper 95 % bound of the share lies below 95 %; the draw is fixed."""
    done = subprocess.run(
        [
            sys.executable,
            "scripts/mutants.py",
            *("--sample", str(SAMPLE), "--seed", str(SEED), "--budget", str(BUDGET_S)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
