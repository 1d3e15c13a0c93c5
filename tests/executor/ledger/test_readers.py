"""Ledgers in PostgreSQL, as flows and dashboard read them without the executor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.ledger_reader import LedgerReader
from executor.bus.events import EventMaker, EventType
from executor.ledger.store import Ledger
from executor.model import Wallet
from flows.steps.release.retention import releases_in_ledger
from flows.steps.reporting.export_ledger import export_ledger
from lake.ledger_database import LedgerSource, ledger_version, open_ledger
from lake.store import Lake
from lake.tables import LEDGER_EQUITY, POSITIONS
from tests.executor.ledger.conftest import ACCOUNT, PostgresStore
from tests.executor.ledger.test_store import a_position
from trading.errors import DataError

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
