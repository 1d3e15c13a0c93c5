"""Spot orders: accept, trade, trigger, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sandbox.engines.common import matching
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot import filters, order_lists, pegs, rejections
from sandbox.engines.spot.matching import SpotBook, take
from sandbox.engines.spot.model import (
    CONDITIONAL,
    PENDING,
    OrderList,
    SpotAccount,
    SpotAmendment,
    SpotOrder,
    SpotOrderRequest,
)
from sandbox.engines.spot.state import SpotCore


def place(core: SpotCore, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
    """Accept an order and trade what is available at once, or raise its refusal."""
    market = core.market(request.symbol)
    request = pegs.priced(core, market, request)
    check(core, market, account, request)
    order = build(core, market, account, request)
    require_balance(core, market, account, order)
    accept(core, account, order)
    if order.working:
        take(core, market, order)
    activate_due(core)
    return order


def activate_due(core: SpotCore) -> None:
    """Place the pending orders of the lists whose working order has filled."""
    while core.due:
        name, list_id = core.due.pop(0)
        account = core.accounts[name]
        found = account.lists[list_id]
        waiting = [account.orders[ident] for ident in found.pending]
        if found.pays:
            _pay(core, account, found, waiting)
        for order in waiting:
            if order.status == PENDING:
                _activate(core, account, order)


def _pay(
    core: SpotCore, account: SpotAccount, found: OrderList, waiting: Sequence[SpotOrder]
) -> None:
    """Give pending OPO orders what the first one received, on the step of LOT_SIZE.

    They expire where the filters refuse that quantity.
    """
    market = core.markets[found.symbol]
    base = market.instrument.base
    account.reserve(order_lists.paid_key(found), base, ZERO)
    first = account.orders[found.order_ids[0]]
    quantity = filters.on_step(market, order_lists.received(account, first, base))
    core.record_balances(account, base)
    for order in waiting:
        order.quantity = quantity
        if order.status == PENDING and not filters.fits(market, order):
            core.end(order, "EXPIRED")
            order_lists.after_change(core, order)


def _activate(core: SpotCore, account: SpotAccount, order: SpotOrder) -> None:
    """Place a pending order; it expires if the balance does not cover it, or if it would take."""
    market = core.markets[order.symbol]
    asset = market.instrument.quote if order.buying else market.instrument.base
    order.status, order.update_time = "NEW", core.now
    order.working = order.type not in CONDITIONAL
    order.working_time = core.now if order.working else -1
    core.hold(order)
    enters = not order.working or pegs.enter(core, market, order)
    takes = order.type == "LIMIT_MAKER" and matching.meets(
        SpotBook(core), market, order.side, order.price
    )
    if account.free(asset) < 0 or takes or not enters:
        core.end(order, "EXPIRED")
        order_lists.after_change(core, order)
        return
    core.record_order(order, "NEW")
    core.record_balances(account, asset)
    if order.trailing:
        order.follow(market.price, core.now)
    if order.crossed(market.price):
        trigger(core, market, order)
    elif order.working:
        take(core, market, order)


def check(
    core: SpotCore, market: RecordedMarket, account: SpotAccount, request: SpotOrderRequest
) -> None:
    """Check everything about a request except balances."""
    if market.instrument.status != "TRADING":
        raise rejections.MARKET_CLOSED()
    filters.check(market, account, request)
    if request.peg is not None and request.peg.price:
        filters.check(market, account, replace(request, price=request.peg.price))
    if request.client_id and any(
        order.client_id == request.client_id for order in account.open_orders.values()
    ):
        raise rejections.DUPLICATE()
    maker_only = request.type == "LIMIT_MAKER"
    if maker_only and matching.meets(SpotBook(core), market, request.side, request.price):
        raise rejections.WOULD_TAKE()


def build(
    core: SpotCore,
    market: RecordedMarket,
    account: SpotAccount,
    request: SpotOrderRequest,
    *,
    pending: bool = False,
) -> SpotOrder:
    """Build the requested order; −2010 when its trigger is already crossed.

    A ``pending`` one waits for another order: it neither works nor triggers.
    """
    quantity = request.quantity
    if request.quote:
        quantity = filters.quantity_for(market, request.quote, request.side)
    core.last_order_id += 1
    conditional = request.type in CONDITIONAL
    order = SpotOrder(
        account=account.name,
        order_id=core.last_order_id,
        client_id=request.client_id or f"sandbox{core.last_order_id}",
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        tif=request.tif,
        price=request.price,
        quantity=quantity,
        time=core.now,
        update_time=core.now,
        stop_price=request.stop_price,
        trailing=request.trailing,
        list_id=request.list_id,
        quote=request.quote,
        working=not (conditional or pending),
        working_time=-1 if conditional or pending else core.now,
        prevention=request.prevention,
        peg=request.peg,
    )
    if pending:
        order.status = PENDING
        return order
    if order.trailing:
        order.follow(market.price, core.now)
    if order.crossed(market.price):
        core.last_order_id -= 1
        raise rejections.WOULD_TRIGGER()
    return order


def require_balance(
    core: SpotCore, market: RecordedMarket, account: SpotAccount, order: SpotOrder
) -> None:
    """Raise −2010 when the free balance does not cover the order."""
    asset = market.instrument.quote if order.buying else market.instrument.base
    if core.cost(order) > account.free(asset):
        core.last_order_id -= 1
        raise rejections.NO_BALANCE()


def accept(core: SpotCore, account: SpotAccount, order: SpotOrder) -> None:
    """Add an order to its account."""
    account.orders[order.order_id] = order
    account.open_orders[order.order_id] = order
    core.hold(order)
    core.record_order(order, "NEW")
    instrument = core.markets[order.symbol].instrument
    core.record_balances(account, instrument.quote if order.buying else instrument.base)


def on_price(core: SpotCore, symbol: str, price: Decimal) -> None:
    """Fill resting orders that ``price`` traded through, then trigger what it crossed."""
    market = core.markets[symbol]
    matching.match_resting(SpotBook(core), market, price)
    waiting = [
        order
        for account in core.accounts.values()
        for order in account.open_orders.values()
        if order.symbol == symbol and not order.working and order.status != PENDING
    ]
    for order in waiting:
        if order.open and not order.working:
            if order.trailing:
                order.follow(price, core.now)
            if order.crossed(price):
                trigger(core, market, order)
    activate_due(core)


def trigger(core: SpotCore, market: RecordedMarket, order: SpotOrder) -> None:
    """Activate a conditional order: end the rest of its list, then trade."""
    order.working, order.working_time, order.update_time = True, core.now, core.now
    order_lists.after_change(core, order)
    account = core.accounts[order.account]
    instrument = market.instrument
    if order.buying and not order.limited:
        held = account.reserved.get(core.reserve_key(order), ("", ZERO))[1]
        if market.value("BUY", order.remaining) > account.free(instrument.quote) + held:
            core.end(order, "EXPIRED", expiry="INSUFFICIENT_LIQUIDITY")
            order_lists.after_change(core, order)
            return
    if not pegs.enter(core, market, order):
        core.end(order, "EXPIRED", expiry="INSUFFICIENT_LIQUIDITY")
        order_lists.after_change(core, order)
        return
    core.record_order(order, "NEW")
    take(core, market, order)
    order_lists.after_change(core, order)


def reduce(
    core: SpotCore, account: SpotAccount, order: SpotOrder | None, quantity: Decimal
) -> SpotOrder:
    """Lower an open order's quantity; it keeps its place in the queue."""
    if order is None or not order.open:
        raise rejections.UNKNOWN_ORDER()
    market = core.market(order.symbol)
    if market.instrument.status != "TRADING":
        raise rejections.MARKET_CLOSED()
    if not order.filled < quantity < order.quantity:
        raise rejections.AMEND_QUANTITY()
    filters.check_amended(market, order, quantity)
    before = order.quantity
    order.quantity, order.update_time = quantity, core.now
    core.hold(order)
    core.record_order(order, "REPLACED")
    account.amendments.append(
        SpotAmendment(
            order.symbol, order.order_id, order.client_id, core.last_execution, before, quantity,
            core.now,
        )
    )  # fmt: skip
    instrument = market.instrument
    core.record_balances(account, instrument.quote if order.buying else instrument.base)
    return order


def cancel(core: SpotCore, account: SpotAccount, order: SpotOrder | None) -> SpotOrder:
    """Cancel an open order and the list it belongs to; −2011 when there is none."""
    if order is None or not order.open:
        raise rejections.UNKNOWN_ORDER()
    if order.list_id >= 0:
        order_lists.cancel(core, account, account.lists[order.list_id])
        return order
    core.end(order, "CANCELED")
    return order
