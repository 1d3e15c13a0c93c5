"""Pegged spot orders take the price of a level of the book when they enter it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import Peg, SpotAccount, SpotOrderRequest
from sandbox.market.displayed_book import DisplayedBook
from sandbox.market.spot_instruments import BUILT_IN

D = Decimal
BTC = BUILT_IN["BTCUSDT"]
PRIMARY, MARKET = "PRIMARY_PEG", "MARKET_PEG"


@pytest.fixture
def engine() -> SpotEngine:
    """Build an engine with BTCUSDT at 100,000: bid 99,999.99, ask 100,000.01."""
    engine = SpotEngine(BUILT_IN.values())
    engine.open_account("main", {"USDT": D(10_000), "BTC": D(1)})
    engine.open_account("other", {"USDT": D(10_000), "BTC": D(1)})
    engine.on_price("BTCUSDT", D("100000.00"))
    return engine


@pytest.fixture
def account(engine: SpotEngine) -> SpotAccount:
    """Return the first account."""
    return engine.core.accounts["main"]


def pegged(
    side: str, kind: str, offset: int | None = None, price: str = "0", **more: Any
) -> SpotOrderRequest:
    """Make a pegged order of 0.01 BTC, LIMIT unless ``type`` names another."""
    named = {"type": "LIMIT", "quantity": D("0.01"), **more}
    return SpotOrderRequest("BTCUSDT", side, peg=Peg(kind, offset, D(price)), **named)


@pytest.mark.parametrize(
    ("side", "kind", "offset", "price"),
    [
        ("BUY", PRIMARY, None, "99999.99"),
        ("BUY", PRIMARY, 0, "99999.99"),
        ("BUY", PRIMARY, 3, "99999.96"),
        ("SELL", PRIMARY, None, "100000.01"),
        ("SELL", PRIMARY, 5, "100000.06"),
        ("BUY", MARKET, None, "100000.01"),
        ("SELL", MARKET, 2, "99999.97"),
    ],
)
def test_price_is_that_of_the_level(
    engine: SpotEngine, account: SpotAccount, side: str, kind: str, offset: int | None, price: str
) -> None:
    assert engine.place(account, pegged(side, kind, offset)).price == D(price)


@pytest.mark.parametrize("rests", [{}, {"SELL": "99999.90"}, {"BUY": "100000.10"}])
@pytest.mark.parametrize("offset", [0, 1, 7, 40])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_levels_are_those_of_the_displayed_book(
    engine: SpotEngine, account: SpotAccount, side: str, offset: int, rests: dict[str, str]
) -> None:
    market, other = engine.core.markets["BTCUSDT"], engine.core.accounts["other"]
    for there, price in rests.items():
        engine.supply("BTCUSDT", D(0))  # so that it rests inside the market's spread and beyond
        engine.place(other, SpotOrderRequest("BTCUSDT", there, "LIMIT", D("0.01"), price=D(price)))
        engine.supply("BTCUSDT", None)
    book = DisplayedBook()
    book.rested = engine.resting("BTCUSDT")
    shown = book.sides(BTC, market.bid, market.ask, 50)[0 if side == "BUY" else 1]
    order = engine.place(account, pegged(side, PRIMARY, offset))
    assert order.price == D(list(shown)[offset])


def test_a_stop_takes_the_best_price_when_it_is_triggered(
    engine: SpotEngine, account: SpotAccount
) -> None:
    stop = pegged("SELL", PRIMARY, type="STOP_LOSS_LIMIT", stop_price=D(99_000))
    order = engine.place(account, stop)
    assert (order.working, order.price) == (False, D(0))
    engine.on_price("BTCUSDT", D("98500.00"))
    assert (order.working, order.price, order.status) == (True, D("98500.01"), "NEW")
    assert account.locked["BTC"] == D("0.01")


def test_a_pending_order_takes_the_price_after_its_working_order_has_filled(
    engine: SpotEngine, account: SpotAccount
) -> None:
    working = SpotOrderRequest("BTCUSDT", "BUY", "LIMIT", D("0.01"), price=D(99_000))
    made = engine.place_triggering(account, working, [pegged("SELL", PRIMARY)], "")
    waiting = account.orders[made.pending[0]]
    assert not waiting.working
    engine.on_price("BTCUSDT", D("98900.00"))
    assert (waiting.working, waiting.price) == (True, D("98900.01"))


def test_a_stop_whose_price_the_balance_no_longer_covers_expires(
    engine: SpotEngine, account: SpotAccount
) -> None:
    buy = pegged("BUY", MARKET, type="STOP_LOSS_LIMIT", stop_price=D(101_000))
    order = engine.place(account, buy)
    rest = SpotOrderRequest("BTCUSDT", "BUY", "LIMIT", D("0.08986"), price=D(99_999))
    engine.place(account, rest)
    engine.on_price("BTCUSDT", D("120000.00"))
    assert (order.status, account.locked["USDT"]) == ("EXPIRED", D("0.08986") * 99_999)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (pegged("BUY", PRIMARY, type="MARKET"), "may not use pegged price"),
        (pegged("SELL", PRIMARY, type="STOP_LOSS", stop_price=D(99_000)), "may not use pegged"),
        (pegged("BUY", MARKET, type="LIMIT_MAKER"), "cannot be used with this order type"),
        (pegged("BUY", PRIMARY, tif="IOC"), "cannot be used with this order type"),
        (pegged("BUY", PRIMARY, price="0.001"), "PRICE_FILTER"),
        (pegged("BUY", PRIMARY, price="600000"), "PERCENT_PRICE_BY_SIDE"),
    ],
)
def test_other_pegs_are_refused(
    engine: SpotEngine, account: SpotAccount, request_: SpotOrderRequest, text: str
) -> None:
    with pytest.raises(ExchangeError, match=text):
        engine.place(account, request_)
    assert not account.open_orders


def test_an_empty_side_is_too_thin(engine: SpotEngine, account: SpotAccount) -> None:
    engine.supply("BTCUSDT", D(0))
    with pytest.raises(ExchangeError, match="liquidity is too low"):
        engine.place(account, pegged("BUY", PRIMARY))
