"""A sample of faults of the real code: the tests notice nearly all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE, SEED = 40, 2026
BUDGET_S = 600.0
"""Seconds of the processor; a slow machine tries fewer faults, of which as many must be killed."""
LEAST = 15
"""With fewer verdicts the bounds are so wide that hardly anything would fail."""


def decided(output: str) -> int:
    """Read how many faults had a verdict."""
    found = re.search(r"^killed \d+ of (\d+): ", output, re.MULTILINE)
    assert found, output
    return int(found.group(1))


def test_the_verdicts_of_a_run_are_counted() -> None:
    summary = "left out: x\nkilled 11 of 12: 91.7% (95 % bounds 61.5% to 99.8%; required 95%)\n"
    assert decided(summary) == 12
    with pytest.raises(AssertionError):
        decided("")


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
    said = done.stdout[-6_000:] + done.stderr
    count = decided(done.stdout) if "killed " in done.stdout else LEAST
    if count == 0 or (count < LEAST and done.returncode == 0):
        pytest.skip(f"the machine is too slow: {count} faults were decided within the budget")
    assert done.returncode == 0, said
