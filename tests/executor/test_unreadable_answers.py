"""An answer that cannot be read says nothing about the order: it is looked up."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from executor.execution.order_log import ticket_for
from executor.model import NewOrder, OrderKind, VenueOrder
from executor.venues.binance.readable import UNREADABLE
from executor.venues.faults import OutcomeUnknown
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal
from tests.executor.venues.binance_usdm.test_client import adapter
from trading.order_ids import OrderLeg

ORDER = NewOrder("n1-a", BTCUSDT, "BUY", OrderKind.MARKET)
ANSWER = {"clientOrderId": "n1-a", "orderId": 7, "symbol": "BTCUSDT", "executedQty": "0"}
WRONG: tuple[Any, ...] = (None, "", [], {}, "x", "NaN", "Infinity")
ERRORS = (KeyError("orderId"), TypeError("list"), ValueError("x"), AttributeError("get"))


def spoilt(seed: int) -> Any:
    """The answer to an order with one field gone, or with what it should not hold."""
    rng = random.Random(seed)
    answer: dict[str, Any] = dict(ANSWER)
    if rng.random() < 0.5:
        del answer[rng.choice(["orderId", "symbol"])]
    else:
        answer["executedQty"] = rng.choice([v for v in WRONG if v not in (None, "")])
    return [answer] if rng.random() < 0.2 else answer


async def test_every_spoilt_answer_to_an_order_is_an_unknown_outcome() -> None:
    for seed in range(20):
        async with adapter(order=(200, spoilt(seed))) as venue:
            with pytest.raises(OutcomeUnknown, match="cannot be read"):
                await venue.place(ORDER)


async def test_a_listing_with_a_spoilt_row_is_an_unknown_outcome() -> None:
    async with adapter(positionRisk=(200, [{"positionAmt": "1"}])) as venue:
        with pytest.raises(OutcomeUnknown, match="positions: the answer cannot be read"):
            await venue.positions()


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_an_entry_with_an_unreadable_answer_is_found_and_protected(
    tmp_path: Path, error: Exception
) -> None:
    assert isinstance(error, UNREADABLE)
    venue = FakeVenue()
    venue.mute = True
    async with executor_on(tmp_path, venue) as executor:
        place = venue.place

        async def unreadable(order: NewOrder) -> VenueOrder:
            placed = await place(order)
            if "-en-" in order.client_id:
                raise error
            return placed

        venue.place = unreadable  # type: ignore[method-assign]
        signal(executor)
        begun = time.monotonic()
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert time.monotonic() - begun < 5
        assert len([name for name in venue.orders if "-en-" in name]) == 1


@pytest.mark.parametrize("leg", [OrderLeg.ENTRY, OrderLeg.FIRST_ADDITION])
async def test_reconciliation_looks_up_an_intent_that_lost_its_sender(
    tmp_path: Path, leg: OrderLeg
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        # Only the exchange knows of it.
        venue.mute = True
        deliver = executor.order_manager._deliver

        async def dies(order: NewOrder, *_: object, **__: object) -> Any:
            await venue.place(order)
            raise RuntimeError("the sender died")

        executor.order_manager._deliver = dies  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await executor.order_manager.send(
                ticket_for(holding, leg, None),
                "BUY",
                OrderKind.MARKET,
                quantity=venue.fills[0].quantity,
            )
        executor.order_manager._deliver = deliver  # type: ignore[method-assign]
        executor.reconciler._stops.request = lambda *_: None  # type: ignore[method-assign]
        executor.reconciler._recovery.look_up_lost()
        await settled(executor)
        assert holding.row.quantity == 2 * venue.fills[0].quantity
        assert executor.services.ledger.open_orders(BTCUSDT) == [
            row for row in executor.services.ledger.open_orders(BTCUSDT) if row.conditional
        ]
