"""F26 as a campaign: 24 hours of the market at 60 times its speed or more, with all faults."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import median

import pytest

from tests.faults.faulty_day import FAULTS, MIB, WHOLE_DAY, Day, live_through

SEEDS = range(int(os.environ.get("NOCTURNE_SOAK_DAYS", "2")))
TIMES = 3
FOLDER = Path(os.environ.get("NOCTURNE_SOAK_FOLDER", ".work/soak"))
"""Where the result is written that `scripts/reliability.py` reads."""


@pytest.mark.timeout(7_200)
def test_f26_days_of_all_faults_lose_nothing_and_take_no_more(tmp_path: Path) -> None:
    days = {seed: live_through(tmp_path / str(seed), seed, WHOLE_DAY, TIMES) for seed in SEEDS}
    kept = [{"seed": seed, **figures(day)} for seed, day in days.items()]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "days.json").write_text(json.dumps(kept, indent=2) + "\n")
    for day in days.values():
        assert day.violations == []
        assert day.struck >= len(FAULTS)
    for found in kept:
        assert found["memory_mib"] <= 200
        assert found["growth_mib_an_hour"] < 1
        assert found["files"][1] <= found["files"][0] + 2
        assert found["threads"][1] <= found["threads"][0] + 2


def figures(day: Day) -> dict[str, object]:
    """The figures of a day; what grows is compared between its second and its last quarter."""
    early, late = day.of_hours(6, 12), day.of_hours(18, 24)
    memory = [median(sample.memory for sample in part) / MIB for part in (early, late)]
    return {
        "faults": day.struck,
        "positions": day.positions,
        "speed": round(WHOLE_DAY[1] * 3_600 / day.seconds),
        "memory_mib": round(max(sample.memory for sample in day.samples) / MIB, 1),
        "growth_mib_an_hour": round((memory[1] - memory[0]) / 12, 2),
        "files": [max(s.files for s in part) for part in (early, late)],
        "threads": [max(s.threads for s in part) for part in (early, late)],
        "violations": day.violations,
    }
