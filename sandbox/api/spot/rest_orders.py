"""REST handlers of spot orders, cancel-replace and order lists."""

from __future__ import annotations

from typing import Any

from sandbox.api.pagination import page
from sandbox.api.requests import SIGNED, Route, by_symbol, names
from sandbox.api.spot import account_json
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.params import client_id, list_legs, new_order, old_oco
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.orders import find_order
from sandbox.engines.spot import orders, rejections
from sandbox.engines.spot.model import OrderList, SpotOrder

RESPONSES = ("ACK", "RESULT", "FULL")


def _answer(call: SpotCall, order: SpotOrder) -> dict[str, Any]:
    fast = order.type in ("MARKET", "LIMIT")
    kind = call.params.choice("newOrderRespType", "FULL" if fast else "ACK", RESPONSES)
    if kind == "ACK":
        return account_json.ack(order)
    if kind == "RESULT":
        return account_json.result(order)
    fills = [fill for fill in call.account.fills if fill.order_id == order.order_id]
    return account_json.full(order, fills)


def _check_response_type(call: SpotCall) -> None:
    call.params.choice("newOrderRespType", "ACK", RESPONSES)


def place_order(call: SpotCall) -> dict[str, Any]:
    """`POST /order`."""
    _check_response_type(call)
    return _answer(call, call.exchange.engine.place(call.account, new_order(call.params)))


def test_order(call: SpotCall) -> dict[str, Any]:
    """`POST /order/test`: parameters and filters only."""
    _check_response_type(call)
    request = new_order(call.params)
    orders.check(call.core, call.core.market(request.symbol), call.account, request)
    if not call.params.flag("computeCommissionRates"):
        return {}
    shown = account_json.commission_view(call.core, call.account, request.symbol)
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
    return account_json.order_view(order)


def cancel_order(call: SpotCall) -> dict[str, Any]:
    """`DELETE /order`; of a list's leg: the list."""
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
        return account_json.list_report(call.account, found, cancelling=True)
    return account_json.cancelled(ended, cancel_id)


def cancel_all(call: SpotCall) -> list[Any]:
    """`DELETE /openOrders`; −2011 when there is none."""
    symbol = call.feed(call.params.symbol()).symbol
    mine = [o for o in call.account.open_orders.values() if o.symbol == symbol]
    if not mine:
        raise rejections.UNKNOWN_ORDER()
    return [_cancelled(call, order, "") for order in mine if order.open]


def cancel_replace(call: SpotCall) -> dict[str, Any]:
    """`POST /order/cancelReplace`: −2021 when a half failed (409), −2022 when both did."""
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
    except ExchangeError as refusal:
        failures += 1
        data |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body()}
    if failures and mode == "STOP_ON_FAILURE":
        data |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
        raise rejections.replace_failed(-2022, "Order cancel-replace failed.", data, 400)
    try:
        placed = call.exchange.engine.place(call.account, request)
        data["newOrderResponse"] = _answer(call, placed)
    except ExchangeError as refusal:
        failures += 1
        data |= {"newOrderResult": "FAILURE", "newOrderResponse": refusal.body()}
    if failures == 2:
        raise rejections.replace_failed(-2022, "Order cancel-replace failed.", data, 400)
    if failures:
        text = "Order cancel-replace partially failed."
        raise rejections.replace_failed(-2021, text, data, 409)
    return data


def open_orders(call: SpotCall) -> list[Any]:
    """`GET /openOrders`."""
    symbol = call.params.text("symbol")
    if symbol:
        call.feed(symbol)
    found = call.account.open_orders.values()
    return [account_json.order_view(order) for order in found if symbol in (None, order.symbol)]


def all_orders(call: SpotCall) -> list[Any]:
    """`GET /allOrders`."""
    symbol, first = call.feed(call.params.symbol()).symbol, call.params.integer("orderId")
    mine = (order for order in call.account.orders.values() if order.symbol == symbol)
    return [account_json.order_view(order) for order in page(call.params, mine, "order_id", first)]


def place_list(call: SpotCall) -> dict[str, Any]:
    """`POST /orderList/oco`."""
    above, below = list_legs(call.params)
    _check_sides(above.side, above.type, below.type)
    if above.client_id and above.client_id == below.client_id:
        raise rejections.SAME_LIST_IDS()
    return _placed_list(call, above, below)


def _check_sides(side: str, above: str, below: str) -> None:
    """One leg waits for a better price, the other for a worse one."""
    better = ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
    worse = ("STOP_LOSS", "STOP_LOSS_LIMIT")
    if side == "SELL":
        if below not in worse:
            raise rejections.SELL_BELOW_STOP()
        if above not in better:
            raise rejections.ABOVE_STOP()
    else:
        if above not in worse:
            raise rejections.BOTH_LIMIT_MAKER()
        if below not in better:
            raise rejections.BELOW_STOP()


def _placed_list(call: SpotCall, above: Any, below: Any) -> dict[str, Any]:
    name = client_id(call.params, "listClientOrderId")
    found = call.exchange.engine.place_list(call.account, above, below, name)
    return account_json.list_report(call.account, found)


def place_old_oco(call: SpotCall) -> dict[str, Any]:
    """`POST /order/oco`, deprecated and still answered."""
    above, below = old_oco(call.params)
    return _placed_list(call, above, below)


def _find_list(call: SpotCall, client_name: str) -> OrderList | None:
    list_id, name = call.params.integer("orderListId"), call.params.text(client_name)
    if list_id is None and name is None:
        raise error_codes.MISSING("orderListId")
    if list_id is not None:
        return call.account.lists.get(list_id)
    found = [row for row in call.account.lists.values() if row.client_id == name]
    return found[-1] if found else None


def get_list(call: SpotCall) -> dict[str, Any]:
    """`GET /orderList`."""
    found = _find_list(call, "origClientOrderId")
    if found is None:
        raise rejections.NO_SUCH_LIST()
    return account_json.list_view(call.account, found)


def cancel_list(call: SpotCall) -> dict[str, Any]:
    """`DELETE /orderList`."""
    call.feed(call.params.symbol())
    found = call.exchange.engine.cancel_list(call.account, _find_list(call, "listClientOrderId"))
    return account_json.list_report(call.account, found, cancelling=True)


def open_lists(call: SpotCall) -> list[Any]:
    """`GET /openOrderList`."""
    mine = call.account.lists.values()
    return [account_json.list_view(call.account, x) for x in mine if x.order_status == "EXECUTING"]


def all_lists(call: SpotCall) -> list[Any]:
    """`GET /allOrderList`."""
    params, mine = call.params, call.account.lists.values()
    first, (start, end) = params.integer("fromId"), params.span()
    found = [
        account_json.list_view(call.account, row)
        for row in mine
        if (first is None or row.list_id >= first)
        and (start is None or row.time >= start)
        and (end is None or row.time <= end)
    ]
    return found[-params.limit(500, 1000) :]


def prevented(call: SpotCall) -> list[Any]:
    """`GET /myPreventedMatches`: there are none."""
    call.feed(call.params.symbol())
    return []


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
    ]
)
REPLACE_KNOWN = ORDER_KNOWN | {
    "cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId", "cancelOrderId",
    "cancelRestrictions", "orderRateLimitExceededMode",
}  # fmt: skip
FIND_KNOWN = frozenset({"symbol", "orderId", "origClientOrderId"})
CANCEL_KNOWN = FIND_KNOWN | {"newClientOrderId", "cancelRestrictions"}
BOTH_LISTS = names(
    "symbol listClientOrderId side quantity newOrderRespType selfTradePreventionMode"
)
LEG = "Type ClientOrderId IcebergQty Price StopPrice TrailingDelta TimeInForce StrategyId"
LIST_KNOWN = BOTH_LISTS | {
    f"{where}{name}" for where in ("above", "below") for name in (*LEG.split(), "StrategyType")
}
OLD_OCO_KNOWN = BOTH_LISTS | names(
    "limitClientOrderId limitIcebergQty price stopClientOrderId stopPrice stopIcebergQty "
    "stopLimitPrice stopLimitTimeInForce trailingDelta"
)
ORDERS_WEIGHT = by_symbol(6, 80)
ROUTES = {
    ("POST", "/api/v3/order"): Route(place_order, SIGNED, 0, order=True, known=ORDER_KNOWN),
    ("POST", "/api/v3/order/test"): Route(
        test_order, SIGNED, known=ORDER_KNOWN | {"computeCommissionRates"}
    ),
    ("GET", "/api/v3/order"): Route(get_order, SIGNED, 4, known=FIND_KNOWN),
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
    ("POST", "/api/v3/orderList/oco"): Route(
        place_list,
        SIGNED,
        0,
        order=True,
        known=LIST_KNOWN,
    ),
    ("POST", "/api/v3/order/oco"): Route(
        place_old_oco,
        SIGNED,
        0,
        order=True,
        known=OLD_OCO_KNOWN,
    ),
    ("GET", "/api/v3/orderList"): Route(
        get_list, SIGNED, 4, known=names("orderListId origClientOrderId")
    ),
    ("DELETE", "/api/v3/orderList"): Route(
        cancel_list, SIGNED, 0, known=names("symbol orderListId listClientOrderId newClientOrderId")
    ),
    ("GET", "/api/v3/openOrderList"): Route(open_lists, SIGNED, 6, known=names("")),
    ("GET", "/api/v3/allOrderList"): Route(
        all_lists, SIGNED, 20, known=names("fromId startTime endTime limit")
    ),
    ("GET", "/api/v3/myPreventedMatches"): Route(
        prevented,
        SIGNED,
        2,
        known=names("symbol preventedMatchId orderId fromPreventedMatchId limit"),
    ),
}
