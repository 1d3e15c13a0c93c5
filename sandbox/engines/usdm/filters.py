"""The instrument's filters, each with its documented code."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO, decimals_of, plain
from sandbox.engines.usdm.model import UsdmMarket


def check_price(instrument: ExchangeInstrument, price: Decimal) -> None:
    """Check PRICE_FILTER and the precision of a limit or trigger price."""
    if price <= ZERO:
        raise error_codes.PRICE_NOT_POSITIVE()
    if decimals_of(price) > instrument.price_precision:
        raise error_codes.PRECISION()
    if price < instrument.min_price:
        raise error_codes.PRICE_TOO_LOW()
    if price > instrument.max_price:
        raise error_codes.PRICE_TOO_HIGH()
    if price % instrument.tick:
        raise error_codes.OFF_TICK()


def check_quantity(instrument: ExchangeInstrument, quantity: Decimal, *, market: bool) -> None:
    """Check LOT_SIZE, MARKET_LOT_SIZE and the precision of a quantity in base currency."""
    if quantity <= ZERO:
        raise error_codes.QUANTITY_NOT_POSITIVE()
    if decimals_of(quantity) > instrument.quantity_precision:
        raise error_codes.PRECISION()
    if quantity < instrument.min_quantity:
        raise error_codes.QUANTITY_TOO_SMALL()
    if quantity > (instrument.market_max_quantity if market else instrument.max_quantity):
        raise error_codes.QUANTITY_TOO_LARGE()
    if quantity % instrument.step:
        raise error_codes.OFF_STEP()


def check_notional(instrument: ExchangeInstrument, notional: Decimal) -> None:
    """Check MIN_NOTIONAL of an order that is not reduce-only."""
    if notional < instrument.min_notional:
        raise error_codes.MIN_NOTIONAL(plain(instrument.min_notional))


def check_band(market: UsdmMarket, side: str, price: Decimal) -> None:
    """Check PERCENT_PRICE: no buy above and no sell below the band around the mark price."""
    instrument = market.instrument
    if side == "BUY":
        highest = market.mark * instrument.multiplier_up
        if price > highest:
            raise error_codes.ABOVE_BAND(plain(highest - highest % instrument.tick))
    else:
        lowest = market.mark * instrument.multiplier_down
        if price < lowest:
            raise error_codes.BELOW_BAND(plain(lowest - lowest % instrument.tick + instrument.tick))
