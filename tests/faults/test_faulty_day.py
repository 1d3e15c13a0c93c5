"""F26: a few hours of the day that `make soak` lives through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.faulty_day import FAULTS, WHOLE_DAY, live_through, schedule
from tests.faults.kills import BUSY


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_f26_hours_of_all_faults_lose_nothing(tmp_path: Path, seed: int) -> None:
    day = live_through(tmp_path, seed, BUSY, times=1)
    assert day.violations == []
    assert day.struck >= len(FAULTS) // 2
    assert day.positions > 0


def test_the_same_seed_plans_the_same_faults_within_the_span() -> None:
    plan = schedule(3, WHOLE_DAY, 2)
    assert plan == schedule(3, WHOLE_DAY, 2) != schedule(4, WHOLE_DAY, 2)
    assert len(plan) == 2 * len(FAULTS)
    first = min(fault["at"] for fault in plan)
    assert max(fault["at"] for fault in plan) - first < 24 * 3_600_000
