"""What the pages show, from a ledger of the executor's own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.ledger.backup import restore
from dashboard.executor_feed import StatusReading
from dashboard.ledger_reader import LedgerReader
from dashboard.parts.controllable import strategies
from dashboard.parts.executor import executor_state
from dashboard.parts.positions import position_row
from dashboard.snapshot import Surroundings, snapshot
from lake.ledger_database import LedgerSource
from tests.dashboard.ledgers import DAY, add, add_position, make_ledger
from trading.candles import HOUR_MS

OFF = {"entries": False, "entries_off_because": "paused"}


def seen(state: Path, day_begins: int = 0) -> dict[str, Any]:
    rows = LedgerReader(LedgerSource(str(state / "ledger.sqlite"))).read()
    return snapshot(rows, StatusReading(None, 0.0, None), Surroundings(day_begins=day_begins))


def cells(table: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [row for _, row in table["rows"]]


def values(row: list[dict[str, Any]]) -> list[Any]:
    return [cell["value"] for cell in row]


def test_an_open_position_shows_where_its_stop_rests(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    (row,) = cells(seen(tmp_path)["positions"])
    assert values(row)[:5] == ["BTCUSDT", "breakout", "long", "0.5", 100.0]
    assert values(row)[8] == 98.5
    assert row[10]["value"] is None, "there is no target"


def test_a_price_gives_the_profit_and_the_distance_to_the_stop(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    held = {"venue": "binance_usdm", "symbol": "BTCUSDT", "price": 102.0}
    rows = LedgerReader(LedgerSource(str(tmp_path / "ledger.sqlite"))).read()
    reading = StatusReading({"positions": [held]}, 0.0, None)
    (row,) = cells(snapshot(rows, reading, Surroundings())["positions"])
    assert values(row)[5:10] == pytest.approx([102.0, 1.0, 0.02, 98.5, 1 - 98.5 / 102])
    assert (row[6]["tone"], row[9]["unit"]) == ("good", "share")
    short = {**rows["open"][0], "side": -1}
    assert position_row(short, [], 102.0)[6] == {"value": -1.0, "unit": "change", "tone": "bad"}


def test_strategies_can_be_switched_where_the_executor_can(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    rows = LedgerReader(LedgerSource(str(tmp_path / "ledger.sqlite"))).read()
    assert strategies(rows, {}) == []
    found = strategies(rows, {"strategies_off": ["breakout", "momentum"]})
    assert {"name": "breakout", "off": True} in found
    assert {"name": "momentum", "off": True} in found
    assert len(found) == 3
    released = strategies(rows, {"strategies_off": []}, ["ict"])
    assert {"name": "ict", "off": False} in released


def test_an_open_position_without_a_stop_is_red_and_counted(tmp_path: Path) -> None:
    add_position(make_ledger(tmp_path), 3, "SOLUSDT", None)
    parts = seen(tmp_path)
    assert cells(parts["positions"])[1][8] == {"value": "✗ none", "unit": "text", "tone": "bad"}
    facts = {one["label"]: (one["value"], one["tone"]) for one in parts["facts"]}
    assert facts["Without a stop"] == (1, "bad")


@pytest.mark.parametrize(("day_begins", "today"), [(0, 11.0), (1, 0.0), (22, 21.0)])
def test_today_counts_from_the_hour_at_which_a_trading_day_begins(
    tmp_path: Path, day_begins: int, today: float
) -> None:
    make_ledger(tmp_path)
    facts = {one["label"]: one["value"] for one in seen(tmp_path, day_begins)["facts"]}
    assert facts["Today"] == today


def test_results_are_after_fees_and_today_counts_from_midnight(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    parts = seen(tmp_path)
    assert cells(parts["trades"])[0][7] == {"value": 1.5, "unit": "change", "tone": "good"}
    facts = {one["label"]: one["value"] for one in parts["facts"]}
    assert facts["Today"] == 11.0
    assert facts["All"] == 21.0
    assert facts["Fees"] == 0.5


def test_wallets_of_another_currency_are_not_added_up(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    for asset, equity in (("KRW", "5000"), ("USDT", "50")):
        values = {"time": DAY + HOUR_MS, "venue": "other", "asset": asset, "wallet": "0"}
        add(ledger, "equity", values | {"equity": equity, "open_positions": 0})
    facts = [one for one in seen(tmp_path)["facts"] if one["label"] == "Equity"]
    assert [(one["value"], one["note"]) for one in facts] == [(5000.0, "KRW"), (171.0, "USDT")]


def test_a_log_line_has_the_reason(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    (row,) = cells(seen(tmp_path)["log"])
    assert values(row)[1] == "signal held"
    assert values(row)[3].startswith("RSI too high")


def test_without_a_ledger_the_pages_are_empty(tmp_path: Path) -> None:
    parts = seen(tmp_path)
    assert parts["positions"]["rows"] == parts["trades"]["rows"] == []
    assert parts["executor"]["text"] == "No executor has run here yet."


def test_the_ledger_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    reader = LedgerReader(LedgerSource(str(tmp_path / "ledger.sqlite")))
    first = reader.read()
    assert reader.read() is first
    add_position(ledger, 3, "SOLUSDT", None)
    assert len(reader.read()["open"]) == 2


def test_a_restored_ledger_is_read(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    add_position(make_ledger(other), 3, "SOLUSDT", None)
    reader = LedgerReader(LedgerSource(str(tmp_path / "ledger.sqlite")))
    assert len(reader.read()["open"]) == 1
    restore(other / "ledger.sqlite", tmp_path)
    assert len(reader.read()["open"]) == 2


@pytest.mark.parametrize(
    ("changes", "age", "pushed", "tone", "text"),
    [
        ({}, 1.0, None, "good", "running · replay · r"),
        ({}, 1.0, True, "good", "running · replay · r"),
        ({}, 3.0, True, "warn", "stale 3 s · running · replay · r"),
        ({}, 60.0, True, "bad", "Silent for 60 s"),
        ({}, 60.0, None, "bad", "Silent for 60 s"),
        ({}, 1.0, False, "bad", "The executor does not answer"),
        (OFF, 1.0, True, "warn", "running · replay · r"),
        ({"status": "stopped", "entries": False}, 60.0, None, "bad", "stopped · replay · r"),
        ({"status": "stopped", "entries": False}, 60.0, False, "bad", "stopped · replay · r"),
    ],
)
def test_the_state_of_the_executor_says_whether_it_would_trade(
    changes: dict[str, Any], age: float, pushed: bool | None, tone: str, text: str
) -> None:
    status = {"status": "running", "mode": "replay", "release": "r", "entries": True, **changes}
    found = executor_state(StatusReading(status, age, pushed))
    assert (found["tone"], found["text"]) == (tone, text)
    assert ("paused" in found["more"]) is ("entries_off_because" in changes)


@pytest.mark.parametrize(
    ("failing", "tone", "more"),
    [
        (["protection"], "bad", "Not well: protection; see Health."),
        (["disk", "event_loop"], "warn", "Not well: disk, event loop; see Health."),
        (["entries"], "good", ""),
        ([], "good", ""),
    ],
)
def test_the_first_line_says_which_checks_do_not_hold(
    failing: list[str], tone: str, more: str
) -> None:
    names = ("protection", "disk", "event_loop", "entries")
    checks = {name: {"ok": name not in failing, "value": 1} for name in names}
    reading = StatusReading({"status": "running", "entries": True}, 0.0, True)
    found = executor_state(reading, "", {"checks": checks})
    assert (found["tone"], found["more"]) == (tone, more)


def test_a_ledger_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    reader = LedgerReader(LedgerSource(str(tmp_path / "ledger.sqlite")))
    reader.read()
    ledger.execute("alter table alerts rename to old_alerts")
    assert len(reader.read()["open"]) == 1, "the last rows stay"
    assert reader.problem == "the ledger is not read: no such table: alerts"
    found = executor_state(StatusReading({"status": "running"}, 0.0, True), reader.problem)
    assert (found["tone"], found["more"][:24]) == ("bad", "The ledger is not read: ")
    ledger.execute("alter table old_alerts rename to alerts")
    reader.read()
    assert reader.problem == ""


def test_what_was_opened_or_closed_last_is_spoken(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    spoken = seen(tmp_path)["spoken"]
    assert spoken["key"] == "closed-2"
    assert spoken["text"].endswith("+1.50 after fees")
