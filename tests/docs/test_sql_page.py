"""Every query of docs/sql.md returns rows and the expected columns on a small lake."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lake.catalog import query
from lake.releases import publish
from lake.store import Lake
from lake.tables import (
    BARS,
    CANDLES,
    EQUITY,
    FILLS,
    LEDGER_EQUITY,
    ORDERS,
    POSITIONS,
    RAW_FUNDING,
    RAW_INSTRUMENTS,
    Table,
)
from tests.lake.builders import WALL, candidate, candles, entry

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"
QUESTION = re.compile(r"^## (\d+)\. .*?^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUERIES = {int(number): text for number, text in QUESTION.findall(PAGE.read_text(encoding="utf-8"))}
START = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = {"day": "2025-06-01"}

COLUMNS = {
    1: "symbol hour range_bps deviation_bps",
    2: "symbol day missing",
    3: "strategy hour trades net_pnl",
    4: "id symbol strategy payments paid",
    5: "client_id symbol strategy side decision_price fill_price slippage_bps",
    6: "symbol BTCUSDT ETHUSDT",
    7: "as_of release_id flow strategy symbol proven total_return trades sharpe failed",
    8: "strategy symbol params_before params_now proven_before proven_now",
    9: "strategy symbol trades win_rate net_pnl",
    10: "day positions notional",
    11: "day equity drawdown",
    12: "strategy gross_pnl fees share",
    13: "strategy result trades minutes",
    14: "strategy exit_reason trades net_pnl",
    15: "strategy losses first_loss last_loss",
    16: "strategy gate releases last_failed",
    17: "as_of strategy symbol in_sample_sharpe out_of_sample_sharpe kept",
    18: "as_of strategy symbol total_return drawdown lowest_at",
    19: "symbol payments mean_rate a_year",
    20: "symbol time tick_before tick step_before step",
}


def write(lake: Lake, table: Table, rows: list[dict[str, Any]], **partition: str) -> None:
    data = pa.Table.from_pylist(rows)
    for place, field in enumerate(data.schema):
        if pa.types.is_timestamp(field.type):
            times = data[field.name].cast(pa.timestamp("ms", tz="UTC"))
            data = data.set_column(place, field.name, times)
    lake.write(table, data, **partition)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("lake"))
    _market(made)
    _ledger(made)
    _research(made)
    return made


def _market(lake: Lake) -> None:
    first = int(START.timestamp() * 1000)
    for symbol, base in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0)):
        series = {"venue": "binance_usdm", "symbol": symbol, "month": "2025-06"}
        closes = [base + (n * 7 % 11) for n in range(1440)]
        minutes = candles(first, closes)
        holes = minutes.append_column("gap_before", pa.array([0] * 1440))
        # One whole day is absent, and ten minutes of the next.
        later = candles(first + 2 * 86_400_000 + 600_000, closes[:1430])
        later = later.append_column("gap_before", pa.array([1450] + [0] * 1429))
        lake.write(CANDLES, pa.concat_tables([holes, later]), interval="1m", **series)
        hours = candles(first, closes[:24])
        times = [START + n * HOUR for n in range(24)]
        hours = hours.set_column(0, "open_time", pa.array(times, pa.timestamp("ms", tz="UTC")))
        bars = hours.append_column("candles", pa.array([60] * 24))
        lake.write(BARS, bars, interval="1h", **series)
        funding = [{"funding_time": START + 8 * n * HOUR, "funding_rate": 0.0001} for n in range(3)]
        write(lake, RAW_FUNDING, funding, venue="binance_usdm", symbol=symbol)
    filters = ("base", "quote", "status", "step_size", "min_quantity", "max_quantity")
    snapshots = [
        {"symbol": "BTCUSDT", "time": START + n * HOUR, "tick_size": tick}
        | dict.fromkeys(filters, "1")
        for n, tick in enumerate(("0.1", "0.01"))
    ]
    write(lake, RAW_INSTRUMENTS, snapshots, venue="binance_usdm")


VENUE = {"venue": "binance_usdm"}


def _ledger(lake: Lake) -> None:
    orders, fills, positions = [], [], []
    # Opened at 06:00, 07:00 and 08:00 for four hours each: one wins, two lose.
    for number, pnl in enumerate((5.0, -2.0, -3.0), start=1):
        opened, closed = START + (5 + number) * HOUR, START + (9 + number) * HOUR
        common = VENUE | {"symbol": "BTCUSDT", "strategy": "breakout"}
        common |= {"release_id": "20250601T000000Z-a"}
        for leg, side, time, price in (("en", "BUY", opened, 100.2), ("px", "SELL", closed, 101.0)):
            client_id = f"{number}-{leg}"
            orders.append(
                common
                | {"created_at": time, "client_id": client_id, "leg": leg, "side": side}
                | {"kind": "MARKET", "status": "filled", "decision_price": 100.0}
            )
            fills.append(
                VENUE
                | {"time": time, "symbol": "BTCUSDT", "trade_id": client_id, "side": side}
                | {"client_id": client_id, "price": price, "quantity": 2.0, "position_id": number}
            )
        positions.append(
            common
            | {"id": number, "opened_at": opened, "closed_at": closed, "side": 1, "fees": 0.1}
            | {"status": "closed", "quantity": 0.0, "entry_price": 100.2, "realized_pnl": pnl}
            | {"exit_reason": "take_profit" if pnl > 0 else "stop_loss"}
        )
    write(lake, ORDERS, orders, **DAY)
    write(lake, FILLS, fills, **DAY)
    write(lake, POSITIONS, positions, **DAY)
    equity = [
        VENUE | {"asset": "USDT", "time": START + n * HOUR, "equity": e}
        for n, e in enumerate((100.0, 110.0, 99.0))
    ]
    write(lake, LEDGER_EQUITY, equity, **DAY)


def _research(lake: Lake) -> None:
    for day, k in enumerate((0.5, 0.6)):
        entries = (entry(k), entry(0.5, symbol="ETHUSDT"))
        publish(
            lake.published, candidate(*entries, as_of=datetime(2025, 6, 20 + day, tzinfo=UTC)), WALL
        )
    curve = [
        {"as_of": START + 24 * HOUR, "strategy": "breakout", "symbol": "BTCUSDT"}
        | {"sample": "out_of_sample", "time": START + n * HOUR, "equity": equity}
        for n, equity in enumerate((1.0, 1.1, 0.99, 1.05))
    ]
    write(lake, EQUITY, curve, run="breakout-BTCUSDT")


def test_the_page_answers_twenty_questions() -> None:
    assert sorted(QUERIES) == sorted(COLUMNS) == list(range(1, 21))


@pytest.mark.parametrize("number", sorted(COLUMNS))
def test_a_query_returns_rows_and_its_columns(lake: Lake, number: int) -> None:
    result = query(lake, QUERIES[number])
    assert result.column_names == COLUMNS[number].split()
    assert result.num_rows > 0


@pytest.mark.parametrize("number", sorted(set(COLUMNS) - {6}))
def test_a_query_runs_on_an_empty_lake(tmp_path: Path, number: int) -> None:
    # Question 6 pivots on the symbols, of which an empty lake has none.
    assert query(Lake(tmp_path), QUERIES[number]).num_rows == 0


def test_the_answers_are_right(lake: Lake) -> None:
    def rows(number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = query(lake, QUERIES[number]).to_pylist()
        return found

    missing = {(row["symbol"], row["day"].day): row["missing"] for row in rows(2)}
    assert missing == {("BTCUSDT", 2): 1440, ("ETHUSDT", 2): 1440} | {
        ("BTCUSDT", 3): 10,
        ("ETHUSDT", 3): 10,
    }
    assert [(row["hour"], row["net_pnl"]) for row in rows(3)] == [(6, pytest.approx(4.9))]
    # At 08:00 all three are open; each pays 2 x 100.2 x 0.0001.
    assert [row["paid"] for row in rows(4)] == [pytest.approx(0.02004)] * 3
    assert rows(5)[0]["slippage_bps"] == pytest.approx(20.0)
    assert rows(6)[0] == {
        "symbol": "BTCUSDT",
        "BTCUSDT": 1.0,
        "ETHUSDT": pytest.approx(1.0, abs=0.1),
    }
    (changed,) = rows(8)
    assert changed["symbol"] == "BTCUSDT"
    ks = [json.loads(changed[name])["k"] for name in ("params_before", "params_now")]
    assert ks == [0.5, 0.6]
    assert rows(9)[0]["net_pnl"] == pytest.approx(-0.3)
    assert [(row["positions"], row["notional"]) for row in rows(10)] == [(3, pytest.approx(601.2))]
    assert rows(11)[0]["drawdown"] == pytest.approx(0.1)
    assert rows(15)[0]["losses"] == 2
    assert rows(16)[0]["gate"] == "trades"
    assert rows(18)[0]["drawdown"] == pytest.approx(0.1)
    assert (rows(20)[0]["tick_before"], rows(20)[0]["tick"]) == ("0.1", "0.01")
