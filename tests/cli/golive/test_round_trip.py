"""The round trip: what was bought is sold, and the attempt to sell it has a deadline."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from cli.golive import round_trip as module
from cli.golive.round_trip import StepFailedError, round_trip
from executor.model import VenuePosition
from executor.venues.faults import VenueFaultError
from tests.executor.fakes import BTCUSDT, FakeVenue

DEADLINE_S = 60.0


async def test_a_step_that_fails_leaves_nothing_open() -> None:
    venue = FakeVenue()
    venue.lost_answers = [VenueFaultError("no answer")]
    with pytest.raises(StepFailedError, match="buy: no answer"):
        await round_trip(venue, BTCUSDT)
    assert venue.held == {BTCUSDT: Decimal(0)}


async def test_an_exchange_that_stops_answering_ends_the_attempt_to_undo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNDO_WITHIN_S", 0.1)

    class Mute(FakeVenue):
        async def positions(self) -> list[VenuePosition]:
            if self.held:
                await asyncio.Event().wait()
            return []

    venue = Mute()
    venue.lost_answers = [VenueFaultError("no answer")]
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StepFailedError, match="buy: no answer"):
            await round_trip(venue, BTCUSDT)


async def test_a_trip_that_took_too_long_is_undone_all_the_same() -> None:
    class Slow(FakeVenue):
        """The stop is never listed, and the question about it is never answered."""

        asked = False

        async def place(self, order):  # type: ignore[no-untyped-def]
            placed = await super().place(order)
            if order.conditional and not self.asked:
                self.asked = True
                stopped.set()
                await asyncio.Event().wait()
            return placed

    stopped, venue = asyncio.Event(), Slow()
    task = asyncio.create_task(round_trip(venue, BTCUSDT))
    async with asyncio.timeout(DEADLINE_S):
        await stopped.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert venue.held == {BTCUSDT: Decimal(0)}
    assert not any(order.resting for order in venue.orders.values())
