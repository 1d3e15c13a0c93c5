"""Ways to lose money or to leave a position without a stop, one test each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.model import (
    AccountUpdate,
    Balance,
    ConditionalOrderUpdate,
    OrderState,
    OrderUpdate,
    StreamState,
    VenueOrder,
)
from executor.operations.commands import OperatorCommands
from executor.operations.status import Status
from executor.settings import Mode
from executor.venues.faults import OutcomeUnknown, Rejected, Temporary
from tests.executor.fakes import (
    BTC,
    BTCUSDT,
    MINUTE,
    USDT,
    VENUE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)
from trading.strategies.registry import get_strategy


@asynccontextmanager
async def watched(folder: Path, venue: FakeVenue) -> AsyncIterator[Executor]:
    """An executor with a running watchdog."""
    async with executor_on(folder, venue) as executor:
        watchdog = asyncio.create_task(executor.watchdog.run())
        yield executor
        watchdog.cancel()
        await asyncio.gather(watchdog, return_exceptions=True)


async def entered(executor: Executor) -> None:
    signal(executor)
    await settled(executor)
    assert executor.portfolio.holding(BTCUSDT) is not None


def events(executor: Executor, kind: str) -> list[str]:
    executor.services.ledger.flush()
    rows = executor.services.ledger._db.execute("select data from events where type = ?", (kind,))
    return [str(row["data"]) for row in rows]


def resting(venue: FakeVenue, kind: str) -> list[VenueOrder]:
    return [o for o in venue.orders.values() if o.kind == kind and o.resting]


# The disk


def fill_disk(executor: Executor) -> None:
    """Make SQLite answer as on a full disk."""
    disk = executor.services.ledger._connection.disk
    executor.services.ledger.flush()
    disk.execute("create table if not exists filler (x)")
    pages = disk.execute("pragma page_count").fetchone()[0]
    disk.execute(f"pragma max_page_count = {pages}")
    while executor.services.ledger.durable:
        executor.services.ledger._write("insert into filler values (zeroblob(4096))")
        executor.services.ledger.flush()


def empty_disk(executor: Executor) -> None:
    executor.services.ledger._connection.disk.execute("pragma max_page_count = 1000000")


async def test_on_a_full_disk_a_position_is_still_closed_and_nothing_is_entered(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        fill_disk(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert len([name for name in venue.orders if "-en-" in name]) == 1
        assert "the ledger cannot be written" in events(executor, "entry_refused")[0]


async def test_a_disk_that_fills_up_between_intent_and_stop_leaves_no_position_unprotected(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        place = venue.place

        async def place_then_fill(order: object) -> VenueOrder:
            placed = await place(order)  # type: ignore[arg-type]
            if executor.services.ledger.durable:
                fill_disk(executor)
            return placed

        venue.place = place_then_fill  # type: ignore[method-assign]
        await entered(executor)
        assert len(resting(venue, "STOP_MARKET")) == 1


async def test_rows_refused_by_a_full_disk_are_written_once_there_is_room(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        fill_disk(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        assert not executor.services.ledger.recover()
        empty_disk(executor)
        assert executor.services.ledger.recover()
    async with executor_on(tmp_path, venue) as executor:
        closed = closed_positions(executor)
        assert [p.exit_reason for p in closed] == ["strategy_exit"]
        assert len(executor.services.ledger.fills_of(1)) == 2


async def test_an_intent_that_is_only_in_memory_is_not_sent(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        updates = executor.position_updates
        claim = updates.claim

        def claim_then_fill(event: object) -> object:
            claimed = claim(event)  # type: ignore[arg-type]
            fill_disk(executor)
            return claimed

        updates.claim = claim_then_fill  # type: ignore[method-assign, assignment]
        signal(executor)
        await settled(executor)
        assert venue.orders == {}
        assert executor.portfolio.holding(BTCUSDT) is None


# Events that come twice, late or never


async def test_a_repeated_trade_leaves_a_closed_position_alone(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        entry = next(o for name, o in venue.orders.items() if "-en-" in name)
        executor.execution_reports.push(OrderUpdate(entry, venue.fills[0], MINUTE))
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None
        await executor.reconciler.run_once()
        assert len(closed_positions(executor)) == 1


async def test_partial_trades_out_of_order_sum_up_the_same(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        venue.mute = True
        await entered(executor)
        row = executor.services.ledger.entry_order_of(
            executor.services.ledger.open_positions()[0].key
        )
        assert row is not None
        assert (row.filled, row.average_price) == (Decimal("0.020"), 50_000.0)
        order = venue.orders[row.client_id]
        later = replace(venue.fills[0], trade_id="901", quantity=Decimal("0.003"))
        earlier = replace(venue.fills[0], trade_id="900", quantity=Decimal("0.001"))
        venue.fills += [later, earlier]
        partial = replace(order, status="PARTIALLY_FILLED")
        executor.execution_reports.push(
            OrderUpdate(replace(partial, filled=Decimal("0.024")), later, 2 * MINUTE)
        )
        executor.execution_reports.push(
            OrderUpdate(replace(partial, filled=Decimal("0.021")), earlier, MINUTE)
        )
        await settled(executor)
        row = executor.services.ledger.order(row.client_id)
        assert row is not None
        assert row.filled == Decimal("0.024")


async def test_a_repeated_deposit_moves_the_days_baseline_once(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.daily_loss.roll()
        deposit = AccountUpdate(USDT, True, Decimal(10_500), Decimal(500), 3 * MINUTE)
        executor.execution_reports.push(deposit)
        executor.execution_reports.push(deposit)
        executor.execution_reports.push(
            AccountUpdate(USDT, False, Decimal(9_000), Decimal(0), 2 * MINUTE)
        )
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == Decimal(10_500)
        assert executor.portfolio.balance(USDT).wallet == Decimal(10_500)


async def test_a_list_of_positions_that_lags_takes_no_stop_away(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        venue.stale_positions = [[]]
        await executor.reconciler.run_once()
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None
        assert len(resting(venue, "STOP_MARKET")) == 1


async def test_a_position_closed_by_mistake_is_opened_again_and_protected(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        venue.stale_positions = [[]] * 3
        await executor.reconciler.run_once()
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None
        await executor.reconciler.run_once()
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert len(resting(venue, "STOP_MARKET")) == 1


async def test_a_foreign_position_is_not_mistaken_for_one_that_we_closed(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        venue.held[BTCUSDT] = Decimal(3)
        await executor.reconciler.run_once()
        await settled(executor)
        assert executor.portfolio.slot(BTCUSDT).halted == "foreign position of 3"
        assert executor.portfolio.holding(BTCUSDT) is None
        assert len(closed_positions(executor)) == 1


async def test_a_dead_stop_is_closed_though_positions_cannot_be_queried(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        stop = resting(venue, "STOP_MARKET")[0]
        venue.orders[stop.client_id] = replace(stop, status=OrderState.EXPIRED)
        venue.unreachable = [OutcomeUnknown("time-out")]
        executor.execution_reports.push(
            ConditionalOrderUpdate(venue.orders[stop.client_id], MINUTE)
        )
        await settled(executor)
        assert venue.held[BTCUSDT] == 0


# Entries that must not be sent, or not sent again


async def test_an_entry_is_not_tried_again_once_entries_are_off(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.faults = [Temporary("busy")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        async with asyncio.timeout(5):
            while venue.faults:
                await asyncio.sleep(0.01)
        await operator(executor).by_name["pause"]({})
        await settled(executor)
        assert venue.orders == {}
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_an_entry_that_needed_retries_is_not_closed_as_unprotected(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.faults = [Temporary("busy")] * 2
    async with watched(tmp_path, venue) as executor:
        listing = venue.open_orders

        async def slow_listing(symbol: str | None = None) -> list[VenueOrder]:
            await asyncio.sleep(0.3)
            return await listing(symbol)

        venue.open_orders = slow_listing  # type: ignore[method-assign]
        await entered(executor)
        assert venue.held[BTCUSDT] == Decimal("0.020")
        assert closed_positions(executor) == []


async def test_an_entry_that_died_is_not_tried_again_at_another_price(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.order_manager.query_until_certain = never_there  # type: ignore[method-assign]
        venue.faults = [OutcomeUnknown("time-out")]
        signal(executor)
        async with asyncio.timeout(5):
            while venue.faults:
                await asyncio.sleep(0)
        executor.portfolio.slot(BTCUSDT).last_price = 51_000.0
        await settled(executor)
        assert venue.orders == {}


async def never_there(_order: object) -> None:
    await asyncio.sleep(0.05)


async def test_the_daily_limit_holds_for_the_day_and_over_a_restart(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.daily_loss.roll()
        executor.portfolio.balances[USDT] = Balance(Decimal(9_300), Decimal(9_300))
        executor.daily_loss.check("USDT")
    async with executor_on(tmp_path, venue) as executor:
        # The open loss is gone: equity is back at the baseline.
        signal(executor)
        await settled(executor)
        assert venue.orders == {}
        assert "was reached today" in events(executor, "entry_refused")[0]


async def test_a_symbol_whose_leverage_cannot_be_set_is_not_entered(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.portfolio.learn({BTCUSDT: replace(BTC, refused="leverage 20, wanted 5")})
        signal(executor)
        await settled(executor)
        assert venue.orders == {}
        assert "not set up: leverage 20" in events(executor, "entry_refused")[0]


# Trading modes


def operator(executor: Executor) -> OperatorCommands:
    return OperatorCommands(executor, Status(executor), lambda: None, lambda _by: {}, lambda *_: {})


@pytest.mark.parametrize("mode", ["pause", "reduce", "freeze"])
async def test_a_trading_mode_survives_a_restart_until_an_operator_resumes(
    tmp_path: Path, mode: str
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await operator(executor).by_name[mode]({})
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert venue.orders == {}
        assert (await operator(executor).by_name["resume"]({}))["entries"]
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert venue.held[BTCUSDT] == Decimal("0.020")


@pytest.mark.parametrize("mode", ["pause", "reduce"])
async def test_exits_go_on_while_entries_are_off(tmp_path: Path, mode: str) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        await operator(executor).by_name[mode]({})
        signal(executor, action="exit")
        await settled(executor)
        assert venue.held[BTCUSDT] == 0


async def test_frozen_it_sends_no_exit_by_rules_but_keeps_the_stop_there(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        await operator(executor).by_name["freeze"]({})
        signal(executor, action="exit")
        stop = resting(venue, "STOP_MARKET")[0]
        moved = replace(stop, trigger_price=Decimal(48_000))
        venue.orders[stop.client_id] = moved
        await executor.reconciler.run_once()
        await settled(executor)
        assert resting(venue, "STOP_MARKET") == [moved]
        await venue.cancel(moved)
        await executor.reconciler.run_once()
        await settled(executor)
        assert len(resting(venue, "STOP_MARKET")) == 1
        assert venue.held[BTCUSDT] == Decimal("0.020")
        answer = await operator(executor).by_name["close"]({"symbol": "btcusdt"})
        assert answer == {"closed": BTCUSDT}


async def test_flatten_also_closes_an_entry_that_fills_afterwards(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with watched(tmp_path, venue) as executor:
        place, gate, sent = venue.place, asyncio.Event(), asyncio.Event()

        async def held_up(order: object) -> VenueOrder:
            if "-en-" in order.client_id:  # type: ignore[attr-defined]
                sent.set()
                await gate.wait()
            return await place(order)  # type: ignore[arg-type]

        venue.place = held_up  # type: ignore[method-assign]
        signal(executor)
        await sent.wait()
        flattening = asyncio.create_task(operator(executor).by_name["flatten"]({}))
        await asyncio.sleep(0.01)
        gate.set()
        assert await flattening == {"flat": True, "positions": []}
        assert [f.side for f in venue.fills] == ["BUY", "SELL"]


async def test_closing_a_symbol_without_a_position_names_the_positions(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        answer = await operator(executor).by_name["close"]({"symbol": "ETHUSDT"})
        assert answer == {"error": "no position in ETHUSDT; held: nothing"}


async def test_health_names_what_is_wrong(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.user_connections.on_state(StreamState(VENUE, "user", True))
        await operator(executor).by_name["pause"]({})
        report = await operator(executor).by_name["health"]({})
        assert not report["ok"]
        assert report["checks"]["entries"] == {"ok": False, "value": "halt mode entries-off"}
        assert report["checks"]["ledger"]["ok"]
        assert (await operator(executor).by_name["sync"]({}))["reconciled"]


async def test_a_liquidation_halts_its_symbol(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        order = VenueOrder(
            "autoclose-1", "77", BTCUSDT, "SELL", "LIMIT", OrderState.ACCEPTED, liquidation=True
        )
        venue.orders["autoclose-1"] = order
        venue.fill("autoclose-1", Decimal("0.020"))
        await settled(executor)
        assert closed_positions(executor)[0].exit_reason == "liquidation"
        assert executor.portfolio.slot(BTCUSDT).halted == "liquidated"


async def test_a_definite_refusal_of_the_close_is_tried_until_flat(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await entered(executor)
        venue.faults = [Rejected("best price")] * 2
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        assert venue.held[BTCUSDT] == 0


async def test_trades_missing_on_the_user_stream_make_it_reconnect(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.on_user_event(StreamState(VENUE, "user", True))
        await entered(executor)
        assert events(executor, "ws_reconnecting") == []
        stop = resting(venue, "STOP_MARKET")[0]
        venue.mute = True
        child = replace(stop, client_id="child", exchange_id="900", conditional=False)
        venue.orders["child"] = child
        venue.orders[stop.client_id] = replace(stop, status=OrderState.EXPIRED, child_id="900")
        venue.fill("child", Decimal("0.020"))
        await executor.reconciler.run_once()
        await settled(executor)
        (reconnecting,) = events(executor, "ws_reconnecting")
        assert "it did not report 1 trades of BTCUSDT" in reconnecting


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.PAPER])
async def test_an_entry_without_filters_still_has_its_emergency_stop(
    tmp_path: Path, mode: Mode
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        unfiltered = get_strategy("breakout").resolve({"filters": "off"})
        executor.services.settings = executor.services.settings.model_copy(update={"mode": mode})
        signal(executor, params=unfiltered)
        await settled(executor)
        assert venue.held[BTCUSDT] == Decimal("0.020")
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.position is not None
        assert holding.position.emergency_price == 47_500.0
