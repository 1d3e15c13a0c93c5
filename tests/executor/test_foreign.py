"""What is not ours by order id is not corrected, not counted and not sold."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.model import OrderState, VenueFill, VenueOrder
from executor.portfolio.fill_totals import own_totals
from tests.executor.fakes import BTCUSDT, FakeVenue, closed_positions, executor_on, settled, signal

OURS = Decimal("0.020")


class Shared(FakeVenue):
    """Knows trades by hand; conditional orders close what they say."""

    def by_hand(self, side: str, quantity: Decimal, *, heard: bool = True) -> None:
        name = f"web-{len(self.fills)}"
        order = VenueOrder(
            name, f"9{len(self.fills)}", BTCUSDT, side, "MARKET", OrderState.ACCEPTED, quantity
        )
        self.orders[name] = order
        mute, self.mute = self.mute, not heard
        self.fill(name, quantity)
        self.mute = mute

    def stops(self) -> list[VenueOrder]:
        return [o for o in self.orders.values() if o.resting and o.conditional]


async def round_of(executor: Executor) -> None:
    await executor.reconciler.run_once()
    await settled(executor)


def quantity(executor: Executor) -> Decimal:
    holding = executor.portfolio.holding(BTCUSDT)
    assert holding is not None
    assert holding.protected
    return holding.row.quantity


@pytest.mark.parametrize("foreign", ["halt", "ignore"])
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("seed", range(5))
async def test_a_purchase_by_hand_leaves_ours_and_its_stop_alone(
    tmp_path: Path, foreign: str, heard: bool, seed: int
) -> None:
    rng = random.Random(seed)
    more = Decimal(rng.randint(1, 2_000)) / 1000
    venue = Shared()
    async with executor_on(tmp_path, venue, foreign=foreign) as executor:
        signal(executor)
        await settled(executor)
        assert all(o.close_position for o in venue.stops())
        venue.time += 1
        venue.by_hand("BUY", more, heard=heard)
        await settled(executor)
        await round_of(executor)
        assert quantity(executor) == OURS
        assert [(o.close_position, o.reduce_only, o.quantity) for o in venue.stops()] == [
            (False, True, OURS)
        ] * len(venue.stops())
        assert venue.stops()
        halted = executor.portfolio.slot(BTCUSDT).halted
        assert (halted is None) == (foreign == "ignore")
        assert halted is None or f"of {more} beside ours of 0.02" in halted
        # A part of the foreign quantity is sold by hand, then all of it.
        part = more / 2
        venue.by_hand("SELL", part, heard=heard)
        await settled(executor)
        await round_of(executor)
        assert quantity(executor) == OURS
        venue.by_hand("SELL", more - part, heard=heard)
        await settled(executor)
        await round_of(executor)
        assert quantity(executor) == OURS
        await round_of(executor)
        assert all(o.close_position for o in venue.stops())
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        (closed,) = closed_positions(executor)
        assert (closed.quantity, closed.fees) == (0, Decimal("1.0"))


async def test_a_foreign_position_from_before_is_not_taken_over(tmp_path: Path) -> None:
    venue = Shared()
    venue.by_hand("BUY", Decimal("1.5"))
    async with executor_on(tmp_path, venue, foreign="ignore") as executor:
        signal(executor)
        await settled(executor)
        await round_of(executor)
        assert quantity(executor) == OURS
        assert {o.quantity for o in venue.stops()} == {OURS}


async def test_an_entry_against_a_foreign_position_is_refused(tmp_path: Path) -> None:
    venue = Shared()
    venue.by_hand("SELL", Decimal("1.5"))
    async with executor_on(tmp_path, venue, foreign="ignore") as executor:
        signal(executor)
        await settled(executor)
        assert len(venue.fills) == 1


@pytest.mark.parametrize(
    ("sold", "left", "fees"), [("0.005", "0.015", "1.0"), ("0.050", "0", "0.7")]
)
async def test_a_sale_by_hand_books_only_our_part(
    tmp_path: Path, sold: str, left: str, fees: str
) -> None:
    venue = Shared()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        venue.by_hand("SELL", Decimal(sold))
        await settled(executor)
        (row,) = [executor.services.ledger.position(1)]
        assert row is not None
        assert row.quantity == Decimal(left)
        assert row.fees == Decimal(fees)


def fill(side: str, amount: Decimal, number: int) -> VenueFill:
    return VenueFill(
        BTCUSDT,
        str(number),
        "1",
        side,
        Decimal(100),
        amount,
        amount,
        "USDT",
        amount,
        number,
        fee_quote=amount,
    )


@pytest.mark.parametrize("seed", range(20))
def test_totals_never_go_below_zero_and_count_own_parts_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    amounts = [Decimal(rng.randint(1, 50)) / 1000 for _ in range(6)]
    trades = [fill(rng.choice(["BUY", "SELL"]), a, n) for n, a in enumerate(amounts)]
    bought = sum((t.quantity for t in trades if t.side == "BUY"), Decimal(0))
    sold = sum((t.quantity for t in trades if t.side == "SELL"), Decimal(0))
    for side, entered, closed in ((1, bought, sold), (-1, sold, bought)):
        rng.shuffle(trades)
        sums = own_totals(side, trades)
        assert sums.quantity == max(entered - closed, 0)
        assert abs(sums.fees - entered - min(closed, entered)) < Decimal("1e-20")
