"""Entries with a side, a stop and a target of their own, against an exchange in memory."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.bus.events import ClosedCandle, EventType
from executor.ledger.migrations import MIGRATIONS, migrate
from executor.ledger.store import Ledger
from executor.strategy.runner import RunnerPlan, WarmUp, plans_for
from executor.venues.directory import VenueDirectory
from executor.venues.faults import InsufficientMargin
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    VENUE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)
from trading.candles import Candle

pytestmark = pytest.mark.usefixtures("toys")

SHORT = {
    "strategy": "toy_levels",
    "side": -1,
    "stop_price": 50_600.04,
    "target_price": 49_000.0,
    "confidence": 0.8,
}
LONG = {"strategy": "toy_levels", "stop_price": 49_500.0, "target_price": 51_000.0}


def resting(venue: FakeVenue) -> list[tuple[str, str, Decimal]]:
    return sorted((o.kind, o.side, o.trigger_price) for o in venue.orders.values() if o.resting)


def refusals(executor: Executor) -> list[str]:
    executor.services.ledger.flush()
    rows = executor.services.ledger._db.execute(
        "select data from events where type = 'entry_refused'"
    )
    return [reason for row in rows for reason in json.loads(row["data"])["reasons"]]


PROTECTED_SHORT = [
    ("STOP_MARKET", "BUY", Decimal("50600.0")),
    ("TAKE_PROFIT_MARKET", "BUY", Decimal("49000.0")),
]


async def test_a_short_entry_is_sold_with_its_own_stop_above_and_target_below(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        assert [(f.side, f.quantity) for f in venue.fills] == [("SELL", Decimal("0.020"))]
        assert resting(venue) == PROTECTED_SHORT
        row = executor.services.ledger.open_positions()[0]
        assert (row.side, row.stop_price, row.target_price, row.confidence) == (
            -1,
            50_600.04,
            49_000.0,
            0.8,
        )
        assert row.leverage == executor.services.settings.venues[VENUE].leverage


async def test_a_short_position_keeps_its_levels_over_a_restart(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        sent = len(venue.orders)
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert resting(venue) == PROTECTED_SHORT
        assert len(venue.orders) == sent


async def test_a_short_position_whose_stop_does_not_fire_is_bought_back_reduce_only(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        venue.price = Decimal(50_700)
        executor.exit_monitor.on_price(BTCUSDT, 50_700.0, None)
        await settled(executor)
        (closed,) = closed_positions(executor)
        assert (closed.exit_reason, closed.exit_price) == ("stop_loss", 50_700.0)
        last = list(venue.orders.values())[-1]
        assert (last.side, last.reduce_only) == ("BUY", True)
        assert venue.held[BTCUSDT] == 0


async def test_the_strategys_exit_buys_a_short_position_back(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        signal(executor, strategy="toy_levels", action="exit")
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert closed_positions(executor)[0].exit_reason == "strategy_exit"


async def test_a_candle_beyond_the_own_target_ends_the_position(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        venue.price = Decimal(48_900)
        candle = Candle(MINUTE, 50_000.0, 50_000.0, 48_900.0, 48_950.0, 1.0)
        executor.exit_monitor.on_candle(BTCUSDT, candle, "cause")
        await settled(executor)
        assert closed_positions(executor)[0].exit_reason == "take_profit"


@pytest.mark.parametrize(
    ("entry", "market", "reason"),
    [
        (LONG, 49_500.0, "the market at 49500 is beyond the stop 49500"),
        (LONG, 51_000.0, "the market at 51000 is beyond the target 51000"),
        (SHORT, 50_700.0, "the market at 50700 is beyond the stop 50600.04"),
        (SHORT, 48_990.0, "the market at 48990 is beyond the target 49000"),
    ],
)
async def test_an_entry_beyond_its_stop_or_target_is_refused_with_the_reason(
    tmp_path: Path, entry: dict[str, object], market: float, reason: str
) -> None:
    venue = FakeVenue()
    risk = {"max_price_deviation": "0.05"}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.portfolio.slot(BTCUSDT).last_price = market
        signal(executor, **entry)
        await settled(executor)
        assert venue.orders == {}
        assert refusals(executor) == [reason]


async def test_without_a_ledger_the_own_levels_are_taken_from_what_rests(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path / "before", venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
    async with executor_on(tmp_path / "after", venue) as executor:
        await settled(executor)
        (row,) = executor.services.ledger.open_positions()
        assert (row.side, row.stop_price, row.target_price) == (-1, 50_600.0, 49_000.0)
        assert resting(venue) == PROTECTED_SHORT


async def test_an_entry_that_is_refused_by_the_exchange_leaves_nothing(tmp_path: Path) -> None:
    venue = FakeVenue()
    venue.faults = [InsufficientMargin("margin")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


def test_a_ledger_from_before_the_levels_is_migrated_with_its_positions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    disk = sqlite3.connect(path, isolation_level=None)
    name, script = MIGRATIONS[0]
    disk.execute("create table migrations (name text primary key, applied_at text not null)")
    disk.executescript(f"{script} insert into migrations values ('{name}', datetime('now'));")
    disk.execute(
        "insert into positions (symbol, strategy, side, status, quantity, entry_price, opened_at,"
        " release_id, release_short, key, bar_time, params, atr, high_water) values"
        " ('BTCUSDT', 'breakout', 1, 'open', '0.02', 50000, 1, 'r', 's', 'k', 0, '{}', 0, 0)"
    )
    disk.commit()
    assert migrate(disk) == [name for name, _ in MIGRATIONS[1:]]
    disk.close()
    ledger = Ledger(path)
    (row,) = ledger.open_positions()
    ledger.close()
    assert (row.stop_price, row.target_price, row.leverage) == (None, None, 1)


async def test_a_position_keeps_its_strategys_exits_when_no_release_has_them(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, **SHORT)
        await settled(executor)
        row = executor.services.ledger.open_positions()[0]
    (plan,) = plans_for(None, {}, [row])
    assert (plan.strategy, plan.symbol, plan.exits_only) == ("toy_levels", BTCUSDT, True)
    assert (plan.params, plan.release_id) == (row.params, row.release_id)
    adopted = replace(row, strategy="adopted")
    assert plans_for(None, {}, [adopted]) == []


async def test_a_runner_for_exits_only_opens_nothing(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        plan = RunnerPlan("toy_levels", BTCUSDT, {"at": 1, "exit_at": 2}, "r", "s")
        for exits_only, signals in ((False, 1), (True, 1)):
            runner = await WarmUp(VenueDirectory([venue]), 0).runner(
                replace(plan, exits_only=exits_only)
            )
            executor.signal_engine.swap([runner])
            candle = Candle(MINUTE, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 1.0)
            closed = executor.services.make_event(
                EventType.CANDLE_CLOSED, symbol=BTCUSDT, payload=ClosedCandle(candle, True)
            )
            executor.signal_engine.history.clear()
            executor.signal_engine.on_candle_closed(closed)
            await settled(executor)
            rows = executor.services.ledger._db.execute(
                "select 1 from events where type = 'signal_generated'"
            )
            assert len(rows.fetchall()) == signals
