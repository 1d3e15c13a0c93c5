"""Orders, protection and reconciliation against an exchange in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from executor.bus.events import EventType
from executor.model import ConditionalOrderUpdate, OrderState, VenueOrder
from executor.venues.faults import InsufficientMargin, OutcomeUnknown, Temporary
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    USDT,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)
from trading.order_ids import order_id


def types(executor: object, symbol: str = "BTCUSDT") -> list[str]:
    ledger = executor.services.ledger  # type: ignore[attr-defined]
    ledger.flush()
    rows = ledger._db.execute("select type from events where symbol = ? order by id", (symbol,))
    return [row["type"] for row in rows]


async def test_a_signal_becomes_a_protected_position_with_every_step_in_the_ledger(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        resting = sorted((o.kind, o.trigger_price) for o in venue.orders.values() if o.resting)
        assert resting == [
            ("STOP_MARKET", Decimal("49000.0")),
            ("TAKE_PROFIT_MARKET", Decimal("52500.0")),
        ]
        assert types(executor) == [
            "signal_generated",
            "order_intent",
            "order_placed",
            "order_filled",
            "position_opened",
            "order_intent",
            "order_placed",
            "order_intent",
            "order_placed",
            "protection_confirmed",
        ]


async def test_the_same_bar_is_entered_once(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        signal(executor)
        await settled(executor)
        assert venue.held[BTCUSDT] == 0


async def test_the_first_strategy_owns_the_symbol(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        signal(executor, strategy="rsi_bollinger")
        await settled(executor)
        assert len([o for o in venue.orders if "-en-" in o]) == 1
        assert "entry_refused" in types(executor)
        rows = executor.services.ledger._db.execute(
            "select data from events where type = 'entry_refused'"
        ).fetchall()
        (refused,) = [json.loads(row["data"]) for row in rows]
        assert refused["strategy"] == "rsi_bollinger"
        assert "held by breakout" in str(refused)


async def test_an_entry_without_an_answer_is_found_and_not_sent_again(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.lost_answers = [OutcomeUnknown("time-out")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert len(venue.fills) == 1
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected


async def test_a_temporary_refusal_is_tried_again_with_the_same_id(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.faults = [Temporary("busy")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert [o for o in venue.orders if o.endswith("-en-00")] != []


async def test_a_definite_refusal_frees_the_symbol(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.faults = [InsufficientMargin("margin")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None
        assert executor.services.ledger.open_positions() == []
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None


async def test_fills_that_the_user_stream_withholds_are_fetched(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.mute = True
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert [f.quantity for f in executor.services.ledger.fills_of(1)] == [Decimal("0.020")]


async def test_a_position_that_the_exchange_closed_is_recorded_with_its_trades(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        stop = next(o for o in venue.orders.values() if o.kind == "STOP_MARKET")
        venue.mute = True
        venue.price = Decimal(49_000)
        child = replace(stop, client_id="child", exchange_id="900", conditional=False)
        venue.orders["child"] = child
        venue.orders[stop.client_id] = replace(stop, status=OrderState.EXPIRED, child_id="900")
        venue.fill("child", Decimal("0.020"))
        await executor.reconciler.run_once()
        await settled(executor)
        closed = closed_positions(executor)
        assert [(p.exit_reason, p.exit_price) for p in closed] == [("stop_loss", 49_000.0)]
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_a_stop_whose_child_died_closes_the_position(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        stop = next(o for o in venue.orders.values() if o.kind == "STOP_MARKET")
        died = replace(stop, status=OrderState.EXPIRED)
        venue.orders[stop.client_id] = died
        executor.execution_reports.push(ConditionalOrderUpdate(died, MINUTE))
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert [p.exit_reason for p in closed_positions(executor)] == ["stop_died"]


async def test_a_stop_that_somebody_cancelled_is_placed_again(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        stop = next(o for o in venue.orders.values() if o.kind == "STOP_MARKET")
        await venue.cancel(stop)
        await executor.reconciler.run_once()
        await settled(executor)
        stops = [o.client_id for o in venue.orders.values() if o.kind == "STOP_MARKET"]
        assert [name[-5:] for name in stops] == ["sl-00", "sl-01"]


async def test_a_foreign_position_halts_its_symbol(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.held[BTCUSDT] = Decimal(1)
    venue.entry[BTCUSDT] = venue.price
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert venue.orders == {}
        assert types(executor)[0] == "symbol_halted"
        assert "entry_refused" in types(executor)


async def test_a_position_of_ours_without_a_ledger_is_adopted_and_protected(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    ours = order_id("abcdefgh", "test", "breakout", BTCUSDT, MINUTE, "en", 0)
    venue.orders[ours] = VenueOrder(ours, "77", BTCUSDT, "BUY", "MARKET", "NEW")
    venue.fill(ours, Decimal("0.5"))
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == Decimal("0.5")
        # The release is not on this machine: the emergency stop of 5 % holds.
        assert [o.trigger_price for o in holding.resting.values()] == [Decimal("47500.0")]


async def test_a_restart_between_intent_and_answer_finds_the_order(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.mute = True
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        ledger = executor.services.ledger
        # As after a crash: the intent is written, nothing after it.
        ledger._db.execute("delete from fills")
        ledger._db.execute("delete from orders where leg != 'en'")
        ledger._db.execute("update orders set status = 'intent', exchange_id = null, filled = '0'")
        ledger._db.execute("update positions set status = 'opening', quantity = '0'")
    venue.orders = {name: order for name, order in venue.orders.items() if "-en-" in name}
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        assert len(venue.fills) == 1
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected


async def test_a_restart_after_an_unsent_intent_frees_the_symbol(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        venue.faults = [InsufficientMargin("margin")]
        signal(executor)
        await settled(executor)
        ledger = executor.services.ledger
        ledger._db.execute("delete from orders")
        ledger._db.execute("update positions set status = 'opening'")
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_the_days_baseline_survives_a_restart(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.daily_loss.roll()
        executor.daily_loss.transferred(USDT, Decimal(500), 3 * MINUTE)
    async with executor_on(tmp_path, venue) as executor:
        executor.daily_loss.roll()
        assert executor.daily_loss.baseline("USDT") == Decimal(10_500)


async def test_a_crossed_stop_that_does_not_fill_is_followed_by_a_market_close(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        venue.price = Decimal(48_900)
        executor.exit_monitor.on_price(BTCUSDT, 48_900.0, None)
        await settled(executor)
        closed = closed_positions(executor)
        assert [(p.exit_reason, p.exit_price) for p in closed] == [("stop_loss", 48_900.0)]
        assert EventType.POSITION_CLOSED in types(executor)


async def test_an_entry_records_the_risk_that_it_takes(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        equity = float(executor.portfolio.equity("USDT"))
        levels = {"stop_price": 49_500.0, "target_price": 52_000.0}
        signal(executor, strategy="ict_mixed", **levels)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        ledger = executor.services.ledger
        ledger.flush()
        (row,) = ledger._db.execute(
            "select data from events where type = 'order_intent' and data like '%\"leg\":\"en\"%'"
        ).fetchall()
        intent = json.loads(row["data"])
    assert (intent["risk_wanted"], intent["bound_by"]) == (0.02, "")
    assert abs(intent["risk_taken"] / 0.02 - 1) < 0.05
    loss = float(holding.row.quantity) * (500.0 + 0.0005 * (50_000.0 + 49_500.0))
    assert abs(loss / equity / 0.02 - 1) < 0.05
