"""Ctrl-C, or a cancelled run, at each stage: the ledger is closed and nothing goes on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from executor.main import _run
from executor.settings import ApiKey, Keys, load_settings
from tests.executor.harness import DEADLINE_S, KEYS, ROOT
from tests.executor.interrupted_executor import AWAITED, STAGES, stage

PAPER = """mode = "paper"
account = "test"
[venues.binance_usdm]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
[paths]
published = "published"
state = "state"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(PAPER)
    return file


def assert_closed(state: Path) -> None:
    """The ledger was closed: its log is in the file; it says that a begun run has stopped."""
    ledger = state / "ledger.sqlite"
    left = {path.name for path in state.iterdir()} if state.exists() else set()
    assert not left & {"ledger.sqlite-wal", "control.sock"}
    if ledger.exists():
        with closing(sqlite3.connect(ledger)) as database:
            kinds = [row[0] for row in database.execute("select type from events order by id")]
        assert kinds[-1:] in ([], ["system_stopped"])
        assert kinds.count("system_started") <= kinds.count("system_stopped") <= 1


QUICK = ("clock", "reconciliation")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STAGES],
)
def test_ctrl_c_at_any_stage_ends_with_status_130_and_a_closed_ledger(
    settings: Path, name: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.executor.interrupted_executor", name, str(settings)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=ROOT,
        env=os.environ | KEYS,
        check=False,
    )
    assert ended.stderr == "Stopped by Ctrl-C; protective orders stay at the exchange.\n"
    assert ended.returncode == 130
    assert_closed(settings.parent / "state")
    log = settings.parent / "state" / "executor.log"
    text = log.read_text() if log.exists() else ""
    assert "Traceback" not in text
    assert "never retrieved" not in text


@pytest.mark.parametrize("name", AWAITED)
async def test_a_run_that_is_cancelled_leaves_nothing_running(settings: Path, name: str) -> None:
    reached = asyncio.Event()
    key = ApiKey(SecretStr("key"), SecretStr("secret"))
    before = asyncio.all_tasks()
    with stage(name, reached.set):
        running = asyncio.create_task(
            _run(
                load_settings(settings),
                settings,
                Keys({"binance_usdm": key}),
                until_finished=False,
            )
        )
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait(
                [running, asyncio.create_task(reached.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            assert not running.done()
            running.cancel()
            await asyncio.wait([running])
    assert running.cancelled()
    assert asyncio.all_tasks() == before
    assert_closed(settings.parent / "state")
