"""The executor's ledger in the lake: every row before as_of, once."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from executor.ledger.migrations import migrate
from flows.steps.reporting.export_ledger import export_ledger
from lake.ledger_database import LedgerSource
from lake.store import Lake
from lake.tables import EVENTS, FILLS, LEDGER_EQUITY, ORDERS, POSITIONS
from trading.errors import DataError

DAY = datetime(2025, 6, 19, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)


def ms(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def insert(database: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Insert a row; other columns that must not be null get a placeholder."""
    for _, name, kind, required, default, _ in database.execute(f"pragma table_info({table})"):
        if required and default is None:
            row.setdefault(name, "x" if kind == "TEXT" else 0)
    marks = ", ".join("?" * len(row))
    database.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", [*row.values()])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Write one round trip, and an event on the next day."""
    path = tmp_path / "ledger.sqlite"
    noon, later = ms(NOON), ms(NOON + timedelta(hours=1))
    order = {"client_id": "n1-a-b-en-00", "symbol": "BTCUSDT", "kind": "MARKET"}
    fill = {"symbol": "BTCUSDT", "trade_id": "9", "client_id": "n1-a-b-en-00"}
    position = {"id": 1, "symbol": "BTCUSDT", "side": 1, "exit_reason": "take_profit"}
    with sqlite3.connect(path) as database:
        migrate(database)
        insert(database, "orders", order | {"quantity": "0.015", "created_at": noon})
        insert(
            database,
            "fills",
            fill
            | {"price": "104000.5", "quantity": "0.015", "fee": "0.78"}
            | {"realized_pnl": "0", "time": noon},
        )
        insert(
            database,
            "positions",
            position
            | {"quantity": "0.015", "realized_pnl": "14.2"}
            | {"opened_at": noon, "closed_at": later},
        )
        for name, time in (("e1", noon), ("e2", ms(DAY + timedelta(hours=30)))):
            insert(database, "events", {"id": name, "time": time, "type": "fill"})
        insert(
            database,
            "equity",
            {
                "venue": "binance_usdm",
                "asset": "USDT",
                "time": noon,
                "wallet": "10000",
                "equity": "10001.5",
            },
        )
    database.close()
    return path


def test_every_table_is_copied_with_the_lakes_types(tmp_path: Path, ledger: Path) -> None:
    lake = Lake(tmp_path / "lake")
    exported = export_ledger(lake, LedgerSource(str(ledger)), as_of=DAY + timedelta(days=2))
    assert exported.days == ("2025-06-19", "2025-06-20")
    counts = {"orders": 1, "fills": 1, "positions": 1, "events": 2, "equity": 1}
    assert exported.rows == counts | {"received_candles": 0}
    order = lake.read(ORDERS).to_pylist()[0]
    assert (order["created_at"], order["client_id"]) == (NOON, "n1-a-b-en-00")
    assert (order["kind"], order["quantity"], order["trigger_price"]) == ("MARKET", 0.015, None)
    position = lake.read(POSITIONS).to_pylist()[0]
    assert (position["side"], position["exit_reason"]) == (1, "take_profit")
    assert position["closed_at"] == NOON + timedelta(hours=1)
    assert lake.read(FILLS).to_pylist()[0]["price"] == 104000.5
    assert lake.read(LEDGER_EQUITY).to_pylist()[0]["equity"] == 10001.5


def test_a_second_export_changes_nothing(tmp_path: Path, ledger: Path) -> None:
    lake = Lake(tmp_path / "lake")
    export_ledger(lake, LedgerSource(str(ledger)), as_of=DAY + timedelta(days=2))
    files = {path: path.stat().st_mtime_ns for path in lake.root.rglob("*.parquet")}
    export_ledger(lake, LedgerSource(str(ledger)), as_of=DAY + timedelta(days=2))
    assert files == {path: path.stat().st_mtime_ns for path in lake.root.rglob("*.parquet")}


def test_a_later_export_reads_only_the_days_that_the_lake_lacks(
    tmp_path: Path, ledger: Path
) -> None:
    lake, source = Lake(tmp_path / "lake"), LedgerSource(str(ledger))
    export_ledger(lake, source, as_of=DAY + timedelta(days=2))
    again = export_ledger(lake, source, as_of=DAY + timedelta(days=3))
    counts = {"orders": 1, "fills": 1, "positions": 1}
    assert again.rows == counts | {"events": 0, "equity": 0, "received_candles": 0}
    with sqlite3.connect(ledger) as database:
        late = {"id": "e3", "time": ms(DAY + timedelta(hours=31)), "type": "fill"}
        insert(database, "events", late)
        database.execute("update orders set status = 'filled'")
    database.close()
    late_one = export_ledger(lake, source, as_of=DAY + timedelta(days=3))
    assert late_one.rows["events"] == 2, "the day of the late one, and none before it"
    assert lake.read(EVENTS)["id"].to_pylist() == ["e1", "e2", "e3"]
    assert lake.read(ORDERS)["status"].to_pylist() == ["filled"]


def test_the_day_of_as_of_is_read_again_though_it_has_as_many_rows(
    tmp_path: Path, ledger: Path
) -> None:
    lake, source = Lake(tmp_path / "lake"), LedgerSource(str(ledger))
    export_ledger(lake, source, as_of=DAY + timedelta(hours=14))
    with sqlite3.connect(ledger) as database:
        database.execute("update equity set equity = '9990.5'")
    database.close()
    export_ledger(lake, source, as_of=DAY + timedelta(hours=15))
    assert lake.read(LEDGER_EQUITY)["equity"].to_pylist() == [9990.5]


def test_nothing_at_or_after_as_of_is_copied_and_a_later_export_is_not_undone(
    tmp_path: Path, ledger: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    export_ledger(lake, LedgerSource(str(ledger)), as_of=NOON)
    assert lake.partitions(ORDERS) == ()
    export_ledger(lake, LedgerSource(str(ledger)), as_of=DAY + timedelta(days=2))
    export_ledger(lake, LedgerSource(str(ledger)), as_of=DAY + timedelta(hours=13))
    assert lake.read(EVENTS)["id"].to_pylist() == ["e1", "e2"]


def test_a_missing_ledger_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with pytest.raises(DataError, match=r"ledger .*none.sqlite does not exist"):
        export_ledger(lake, LedgerSource(str(tmp_path / "none.sqlite")), as_of=NOON)
    strange = tmp_path / "strange.sqlite"
    strange.write_text("not a database, but long enough to be taken for a header of one")
    with pytest.raises(DataError, match="cannot be read as an executor's ledger"):
        export_ledger(lake, LedgerSource(str(strange)), as_of=NOON)
