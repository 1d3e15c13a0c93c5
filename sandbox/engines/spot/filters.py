"""Spot filters; each refusal is −1013 with the filter's name."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ONE, ZERO, decimals_of
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot.model import CONDITIONAL, SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.engines.spot.rejections import FILTER, TOO_PRECISE

MAX_ALGO_ORDERS = 5
MAX_LISTS = 20
MIN_TRAILING, MAX_TRAILING = 10, 2_000
MAX_NOTIONAL = Decimal(9_000_000)
ASSET_PRECISION = 8
# PERCENT_PRICE_BY_SIDE around the last price.
BID_UP, BID_DOWN, ASK_UP, ASK_DOWN = Decimal(5), Decimal("0.2"), Decimal(5), Decimal("0.2")


def check(market: RecordedMarket, account: SpotAccount, request: SpotOrderRequest) -> None:
    """Check all filters of an order."""
    check_unsized(market, account, request)
    if not request.quote:
        _check_quantity(market.instrument, request)
    _check_notional(market, request)


def check_unsized(market: RecordedMarket, account: SpotAccount, request: SpotOrderRequest) -> None:
    """Check the filters of an order whose quantity is not known yet: all but those of its size."""
    instrument = market.instrument
    _check_price(instrument, request.price, "price")
    _check_price(instrument, request.stop_price, "stopPrice")
    if request.price:
        _check_percent(market, request)
    if request.trailing and not MIN_TRAILING <= request.trailing <= MAX_TRAILING:
        raise FILTER("TRAILING_DELTA")
    mine = [o for o in account.open_orders.values() if o.symbol == request.symbol]
    if len(mine) >= instrument.max_orders:
        raise FILTER("MAX_NUM_ORDERS")
    if request.type in CONDITIONAL:
        waiting = sum(1 for order in mine if order.type in CONDITIONAL)
        if waiting >= MAX_ALGO_ORDERS:
            raise FILTER("MAX_NUM_ALGO_ORDERS")


def check_amended(market: RecordedMarket, order: SpotOrder, quantity: Decimal) -> None:
    """Check the filters of an order whose quantity is lowered."""
    instrument = market.instrument
    if quantity % instrument.step or quantity < instrument.min_quantity:
        raise FILTER("LOT_SIZE")
    if quantity * (order.price or order.stop_price) < instrument.min_notional:
        raise FILTER("NOTIONAL")


def _check_price(instrument: ExchangeInstrument, price: Decimal, name: str) -> None:
    if not price:
        return
    if decimals_of(price) > ASSET_PRECISION:
        raise TOO_PRECISE(name)
    off = price < instrument.min_price or price > instrument.max_price or price % instrument.tick
    if price < 0 or off:
        raise FILTER("PRICE_FILTER")


def _check_quantity(instrument: ExchangeInstrument, request: SpotOrderRequest) -> None:
    quantity = request.quantity
    if decimals_of(quantity) > ASSET_PRECISION:
        raise TOO_PRECISE("quantity")
    if quantity < instrument.min_quantity or quantity > instrument.max_quantity:
        raise FILTER("LOT_SIZE")
    if quantity % instrument.step:
        raise FILTER("LOT_SIZE")
    if request.type == "MARKET" and quantity > instrument.market_max_quantity:
        raise FILTER("MARKET_LOT_SIZE")


def _check_percent(market: RecordedMarket, request: SpotOrderRequest) -> None:
    up, down = (BID_UP, BID_DOWN) if request.side == "BUY" else (ASK_UP, ASK_DOWN)
    if not market.price * down <= request.price <= market.price * up:
        raise FILTER("PERCENT_PRICE_BY_SIDE")


def _check_notional(market: RecordedMarket, request: SpotOrderRequest) -> None:
    """Check NOTIONAL; a MARKET order is valued at the last price."""
    value = request.quote or request.quantity * (
        request.price or request.stop_price or market.price
    )
    if value < market.instrument.min_notional:
        raise FILTER("NOTIONAL")
    if request.type != "MARKET" and value > MAX_NOTIONAL:
        raise FILTER("NOTIONAL")


def on_step(market: RecordedMarket, quantity: Decimal) -> Decimal:
    """Round a quantity down to the step of LOT_SIZE."""
    steps = (quantity / market.instrument.step).to_integral_value("ROUND_FLOOR")
    return steps * market.instrument.step * ONE


def fits(market: RecordedMarket, order: SpotOrder) -> bool:
    """Whether the filters allow the quantity that a pending order was paid."""
    instrument = market.instrument
    value = order.quantity * (order.price or order.stop_price or market.price)
    lot = instrument.min_quantity <= order.quantity <= instrument.max_quantity
    return lot and order.quantity > ZERO and value >= instrument.min_notional


def quantity_for(market: RecordedMarket, quote: Decimal, side: str) -> Decimal:
    """Return the quantity that ``quoteOrderQty`` buys, rounded down to LOT_SIZE."""
    bought, left = ZERO, quote
    for level in market.offered(side):
        part = min(level.quantity, left / level.price)
        bought, left = bought + part, left - part * level.price
    bought += left / market.worst(side)
    quantity = on_step(market, bought)
    if quantity <= ZERO or quantity < market.instrument.min_quantity:
        raise FILTER("LOT_SIZE")
    return quantity
