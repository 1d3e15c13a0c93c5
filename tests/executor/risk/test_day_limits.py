"""Limits of a day, computed from the ledger: a restart resets none of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor.model import Balance, NewOrder, VenueOrder
from executor.operations.scheduler import Scheduler
from executor.operations.status import Status
from executor.risk.pre_trade import check_entry
from executor.settings import RiskSettings
from executor.venues.faults import Rejected
from tests.executor.fakes import (
    BTC,
    BTCUSDT,
    MINUTE,
    USDT,
    FakeVenue,
    Said,
    candle_closed,
    executor_on,
    settled,
    signal,
)
from tests.executor.test_decisions import ACCOUNT, REQUEST
from trading.candles import DAY_MS, HOUR_MS

LIMITS = RiskSettings()


class NoStops(FakeVenue):
    """Refuses every stop."""

    async def place(self, order: NewOrder) -> VenueOrder:
        if order.conditional:
            raise Rejected("code -4045: Reach max stop order limit.")
        return await super().place(order)


QUICK = {"confirm_within_s": 0.2, "second_line_after_s": 0.1}


async def test_after_two_refused_stops_an_instrument_is_not_entered_again_that_day(
    tmp_path: Path,
) -> None:
    venue = NoStops()
    for bar in (1, 2, 3):
        # A new process each time: the ledger alone remembers.
        async with executor_on(tmp_path, venue, protection=QUICK) as executor:
            watching = asyncio.create_task(executor.watchdog.run())
            signal(executor, bar_time=bar * MINUTE)
            await settled(executor)
            watching.cancel()
            row = executor.services.ledger.position(bar)
            assert (row is not None) == (bar < 3)
            if row is not None:
                assert row.exit_reason == "unprotected"
    assert len(venue.fills) == 4


@pytest.mark.parametrize(
    ("state", "limits", "reason"),
    [
        ({"refused_stops_today": 2}, {}, "2 stops were refused today"),
        ({"entries_today": 3}, {"max_entries_per_day": 3}, "3 entries today, at most 3"),
        ({"paused_for_s": 1_800.0}, {}, "pause after losses, 30 more minutes"),
        ({"exposure": Decimal(20_000)}, {"max_exposure": 2}, "exposure 20000.00 is at its limit"),
        ({}, {"reserve_share": Decimal("0.9999")}, "is below the minimum"),
    ],
)
def test_each_limit_refuses_with_its_reason(
    state: dict[str, object], limits: dict[str, object], reason: str
) -> None:
    account = replace(ACCOUNT, **state)  # type: ignore[arg-type]
    verdict = check_entry(REQUEST, account, LIMITS.model_copy(update=limits), BTC)
    assert any(reason in found for found in verdict.reasons)


def test_exposure_bounds_the_size_before_it_refuses() -> None:
    account = replace(ACCOUNT, exposure=Decimal(19_500))
    assert check_entry(REQUEST, account, LIMITS, BTC).quantity == Decimal("0.010")


async def test_losses_in_a_row_pause_entries_over_a_restart(tmp_path: Path) -> None:
    venue, risk = FakeVenue(), {"losses_before_pause": 2, "pause_minutes": 30}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        for bar in (1, 2):  # the fees make each a loss
            signal(executor, bar_time=bar * MINUTE)
            await settled(executor)
            holding = executor.portfolio.holding(BTCUSDT)
            assert holding is not None
            executor.closer.close(holding, "test", None)
            await settled(executor)
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        state = executor.entry_handler._check._account.state(BTCUSDT)
        assert 0 < state.paused_for_s <= 1_800
        signal(executor, bar_time=3 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_orders_of_the_last_minute_count_over_a_restart(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
    async with executor_on(tmp_path, venue) as executor:
        assert executor.order_manager.sent_last_minute() == 3  # entry, stop, target


async def test_a_day_begins_when_the_settings_say(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), risk={"day_begins": 8}) as executor:
        assert executor.daily_loss.begun_ms == 8 * HOUR_MS - DAY_MS  # at 00:02 of 1 January


@pytest.mark.parametrize("closes", [False, True])
async def test_the_daily_limit_keeps_or_closes_what_is_open(tmp_path: Path, closes: bool) -> None:
    venue = FakeVenue()
    risk = {"close_at_daily_limit": closes}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        signal(executor)
        await settled(executor)
        executor.portfolio.balances[USDT] = Balance(Decimal(9_000), Decimal(9_000))
        executor.daily_loss.check_all()
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert (holding is None) == closes


async def test_what_a_crash_left_open_at_the_daily_limit_is_closed_after_the_restart(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        executor.portfolio.balances[USDT] = Balance(Decimal(9_000), Decimal(9_000))
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None, "kept by the settings of then"
    risk = {"close_at_daily_limit": True}
    async with executor_on(tmp_path, venue, risk=risk, mode="testnet") as executor:
        await Scheduler(executor, Status(executor)).reconcile()
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_in_a_replay_the_market_and_not_the_clock_on_the_wall_closes_at_the_daily_limit(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        executor.portfolio.balances[USDT] = Balance(Decimal(9_000), Decimal(9_000))
        executor.daily_loss.check_all()
        await settled(executor)
    async with executor_on(tmp_path, venue, risk={"close_at_daily_limit": True}) as executor:
        executor.subscribe_market()
        await Scheduler(executor, Status(executor)).reconcile()
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None, "no time has passed in the market"
        candle_closed(executor, BTCUSDT, 2, 60_000.0)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_the_limit_of_yesterday_closes_nothing_today(tmp_path: Path) -> None:
    risk = {"close_at_daily_limit": True}
    async with executor_on(tmp_path, FakeVenue(), risk=risk) as executor:
        executor.portfolio.balances[USDT] = Balance(Decimal(10_000), Decimal(10_000))
        executor.daily_loss.check_all()
        executor.portfolio.balances[USDT] = Balance(Decimal(9_000), Decimal(9_000))
        executor.daily_loss.check_all()
        assert executor.daily_loss.reached("USDT")
        executor.services.clock.observe(DAY_MS)
        assert not executor.daily_loss.reached("USDT")


async def test_a_wallet_that_lost_everything_reaches_the_limit_of_the_next_day_once(
    tmp_path: Path,
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        said = executor.services.alerts = Said()
        executor.daily_loss.check_all()
        executor.portfolio.balances[USDT] = Balance(Decimal(0), Decimal(0))
        executor.services.clock.observe(DAY_MS)
        for _ in range(3):
            executor.daily_loss.check_all()
        assert executor.daily_loss.reached("USDT")
        assert len(said.titled("daily loss limit reached")) == 1
