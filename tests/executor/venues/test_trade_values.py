"""A trade without a price or a quantity is refused: it would open a position at price 0."""

from __future__ import annotations

from typing import Any

import pytest

from executor.model import OrderUpdate
from executor.venues.binance_spot import parse as spot
from executor.venues.binance_usdm import parse as usdm

BAD = ("0", "0.00000000", "-1", "NaN", "Infinity", "x", "")
LISTED = {
    "symbol": "BTCUSDT",
    "id": 1,
    "orderId": 2,
    "side": "BUY",
    "isBuyer": True,
    "price": "50000",
    "qty": "0.5",
    "time": 3,
}
ORDER = {
    "s": "BTCUSDT",
    "c": "n1-x",
    "i": 2,
    "S": "BUY",
    "o": "MARKET",
    "x": "TRADE",
    "X": "FILLED",
    "t": 1,
    "q": "0.5",
    "z": "0.5",
    "l": "0.5",
    "L": "50000",
    "T": 3,
}
EVENTS = {
    usdm: lambda order: {"e": "ORDER_TRADE_UPDATE", "E": 4, "o": order},
    spot: lambda order: {"e": "executionReport", "E": 4, **order},
}


@pytest.mark.parametrize("venue", [usdm, spot], ids=["usdm", "spot"])
@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", ["price", "qty"])
def test_a_listed_trade_needs_a_price_and_a_quantity(venue: Any, name: str, value: str) -> None:
    assert venue.trade(LISTED).quantity > 0
    with pytest.raises((ValueError, ArithmeticError)):
        venue.trade({**LISTED, name: value})


@pytest.mark.parametrize("venue", [usdm, spot], ids=["usdm", "spot"])
@pytest.mark.parametrize("value", BAD)
def test_a_streamed_trade_needs_a_price(venue: Any, value: str) -> None:
    (good,) = venue.user_events(EVENTS[venue](ORDER))
    assert isinstance(good, OrderUpdate)
    assert good.fill is not None
    with pytest.raises((ValueError, ArithmeticError)):
        list(venue.user_events(EVENTS[venue]({**ORDER, "L": value})))


@pytest.mark.parametrize("venue", [usdm, spot], ids=["usdm", "spot"])
def test_an_event_without_a_quantity_is_no_trade(venue: Any) -> None:
    for value in ("0", "-1"):
        (seen,) = venue.user_events(EVENTS[venue]({**ORDER, "l": value}))
        assert seen.fill is None
