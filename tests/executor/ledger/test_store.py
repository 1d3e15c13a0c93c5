"""The ledger: durability, uniqueness, migrations, damage; the journal. On both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor.bus.events import EventMaker, EventType
from executor.ledger.history import LossStreak
from executor.ledger.journal import Journal
from executor.ledger.migrations import MIGRATIONS, migrate
from executor.ledger.records import OrderRow, PositionRow
from executor.ledger.sqlite import LONG_LOG_PAGES, PAGE
from executor.ledger.store import Ledger
from executor.model import ZERO, OrderState, VenueFill, Wallet
from tests.executor.fakes import BTCUSDT
from tests.executor.ledger.conftest import Store
from trading.errors import SettingsError
from trading.order_ids import OrderLeg, order_id, order_key

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
def ledger(store: Store) -> Iterator[Ledger]:
    with closing(store.open()) as opened:
        yield opened


def test_an_intent_is_stored_before_the_call_returns(store: Store, ledger: Ledger) -> None:
    assert ledger.add_intent(an_order())
    assert store.rows("select status, quantity from orders") == [("intent", "0.020")]


def test_one_bar_is_entered_once_even_under_another_release(ledger: Ledger) -> None:
    assert ledger.add_intent(an_order(release="abcdefgh"))
    assert not ledger.add_intent(an_order(release="zzzzzzzz"))
    assert [order.client_id for order in ledger.open_orders()] == [an_order().client_id]


def test_an_order_that_went_out_is_noted_with_the_next_commit(store: Store, ledger: Ledger) -> None:
    for leg in ("en", "sl", "tp"):
        ledger.add_intent(an_order(leg))
    ledger.note_sent([an_order("en").client_id, an_order("tp").client_id])
    ledger.update_order(an_order("tp").client_id, status=OrderState.UNKNOWN)
    assert store.rows("select leg, status from orders order by leg") == [
        ("en", "sent"),
        ("sl", "intent"),
        ("tp", "unknown"),
    ]


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


def test_a_placed_order_is_not_overwritten_by_a_second_intent(ledger: Ledger) -> None:
    ledger.add_intent(an_order())
    ledger.update_order(an_order().client_id, status=OrderState.ACCEPTED, exchange_id="8")
    assert not ledger.add_intent(an_order())
    assert [order.status for order in ledger.open_orders()] == ["accepted"]


def test_a_trade_counts_once(ledger: Ledger) -> None:
    position = ledger.insert_position(a_position())
    assert ledger.add_fill(FILL, "id", position.id)
    assert not ledger.add_fill(FILL, "id", position.id)
    assert ledger.fills_of(position.id)[0].price == Decimal("50000.1")


def test_a_trade_becomes_visible_together_with_its_position(store: Store, ledger: Ledger) -> None:
    position = ledger.insert_position(a_position())
    ledger.add_fill(FILL, "id", position.id)
    assert store.rows("select count(*) from fills") == [(0,)]
    ledger.update_position(position.id, status="open", quantity=Decimal("0.020"))
    assert store.rows("select count(*) from fills") == [(1,)]


def test_a_position_comes_back_as_it_was_written(store: Store) -> None:
    first = store.open()
    written = first.insert_position(a_position())
    first.close()
    second = store.open()
    assert second.open_positions() == [written]
    assert second.position_of_key(KEY) == written
    assert written.params == {"k": 0.5, "filters": "off"}
    second.close()


def test_runs_are_counted_over_restarts(store: Store) -> None:
    for expected in (1, 2):
        ledger = store.open()
        assert ledger.next_run() == expected
        ledger.close()


def test_orders_and_trades_come_back_as_they_were_written(store: Store) -> None:
    first = store.open()
    position = first.insert_position(a_position())
    order = replace(an_order(), decision_price=50_000.125, cause="0001", position_id=position.id)
    first.add_intent(order)
    first.add_fill(FILL, order.client_id, position.id)
    first.update_order(order.client_id, filled=Decimal("0.020"), average_price=50_000.1)
    written = first.orders_of_key(KEY), first.fills_of(position.id)
    first.close()
    second = store.open()
    assert (second.orders_of_key(KEY), second.fills_of(position.id)) == written
    assert written[0][0].decision_price == 50_000.125
    second.close()


def test_what_a_failed_transaction_wrote_is_gone(store: Store, ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.atomic():
            ledger.insert_position(a_position())
            ledger.add_intent(an_order())
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    ledger.flush()
    assert ledger.open_positions() == []
    assert store.rows("select count(*) from orders") == [(0,)]


def test_an_equity_point_of_the_same_moment_replaces_the_first(
    store: Store, ledger: Ledger
) -> None:
    wallet = Wallet("binance_usdm", "USDT")
    for amount in (1, 2):
        ledger.add_equity(60_000, wallet, Decimal(amount), Decimal(amount), 0)
    ledger.flush()
    assert store.rows("select time, wallet from equity") == [(60_000, "2")]


def test_an_alert_waits_until_it_is_delivered_even_over_a_restart(store: Store) -> None:
    first = store.open()
    first.outbox.add(1, "one", {"symbol": "BTCUSDT"})
    first.outbox.add(2, "two\0", {})
    (one, _) = first.outbox.waiting(10)
    first.outbox.delivered([one.id], "discord", ["discord"])
    first.close()
    second = store.open()
    assert [alert.title.strip("\0\ufffd") for alert in second.outbox.waiting(10)] == ["two"]
    second.close()


def test_the_recent_past_is_read_alike(ledger: Ledger) -> None:
    for n, (pnl, at) in enumerate([("5", 10), ("-1", 20), ("-2", 30)]):
        position = ledger.insert_position(replace(a_position(), key=f"{KEY}{n}", opened_at=at))
        changes = {"realized_pnl": Decimal(pnl), "closed_at": at + 1, "exit_reason": "stop_loss"}
        ledger.update_position(position.id, status="closed", **changes)
    assert ledger.history.loss_streak(5) == LossStreak(2, 31)
    assert ledger.history.entries_since(BTCUSDT, 20) == 2
    assert ledger.counts()["fills"] == 0


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "accept", "reject", "fill", "drop"]), st.integers(0, 3)),
        max_size=12,
    )
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_course_of_orders_is_the_same_after_a_restart(
    store: Store, steps: list[tuple[str, int]]
) -> None:
    store.empty()
    with closing(store.open()) as ledger:
        for step, n in steps:
            take(ledger, step, n)
        ledger.flush()
        before = summary(ledger)
    with closing(store.open()) as again:
        assert summary(again) == before


def summary(ledger: Ledger) -> tuple[object, ...]:
    return ledger.orders_of_key(KEY), ledger.next_n(KEY, OrderLeg.STOP), ledger.counts()


def take(ledger: Ledger, step: str, n: int) -> None:
    client_id = an_order("sl", n).client_id
    if step == "add":
        ledger.add_intent(an_order("sl", n))
    elif step == "accept":
        ledger.update_order(client_id, status=OrderState.ACCEPTED, exchange_id=str(n))
    elif step == "reject":
        ledger.update_order(client_id, status=OrderState.REJECTED, error="no")
    elif step == "fill":
        ledger.add_fill(replace(FILL, trade_id=str(n)), client_id, None)
    else:
        with suppress(ZeroDivisionError), ledger.atomic():
            ledger.update_order(client_id, status=OrderState.FILLED)
            raise ZeroDivisionError


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


def test_a_candle_is_written_only_with_what_it_caused(store: Store, ledger: Ledger) -> None:
    make = EventMaker(1, lambda: 5)
    journal = Journal(ledger)
    journal.record(make(EventType.CANDLE_CLOSED, symbol=BTCUSDT))
    candle = journal.record(make(EventType.CANDLE_CLOSED, symbol=BTCUSDT, close=1.0))
    journal.record(make(EventType.SIGNAL_GENERATED, symbol=BTCUSDT, cause=candle.id))
    journal.record(make(EventType.SIGNAL_GENERATED, symbol=BTCUSDT, cause=candle.id))
    ledger.flush()
    written = store.rows("select type, cause from events order by id")
    assert written == [
        ("candle_closed", None),
        ("signal_generated", candle.id),
        ("signal_generated", candle.id),
    ]


async def test_a_long_log_is_moved_into_the_file_between_two_commits(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        make = EventMaker(1, lambda: 5)
        for _ in range(600):
            ledger.add_event(make(EventType.SYSTEM_ERROR, error="x" * 10_000))
        ledger.flush()
        await ledger.checkpoint()
        assert path.stat().st_size > 6_000_000
        ledger.set_meta("after", "written")
        log_size = Path(f"{path}-wal").stat().st_size
        await ledger.checkpoint()
        assert Path(f"{path}-wal").stat().st_size == log_size, "the log begins again"
        assert ledger.meta("after") == "written"


def test_commits_after_the_start_do_not_make_the_log_longer(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        length = Path(f"{path}-wal").stat().st_size
        assert length > LONG_LOG_PAGES * PAGE
        for number in range(100):
            ledger.set_meta("number", str(number))
        assert Path(f"{path}-wal").stat().st_size == length
    assert path.stat().st_size < length / 10, "what lengthened the log is not in the file"


def test_a_named_value_that_was_rolled_back_is_forgotten(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.set_meta("halt", "running")
        with suppress(KeyError), ledger.atomic():
            ledger.set_meta("halt", "freeze")
            raise KeyError
        assert ledger.meta("halt") == "running"
