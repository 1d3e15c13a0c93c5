"""The parts of the pages: what each of them shows of rows that the test made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dashboard.executor_feed import StatusReading
from dashboard.ledger_reader import LedgerReader
from dashboard.parts.account import equity_chart
from dashboard.parts.log import log_row
from dashboard.parts.trades import calendar_table
from dashboard.snapshot import PARTS, Surroundings, snapshot
from lake.ledger_database import LedgerSource
from tests.dashboard.ledgers import DAY, add, add_position, make_ledger
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

MONDAY = 20_003  # 2024-10-07


def parts(
    state: Path, status: dict[str, Any] | None = None, day_begins: int = 0, **beside: Any
) -> dict[str, Any]:
    reader = LedgerReader(LedgerSource(str(state / "ledger.sqlite")), day_begins)
    found = snapshot(reader.read(), StatusReading(status, 0.0, None), Surroundings(**beside))
    assert reader.problem == ""
    return found


def values(table: dict[str, Any]) -> list[list[Any]]:
    return [[cell["value"] for cell in cells] for _, cells in table["rows"]]


def test_every_page_names_parts_that_exist(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    assert {name for names in PARTS.values() for name in names} == set(parts(tmp_path))


def test_orders_whose_end_is_not_known_are_listed(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    for status in ("unknown", "filled", "partly_filled"):
        order = {"client_id": status, "key": status, "leg": "tp", "n": 0, "position_id": 1}
        order |= {"side": "SELL", "quantity": "0.5", "trigger_price": "105", "created_at": DAY + 9}
        add(ledger, "orders", order | {"status": status, "symbol": "BTCUSDT"})
    found = {row[5]: row for row in values(parts(tmp_path)["orders"])}
    assert set(found) == {"accepted", "unknown", "partly filled"}
    assert found["unknown"][:5] == ["BTCUSDT", "take profit", "sell", "0.5", 105.0]


def test_a_position_and_a_trade_lead_to_the_order_behind_them(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    for number, leg in ((1, "en"), (2, "en"), (2, "px")):
        order = {"client_id": f"c-{number}-{leg}", "key": f"key-{number}", "leg": leg, "n": 0}
        add(ledger, "orders", order | {"status": "filled"})
    found = parts(tmp_path)
    assert found["positions"]["rows"][0][1][-1]["link"] == "/why/c-1-en"
    assert found["trades"]["rows"][0][1][-1]["link"] == "/why/c-2-px"


def test_results_are_shown_by_strategy_symbol_and_reason(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    add_position(ledger, 3, "SOLUSDT", DAY + 2 * HOUR_MS)
    ledger.execute(
        "update positions set realized_pnl = '-1', exit_reason = 'stop_loss' where id = 3"
    )
    found = parts(tmp_path)
    by_symbol = {row[0]: row[1:] for row in values(found["symbols"])}
    assert by_symbol["ETHUSDT"] == [1, 1.0, 1.5, 0.5, None, 1.5, 1.5]
    assert by_symbol["SOLUSDT"] == [1, 0.0, -1.5, 0.5, 0.0, -1.5, -1.5]
    assert [row[0] for row in values(found["reasons"])] == ["take profit", "stop loss"]
    assert values(found["strategies"])[1][0] == "breakout"


def test_money_of_two_currencies_is_never_added_up(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    add_position(ledger, 3, "ETHUSDT", DAY)
    ledger.execute("update positions set quote_asset = 'KRW' where id = 3")
    rows = values(parts(tmp_path)["symbols"])
    assert sorted(row[0] for row in rows) == ["ETHUSDT", "ETHUSDT (KRW)"]


def test_the_calendar_has_a_week_a_row_and_a_day_a_column() -> None:
    days = [
        {"day": MONDAY, "asset": "USDT", "count": 1, "net": 2.0},
        {"day": MONDAY + 6, "asset": "USDT", "count": 1, "net": -5.0},
        {"day": MONDAY + 7, "asset": "USDT", "count": 1, "net": 1.0},
    ]
    found = calendar_table(days)
    assert found["head"][:2] == ["Week of", "Mon"]
    assert values(found) == [
        ["2024-10-14", 1.0, None, None, None, None, None, None, 1.0],
        ["2024-10-07", 2.0, None, None, None, None, None, -5.0, -3.0],
    ]


@pytest.mark.parametrize(("day_begins", "weekday"), [(0, 1), (15, 0)])
def test_a_trading_day_begins_at_the_hour_of_the_settings(
    tmp_path: Path, day_begins: int, weekday: int
) -> None:
    ledger = make_ledger(tmp_path)
    ledger.execute(
        "update positions set closed_at = ? where id = 2", (MONDAY * DAY_MS + 25 * HOUR_MS,)
    )
    (row,) = values(parts(tmp_path, day_begins=day_begins)["calendar"])
    assert row[1 + weekday] == 1.5


def test_the_drawdown_stands_below_the_equity() -> None:
    rows = [{"time": 3, "equity": "90"}, {"time": 2, "equity": "120"}, {"time": 1, "equity": "100"}]
    equity, drawdown = equity_chart(rows)["panels"]
    assert equity["series"][0]["values"] == [100.0, 120.0, 90.0]
    assert drawdown["series"][0]["values"] == [0.0, 0.0, -0.25]


def test_the_daily_loss_is_shown_as_a_share_of_its_limit(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    ledger.execute("insert into meta values ('day_baseline:USDT', '110')")
    wallets = [{"venue": "a", "asset": "USDT", "equity": "104.5"}]
    facts = parts(tmp_path, {"wallets": wallets}, daily_loss_limit=0.06)["facts"]
    (found,) = [one for one in facts if one["label"] == "Daily loss used"]
    assert found["value"] == pytest.approx(0.05 / 0.06)
    assert (found["tone"], found["note"]) == ("warn", "limit 6.00%")
    assert [one["value"] for one in facts if one["label"] == "Equity"] == [104.5]


def test_what_is_traded_says_what_stands_against_an_entry(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    data = json.dumps({"strategy": "breakout", "reason": "no breakout"})
    event = {"id": "e2", "time": DAY + 5, "type": "signal_held", "symbol": "BTCUSDT"}
    add(ledger, "events", event | {"data": data, "wall_time": DAY})
    entries = [
        {"strategy": "breakout", "symbol": "BTCUSDT", "venue": "x", "proven": True},
        {"strategy": "breakout", "symbol": "ETHUSDT", "venue": "x", "proven": False},
        {"strategy": "momentum", "symbol": "BTCUSDT", "venue": "x", "proven": False},
    ]
    status = {"entries": True, "strategies_off": ["momentum"], "halted": {"ETHUSDT.x": "foreign"}}
    found = values(parts(tmp_path, status, entries=entries)["traded"])
    assert [row[2] for row in found] == ["✓ on", "✗ halted: foreign", "✗ off"]
    assert [row[5] for row in found] == ["no breakout", "–", "–"]
    paused = values(parts(tmp_path, {"entries": False}, entries=entries)["traded"])
    assert {row[2] for row in paused} == {"✗ paused"}


def test_what_is_traded_at_two_venues_has_a_row_of_each(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    entry = {"strategy": "breakout", "symbol": "BTCUSDT", "proven": True}
    entries = [{**entry, "venue": venue} for venue in ("binance_usdm", "binance_spot")]
    keys = [key for key, _ in parts(tmp_path, entries=entries)["traded"]["rows"]]
    assert len(set(keys)) == 2


def test_the_last_trades_stand_on_the_candles_that_were_received(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    for minute in range(400):
        values = {"symbol": "ETHUSDT", "open_time": DAY + minute * MINUTE_MS, "fresh": 1}
        values["venue"] = "binance_usdm"
        prices = {"open": minute, "high": minute + 3, "low": minute - 3, "close": minute + 1}
        add(ledger, "received_candles", values | prices | {"volume": 1})
    found = parts(tmp_path)["prices"]
    assert found["title"] == "ETHUSDT, 5 min"
    bars = found["bars"]
    assert len(bars["times"]) == 80
    assert [bars[name][1] for name in ("opens", "highs", "lows", "closes")] == [5, 12, 2, 10]
    (trade,) = found["trades"]
    assert (trade["entry"], trade["exit"], trade["reason"]) == (100.0, 104.0, "take profit")


def test_without_candles_there_is_no_chart(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    assert parts(tmp_path)["prices"]["bars"] is None


def test_executors_of_a_database_have_a_row_each(tmp_path: Path) -> None:
    rows = {}
    for name in ("first", "second"):
        folder = tmp_path / name
        make_ledger(folder)
        rows[name] = LedgerReader(LedgerSource(str(folder / "ledger.sqlite"))).read()
    found = values(parts(tmp_path / "first", executors=rows)["executors"])
    assert found[1] == ["second", "121.00 USDT", "BTCUSDT +", 0, 1.5, DAY]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"reason": "cool-down", "strategy": "breakout"}, "breakout: cool-down"),
        ({"client_id": "n1", "price": 3.5, "more": {"deep": 1}}, "client id n1, price 3.5"),
        ([1], ""),
    ],
)
def test_an_event_says_why_or_what(data: Any, what: str) -> None:
    row = {"time": 1, "type": "entry_refused", "symbol": "B", "data": json.dumps(data)}
    cells = log_row(row)
    assert (cells[3]["value"], cells[1]["tone"]) == (what, "bad")
