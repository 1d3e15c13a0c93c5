"""Prices by REST, while the stream does not bring them: the second line goes on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from executor.builder import Executor
from executor.model import StreamState
from executor.operations.scheduler import Scheduler
from executor.operations.status import Status
from executor.venues.faults import Temporary
from tests.executor.fakes import (
    BTCUSDT,
    VENUE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)


async def asked(executor: Executor) -> None:
    """One round of the job that asks for prices."""
    await Scheduler(executor, Status(executor)).prices_by_rest()
    await settled(executor)


async def test_a_stop_that_does_not_fire_is_followed_though_the_stream_is_down(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.subscribe_market()
        signal(executor)
        await settled(executor)
        venue.price = Decimal(48_900)
        await asked(executor)
        assert closed_positions(executor) == [], "the stream brings its prices"
        executor.feed.push(StreamState(VENUE, "market", False))
        await asked(executor)
        (closed,) = closed_positions(executor)
        assert (closed.exit_reason, closed.exit_price) == ("stop_loss", 48_900.0)


async def test_a_price_that_cannot_be_had_is_requested_again(tmp_path: Path) -> None:
    class Deaf(FakeVenue):
        deaf = True

        async def last_price(self, symbol: str) -> float:  # type: ignore[override]
            if self.deaf:
                raise Temporary(f"no price of {symbol}")
            return float(self.price)

    venue = Deaf()
    async with executor_on(tmp_path, venue) as executor:
        executor.subscribe_market()
        signal(executor)
        await settled(executor)
        executor.feed.push(StreamState(VENUE, "market", False))
        await asked(executor)
        assert executor.portfolio.slot(BTCUSDT).last_price == 50_000.0
        venue.deaf, venue.price = False, Decimal(50_100)
        await asked(executor)
        assert executor.portfolio.slot(BTCUSDT).last_price == 50_100.0
