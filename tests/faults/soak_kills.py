"""F1 as a campaign: five kills a round, one in each window, until every window has its share."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from tests.faults.kills import Kills, kill_in
from tests.faults.traced_executor import WINDOWS

ROUNDS = int(os.environ.get("NOCTURNE_SOAK_ROUNDS", "44"))
IN_EACH_WINDOW = 20
RESULT = Path(os.environ.get("NOCTURNE_SOAK_RESULT", ".work/soak/kills.json"))
"""What `scripts/reliability.py` writes `docs/reliability.md` from."""


@pytest.mark.timeout(3_600)
def test_f1_no_kill_loses_doubles_or_unprotects(tmp_path: Path) -> None:
    kills = Kills()
    for seed in range(ROUNDS):
        windows = random.Random(seed).sample(WINDOWS, len(WINDOWS))
        kill_in(tmp_path / str(seed), windows, seed, kills)
    _keep(kills)
    print(f"{kills.total} kills: {dict(kills.windows)}, {kills.elsewhere} elsewhere")
    assert kills.violations == []
    share = min(IN_EACH_WINDOW, ROUNDS // 2)
    assert min(kills.windows[window] for window in WINDOWS) >= share


def _keep(kills: Kills) -> None:
    """Write the result, whatever it is."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "rounds": ROUNDS,
        "windows": {window: kills.windows[window] for window in WINDOWS},
        "elsewhere": kills.elsewhere,
        "violations": kills.violations,
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
