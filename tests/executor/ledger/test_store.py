"""The ledger: durability, uniqueness, migrations, damage; the journal over it."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from executor.bus.events import EventMaker, EventType
from executor.ledger.journal import Journal
from executor.ledger.migrations import MIGRATIONS, migrate
from executor.ledger.records import OrderRow, PositionRow
from executor.ledger.store import Ledger
from executor.model import ZERO, OrderState, VenueFill
from tests.executor.fakes import BTCUSDT
from trading.errors import SettingsError
from trading.order_ids import order_id, order_key

KEY = order_key("test", "breakout", BTCUSDT, 60_000)


def an_order(leg: str = "en", n: int = 0, release: str = "abcdefgh") -> OrderRow:
    return OrderRow(
        client_id=order_id(release, "test", "breakout", BTCUSDT, 60_000, leg, n),
        key=KEY,
        leg=leg,
        n=n,
        symbol=BTCUSDT,
        strategy="breakout",
        release_id="20250620T000000Z-abcdefgh",
        bar_time=60_000,
        side="BUY",
        kind="MARKET",
        quantity=Decimal("0.020"),
        trigger_price=None,
        reduce_only=False,
        close_position=False,
        created_at=1,
    )


def a_position() -> PositionRow:
    return PositionRow(
        id=0,
        symbol=BTCUSDT,
        strategy="breakout",
        side=1,
        status="opening",
        quantity=ZERO,
        entry_price=0.0,
        opened_at=1,
        release_id="20250620T000000Z-abcdefgh",
        release_short="abcdefgh",
        key=KEY,
        bar_time=60_000,
        params={"k": 0.5, "filters": "off"},
        atr=12.5,
        high_water=0.0,
    )


FILL = VenueFill(
    BTCUSDT,
    "7",
    "8",
    "BUY",
    Decimal("50000.1"),
    Decimal("0.020"),
    Decimal("0.5"),
    "USDT",
    ZERO,
    2,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What another process sees: only what is committed."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_an_intent_is_on_the_disk_before_the_call_returns(ledger: Ledger) -> None:
    assert ledger.add_intent(an_order())
    assert rows(ledger.path, "select status, quantity from orders") == [("intent", "0.020")]
    ledger.close()


def test_one_bar_is_entered_once_even_under_another_release(ledger: Ledger) -> None:
    assert ledger.add_intent(an_order(release="abcdefgh"))
    with pytest.raises(sqlite3.IntegrityError):
        ledger.add_intent(an_order(release="zzzzzzzz"))
    ledger.close()


def test_the_number_of_a_rejected_order_is_used_again_and_others_are_not(ledger: Ledger) -> None:
    assert ledger.next_n(KEY, "sl") == 0
    first = an_order("sl", 0)
    ledger.add_intent(first)
    assert ledger.next_n(KEY, "sl") == 1
    ledger.update_order(first.client_id, status="rejected")
    assert ledger.next_n(KEY, "sl") == 0
    assert ledger.add_intent(first)
    stored = ledger.order(first.client_id)
    assert stored is not None
    assert stored.status == "intent"
    ledger.close()


def test_a_placed_order_is_not_overwritten_by_a_second_intent(ledger: Ledger) -> None:
    ledger.add_intent(an_order())
    ledger.update_order(an_order().client_id, status=OrderState.ACCEPTED, exchange_id="8")
    assert not ledger.add_intent(an_order())
    assert [order.status for order in ledger.open_orders()] == ["accepted"]
    ledger.close()


def test_a_trade_counts_once(ledger: Ledger) -> None:
    position = ledger.insert_position(a_position())
    assert ledger.add_fill(FILL, "id", position.id)
    assert not ledger.add_fill(FILL, "id", position.id)
    assert ledger.fills_of(position.id)[0].price == Decimal("50000.1")
    ledger.close()


def test_a_trade_becomes_visible_together_with_its_position(ledger: Ledger) -> None:
    position = ledger.insert_position(a_position())
    ledger.add_fill(FILL, "id", position.id)
    assert rows(ledger.path, "select count(*) from fills") == [(0,)]
    ledger.update_position(position.id, status="open", quantity=Decimal("0.020"))
    assert rows(ledger.path, "select count(*) from fills") == [(1,)]
    ledger.close()


def test_a_position_comes_back_as_it_was_written(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.sqlite")
    written = first.insert_position(a_position())
    first.close()
    second = Ledger(tmp_path / "ledger.sqlite")
    assert second.open_positions() == [written]
    assert second.position_of_key(KEY) == written
    assert written.params == {"k": 0.5, "filters": "off"}
    second.close()


def test_runs_are_counted_over_restarts(tmp_path: Path) -> None:
    for expected in (1, 2):
        ledger = Ledger(tmp_path / "ledger.sqlite")
        assert ledger.next_run() == expected
        ledger.close()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    database = sqlite3.connect(path)
    database.execute("insert into migrations values ('9999_future', 'now')")
    database.commit()
    database.close()
    with pytest.raises(SettingsError, match="written by a newer version"):
        Ledger(path)


def test_migrations_run_once(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    assert migrate(database) == [name for name, _ in MIGRATIONS]
    assert migrate(database) == []
    database.close()


def test_a_damaged_ledger_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(SettingsError, match="is damaged"):
        Ledger(path)


def test_a_candle_is_written_only_with_what_it_caused(ledger: Ledger) -> None:
    make = EventMaker(1, lambda: 5)
    journal = Journal(ledger)
    journal.record(make(EventType.CANDLE_CLOSED, symbol=BTCUSDT))
    candle = journal.record(make(EventType.CANDLE_CLOSED, symbol=BTCUSDT, close=1.0))
    journal.record(make(EventType.SIGNAL_GENERATED, symbol=BTCUSDT, cause=candle.id))
    journal.record(make(EventType.SIGNAL_GENERATED, symbol=BTCUSDT, cause=candle.id))
    ledger.flush()
    written = rows(ledger.path, "select type, cause from events order by id")
    assert written == [
        ("candle_closed", None),
        ("signal_generated", candle.id),
        ("signal_generated", candle.id),
    ]
    ledger.close()
