"""Pegged orders: limit orders whose price is that of a level of the book.

The price is taken once, when the order enters the book: at once, when its trigger is reached, or
when the order that it waits for has filled (page pegged_orders of the spot documentation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import levels
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot import filters, rejections
from sandbox.engines.spot.model import CONDITIONAL, Peg, SpotOrder, SpotOrderRequest
from sandbox.engines.spot.state import SpotCore

PRIMARY, MARKET = "PRIMARY_PEG", "MARKET_PEG"
KINDS = (PRIMARY, MARKET)
PRICE_LEVEL = "PRICE_LEVEL"
DEEPEST = 100


def priced(core: SpotCore, market: RecordedMarket, request: SpotOrderRequest) -> SpotOrderRequest:
    """Return a request with the price that its peg has now; one with a trigger has none yet."""
    peg = request.peg
    if peg is None:
        return request
    if request.type not in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        raise rejections.NO_PEG()
    takes = peg.kind == MARKET and request.type == "LIMIT_MAKER"
    waits = peg.kind == PRIMARY and request.type == "LIMIT" and request.tif != "GTC"
    if takes or waits:
        raise rejections.WRONG_PEG()
    if request.type in CONDITIONAL:
        return request
    price = _price_of(core, market, request.side, peg, None)
    if price is None:
        raise rejections.THIN_BOOK()
    return replace(request, price=price)


def enter(core: SpotCore, market: RecordedMarket, order: SpotOrder) -> bool:
    """Give an order the price that its peg has now; False if it cannot enter the book at it."""
    if order.peg is None:
        return True
    price = _price_of(core, market, order.side, order.peg, order)
    if price is None:
        return False
    order.price = price
    core.hold(order)
    instrument, account = market.instrument, core.accounts[order.account]
    asset = instrument.quote if order.buying else instrument.base
    return filters.fits(market, order) and account.free(asset) >= ZERO


def _price_of(
    core: SpotCore, market: RecordedMarket, side: str, peg: Peg, entering: SpotOrder | None
) -> Decimal | None:
    """Return the price of a peg's level; None where the book has no such level."""
    bids = (side == "BUY") == (peg.kind == PRIMARY)
    others = (o for o in core.resting(market.instrument.symbol) if o is not entering)
    resting = levels(others)
    own, against = resting if bids else resting[::-1]
    shown = set(own) | set(_recorded(market, against, bids=bids))
    found = sorted(shown, reverse=bids)
    level = peg.offset or 0
    return found[level] if level < len(found) else None


def _recorded(market: RecordedMarket, against: Iterable[Decimal], *, bids: bool) -> list[Decimal]:
    """Return the prices of the recorded market's levels, as `GET /depth` shows them.

    They lie one tick apart and end before the orders that rest ``against`` them.
    """
    if market.seen is not None:
        return [level.price for level in market.seen[0 if bids else 1] if level.quantity > 0]
    best, tick = (market.bid, -1) if bids else (market.ask, 1)
    step = tick * market.instrument.tick
    first = best
    for price in against:
        if (first >= price) if bids else (first <= price):
            first = price + step
    if market.supply is not None:
        left = market.supply["SELL" if bids else "BUY"]
        return [best] if left > 0 and first == best else []
    return [price for n in range(DEEPEST + 1) if (price := first + n * step) > 0]
