"""Conditional orders: accept, follow the price, fire, place their child order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.money import ZERO
from sandbox.engines.usdm import filters, orders, settlement
from sandbox.engines.usdm.model import (
    NO_MATCH,
    TRAILING,
    AlgoOrder,
    UsdmAccount,
    UsdmMarket,
    closes,
)
from sandbox.engines.usdm.requests import AlgoOrderRequest, UsdmOrderRequest
from sandbox.engines.usdm.state import UsdmCore

MAX_OPEN_ALGOS = 200


def place(core: UsdmCore, account: UsdmAccount, request: AlgoOrderRequest) -> AlgoOrder:
    """Accept a conditional order, or raise its refusal; margin is checked only when it fires.

    In hedge mode ``closePosition`` cannot be sent with a BUY of LONG or a SELL of SHORT (page
    New-Order of the USDⓈ-M documentation). The page names no code. The exchange answers −2022 to a
    closing order that has nothing to close (https://github.com/ccxt/ccxt/issues/8304).
    """
    market = core.market(request.symbol)
    orders.require_position_side(account, request.position_side)
    if closes(request.side, request.position_side):
        request = replace(request, reduce_only=not request.close_position)
    elif request.close_position and account.hedge:
        raise error_codes.REDUCE_ONLY()
    closing = request.reduce_only or request.close_position
    if not market.instrument.accepts(reducing=closing):
        raise error_codes.SYMBOL_STATUS()
    _check(market, request)
    orders.require_free_client_id(account, request.client_id)
    if len(account.open_algos) >= MAX_OPEN_ALGOS:
        raise error_codes.MAX_ALGOS()
    if request.close_position and _close_exists(account, request):
        raise error_codes.CLOSE_EXISTS()
    algo = _build(core, account, request)
    price = market.working_price(algo.working_type)
    if algo.trailing:
        _follow(algo, price)
    if algo.crossed(price):
        raise error_codes.WOULD_TRIGGER()
    account.algos[algo.algo_id] = algo
    account.open_algos[algo.algo_id] = algo
    core.record_algo(algo)
    return algo


def _check(market: UsdmMarket, request: AlgoOrderRequest) -> None:
    instrument = market.instrument
    if not request.close_position:
        is_market = request.type.endswith("MARKET")
        filters.check_quantity(instrument, request.quantity, market=is_market)
    if request.type == TRAILING:
        if request.activate_price:
            filters.check_price(instrument, request.activate_price)
    else:
        filters.check_price(instrument, request.trigger_price)
    if request.type in ("STOP", "TAKE_PROFIT") and request.price_match == NO_MATCH:
        filters.check_price(instrument, request.price)
    if not (request.reduce_only or request.close_position):
        reference = request.price or request.trigger_price or market.price
        filters.check_notional(instrument, request.quantity * reference)


def _close_exists(account: UsdmAccount, request: AlgoOrderRequest) -> bool:
    family = request.type.removesuffix("_MARKET")
    return any(
        algo.close_position
        and algo.symbol == request.symbol
        and algo.side == request.side
        and algo.position_side == request.position_side
        and algo.type.removesuffix("_MARKET") == family
        for algo in account.open_algos.values()
    )


def _build(core: UsdmCore, account: UsdmAccount, request: AlgoOrderRequest) -> AlgoOrder:
    algo_id = core.next_algo_id()
    return AlgoOrder(
        account=account.name,
        algo_id=algo_id,
        client_id=request.client_id or f"sandbox{algo_id}",
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        tif=request.tif,
        quantity=request.quantity,
        price=request.price,
        trigger_price=request.trigger_price,
        reduce_only=request.reduce_only,
        close_position=request.close_position,
        working_type=request.working_type,
        price_protect=request.price_protect,
        create_time=core.now,
        update_time=core.now,
        activate_price=request.activate_price,
        callback_rate=request.callback_rate,
        prevention=request.prevention,
        position_side=request.position_side,
        order_id=core.next_order_id() if request.on_order else 0,
        price_match=request.price_match,
        good_till=request.good_till,
    )


def find(account: UsdmAccount, algo_id: int | None, client_id: str | None) -> AlgoOrder | None:
    """Find the conditional order with the id, else the newest one with the client id."""
    if algo_id is not None:
        return account.algos.get(algo_id)
    for algo in reversed(account.algos.values()):
        if algo.client_id == client_id:
            return algo
    return None


def cancel(core: UsdmCore, account: UsdmAccount, algo: AlgoOrder | None) -> AlgoOrder:
    """Cancel a waiting conditional order; −2011 when there is none."""
    if algo is None or not algo.open:
        raise error_codes.CANCEL_REJECTED()
    settlement.set_algo_status(core, account, algo, "CANCELED")
    return algo


def _follow(algo: AlgoOrder, price: Decimal) -> bool:
    """Activate a trailing stop, or move its extreme; True when it has just become active."""
    buying = algo.side == "BUY"
    if not algo.activated:
        target = algo.activate_price
        if target and not (price <= target if buying else price >= target):
            return False
        algo.activated, algo.extreme = True, price
        return True
    better = price < algo.extreme if buying else price > algo.extreme
    if better:
        algo.extreme = price
    return False


def on_price(core: UsdmCore, account: UsdmAccount, symbol: str) -> None:
    """Move trailing stops with the price they watch, and fire what it crosses, oldest first.

    An order with price protection waits while mark and last price have diverged.
    """
    market = core.markets[symbol]
    for algo in list(account.open_algos.values()):
        if algo.symbol != symbol or not algo.open:
            continue
        price = market.working_price(algo.working_type)
        if algo.trailing and _follow(algo, price):
            algo.update_time = core.now
            core.record_algo(algo)
        if algo.crossed(price) and not (algo.price_protect and market.diverged):
            _fire(core, account, algo)


def _fire(core: UsdmCore, account: UsdmAccount, algo: AlgoOrder) -> None:
    algo.trigger_time = core.now
    settlement.set_algo_status(core, account, algo, "TRIGGERING")
    position = account.position(algo.symbol, algo.position_side)
    quantity = abs(position.amount) if algo.close_position else algo.quantity
    child_type = "MARKET" if algo.type.endswith("MARKET") else "LIMIT"
    request = UsdmOrderRequest(
        symbol=algo.symbol,
        side=algo.side,
        type=child_type,
        quantity=quantity,
        price=algo.price if child_type == "LIMIT" else ZERO,
        tif=algo.tif,
        reduce_only=algo.reduce_only or algo.close_position,
        client_id=algo.client_id,
        close_position=algo.close_position,
        algo_id=algo.algo_id,
        orig_type=algo.type,
        stop_price=algo.level,
        working_type=algo.working_type,
        price_protect=algo.price_protect,
        prevention=algo.prevention,
        position_side=algo.position_side,
        order_id=algo.order_id,
        price_match=algo.price_match,
        good_till=algo.good_till,
    )
    first_event = len(core.events)
    algo.child_type = child_type
    algo.child_id = algo.order_id or core.last_order_id + 1
    settlement.set_algo_status(core, account, algo, "TRIGGERED")
    if core.dying_children:
        core.dying_children -= 1
        child = orders.accept(core, account, request, quantity)
        settlement.end_order(core, account, child, "EXPIRED")
        return
    try:
        orders.place(core, account, request)
    except ExchangeError as refusal:
        # The child was refused: clients must not see a trigger.
        del core.events[first_event:]
        algo.child_id, algo.child_type = 0, ""
        algo.reject_reason = refusal.message
        settlement.set_algo_status(core, account, algo, "REJECTED")
