"""Settings that an operator changes by command: they hold over restarts until they are undone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from executor.builder import Executor
from executor.operations.settings_reload import reload_settings, with_change, without_change
from executor.settings import load_settings, read_changed, write_changed
from executor.settings.changed import FILE
from tests.executor.fakes import FakeVenue, executor_on
from tests.executor.harness import DEADLINE_S, Bench, Replay, utc
from tests.executor.operations.test_settings_reload import events, write
from tests.waiting import until
from trading.errors import SettingsError


def change(executor: Executor, file: Path, name: str, text: str) -> dict[str, Any]:
    """Change one setting as the command does."""
    changed = with_change(executor.services.settings, file, name, text)
    return reload_settings(executor.services, file, "operator", changed)


@pytest.mark.parametrize(
    ("name", "text", "new"),
    [
        ("risk.daily_loss_limit", "0.03", Decimal("0.03")),
        ("risk.max_concurrent", " 2 ", 2),
        ("risk.close_at_daily_limit", "true", True),
        ("protection.confirm_within_s", "3", 3.0),
        ("strategies.off", "breakout, momentum", ("breakout", "momentum")),
        ("strategies.off", '["breakout"]', ("breakout",)),
        ("strategies.set.breakout.stop_loss", "0.03", 0.03),
        ("forecasts.when_missing", "skip", "skip"),
        ("venues.binance_usdm.leverage", "3", 3),
    ],
)
async def test_a_change_holds_now_and_at_the_next_start_until_it_is_undone(
    tmp_path: Path, name: str, text: str, new: object
) -> None:
    file = write(tmp_path, "")
    async with executor_on(tmp_path, FakeVenue()) as executor:
        services = executor.services
        before = load_settings(file)
        assert "error" not in change(executor, file, name, text)
        assert _value(services.settings, name) == new
        assert _value(load_settings(file), name) == new
        changed = without_change(services.settings, name)
        assert "error" not in reload_settings(services, file, "operator", changed)
        assert load_settings(file) == before
        assert read_changed(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("risk.daily_loss_limit", "7", "less than or equal to 1, was 7"),
        ("risk.daily_loss_limit", "none", "risk.daily_loss_limit"),
        ("risk.daily_loss_limit", "nan", "risk.daily_loss_limit"),
        ("risk.daily_loss_limit", "[1]", "risk.daily_loss_limit"),
        ("risk.max_concurent", "3", "unknown setting 'risk.max_concurent'"),
        ("strategies.off", "brekout", "brekout"),
        ("strategies.set.breakout.stop_los", "0.1", "stop_los"),
        ("forecasts.size", "perhaps", "forecasts.size"),
    ],
)
async def test_a_value_that_is_not_valid_changes_nothing(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before, file = executor.services.settings, write(tmp_path, "")
        answer = change(executor, file, name, text)
        assert reason in answer["error"]
        assert executor.services.settings is before
        assert read_changed(tmp_path) == {}
        assert reason in str(events(executor, "config_refused")[0]["reason"])


@pytest.mark.parametrize(
    "name", ["mode", "account", "live.probation", "paths.state", "venues.binance_usdm.rest_url", ""]
)
async def test_what_needs_a_restart_is_not_changed_by_command(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, "")
    with pytest.raises(SettingsError, match="cannot change while the executor runs"):
        with_change(load_settings(file), file, name, "x")


async def test_the_environment_wins_and_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "")
    write_changed(tmp_path, {"risk.max_concurrent": "4"})
    assert load_settings(file).risk.max_concurrent == 4
    monkeypatch.setenv("NOCTURNE_RISK__MAX_CONCURRENT", "3")
    settings = load_settings(file)
    assert settings.risk.max_concurrent == 3
    with pytest.raises(SettingsError, match=r"the environment or \.env sets risk\.max_concurrent"):
        with_change(settings, file, "risk.max_concurrent", "5")


def test_only_what_a_command_changed_can_be_undone(tmp_path: Path) -> None:
    write_changed(tmp_path, {"risk.max_concurrent": "4"})
    with pytest.raises(SettingsError, match=r"changed: risk\.max_concurrent"):
        without_change(load_settings(write(tmp_path, "")), "risk.reserve_share")


@pytest.mark.parametrize("held", ["", "[]", "{", '{"risk.max_concurrent": 4}', "[" * 100_000])
def test_a_file_of_changes_that_is_damaged_is_refused_by_its_name(
    tmp_path: Path, held: str
) -> None:
    (tmp_path / FILE).write_text(held)
    with pytest.raises(SettingsError, match=f"{FILE} cannot be read; remove the file"):
        load_settings(write(tmp_path, ""))


async def test_a_change_that_cannot_be_kept_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("executor.operations.settings_reload.write_changed", full)
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before = executor.services.settings
        answer = change(executor, write(tmp_path, ""), "risk.max_concurrent", "2")
        assert "No space left" in answer["error"]
        assert executor.services.settings is before


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, Replay(utc("2025-06-18T12:00"), 1.0))
    yield made
    made.close()


def test_the_commands_change_a_running_executor_and_its_next_start(bench: Bench) -> None:
    def say(*words: str) -> subprocess.CompletedProcess[str]:
        return bench.nocturne("executor", *words, "--settings", str(bench.settings))

    def ask(*words: str) -> dict[str, Any]:
        return dict(json.loads(say(*words).stdout))

    def start() -> subprocess.Popen[str]:
        started = bench.start()
        until("an executor that answers", lambda: say("health").stdout != "", DEADLINE_S)
        return started

    process = start()
    changed = {"changed": {"risk.max_concurrent": ["5", "2"]}}
    assert ask("set", "risk.max_concurrent", "2") == changed
    assert "cannot change while the executor runs" in ask("set", "mode", "live")["error"]
    process.kill()
    process.wait()
    start()
    sql = "select data from events where type = 'config_changed'"
    bench.wait(lambda _: len(bench.rows(sql)) == 2)
    assert json.loads(bench.rows(sql)[1]["data"]) == {
        "overrides": {"risk.max_concurrent": "2"},
        "by": "start",
    }
    assert ask("unset", "risk.max_concurrent") == {"changed": {"risk.max_concurrent": ["2", "5"]}}


def _value(settings: object, name: str) -> object:
    found = settings
    for part in name.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found
