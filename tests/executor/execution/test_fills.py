"""Trades are booked once, also where the exchange gives an id again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from executor.ledger.store import Ledger
from executor.model import OrderUpdate, VenueFill
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)

FILL = VenueFill(
    BTCUSDT,
    "17",
    "4",
    "BUY",
    Decimal(50_000),
    Decimal("0.02"),
    Decimal("0.5"),
    "USDT",
    Decimal(0),
    100_000,
)


async def test_after_a_rollback_a_trade_id_that_is_given_again_is_another_trade(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "operator", None)
        await settled(executor)
        # The exchange forgets all of it, and counts its ids from the beginning again.
        venue.orders.clear()
        venue.fills.clear()
        venue._ids = itertools.count(1)
        venue.time += MINUTE
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        again = executor.portfolio.holding(BTCUSDT)
        assert again is not None
        assert again.filled
        assert again.row.quantity == venue.held[BTCUSDT]
        assert len(closed_positions(executor)) == 1
        rows = executor.services.ledger._db.execute("select trade_id from fills order by time")
        ids = [row["trade_id"] for row in rows.fetchall()]
        assert len(ids) == 3
        assert ids[2] == f"{ids[0]}@{venue.time}"
        # Reported again, by the stream and by the list, it stays one trade.
        last = venue.fills[-1]
        executor.execution_reports.push(OrderUpdate(venue.orders[last.client_id], last, venue.time))
        await settled(executor)
        await executor.reconciler.run_once()
        assert executor.services.ledger.counts()["fills"] == 3


def test_a_trade_keeps_its_id_unless_it_is_another_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.history.named_fill(FILL) == FILL
    assert ledger.add_fill(FILL, "one", None)
    assert ledger.history.named_fill(replace(FILL, time=100_900, client_id="")).trade_id == "17"
    later = ledger.history.named_fill(replace(FILL, time=102_000))
    assert later.trade_id == "17@102000"
    assert ledger.history.named_fill(replace(FILL, order_id="5")).trade_id == "17@100000"
    assert ledger.add_fill(later, "two", None)
    assert ledger.history.named_fill(later) == later, "a name is given once"
    ledger.close()
