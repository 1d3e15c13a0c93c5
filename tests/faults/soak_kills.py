"""F1 as a campaign: five kills a round, one in each window, until every window has its share."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from tests.faults.kills import Kills, kill_in
from tests.faults.traced_executor import WINDOWS
from tests.postgres import Server

ROUNDS = int(os.environ.get("NOCTURNE_SOAK_ROUNDS", "44"))
AGAIN = [int(seed) for seed in os.environ.get("NOCTURNE_SOAK_SEEDS", "").split(",") if seed]
"""Rounds to repeat, instead of all: those that failed on a machine that had no time for them."""
IN_EACH_WINDOW = 20
FOLDER = Path(os.environ.get("NOCTURNE_SOAK_FOLDER", ".work/soak"))
"""Where the results are written that `scripts/reliability.py` reads."""


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_f1_no_kill_loses_doubles_or_unprotects(tmp_path: Path, store: str) -> None:
    kills, done, loads = Kills(), 0, list[float]()
    with ExitStack() as held:
        server = held.enter_context(Server.running()) if store == "postgresql" else None
        for seed in AGAIN or range(ROUNDS):
            windows = random.Random(seed).sample(WINDOWS, len(WINDOWS))
            with ExitStack() as one:
                url = one.enter_context(server.database()).url if server is not None else None
                kill_in(tmp_path / str(seed), windows, seed, kills, url)
            done += 1
            loads.append(os.getloadavg()[0])
            _keep(store, kills, done, loads)
    print(f"{store}: {kills.total} kills: {dict(kills.windows)}, {kills.elsewhere} elsewhere")
    assert kills.violations == []
    share = min(IN_EACH_WINDOW, done // 2)
    assert min(kills.windows[window] for window in WINDOWS) >= share


def _keep(store: str, kills: Kills, rounds: int, loads: Sequence[float]) -> None:
    """Write the result up to here: a campaign that is ended has shown what it has shown."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {
        "rounds": rounds,
        "windows": {window: kills.windows[window] for window in WINDOWS},
        "elsewhere": kills.elsewhere,
        "violations": kills.violations,
        "seeds": list(AGAIN[:rounds] or range(rounds)),
        "load": round(median(loads), 1),
        "processors": os.cpu_count(),
        "commit": _commit(),
    }
    (FOLDER / f"{'again' if AGAIN else 'kills'}-{store}.json").write_text(
        json.dumps(found, indent=2) + "\n"
    )


def _commit() -> str:
    """Name the commit whose executor is killed; empty outside of a clone."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()
