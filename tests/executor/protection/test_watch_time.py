"""The time limit of a protection runs from the first trade; a close is repeated within it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.bus.events import AnyEvent, EventType
from executor.model import NewOrder, OrderKind, VenueOrder
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)


class Held(FakeVenue):
    """Keeps an entry for a minute before it trades."""

    executor: Executor

    async def place(self, order: NewOrder) -> VenueOrder:
        if not order.exits:
            holding = self.executor.portfolio.holding(order.symbol)
            assert holding is not None
            holding.since -= 60
        return await super().place(order)


@pytest.mark.parametrize(("traded_at", "closes"), [(2 * MINUTE, False), (MINUTE, True)])
async def test_the_time_for_a_stop_runs_from_the_trade_not_from_the_request(
    tmp_path: Path, traded_at: int, closes: bool
) -> None:
    venue = Held()
    venue.time = traded_at
    async with executor_on(tmp_path, venue) as executor:
        venue.executor = executor

        def look(event: AnyEvent) -> None:
            """Let the watchdog look before any stop can rest."""
            holding = executor.portfolio.holding(event.symbol)
            assert holding is not None
            executor.watchdog.check(holding)

        executor.services.at_once(EventType.POSITION_OPENED, look)
        signal(executor)
        await settled(executor)
        reasons = [row.exit_reason for row in closed_positions(executor)]
        assert reasons == (["unprotected"] if closes else [])
        assert (executor.portfolio.holding(BTCUSDT) is None) is closes


class HoldsClose(FakeVenue):
    """Never answers the first request to close."""

    unanswered: NewOrder | None = None

    async def place(self, order: NewOrder) -> VenueOrder:
        if order.kind is OrderKind.MARKET and order.exits and self.unanswered is None:
            self.unanswered = order
            await asyncio.Event().wait()
        return await super().place(order)


async def test_a_close_that_is_held_up_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor.execution.retry_policy.HARMLESS_ANSWER_S", 0.05)
    venue = HoldsClose()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "test", None)
        await settled(executor)
        assert holding.closed.is_set()
        assert venue.unanswered is not None
        assert venue.unanswered.client_id not in venue.orders
