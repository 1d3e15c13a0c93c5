"""F1: a small sample of the kills; `make soak` runs the campaign."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kills import Kills, kill_in
from tests.faults.traced_executor import WINDOWS, open_windows
from tests.postgres import Server


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("windows", [WINDOWS, WINDOWS[::-1]], ids=["forward", "backward"])
def test_f1_a_kill_in_each_window_loses_and_doubles_nothing(
    tmp_path: Path, windows: tuple[str, ...]
) -> None:
    kills = Kills()
    kill_in(tmp_path / "run", windows, 7, kills)
    assert kills.violations == []
    assert kills.total >= 3


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f1_a_kill_in_each_window_loses_nothing_of_a_ledger_in_a_database(tmp_path: Path) -> None:
    kills = Kills()
    with Server.running() as server, server.database() as database:
        kill_in(tmp_path / "run", WINDOWS, 11, kills, database.url)
    assert kills.violations == []
    assert kills.total >= 3


def test_a_trace_says_which_windows_were_open(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("+commit\n-commit\n+answer\n+fill\n-fill\n+stop\n")
    assert open_windows(trace) == {"answer", "stop"}
    assert open_windows(tmp_path / "none") == set()
