"""What a start makes of orders that ended while nobody looked."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.ledger.records import OrderRow
from executor.ledger.store import Ledger
from executor.model import InstrumentId, OrderState, VenueFill
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal


class DyingVenue(FakeVenue):
    """Dies when somebody requests its trades."""

    dies = True

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        if self.dies:
            raise asyncio.CancelledError
        return await super().trades(symbol, start_ms=start_ms, order_id=order_id)


@pytest.fixture
async def entered(tmp_path: Path) -> tuple[DyingVenue, Path]:
    """Leave a ledger whose process died before the answer to an entry, which has filled."""
    venue = DyingVenue()
    venue.mute = True
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        async with asyncio.timeout(5):
            while not venue.fills:
                await asyncio.sleep(0)
    return venue, tmp_path


def entry(executor: Executor) -> OrderRow:
    (row,) = executor.services.ledger._orders("leg = 'en'")
    return row


async def restarted(folder: Path, venue: FakeVenue) -> OrderRow:
    """Start again; the entry's row afterwards."""
    async with executor_on(folder, venue) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.row.quantity == venue.held[BTCUSDT]
        assert holding.position is not None
        assert any(order.kind == "STOP_MARKET" for order in await venue.open_orders(BTCUSDT))
        assert executor.portfolio.slot(BTCUSDT).halted is None
        return entry(executor)


async def test_a_death_between_the_end_of_an_order_and_its_trades_loses_neither(
    entered: tuple[DyingVenue, Path],
) -> None:
    venue, folder = entered
    with pytest.raises(asyncio.CancelledError):
        await restarted(folder, venue)
    venue.dies = False
    row = await restarted(folder, venue)
    assert (row.status, row.filled) == (OrderState.FILLED, venue.held[BTCUSDT])


async def test_a_ledger_that_knows_the_end_of_an_order_but_not_its_trades_is_mended(
    entered: tuple[DyingVenue, Path],
) -> None:
    venue, folder = entered
    venue.dies = False
    ledger = Ledger(folder / "ledger.sqlite")
    (row,) = ledger._orders("leg = 'en'")
    ledger.update_order(
        row.client_id, status=OrderState.FILLED, exchange_id="1", filled=venue.held[BTCUSDT]
    )
    assert ledger.history.ended_without_trades() != []
    ledger.close()
    row = await restarted(folder, venue)
    assert row.filled == venue.held[BTCUSDT] > Decimal(0)
