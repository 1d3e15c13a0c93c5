"""Ledgers in PostgreSQL, as flows and dashboard read them without the executor."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.ledger_reader import LedgerReader
from executor.bus.events import EventMaker, EventType
from executor.ledger.history import ReceivedCandle
from executor.ledger.store import Ledger
from executor.model import Wallet
from flows.steps.release.retention import releases_in_ledger
from flows.steps.reporting.export_ledger import export_ledger
from lake.ledger_database import LedgerSource, ledger_version, open_ledger
from lake.store import Lake
from lake.tables import EVENTS, FILLS, LEDGER_EQUITY, ORDERS, POSITIONS, RECEIVED_CANDLES
from tests.executor.fakes import BTCUSDT
from tests.executor.ledger.conftest import ACCOUNT, PostgresStore
from tests.executor.ledger.test_store import FILL, a_position, an_order
from trading.candles import Candle
from trading.errors import DataError

EXPORTED = (ORDERS, FILLS, POSITIONS, EVENTS, LEDGER_EQUITY, RECEIVED_CANDLES)
USDT = Wallet("binance_usdm", "USDT")


@pytest.fixture
def ledger(postgres: PostgresStore) -> Iterator[Ledger]:
    """A ledger with one position and one point of the equity curve."""
    with closing(postgres.open()) as opened:
        opened.insert_position(a_position())
        opened.add_equity(2_000, USDT, Decimal(100), Decimal("101.5"), 1)
        opened.flush()
        yield opened


@pytest.fixture
def source(postgres: PostgresStore, ledger: Ledger) -> LedgerSource:
    """Where that ledger is."""
    assert ledger.durable
    return LedgerSource(postgres.database.url, ACCOUNT)


def test_a_database_is_exported_into_the_lake_as_a_file_is(
    source: LedgerSource, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    exported = export_ledger(lake, source, as_of=datetime(2025, 1, 1, tzinfo=UTC))
    assert exported.rows["positions"] == exported.rows["equity"] == 1
    (position,) = lake.read(POSITIONS).to_pylist()
    assert (position["symbol"], position["venue"], position["atr"]) == (
        "BTCUSDT",
        "binance_usdm",
        12.5,
    )
    assert lake.read(LEDGER_EQUITY).to_pylist()[0]["equity"] == 101.5


def written_in_full(ledger: Ledger) -> None:
    """Write rows of every table that is exported, with values of every kind."""
    make = EventMaker(1, lambda: 5)
    event = make(EventType.ORDER_INTENT, symbol=BTCUSDT, quantity="0.020", price=0.1, note="ü\n%s?")
    ledger.add_event(event)
    held = ledger.insert_position(a_position())
    order = replace(an_order(), position_id=held.id, decision_price=50_000.1, cause=event.id)
    ledger.add_intent(order)
    ledger.add_fill(FILL, order.client_id, held.id)
    ledger.update_position(held.id, status="open", quantity=FILL.quantity, entry_price=50_000.1)
    ledger.add_equity(2_000, USDT, Decimal(100), Decimal("101.5"), 1)
    candle = Candle(60_000, 0.1, 0.3, 0.05, 0.2, 1e-9)
    ledger.received_candles.add([ReceivedCandle(BTCUSDT, candle, True, 120_000)])
    ledger.flush()


def test_every_table_of_a_database_is_exported_as_that_of_a_file(
    postgres: PostgresStore, tmp_path: Path
) -> None:
    as_of = datetime(2025, 1, 1, tzinfo=UTC)
    found = []
    for name, opened in (
        ("file", Ledger(tmp_path / "ledger.sqlite")),
        ("database", postgres.open()),
    ):
        with closing(opened) as ledger:
            written_in_full(ledger)
        where = tmp_path / "ledger.sqlite" if name == "file" else postgres.database.url
        account = None if name == "file" else ACCOUNT
        lake = Lake(tmp_path / name)
        exported = export_ledger(lake, LedgerSource(str(where), account), as_of=as_of)
        rows = {table.name: lake.read(table).to_pylist() for table in EXPORTED}
        for row in rows["events"]:
            # The moment at which it was written, which is not the same twice.
            row.pop("wall_time")
        found.append((exported.rows, exported.days, rows))
    assert found[0] == found[1]
    assert set(found[0][0].values()) == {1}


def test_the_dashboard_reads_a_database_again_only_after_a_commit(
    source: LedgerSource, ledger: Ledger
) -> None:
    reader = LedgerReader(source)
    first = reader.read()
    assert [row["symbol"] for row in first["open"]] == ["BTCUSDT"]
    assert [(row["asset"], row["equity"]) for row in first["wallets"]] == [("USDT", 101.5)]
    assert reader.read() is first
    ledger.add_event(EventMaker(1, lambda: 5)(EventType.SYSTEM_STOPPED))
    ledger.flush()
    assert [row["type"] for row in reader.read()["events"]] == ["system_stopped"]


def test_releases_that_a_database_names_are_known(source: LedgerSource) -> None:
    assert releases_in_ledger(source) == {"20250620T000000Z-abcdefgh"}


def test_one_executor_of_several_is_named_and_sees_its_own_rows(
    postgres: PostgresStore, source: LedgerSource
) -> None:
    with closing(postgres.open("other")):
        with pytest.raises(DataError, match="has the ledgers of other, test; name one account"):
            open_ledger(LedgerSource(source.where))
        with closing(open_ledger(LedgerSource(source.where, "other"))) as copy:
            assert copy.execute("select count(*) from positions").fetchone() == (0,)


def test_only_the_newest_rows_are_copied_where_that_is_wanted(
    postgres: PostgresStore, ledger: Ledger
) -> None:
    ledger.add_equity(3_000, USDT, Decimal(100), Decimal(102), 1)
    ledger.flush()
    newest = LedgerSource(postgres.database.url, ACCOUNT, {"equity": 1})
    with closing(open_ledger(newest)) as copy:
        assert copy.execute("select time from equity").fetchall() == [(3_000,)]


def test_a_server_that_does_not_answer_leaves_the_dashboard_its_last_rows(
    source: LedgerSource,
) -> None:
    nowhere = LedgerSource("postgresql://nobody@127.0.0.1:1/none", ACCOUNT)
    assert LedgerReader(nowhere).read()["open"] == ()
    with pytest.raises(DataError, match=r"ledger postgresql://127\.0\.0\.1:1/none cannot be read"):
        ledger_version(nowhere)
    assert ledger_version(source) > 0


def test_a_later_export_copies_only_what_was_added_out_of_a_database(
    source: LedgerSource, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, as_of = Lake(tmp_path), datetime(2025, 1, 1, tzinfo=UTC)
    first = export_ledger(lake, source, as_of=as_of)
    assert (first.rows["equity"], first.rows["events"]) == (1, 0)
    day_ms = 86_400_000
    ledger.add_equity(3 * day_ms, USDT, Decimal(100), Decimal(102), 1)
    ledger.add_event(EventMaker(1, lambda: 2 * day_ms)(EventType.SYSTEM_STOPPED))
    ledger.flush()
    copied = {}

    def noted(limited: LedgerSource) -> sqlite3.Connection:
        copy = open_ledger(limited)
        for table in ("equity", "events", "positions"):
            copied[table] = copy.execute(f"select count(*) from {table}").fetchone()[0]
        return copy

    monkeypatch.setattr("flows.steps.reporting.export_ledger.open_ledger", noted)
    export_ledger(lake, source, as_of=as_of)
    assert copied == {"equity": 1, "events": 1, "positions": 1}, "not the point of before"
    assert lake.read(LEDGER_EQUITY)["equity"].to_pylist() == [101.5, 102.0]
