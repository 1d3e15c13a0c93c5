"""Risk limits changed while the executor runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.operations.settings_reload import reload_settings
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled
from tests.executor.fakes import signal as enter
from tests.executor.harness import Bench, Replay, utc


def write(folder: Path, risk: str, more: str = "") -> Path:
    """The settings of `executor_on` as a file, with these limits."""
    file = folder / "settings.toml"
    file.write_text(
        f'mode = "replay"\naccount = "test"\n{more}[paths]\npublished = "published"\nstate = "."\n'
        '[venue]\nrest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:1"\n'
        "[protection]\nconfirm_within_s = 2.0\nsecond_line_after_s = 0.1\n"
        f"[risk]\n{risk}\n"
    )
    return file


def events(executor: Executor, kind: str) -> list[dict[str, object]]:
    executor.services.ledger.flush()
    rows = executor.services.ledger._db.execute("select data from events where type = ?", (kind,))
    return [json.loads(row["data"]) for row in rows]


async def test_a_new_limit_holds_for_the_next_entry_and_is_in_the_ledger(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        answer = reload_settings(
            executor.services, write(tmp_path, "balance_share = 0.05"), "SIGHUP"
        )
        assert answer == {"changed": {"risk.balance_share": ("0.10", "0.05")}}
        enter(executor)
        await settled(executor)
        assert venue.held[BTCUSDT] == Decimal("0.010")
        assert events(executor, "config_changed") == [
            {"changes": {"risk.balance_share": ["0.10", "0.05"]}, "by": "SIGHUP"}
        ]


@pytest.mark.parametrize(
    ("risk", "more", "reason"),
    [
        ("balance_share = 5\nmax_concurrent = 1", "", "setting 'risk.balance_share'"),
        ("max_concurent = 1", "", "unknown setting 'risk.max_concurent'"),
        ("max_concurrent = 1", 'foreign = "ignore"\n', "a change of foreign needs a restart"),
    ],
)
async def test_a_change_is_refused_whole_with_its_reason(
    tmp_path: Path, risk: str, more: str, reason: str
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before = executor.services.settings
        answer = reload_settings(executor.services, write(tmp_path, risk, more), "operator")
        assert reason in answer["error"]
        assert executor.services.settings is before
        assert reason in str(events(executor, "config_refused")[0]["reason"])


async def test_settings_that_say_the_same_change_nothing(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        assert reload_settings(executor.services, write(tmp_path, ""), "x") == {"changed": {}}
        assert events(executor, "config_changed") == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, Replay(utc("2025-06-18T12:00"), 1.0))
    yield made
    made.close()


def rewrite_unseen(file: Path, process: subprocess.Popen[str], text: str) -> None:
    """Replace the text so that the watch of a running executor cannot see it, however slow."""
    before = file.stat()
    process.send_signal(signal.SIGSTOP)
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    process.send_signal(signal.SIGCONT)


def test_the_command_and_sighup_reload_a_running_executor(bench: Bench) -> None:
    text = bench.settings.read_text()
    bench.settings.write_text(f"{text}[risk]\nmax_concurrent = 5\n")
    process = bench.start()
    bench.wait(lambda s: s["steps"] >= 1)
    rewrite_unseen(bench.settings, process, f"{text}[risk]\nmax_concurrent = 2\n")
    answer = bench.nocturne("executor", "reload", "--settings", str(bench.settings))
    assert json.loads(answer.stdout) == {"changed": {"risk.max_concurrent": ["5", "2"]}}
    rewrite_unseen(bench.settings, process, f"{text}[risk]\nmax_concurrent = 3\n")
    process.send_signal(signal.SIGHUP)
    sql = "select data from events where type = 'config_changed'"
    bench.wait(lambda _: len(bench.rows(sql)) == 2)
    assert process.poll() is None
    assert json.loads(bench.rows(sql)[1]["data"])["by"] == "SIGHUP"
