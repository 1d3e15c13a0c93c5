"""The leverage of an entry is set, and waited for, before its order is sent."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from executor.model import InstrumentId
from executor.venues.faults import OutcomeUnknown
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    executor_on,
    reasons,
    settled,
    signal,
)
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy

FOLLOWING = get_strategy("breakout").resolve({"leverage": 8.0, "target_volatility": 0.02})
KEY = order_key("test", "breakout", BTCUSDT, MINUTE)


async def test_a_leverage_of_unknown_outcome_is_set_again_by_the_next_entry(
    tmp_path: Path,
) -> None:
    class Late(FakeVenue):
        """Sets the first leverage although its answer is lost."""

        async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
            self.leverages[symbol] = leverage
            await super().set_leverage(symbol, leverage)

    venue = Late()
    venue.leverage_faults = [OutcomeUnknown("time-out")]
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, params=FOLLOWING, atr=500.0)
        await settled(executor)
        assert reasons(executor) == ["leverage 2 could not be set: time-out"]
        assert venue.leverages[BTCUSDT] == 2
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert venue.leverages[BTCUSDT] == 5
        assert executor.portfolio.holding(BTCUSDT) is not None


class WaitingVenue(FakeVenue):
    """Sets a leverage only once ``gate`` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
        self.asked.set()
        await self.gate.wait()
        await super().set_leverage(symbol, leverage)


async def test_a_comparison_leaves_an_entry_alone_that_waits_for_its_leverage(
    tmp_path: Path,
) -> None:
    venue = WaitingVenue()
    async with executor_on(tmp_path, venue) as executor, asyncio.timeout(10):
        signal(executor, params=FOLLOWING, atr=500.0)
        await venue.asked.wait()
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        await executor.reconciler.run_once()
        assert executor.portfolio.holding(BTCUSDT) is holding
        venue.gate.set()
        await settled(executor)
        assert holding.row.quantity == venue.held[BTCUSDT] > 0
        assert holding.row.status == "open"


async def test_the_wait_for_the_leverage_counts_for_the_age_of_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = WaitingVenue()
    async with executor_on(tmp_path, venue) as executor, asyncio.timeout(10):
        long_ago = SimpleNamespace(monotonic=lambda: time.monotonic() - 20)
        monkeypatch.setattr("executor.execution.entries.time", long_ago)
        signal(executor, params=FOLLOWING, atr=500.0)
        await venue.asked.wait()
        venue.gate.set()
        await settled(executor)
        (order,) = executor.services.ledger.orders_of_key(KEY)
        assert order.error == "not sent: the decision is 20 s old"
        assert venue.orders == {}


async def test_an_entry_that_was_given_up_meanwhile_is_not_sent(tmp_path: Path) -> None:
    venue = WaitingVenue()
    async with executor_on(tmp_path, venue) as executor, asyncio.timeout(10):
        signal(executor, params=FOLLOWING, atr=500.0)
        await venue.asked.wait()
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        holding.preparing = False
        await executor.reconciler.run_once()
        assert holding.closed.is_set()
        venue.gate.set()
        await settled(executor)
        assert venue.orders == {}
