"""``nocturne sandbox``: one line when ready, a clean end, one sentence for a mistake."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cli.main import main
from sandbox.audit.exchange_ledger import audit_ledger
from sandbox.audit.ledger import ExchangeLedger
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.server.main import fetch_status
from sandbox.server.settings import parse_balances, parse_time
from tests.sandbox.helpers import START, calm, write_candles
from trading.errors import DataError, SettingsError, VenueError

MAIN = "from cli.main import main; main()"


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sandbox(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; return exit status, output and error output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nocturne", "sandbox", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Write an hour of BTCUSDT candles."""
    write_candles(tmp_path / "candles", "BTCUSDT", calm(100_000.0, 60))
    return tmp_path / "candles"


def test_served_process_prints_one_line_and_ends_cleanly_on_sigterm(
    candles: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "exchange.sqlite"
    arguments = ["serve", "--candles", str(candles), "--ledger", str(ledger), "--clock", "lockstep"]
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        status = json.loads(fetch_status(line.split()[-1]))
        assert (status["clock"], status["waiting"]) == ("lockstep", True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    report = audit_ledger(ledger)
    assert report.violations == []
    assert report.wallets == {"main": "10000"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--candles", "nowhere"], "nowhere: no such folder"),
        (["--from", "2025-06-21", "--to", "2025-06-20"], "is not before --to"),
        (["--from", "2020-01-01", "--to", "2020-01-02"], "no candle between 2020-01-01"),
        (["--from", "yesterday"], "not an ISO time"),
        (["--clock", "sundial"], "choose one of real, accelerated, lockstep"),
        (["--venue", "moon"], "choose one of usdm, spot, both"),
        (["--balance", "BTC=1"], "margin is in USDT"),
        (["--symbols", "XRPUSDT"], "no XRPUSDT.parquet; there are BTCUSDT"),
    ],
)
def test_mistake_is_reported_in_one_sentence(
    sandbox: Run, candles: Path, arguments: list[str], sentence: str
) -> None:
    given = arguments if "--candles" in arguments else ["--candles", str(candles), *arguments]
    status, _, complaint = sandbox("serve", *given)
    assert status == 2
    assert sentence in complaint
    assert complaint.count("\n") == 1


def test_port_in_use_is_reported_in_one_sentence(
    sandbox: Run, candles: Path, tmp_path: Path
) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given = ["--candles", str(candles), "--port", port, "--ledger", str(tmp_path / "a.sqlite")]
        status, _, complaint = sandbox("serve", *given)
    assert status == 2
    # The next attempt may use the file: no run has started in it.
    ExchangeLedger(tmp_path / "a.sqlite").close()
    assert f"--port {port}: cannot listen" in complaint


def test_missing_column_of_a_candle_file_is_named(sandbox: Run, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"open_time": [START]}), tmp_path / "BTCUSDT.parquet")
    _, _, complaint = sandbox("serve", "--candles", str(tmp_path))
    assert "column open, high, low, close, volume is missing" in complaint


def test_ledger_of_another_run_is_not_overwritten(
    sandbox: Run, candles: Path, tmp_path: Path
) -> None:
    path, other = tmp_path / "exchange.sqlite", tmp_path / "notes.txt"
    ledger = ExchangeLedger(path)
    ledger.write_meta({"venue": "usdm"}, START)
    ledger.close()
    _, _, complaint = sandbox("serve", "--candles", str(candles), "--ledger", str(path))
    assert "already holds the ledger of a run" in complaint
    other.write_text("something")
    _, _, complaint = sandbox("serve", "--candles", str(candles), "--ledger", str(other))
    assert "not a sandbox ledger" in complaint
    assert other.read_text() == "something"


def test_status_without_a_sandbox_is_one_sentence() -> None:
    with pytest.raises(VenueError, match="no sandbox answers"):
        fetch_status("http://127.0.0.1:9")


def test_audit_finds_a_wallet_that_does_not_add_up(sandbox: Run, tmp_path: Path) -> None:
    path = tmp_path / "exchange.sqlite"
    ledger, engine = ExchangeLedger(path), UsdmEngine(BUILT_IN.values())
    engine.open_account("main", {"USDT": Decimal(10_000)})
    for event in engine.take_events():
        ledger.write(event, 0)
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("update balances set wallet = '1'")
        connection.execute(
            "insert into balances (account, kind, symbol, amount, wallet) "
            "values ('main', 'TRANSFER', '', '5', '10006')"
        )
        connection.commit()
    status, report, _ = sandbox("audit", "--ledger", str(path))
    assert status == 1
    assert "wallet 10006 is not the sum of its changes 10005" in report


def test_audit_refuses_a_file_that_is_not_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("text")
    with pytest.raises(DataError, match="not a sandbox ledger"):
        audit_ledger(tmp_path / "other")
    with pytest.raises(DataError, match="no such ledger"):
        audit_ledger(tmp_path / "none")
    ExchangeLedger(tmp_path / "older").close()
    with closing(sqlite3.connect(tmp_path / "older")) as connection:
        connection.execute("alter table positions drop column position_side")
    with pytest.raises(DataError, match="no such column: position_side"):
        audit_ledger(tmp_path / "older")


def test_times_are_utc_and_whole_minutes() -> None:
    assert parse_time("2025-06-20", "--from") == START
    assert parse_time("2025-06-20T09:00:00+09:00", "--from") == START
    with pytest.raises(SettingsError, match="whole minute"):
        parse_time("2025-06-20T00:00:30", "--from")


def test_balances_are_decimals() -> None:
    assert str(parse_balances(["USDT=12.5"])["USDT"]) == "12.5"
    with pytest.raises(SettingsError, match="ASSET=AMOUNT"):
        parse_balances(["USDT"])
