"""Futures orders: accept, match, amend, cancel."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.engines.common import error_codes, matching
from sandbox.engines.usdm import filters, margin, settlement
from sandbox.engines.usdm.matching import UsdmBook
from sandbox.engines.usdm.model import (
    NO_MATCH,
    Amendment,
    UsdmAccount,
    UsdmMarket,
    UsdmOrder,
    UsdmPosition,
    closes,
    sign_of,
)
from sandbox.engines.usdm.requests import UsdmOrderRequest
from sandbox.engines.usdm.state import UsdmCore


def place(core: UsdmCore, account: UsdmAccount, request: UsdmOrderRequest) -> UsdmOrder:
    """Accept an order and trade what is available at once, or raise its refusal."""
    market = core.market(request.symbol)
    require_position_side(account, request.position_side)
    if closes(request.side, request.position_side):
        request = replace(request, reduce_only=True)
    if request.price_match != NO_MATCH:
        request = replace(request, price=market.matched(request.side, request.price_match))
    position = account.position(request.symbol, request.position_side)
    if not market.instrument.accepts(reducing=request.reduce_only):
        raise error_codes.SYMBOL_STATUS()
    _check_filters(market, request)
    if not request.algo_id:
        require_free_client_id(account, request.client_id)
    quantity = _quantity(account, position, request)
    reference = request.price or market.best(request.side)
    if not request.reduce_only:
        margin.require_margin(core, account, position, request.side, quantity, reference)
    if len(account.open_orders) >= market.instrument.max_orders:
        raise error_codes.MAX_ORDERS()
    worst = request.price if request.type == "LIMIT" else market.worst(request.side)
    book = UsdmBook(core)
    if request.tif == "GTX" and matching.meets(book, market, request.side, worst):
        raise error_codes.POST_ONLY_REJECTED()
    if request.tif == "FOK" and not matching.fillable(
        book, market, account.name, request.side, worst, quantity, request.prevention
    ):
        raise error_codes.FOK_REJECTED()
    order = accept(core, account, request, quantity)
    matching.take(book, market, order, worst)
    if (
        order.open
        and (request.tif == "IOC" or request.type == "MARKET")
        and not _waits(core, order)
    ):
        settlement.end_order(core, account, order, "EXPIRED")
    return order


def _waits(core: UsdmCore, order: UsdmOrder) -> bool:
    """Whether a MARKET order waits for recorded volume: one that reduces must not be lost."""
    bounded = core.markets[order.symbol].supply is not None
    return bounded and order.type == "MARKET" and order.reduce_only


def fill_waiting(core: UsdmCore, symbol: str) -> None:
    """Trade what the market now offers to the MARKET orders that wait for volume."""
    market = core.markets[symbol]
    for account in core.accounts.values():
        waiting = [o for o in account.open_orders.values() if o.symbol == symbol and not o.price]
        for order in waiting:
            matching.take(UsdmBook(core), market, order, market.worst(order.side))


def _quantity(account: UsdmAccount, position: UsdmPosition, request: UsdmOrderRequest) -> Decimal:
    """Return the quantity that may trade: a reduce-only order never exceeds its position.

    In one-way mode it shrinks to the position. In hedge mode a larger closing order is refused.
    """
    if not request.reduce_only:
        return request.quantity
    held = abs(position.amount)
    if position.amount * sign_of(request.side) >= 0:
        raise error_codes.REDUCE_ONLY()
    if account.hedge and request.quantity > held and not request.algo_id:
        raise error_codes.REDUCE_ONLY()
    return min(request.quantity, held)


def require_position_side(account: UsdmAccount, side: str) -> None:
    """Raise −4061 unless the account's position mode has ``side``."""
    if side not in account.sides:
        raise error_codes.POSITION_SIDE()


def require_free_client_id(account: UsdmAccount, client_id: str) -> None:
    """Raise −4116 when an open order or conditional order has the client id."""
    taken = any(order.client_id == client_id for order in account.open_orders.values())
    if taken or any(algo.client_id == client_id for algo in account.open_algos.values()):
        raise error_codes.DUPLICATE_CLIENT_ID()


def _check_filters(market: UsdmMarket, request: UsdmOrderRequest) -> None:
    instrument = market.instrument
    is_market = request.type == "MARKET"
    filters.check_quantity(instrument, request.quantity, market=is_market)
    if not is_market:
        filters.check_price(instrument, request.price)
        filters.check_band(market, request.side, request.price)
    if not (request.reduce_only or request.close_position):
        filters.check_notional(instrument, request.quantity * (request.price or market.price))


def accept(
    core: UsdmCore, account: UsdmAccount, request: UsdmOrderRequest, quantity: Decimal
) -> UsdmOrder:
    """Add an order without checks; it rests until something trades or ends it."""
    order_id = request.order_id or core.next_order_id()
    order = UsdmOrder(
        account=account.name,
        order_id=order_id,
        client_id=request.client_id or f"sandbox{order_id}",
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        tif=request.tif,
        price=request.price,
        quantity=quantity,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        time=core.now,
        update_time=core.now,
        orig_type=request.orig_type or request.type,
        stop_price=request.stop_price,
        working_type=request.working_type,
        price_protect=request.price_protect,
        algo_id=request.algo_id,
        prevention=request.prevention,
        position_side=request.position_side,
        price_match=request.price_match,
        good_till=request.good_till,
    )
    account.orders[order_id] = order
    account.open_orders[order_id] = order
    core.record_order(order, "NEW")
    return order


def cancel(core: UsdmCore, account: UsdmAccount, order: UsdmOrder | None) -> UsdmOrder:
    """Cancel an open order; −2011 when there is none."""
    if order is None or not order.open:
        raise error_codes.CANCEL_REJECTED()
    settlement.end_order(core, account, order, "CANCELED")
    return order


def expire(core: UsdmCore) -> None:
    """Expire orders whose time in force (GTD) has ended."""
    for account in core.accounts.values():
        for order in [o for o in account.open_orders.values() if 0 < o.good_till <= core.now]:
            settlement.end_order(core, account, order, "EXPIRED")
        for algo in [a for a in account.open_algos.values() if 0 < a.good_till <= core.now]:
            settlement.set_algo_status(core, account, algo, "EXPIRED")


def amend(
    core: UsdmCore,
    account: UsdmAccount,
    order: UsdmOrder | None,
    quantity: Decimal,
    price: Decimal,
    price_match: str = NO_MATCH,
) -> UsdmOrder:
    """Change price and quantity of an open limit order; it may trade at once."""
    if order is None or not order.open:
        raise error_codes.NO_SUCH_ORDER()
    market = core.market(order.symbol)
    if not market.instrument.accepts(reducing=order.reduce_only):
        raise error_codes.SYMBOL_STATUS()
    if price_match != NO_MATCH:
        price = market.matched(order.side, price_match)
    filters.check_quantity(market.instrument, quantity, market=False)
    filters.check_price(market.instrument, price)
    filters.check_band(market, order.side, price)
    if quantity == order.quantity and price == order.price:
        raise error_codes.NO_AMEND_NEEDED()
    if quantity <= order.filled:
        settlement.end_order(core, account, order, "CANCELED")
        return order
    position = account.position(order.symbol, order.position_side)
    if order.reduce_only:
        quantity = min(quantity, order.filled + abs(position.amount))
    else:
        del account.open_orders[order.order_id]
        try:
            margin.require_margin(core, account, position, order.side, quantity, price)
        finally:
            account.open_orders[order.order_id] = order
    if price != order.price or quantity > order.quantity:
        order.queued = core.next_order_id()
    number = sum(1 for done in account.amendments if done.order_id == order.order_id) + 1
    account.amendments.append(
        Amendment(
            order.symbol, order.order_id, order.client_id, core.now, order.price, price,
            order.quantity, quantity, number,
        )
    )  # fmt: skip
    order.quantity, order.price, order.update_time = quantity, price, core.now
    order.price_match = price_match
    core.record_order(order, "AMENDMENT")
    matching.take(UsdmBook(core), market, order, price)
    return order
