"""Seeded faults against an exchange in memory: the invariants hold whatever it does.

Kinds: accepted but not answered, not accepted and not answered, rate limited, overloaded, user
stream mute, stop refused, stop whose child order dies, lists of positions that lag.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.model import ZERO, ConditionalOrderUpdate, NewOrder, OrderState, VenueOrder
from executor.venues.faults import OutcomeUnknown, RateLimited, Rejected, Temporary, WouldTrigger
from tests.executor.fakes import BTCUSDT, MINUTE, FakeVenue, executor_on, settled, signal
from trading.order_ids import parse_order_id

ROUNDS = 2


class HostileVenue(FakeVenue):
    """Every request may go wrong; an entry's request is at least answered in the end."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.calm = False
        self.struck: Counter[str] = Counter()

    async def place(self, order: NewOrder) -> VenueOrder:
        kind = self._fault(order)
        if kind is not None:
            self.struck[kind] += 1
        if kind == "lost":
            await super().place(order)
            raise OutcomeUnknown("the answer was lost")
        if kind == "never arrived":
            raise OutcomeUnknown("the request was lost")
        if kind == "limited":
            raise RateLimited("too many requests", 0.05)
        if kind == "overloaded":
            raise Temporary("busy")
        if kind == "refused":
            raise Rejected("price filter")
        if kind == "crossed":
            raise WouldTrigger("would trigger")
        return await super().place(order)

    def _fault(self, order: NewOrder) -> str | None:
        if self.calm or self.rng.random() > 0.35:
            return None
        if not order.harmless_twice:
            return self.rng.choice(["lost", "overloaded", "limited"])
        if order.conditional:
            return self.rng.choice(["lost", "never arrived", "limited", "refused", "crossed"])
        return self.rng.choice(["lost", "never arrived", "limited"])


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 40))]
)
@pytest.mark.timeout(180)
async def test_whatever_the_exchange_does_it_is_protected_or_flat(
    tmp_path: Path, seed: int
) -> None:
    venue = HostileVenue(seed)
    for round_number in range(1, ROUNDS + 1):
        # Each round ends like a crash: the next one knows only the ledger and the exchange.
        async with executor_on(tmp_path, venue) as executor:
            watchdog = asyncio.create_task(executor.watchdog.run())
            venue.mute = venue.rng.random() < 0.4
            signal(executor, bar_time=round_number * MINUTE)
            await settled(executor)
            stops = [o for o in venue.orders.values() if o.kind == "STOP_MARKET" and o.resting]
            if stops and venue.rng.random() < 0.5:
                dead = replace(stops[0], status=OrderState.EXPIRED)
                venue.orders[dead.client_id] = dead
                executor.execution_reports.push(ConditionalOrderUpdate(dead, MINUTE))
            if venue.rng.random() < 0.5:
                venue.stale_positions = [[]]
            await executor.reconciler.run_once()
            await settled(executor)
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)
            check(venue, executor)
    venue.calm = True


def check(venue: HostileVenue, executor: Executor) -> None:
    """One entry per bar, equal quantities, equal trades, a stop for an open position."""
    keys = [parse_order_id(name).key for name in venue.orders if "-en-" in name]
    assert len(keys) == len(set(keys)), "a bar was entered twice"
    held = venue.held.get(BTCUSDT, ZERO)
    assert held >= 0, "a duplicate close has flipped the position"
    holding = executor.portfolio.holding(BTCUSDT)
    ours = holding.row.quantity if holding is not None else ZERO
    assert ours == held
    booked = executor.services.ledger._db.execute("select count(*) from fills").fetchone()[0]
    assert booked == len(venue.fills)
    resting = [o for o in venue.orders.values() if o.kind == "STOP_MARKET" and o.resting]
    assert bool(resting) == (held > 0)
