"""`nocturne doctor`: each thing that can be wrong, with its remedy and without a secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pyarrow as pa
import pytest

from cli.doctor.check_line import CheckLine
from cli.doctor.checks import confirmation, guarded, run_checks
from cli.doctor.key_remedy import key_remedy
from cli.main import main
from executor.ledger.store import Ledger
from executor.settings import load_settings
from executor.settings.first_week import confirm, revoke
from executor.venues.faults import (
    Banned,
    ClockDrift,
    InvalidKey,
    Temporary,
    UnreadableAnswer,
    VenueFaultError,
)
from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.cli.hostile_server import ANSWERS, NEVER_ENDING, answering, never_ending
from tests.executor.harness import KEYS, Bench, Replay, settings_text, utc
from tests.flows.candle_lake import minutes
from tests.servers import serving
from trading.candles import DAY_MS

SECRET = "secret-of-the-doctor-test"


@contextmanager
def exchange(skew_s: float = 0.0, status: int = 403) -> Iterator[str]:
    """Serve an exchange that refuses every request, with a clock of its own."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            moment = datetime.now(UTC) + timedelta(seconds=skew_s)
            self.send_header("Date", format_datetime(moment, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *words: object) -> None:
            del words

    with serving(Door) as url:
        yield url


def folder(root: Path, url: str, env_mode: int = 0o600) -> Path:
    """Write settings with keys; return the settings file."""
    settings = root / "settings.toml"
    settings.write_text(settings_text(url, lockstep=False).replace('"replay"', '"paper"'))
    keys = root / ".env"
    keys.write_text(f"NOCTURNE_BINANCE_KEY={SECRET}\nNOCTURNE_BINANCE_SECRET={SECRET}\n")
    keys.chmod(env_mode)
    return settings


def by_name(settings: Path) -> dict[str, CheckLine]:
    lines = list(run_checks(settings))
    assert SECRET not in str(lines)
    for line in lines:
        assert bool(line.remedy) == (line.verdict != "ok"), line
    return {line.name: line for line in lines}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the variables of whoever runs the tests."""
    for name in ("NOCTURNE_BINANCE_KEY", "NOCTURNE_BINANCE_SECRET", "NOCTURNE_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")


def test_settings_that_are_missing_end_the_visit(tmp_path: Path) -> None:
    lines = by_name(tmp_path / "settings.toml")
    assert lines["settings"].verdict == "wrong"
    assert "nocturne init" in lines["settings"].remedy


def test_a_refused_key_and_all_that_is_not_there_yet_are_named(tmp_path: Path) -> None:
    with exchange() as url:
        lines = by_name(folder(tmp_path, url))
    found = {name: line.verdict for name, line in lines.items()}
    assert found["clock of binance_usdm"] == "ok"
    assert found["key of binance_usdm"] == "wrong"
    assert found["release"] == "wrong"
    assert {found[name] for name in ("ledger", "lake", "alerts", "executor", "prefect")} == {
        "warning"
    }


@pytest.mark.parametrize("skew_s", [-90.0, 90.0])
def test_a_clock_that_is_off_is_named(tmp_path: Path, skew_s: float) -> None:
    with exchange(skew_s) as url:
        line = by_name(folder(tmp_path, url))["clock of binance_usdm"]
    assert line.verdict == "wrong"
    assert float(line.found.split(" s ")[0]) == pytest.approx(-skew_s, abs=2.0)
    assert "timedatectl" in line.remedy


def test_an_exchange_out_of_reach_is_named(tmp_path: Path) -> None:
    with exchange() as url:
        pass
    lines = by_name(folder(tmp_path, url))
    line = lines["clock of binance_usdm"]
    assert (line.verdict, url in line.found) == ("wrong", True)
    assert "nocturne paper start" in line.remedy, "the paper market does not run"
    assert "key of binance_usdm" not in lines, "a key is not to blame for that"


@pytest.mark.parametrize("first", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_a_server_that_never_comes_to_an_end_is_named_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr("cli.doctor.checks.TIMEOUT_S", 0.3)
    with never_ending(first) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        lines = by_name(folder(tmp_path, url))
    assert "no whole answer within 0.3 s" in lines["clock of binance_usdm"].found
    assert lines["key of binance_usdm"].verdict == "wrong"
    assert "key" not in lines["key of binance_usdm"].remedy, "it is not to blame"
    assert lines["prefect"].found == "no server answers"


@pytest.mark.parametrize(
    ("status", "remedy"), [(503, "look at the network"), (418, "send nothing")]
)
def test_not_each_refusal_is_the_fault_of_the_key(tmp_path: Path, status: int, remedy: str) -> None:
    with exchange(status=status) as url:
        line = by_name(folder(tmp_path, url))["key of binance_usdm"]
    assert (line.verdict, remedy in line.remedy) == ("wrong", True), line


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (InvalidKey("-2015"), "make a key"),
        (ClockDrift("-1021"), "timedatectl"),
        (Temporary("-1001"), "repeat in a minute"),
        (Banned("418", 90.0), "send nothing for 90 s"),
        (UnreadableAnswer("<p>"), "look at the network and the URL"),
    ],
)
def test_each_fault_has_its_own_remedy(fault: VenueFaultError, remedy: str) -> None:
    assert remedy in key_remedy(fault)


def test_a_prefect_server_that_is_not_well_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange(status=503) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        line = by_name(folder(tmp_path, url))["prefect"]
    assert line.found == f"{url} answers with status 503"


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_answers_something_else_is_named_and_the_rest_is_checked(
    tmp_path: Path, answer: bytes
) -> None:
    with answering(answer) as url:
        lines = by_name(folder(tmp_path, url))
    assert lines["clock of binance_usdm"].verdict != "ok"
    assert lines["key of binance_usdm"].verdict == "wrong"
    assert lines["prefect"].verdict == "warning", "the last line is still shown"


def test_a_file_of_keys_that_others_read_and_a_damaged_ledger_are_named(tmp_path: Path) -> None:
    with exchange() as url:
        settings = folder(tmp_path, url, env_mode=0o644)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "ledger.sqlite").write_bytes(b"not a ledger" * 500)
        lines = by_name(settings)
    assert "chmod 600" in lines["keys"].found
    assert lines["ledger"].verdict == "wrong"
    assert "nocturne ledger restore" in lines["ledger"].remedy


def test_a_live_mode_without_its_confirmation_is_named(tmp_path: Path) -> None:
    file = folder(tmp_path, "http://127.0.0.1:9")
    text = file.read_text()
    assert confirmation(load_settings(file), file).found == "mode paper needs none"
    live = text.replace('"paper"', '"live"').replace("http://", "https://")
    file.write_text(live.replace("ws://", "wss://"))
    settings = load_settings(file)
    line = guarded("confirmation", confirmation, settings, file)
    assert (line.verdict, line.found) == (
        "wrong",
        "live trading was not confirmed; run `nocturne golive`",
    )
    assert "nocturne golive" in line.remedy
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    confirm(settings, now_ms)
    assert confirmation(settings, file).found.startswith("10% of the limits until 20")
    (settings.paths.state / "golive.json").write_text("{")
    assert guarded("confirmation", confirmation, settings, file).verdict == "wrong"
    revoke(settings)
    confirm(settings, now_ms - 30 * DAY_MS)
    assert confirmation(settings, file).found == "live trading is confirmed, with full limits"


@pytest.mark.slow
def test_a_sandbox_with_a_valid_key_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, Replay(utc("2025-06-20T14:00"), 1.0))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    try:
        Ledger(bench.ledger).close()
        lines = by_name(bench.settings)
    finally:
        bench.close()
    assert lines["key of binance_usdm"].verdict == "ok"
    assert lines["ledger"].found == "whole: 0 positions, 0 orders"


def test_the_command_ends_with_1_and_prints_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["nocturne", "doctor", "--json", "--settings", str(tmp_path / "none.toml")]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert [line["verdict"] for line in json.loads(capsys.readouterr().out)] == ["ok", "wrong"]


def candles_until(root: Path, newest: datetime) -> Path:
    """Write a candle and one of forty days before into a lake; return the newest one's file."""
    lake, names = Lake(root), {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1m"}
    for moment in (newest - timedelta(days=40), newest):
        month = f"{moment:%Y-%m}"
        rows = pa.table(minutes(moment, 1)).cast(RAW_CANDLES.schema)
        lake.write(RAW_CANDLES, rows, **names, month=month)
    return lake.path(RAW_CANDLES, **names, month=month)


@pytest.mark.parametrize(("days", "verdict"), [(0, "ok"), (1, "ok"), (3, "warning")])
def test_the_age_of_the_newest_candle_is_named(tmp_path: Path, days: int, verdict: str) -> None:
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=days)
    candles_until(tmp_path, newest)
    line = by_name(folder(tmp_path, "http://127.0.0.1:9"))["lake"]
    assert line.verdict == verdict
    assert f"candles until {newest:%Y-%m-%d %H:%M} UTC" in line.found


@pytest.mark.parametrize("kept", [0, 3, 11, 200, -1])
def test_a_file_of_the_lake_that_was_cut_off_is_named(tmp_path: Path, kept: int) -> None:
    file = candles_until(tmp_path, datetime.now(UTC))
    file.write_bytes(file.read_bytes()[:kept])
    line = by_name(folder(tmp_path, "http://127.0.0.1:9"))["lake"]
    assert line.verdict == "wrong"
    assert f"1 of 2 files cannot be read, the first is {file}" in line.found
