"""The instrument's filters, each with the code that the exchange documents for it."""

from __future__ import annotations

from decimal import Decimal

from sandbox import errors
from sandbox.engine.model import Market
from sandbox.instruments import Instrument
from sandbox.numbers import ZERO, decimals_of, plain


def check_price(instrument: Instrument, price: Decimal) -> None:
    """PRICE_FILTER and precision of a limit or trigger price."""
    if price <= ZERO:
        raise errors.PRICE_NOT_POSITIVE()
    if decimals_of(price) > instrument.price_precision:
        raise errors.PRECISION()
    if price < instrument.min_price:
        raise errors.PRICE_TOO_LOW()
    if price > instrument.max_price:
        raise errors.PRICE_TOO_HIGH()
    if price % instrument.tick:
        raise errors.OFF_TICK()


def check_quantity(instrument: Instrument, quantity: Decimal, *, market: bool) -> None:
    """LOT_SIZE, MARKET_LOT_SIZE and precision of a quantity in base currency."""
    if quantity <= ZERO:
        raise errors.QUANTITY_NOT_POSITIVE()
    if decimals_of(quantity) > instrument.quantity_precision:
        raise errors.PRECISION()
    if quantity < instrument.min_quantity:
        raise errors.QUANTITY_TOO_SMALL()
    if quantity > (instrument.market_max_quantity if market else instrument.max_quantity):
        raise errors.QUANTITY_TOO_LARGE()
    if quantity % instrument.step:
        raise errors.OFF_STEP()


def check_notional(instrument: Instrument, notional: Decimal) -> None:
    """MIN_NOTIONAL of an order that is not reduce-only."""
    if notional < instrument.min_notional:
        raise errors.MIN_NOTIONAL(plain(instrument.min_notional))


def check_band(market: Market, side: str, price: Decimal) -> None:
    """PERCENT_PRICE: a buy not above, a sell not below the band around the mark price."""
    instrument = market.instrument
    if side == "BUY":
        highest = market.mark * instrument.multiplier_up
        if price > highest:
            raise errors.ABOVE_BAND(plain(highest - highest % instrument.tick))
    else:
        lowest = market.mark * instrument.multiplier_down
        if price < lowest:
            raise errors.BELOW_BAND(plain(lowest - lowest % instrument.tick + instrument.tick))
