"""F1 as a campaign: five kills a round, one in each window, until every window has its share."""

from __future__ import annotations

import json
import os
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.kills import Kills, kill_in
from tests.faults.traced_executor import WINDOWS
from tests.postgres import Server

ROUNDS = int(os.environ.get("NOCTURNE_SOAK_ROUNDS", "44"))
IN_EACH_WINDOW = 20
FOLDER = Path(os.environ.get("NOCTURNE_SOAK_FOLDER", ".work/soak"))
"""Where the results are written that `scripts/reliability.py` reads."""


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_f1_no_kill_loses_doubles_or_unprotects(tmp_path: Path, store: str) -> None:
    kills, done = Kills(), 0
    with ExitStack() as held:
        server = held.enter_context(Server.running()) if store == "postgresql" else None
        for seed in range(ROUNDS):
            windows = random.Random(seed).sample(WINDOWS, len(WINDOWS))
            with ExitStack() as one:
                url = one.enter_context(server.database()).url if server is not None else None
                kill_in(tmp_path / str(seed), windows, seed, kills, url)
            done = seed + 1
            _keep(store, kills, done)
    print(f"{store}: {kills.total} kills: {dict(kills.windows)}, {kills.elsewhere} elsewhere")
    assert kills.violations == []
    share = min(IN_EACH_WINDOW, ROUNDS // 2)
    assert min(kills.windows[window] for window in WINDOWS) >= share


def _keep(store: str, kills: Kills, rounds: int) -> None:
    """Write the result up to here: a campaign that is ended has shown what it has shown."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {
        "rounds": rounds,
        "windows": {window: kills.windows[window] for window in WINDOWS},
        "elsewhere": kills.elsewhere,
        "violations": kills.violations,
    }
    (FOLDER / f"kills-{store}.json").write_text(json.dumps(found, indent=2) + "\n")
