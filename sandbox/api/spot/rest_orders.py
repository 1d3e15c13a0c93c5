"""REST handlers of spot orders and of cancel-replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api.pagination import page
from sandbox.api.requests import SIGNED, Route, by_symbol, names
from sandbox.api.spot import account_json
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.params import client_id, new_order, positive
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.orders import find_order
from sandbox.engines.spot import order_routes, orders, pegs, rejections
from sandbox.engines.spot.model import SpotOrder, SpotOrderRequest

RESPONSES = ("ACK", "RESULT", "FULL")


def _order_response(call: SpotCall, order: SpotOrder) -> dict[str, Any]:
    fast = order.type in ("MARKET", "LIMIT")
    kind = call.params.choice("newOrderRespType", "FULL" if fast else "ACK", RESPONSES)
    if kind == "ACK":
        return account_json.ack_json(order)
    if kind == "RESULT":
        return account_json.result_json(order)
    return account_json.full_json(order, call.account)


def _check_response_type(call: SpotCall) -> None:
    call.params.choice("newOrderRespType", "ACK", RESPONSES)


def place_order(call: SpotCall) -> dict[str, Any]:
    """`POST /order`."""
    _check_response_type(call)
    return _order_response(call, call.exchange.engine.place(call.account, new_order(call.params)))


def place_routed(call: SpotCall) -> dict[str, Any]:
    """`POST /sor/order`: smart order routing."""
    _check_response_type(call)
    order = call.exchange.engine.place_routed(call.account, _routed_order(call))
    return _order_response(call, order)


def _routed_order(call: SpotCall) -> SpotOrderRequest:
    """Return the requested order; only LIMIT and MARKET ones by quantity are routed (−1116)."""
    request = new_order(call.params)
    if request.type not in ("LIMIT", "MARKET"):
        raise error_codes.BAD_TYPE()
    return request


def test_order(call: SpotCall) -> dict[str, Any]:
    """`POST /order/test`: parameters and filters only."""
    _check_response_type(call)
    request = new_order(call.params)
    market = call.core.market(request.symbol)
    orders.check(call.core, market, call.account, pegs.priced(call.core, market, request))
    return _rates_of(call, request)


def test_routed(call: SpotCall) -> dict[str, Any]:
    """`POST /sor/order/test`: parameters and filters only."""
    _check_response_type(call)
    request = _routed_order(call)
    order_routes.check(call.core, call.account, request)
    return _rates_of(call, request)


def _rates_of(call: SpotCall, request: SpotOrderRequest) -> dict[str, Any]:
    if not call.params.flag("computeCommissionRates"):
        return {}
    shown = account_json.commission_json(call.core, call.account, request.symbol)
    return {
        "standardCommissionForOrder": shown["standardCommission"],
        "specialCommissionForOrder": shown["specialCommission"],
        "taxCommissionForOrder": shown["taxCommission"],
        "discount": shown["discount"],
    }


def _find(call: SpotCall, id_name: str, client_name: str) -> SpotOrder | None:
    params = call.params
    order_id, client = params.integer(id_name), params.text(client_name)
    if order_id is None and client is None:
        raise error_codes.MISSING(id_name)
    return find_order(call.account.orders, call.feed(params.symbol()).symbol, order_id, client)


def get_order(call: SpotCall) -> dict[str, Any]:
    """`GET /order`."""
    order = _find(call, "orderId", "origClientOrderId")
    if order is None:
        raise rejections.NO_SUCH_ORDER()
    return account_json.order_json(order)


def cancel_order(call: SpotCall) -> dict[str, Any]:
    """`DELETE /order`; for a leg of a list, the whole list."""
    order = _find(call, "orderId", "origClientOrderId")
    cancel_id = client_id(call.params, "newClientOrderId")
    only = call.params.text("cancelRestrictions")
    if order is not None and order.open and only:
        partly = order.filled > 0
        if (only == "ONLY_NEW" and partly) or (only == "ONLY_PARTIALLY_FILLED" and not partly):
            raise rejections.UNKNOWN_ORDER()
    return _cancelled(call, order, cancel_id)


def _cancelled(call: SpotCall, order: SpotOrder | None, cancel_id: str) -> dict[str, Any]:
    if order is not None and order.open:
        order.cancel_id = cancel_id or f"cancel{order.order_id}"
    ended = call.exchange.engine.cancel(call.account, order)
    if ended.list_id >= 0:
        found = call.account.lists[ended.list_id]
        return account_json.list_report_json(call.account, found, cancelling=True)
    return account_json.cancelled_json(ended, cancel_id)


def cancel_all(call: SpotCall) -> list[Any]:
    """`DELETE /openOrders`; −2011 when there are none."""
    symbol = call.feed(call.params.symbol()).symbol
    mine = [o for o in call.account.open_orders.values() if o.symbol == symbol]
    if not mine:
        raise rejections.UNKNOWN_ORDER()
    return [_cancelled(call, order, "") for order in mine if order.open]


def cancel_replace(call: SpotCall) -> dict[str, Any]:
    """`POST /order/cancelReplace`: −2021 when one half fails (409), −2022 when both do."""
    params = call.params
    mode = params.choice("cancelReplaceMode", "", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
    _check_response_type(call)
    request = new_order(params)
    data: dict[str, Any] = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
    failures = 0
    try:
        order = _find(call, "cancelOrderId", "cancelOrigClientOrderId")
        cancel_id = client_id(params, "cancelNewClientOrderId")
        data["cancelResponse"] = _cancelled(call, order, cancel_id)
    except ExchangeError as error:
        failures += 1
        data |= {"cancelResult": "FAILURE", "cancelResponse": error.body()}
    if failures and mode == "STOP_ON_FAILURE":
        data |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
        raise rejections.replace_failed(-2022, "Order cancel-replace failed.", data, 400)
    try:
        placed = call.exchange.engine.place(call.account, request)
        data["newOrderResponse"] = _order_response(call, placed)
    except ExchangeError as error:
        failures += 1
        data |= {"newOrderResult": "FAILURE", "newOrderResponse": error.body()}
    if failures == 2:
        raise rejections.replace_failed(-2022, "Order cancel-replace failed.", data, 400)
    if failures:
        text = "Order cancel-replace partially failed."
        raise rejections.replace_failed(-2021, text, data, 409)
    return data


def keep_priority(call: SpotCall) -> dict[str, Any]:
    """`PUT /order/amend/keepPriority`: lower an order's quantity without losing its place."""
    order = _find(call, "orderId", "origClientOrderId")
    call.params.need("newQty")
    amended = call.exchange.engine.reduce(call.account, order, positive(call.params, "newQty"))
    shown = account_json.result_json(amended)
    return {
        "transactTime": amended.update_time,
        "executionId": call.core.last_execution,
        "amendedOrder": {**shown, "preventedQty": "0.00000000"},
    }


def open_orders(call: SpotCall) -> list[Any]:
    """`GET /openOrders`."""
    symbol = call.params.text("symbol")
    if symbol:
        call.feed(symbol)
    found = call.account.open_orders.values()
    return [account_json.order_json(order) for order in found if symbol in (None, order.symbol)]


def all_orders(call: SpotCall) -> list[Any]:
    """`GET /allOrders`."""
    symbol, first = call.feed(call.params.symbol()).symbol, call.params.integer("orderId")
    mine = (order for order in call.account.orders.values() if order.symbol == symbol)
    return [account_json.order_json(order) for order in page(call.params, mine, "order_id", first)]


def prevented(call: SpotCall) -> list[Any]:
    """`GET /myPreventedMatches`, by the id of a match or of an order that took or rested."""
    params = call.params
    symbol = call.feed(params.symbol()).symbol
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    found = [
        match
        for match in call.account.prevented
        if match.symbol == symbol
        and match_id in (None, match.match_id)
        and order_id in (None, match.taker_id, match.maker_id)
    ]
    first = params.integer("fromPreventedMatchId")
    return [account_json.prevented_json(m) for m in page(params, found, "match_id", first)]


def _weigh_prevented(values: Mapping[str, str]) -> int:
    return 20 if values.get("orderId") else 2


ORDER_KNOWN = frozenset(
    [
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "strategyId",
        "strategyType",
        "stopPrice",
        "trailingDelta",
        "icebergQty",
        "newOrderRespType",
        "selfTradePreventionMode",
        "pegPriceType",
        "pegOffsetType",
        "pegOffsetValue",
    ]
)
SOR_KNOWN = ORDER_KNOWN - {
    "quoteOrderQty", "stopPrice", "trailingDelta", "pegPriceType", "pegOffsetType",
    "pegOffsetValue",
}  # fmt: skip
REPLACE_KNOWN = ORDER_KNOWN | {
    "cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId", "cancelOrderId",
    "cancelRestrictions", "orderRateLimitExceededMode",
}  # fmt: skip
FIND_KNOWN = frozenset({"symbol", "orderId", "origClientOrderId"})
CANCEL_KNOWN = FIND_KNOWN | {"newClientOrderId", "cancelRestrictions"}
ORDERS_WEIGHT = by_symbol(6, 80)
ROUTES = {
    ("POST", "/api/v3/order"): Route(place_order, SIGNED, 0, order=True, known=ORDER_KNOWN),
    ("POST", "/api/v3/order/test"): Route(
        test_order, SIGNED, known=ORDER_KNOWN | {"computeCommissionRates"}
    ),
    ("POST", "/api/v3/sor/order"): Route(place_routed, SIGNED, 0, order=True, known=SOR_KNOWN),
    ("POST", "/api/v3/sor/order/test"): Route(
        test_routed, SIGNED, known=SOR_KNOWN | {"computeCommissionRates"}
    ),
    ("GET", "/api/v3/order"): Route(get_order, SIGNED, 4, known=FIND_KNOWN),
    ("PUT", "/api/v3/order/amend/keepPriority"): Route(
        keep_priority, SIGNED, 4, known=FIND_KNOWN | {"newClientOrderId", "newQty"}
    ),
    ("DELETE", "/api/v3/order"): Route(cancel_order, SIGNED, 0, known=CANCEL_KNOWN),
    ("DELETE", "/api/v3/openOrders"): Route(cancel_all, SIGNED, 0, known=names("symbol")),
    ("POST", "/api/v3/order/cancelReplace"): Route(
        cancel_replace, SIGNED, 0, order=True, known=REPLACE_KNOWN
    ),
    ("GET", "/api/v3/openOrders"): Route(
        open_orders, SIGNED, weigh=ORDERS_WEIGHT, known=names("symbol")
    ),
    ("GET", "/api/v3/allOrders"): Route(
        all_orders, SIGNED, 20, known=names("symbol orderId startTime endTime limit")
    ),
    ("GET", "/api/v3/myPreventedMatches"): Route(
        prevented,
        SIGNED,
        weigh=_weigh_prevented,
        known=names("symbol preventedMatchId orderId fromPreventedMatchId limit"),
    ),
}
