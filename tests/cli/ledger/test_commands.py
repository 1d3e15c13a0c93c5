"""`nocturne executor positions | trades | profit` over a ledger that the executor's code wrote."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from cli.main import main
from executor.ledger.store import Ledger

DAY = 86_400_000
NOON = 20_000 * DAY + DAY // 2
COLUMNS = (
    "symbol, strategy, side, status, quantity, entry_price, opened_at, closed_at, exit_price,"
    " exit_reason, realized_pnl, fees, release_id, release_short, key, bar_time, params, atr,"
    " high_water, stop_price"
)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Make a ledger: one open position, one won today, one lost three days ago."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    rows = [
        ("BTCUSDT", "breakout", 1, "open", "0.010", 100.0, NOON, None, None, None, "0", "0.05",
         97.5),
        ("ETHUSDT", "wave", -1, "closed", "0", 20.0, NOON - 9, NOON, 19.0, "take_profit", "5.30",
         "0.20", None),
        ("ETHUSDT", "wave", 1, "closed", "0", 20.0, NOON - 4 * DAY, NOON - 3 * DAY, 19.0,
         "stop_loss", "-2.00", "0.10", None),
    ]  # fmt: skip
    with sqlite3.connect(path) as database:
        for row in rows:
            *values, stop = row
            filled = (*values, "R-abcdefgh", "abcdefgh", "k", NOON, "{}", 1.0, 1.0, stop)
            marks = ", ".join("?" * len(filled))
            database.execute(f"insert into positions ({COLUMNS}) values ({marks})", filled)
    database.close()
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run `nocturne executor`; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", "executor", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_positions_show_side_quantity_and_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ledger: Path
) -> None:
    assert run(monkeypatch, "positions", "--ledger", ledger) == 0
    _, _, row = capsys.readouterr().out.splitlines()
    assert row.split()[1:6] == ["BTCUSDT", "long", "0.010", "100.0", "97.5"]


@pytest.mark.parametrize(
    ("status", "stop"), [("accepted", "98.25"), ("partly_filled", "98.25"), ("cancelled", "97.5")]
)
def test_the_stop_is_the_one_that_rests_at_the_exchange(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ledger: Path,
    status: str,
    stop: str,
) -> None:
    rest(ledger, "sl", "98.25", status)
    rest(ledger, "tp", "110.5", status)
    assert run(monkeypatch, "positions", "--ledger", ledger, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert str(row["stop_price"]) == stop
    assert row["target_price"] == (None if status == "cancelled" else 110.5)


def rest(ledger: Path, leg: str, trigger: str, status: str) -> None:
    """Write an order that protects the open position."""
    row = {
        "client_id": f"n1-{leg}", "key": "k", "leg": leg, "n": 0, "position_id": 1,
        "symbol": "BTCUSDT", "strategy": "breakout", "release_id": "R-abcdefgh",
        "bar_time": NOON, "side": "SELL", "kind": "STOP_MARKET", "trigger_price": trigger,
        "reduce_only": 1, "close_position": 1, "status": status, "created_at": NOON,
        "updated_at": NOON,
    }  # fmt: skip
    with sqlite3.connect(ledger) as database:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        database.execute(f"insert into orders ({columns}) values ({marks})", tuple(row.values()))
    database.close()


def test_trades_come_newest_first_and_net_of_fees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ledger: Path
) -> None:
    assert run(monkeypatch, "trades", "--ledger", ledger, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["net"], row["side"], row["exit_reason"]) for row in found] == [
        ("5.10", "short", "take_profit"),
        ("-2.10", "long", "stop_loss"),
    ]


def test_profit_sums_up_by_span(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ledger: Path
) -> None:
    assert run(monkeypatch, "profit", "--ledger", ledger, "--json") == 0
    found = {row["span"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["today"] == {"span": "today", "trades": 1, "won": 1, "net": "5.10", "fees": "0.20"}
    assert found["7 days"]["net"] == found["all"]["net"] == "3.00"
    assert run(monkeypatch, "profit", "--ledger", ledger) == 0
    assert "3.00" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["positions", "trades", "profit"])
def test_a_missing_or_broken_ledger_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
) -> None:
    assert run(monkeypatch, command) == 2
    assert "give --settings FILE or --ledger FILE" in capsys.readouterr().err
    assert run(monkeypatch, command, "--ledger", tmp_path / "none.sqlite") == 2
    assert "no ledger at" in capsys.readouterr().err
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be read as one")
    assert run(monkeypatch, command, "--ledger", tmp_path / "text.sqlite") == 2
    assert "cannot be read as an executor's ledger" in capsys.readouterr().err
