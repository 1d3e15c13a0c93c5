"""Risk limits changed while the executor runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.operations.live_notice import announce_overrides
from executor.operations.settings_reload import SettingsWatch, hot_settings, reload_settings
from executor.runtime.env_file import read_env
from executor.settings import VenueSettings, load_settings, read_overrides
from executor.strategy.runner import plans_for
from lake.releases import publish, read_current
from tests.executor.fakes import BTCUSDT, MINUTE, FakeVenue, Said, executor_on, reasons, settled
from tests.executor.fakes import signal as enter
from tests.executor.harness import Bench, Replay, utc
from tests.lake.builders import AS_OF, WALL, candidate, entry
from trading.errors import SettingsError

VENUES = {"binance_usdm": VenueSettings()}


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


async def test_files_that_are_no_text_are_refused_and_the_settings_stay(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before, file, env = executor.services.settings, write(tmp_path, ""), tmp_path / ".env"
        env.write_bytes(b"A=\xff")
        env.chmod(0o600)
        answer = reload_settings(executor.services, file, "x")
        assert answer == {"error": f"{env} is not UTF-8 text (byte 2); save it as UTF-8"}
        env.unlink()
        env.mkdir(0o700)
        answer = reload_settings(executor.services, file, "x")
        assert answer == {"error": f"{env} cannot be read (Is a directory)"}
        file.write_bytes(b"\xff")
        answer = reload_settings(executor.services, file, "x")
        assert "settings.toml is not UTF-8 text (byte 0)" in answer["error"]
        assert executor.services.settings is before
        assert len(events(executor, "config_refused")) == 3


async def test_whatever_the_files_raise_is_a_refusal(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        executor.services.alerts = said = Said()
        file = write(tmp_path, "")
        file.write_text(f"deep = {'[' * 5_000}")
        assert reload_settings(executor.services, file, "x").keys() == {"error"}
        assert len(said.titled("settings not reloaded")) == 1


def test_a_file_that_vanishes_before_it_is_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_env(tmp_path / ".env")


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


# What is hot, beyond the limits


async def test_a_strategy_can_be_switched_off_by_the_settings(tmp_path: Path) -> None:
    off = "[strategies]\noff = ['breakout']\n"
    async with executor_on(tmp_path, FakeVenue()) as executor:
        answer = reload_settings(executor.services, write(tmp_path, "", off), "x")
        assert answer == {"changed": {"strategies.off": ("()", "('breakout',)")}}
        enter(executor)
        await settled(executor)
        assert reasons(executor) == ["strategy breakout is off in the settings"]
        reload_settings(executor.services, write(tmp_path, ""), "x")
        enter(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None


async def test_the_leverage_of_the_next_entry_is_hot(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        file = write(tmp_path, "")
        file.write_text(file.read_text().replace("[venue]\n", "[venue]\nleverage = 3\n"))
        answer = reload_settings(executor.services, file, "x")
        assert answer == {"changed": {"venues.binance_usdm.leverage": ("5", "3")}}
        enter(executor)
        await settled(executor)
        assert venue.leverages[BTCUSDT] == 3
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.leverage == 3


@pytest.mark.parametrize(
    ("strategies", "reason"),
    [
        ("off = ['brekout']", "brekout"),
        ("set.breakout = { stop_los = 0.02 }", "stop_los"),
        ("set.breakout = { stop_loss = 7 }", "stop_loss"),
    ],
)
async def test_an_unknown_strategy_or_parameter_changes_nothing(
    tmp_path: Path, strategies: str, reason: str
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before = executor.services.settings
        file = write(tmp_path, "max_concurrent = 1", f"[strategies]\n{strategies}\n")
        answer = reload_settings(executor.services, file, "x")
        assert reason in answer["error"]
        assert executor.services.settings is before


def test_parameters_of_the_settings_replace_those_of_the_release_at_the_size_of_probation(
    tmp_path: Path,
) -> None:
    publish(tmp_path, candidate(entry()), now=WALL)
    release = read_current(tmp_path, AS_OF, "live", ("breakout",))
    own = dict(release.strategies[0].params)
    wanted = {"stop_loss": 0.03, "k": own["k"]}
    (plan,) = plans_for(release, VENUES, (), 0.25, {"breakout": wanted})
    assert plan.params == {**own, "stop_loss": 0.03}
    assert plan.overrides == {"stop_loss": (own["stop_loss"], 0.03)}
    assert plan.size.share == 0.25
    assert plan.size.evidence.endswith("the settings replace stop_loss")
    (same,) = plans_for(release, VENUES, (), 0.25, {"breakout": {"k": own["k"]}})
    assert (dict(same.params), dict(same.overrides)) == (own, {})


# Overrides from the environment


def test_the_environment_wins_over_env_and_env_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "max_concurrent = 5\ndaily_loss_limit = 0.06")
    env = tmp_path / ".env"
    env.write_text("NOCTURNE_RISK__MAX_CONCURRENT=4\nNOCTURNE_RISK__DAILY_LOSS_LIMIT=0.05\n")
    env.chmod(0o600)
    monkeypatch.setenv("NOCTURNE_RISK__MAX_CONCURRENT", "3")
    monkeypatch.setenv("NOCTURNE_FOREIGN", "not a setting: it has no section")
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__KIND", "a setting of the night shift")
    risk = load_settings(file).risk
    assert (risk.max_concurrent, risk.daily_loss_limit) == (3, Decimal("0.05"))
    assert read_overrides(file) == {"risk.daily_loss_limit": 0.05, "risk.max_concurrent": 3}


def test_a_bad_override_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOCTURNE_RISK__DAILY_LOSS_LIMT", "0.05")
    with pytest.raises(SettingsError, match=r"unknown setting 'risk\.daily_loss_limt'"):
        load_settings(write(tmp_path, ""))


async def test_overrides_are_written_at_the_start(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        announce_overrides(executor.services, {"risk.max_concurrent": 3})
        assert events(executor, "config_changed") == [
            {"overrides": {"risk.max_concurrent": "3"}, "by": "start"}
        ]


# The watch


@pytest.mark.parametrize("name", ["settings.toml", ".env"])
async def test_a_change_of_a_watched_file_is_taken_once(tmp_path: Path, name: str) -> None:
    file, seen = write(tmp_path, ""), asyncio.Queue[str]()
    watching = asyncio.create_task(SettingsWatch(file, seen.put_nowait).run())
    async with asyncio.timeout(20):
        while seen.empty():
            # Written again until the watch has begun.
            (tmp_path / name).write_text(f"# {time.monotonic_ns()}")
            await asyncio.sleep(0.3)
        assert await seen.get() == f"a change of {name}"
        (tmp_path / "other.txt").write_text("another file")
        temporary = tmp_path / "written-by-an-editor"
        temporary.write_text("# replaced")
        temporary.replace(tmp_path / name)
        while "replaced" not in (tmp_path / name).read_text() or seen.empty():
            await asyncio.sleep(0.05)
    watching.cancel()


def test_a_stamp_that_has_not_changed_reloads_nothing(tmp_path: Path) -> None:
    seen: list[str] = []
    watch = SettingsWatch(write(tmp_path, ""), seen.append)
    watch.look()
    assert seen == []


async def test_the_watch_survives_its_library_and_a_reload_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_folders: str, **_options: object) -> AsyncIterator[None]:
        raise ExceptionGroup("tasks", [ValueError("a watch that broke")])
        yield

    monkeypatch.setattr("watchfiles.awatch", broken)
    monkeypatch.setattr("executor.operations.settings_reload.POLL_S", 0.01)
    file, seen = write(tmp_path, ""), asyncio.Queue[str]()

    def failing(by: str) -> None:
        seen.put_nowait(by)
        raise ValueError("a reload that fails")

    watching = asyncio.create_task(SettingsWatch(file, failing).run())
    async with asyncio.timeout(20):
        for text in ("# one", "# twenty-two"):
            file.write_text(text)
            assert await seen.get() == "a change of settings.toml"
    assert not watching.done()
    watching.cancel()


async def test_the_settings_in_force_are_those_of_the_last_reload(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        before = hot_settings(executor.services.settings)
        reload_settings(executor.services, write(tmp_path, "balance_share = 0.05"), "SIGHUP")
        after = hot_settings(executor.services.settings)
    assert (before["risk.balance_share"], after["risk.balance_share"]) == ("0.10", "0.05")
    assert "venues.binance_usdm.leverage" in after
    assert not any(name.startswith(("mode", "paths", "account", "ledger")) for name in after)
