"""A trade that the stream repeats under another id sells nothing and is counted once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from executor.model import (
    ZERO,
    InstrumentId,
    NewOrder,
    OrderState,
    OrderUpdate,
    VenueFill,
    VenueOrder,
)
from executor.venues.faults import Temporary
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal


class MayNotList(FakeVenue):
    """Does not answer a request for trades while ``silent``."""

    silent = False

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        if self.silent:
            raise Temporary("no trades now")
        return await super().trades(symbol, start_ms=start_ms, order_id=order_id)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_trade_repeated_under_another_id_changes_nothing(
    tmp_path: Path, silent: bool
) -> None:
    venue = MayNotList()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        bought = venue.held[BTCUSDT]
        (trade,) = venue.fills
        order = venue.orders[trade.client_id]
        venue.silent = silent
        venue.sink(OrderUpdate(order, replace(trade, trade_id="900"), venue.time))
        await settled(executor)
        venue.silent = False
        await executor.reconciler.run_once()
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == venue.held[BTCUSDT] == bought
        assert holding.protected
        assert len(executor.services.ledger.fills_of(holding.row.id)) == 1


class InParts(FakeVenue):
    """Fills an entry in three parts and reports them in the order of ``places``."""

    places: tuple[int, ...] = ()

    async def place(self, order: NewOrder) -> VenueOrder:
        sink, self.sink = self.sink, lambda _event: None
        placed = await super().place(order)
        self.sink = sink
        if order.conditional:
            return placed
        (whole,) = [fill for fill in self.fills if fill.client_id == order.client_id]
        self.fills.remove(whole)
        third = (whole.quantity / 4).quantize(Decimal("0.001"))
        parts = [third, third, whole.quantity - 2 * third]
        events, done = [], ZERO
        for number, part in enumerate(parts):
            done += part
            state = OrderState.FILLED if number == 2 else OrderState.PARTLY_FILLED
            fill = replace(whole, trade_id=f"{whole.trade_id}.{number}", quantity=part)
            self.fills.append(fill)
            seen = replace(self.orders[order.client_id], status=state, filled=done)
            events.append(OrderUpdate(seen, fill, self.time))
        for place in self.places:
            self.sink(events[place])
        return placed


@pytest.mark.parametrize("places", list(permutations(range(3))))
async def test_parts_of_a_trade_count_once_in_any_order(
    tmp_path: Path, places: tuple[int, ...]
) -> None:
    venue = InParts()
    venue.places = places
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == venue.held[BTCUSDT]
        assert len(executor.services.ledger.fills_of(holding.row.id)) == 3
