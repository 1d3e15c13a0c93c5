"""The capped first week: the executor's limits obey it, and it ends by itself."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from executor.builder import Executor
from executor.operations.live_notice import announce_first_week
from executor.operations.scheduler import Scheduler
from executor.operations.status import Status
from executor.settings import FirstWeek, RiskSettings
from executor.settings.first_week import SCALED, confirm
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    Said,
    executor_on,
    reasons,
    settled,
    signal,
)
from trading.candles import DAY_MS

LIVE = {"mode": "live", "venue": {"rest_url": "https://exchange.test", "ws_url": "wss://x.test"}}
TENTH = FirstWeek(Decimal("0.10"), 10 * DAY_MS)


async def entered(folder: Path, week: FirstWeek) -> Decimal:
    """The notional of an entry in that week."""
    venue = FakeVenue()
    async with executor_on(folder, venue) as executor:
        executor.services.first_week = week
        signal(executor)
        await settled(executor)
        return venue.held[BTCUSDT] * venue.price


async def test_an_entry_is_a_tenth_of_its_full_size_until_the_week_ends(tmp_path: Path) -> None:
    full = await entered(tmp_path / "full", FirstWeek())
    capped = await entered(tmp_path / "capped", TENTH)
    # One step of 0.001 BTC is worth 50.
    assert float(capped) == pytest.approx(float(full) / 10, abs=50)
    assert capped < full / 5
    assert await entered(tmp_path / "over", FirstWeek(Decimal("0.10"), MINUTE)) == full


def test_every_limit_of_size_and_loss_is_scaled_and_the_rest_is_not() -> None:
    limits = RiskSettings()
    capped = TENTH.capped(limits, 10 * DAY_MS - 1)
    for name in SCALED:
        assert getattr(capped, name) == getattr(limits, name) / 10
    others = set(RiskSettings.model_fields) - set(SCALED)
    assert all(getattr(capped, name) == getattr(limits, name) for name in others)
    assert TENTH.capped(limits, 10 * DAY_MS) == limits


async def test_a_tenth_of_the_daily_loss_ends_the_day(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.services.first_week = TENTH
        executor.daily_loss.roll()
        for wallet in executor.portfolio.wallets:
            executor.daily_loss._write(wallet.asset, Decimal(10_100))
        signal(executor)
        await settled(executor)
        assert any("daily loss" in text and "0.60%" in text for text in reasons(executor))


async def test_without_a_confirmation_live_enters_nothing_and_says_so(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), **LIVE) as executor:
        said = Said()
        executor.services.alerts = said
        announce_first_week(executor.services, executor.trading_state)
        assert not executor.trading_state.entries
        executor.trading_state.resume()
        assert not executor.trading_state.entries
        (said_once,) = said.titled("no entries")
        assert "run `nocturne golive`, then start the executor again" in str(said_once)


async def test_the_end_of_the_week_is_said_once(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), **LIVE) as executor:
        said = Said()
        services = executor.services
        services.alerts = said
        now = services.clock.now_ms()
        confirm(services.settings, now)
        announce_first_week(services, executor.trading_state)
        assert executor.trading_state.entries
        assert said.titled("first week: capped limits") == [
            {"size": "10%", "until": "1970-01-08 00:02 UTC"}
        ]
        scheduler, status = Scheduler(executor, Status(executor)), Status(executor)
        await scheduler.look_at_first_week()
        assert status.collect()["first_week"] == {"share": "0.10", "until": now + 7 * DAY_MS}
        move_clock(executor, now + 7 * DAY_MS)
        for _ in itertools.repeat(None, 3):
            await scheduler.look_at_first_week()
        assert len(said.titled("first week over: full limits")) == 1
        assert status.collect()["first_week"] is None
        (event,) = executor.services.ledger._db.execute(
            "select type, time, data from events where type = 'config_changed'"
        )
        assert orjson.loads(event["data"])["changes"] == {"first_week": ["0.10", "1"]}
        assert services.risk == services.settings.risk


def move_clock(executor: Executor, to_ms: int) -> None:
    """Set the market's time."""
    executor.services.clock.observe(to_ms)
