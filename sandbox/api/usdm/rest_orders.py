"""REST handlers of USDⓈ-M orders and trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.api.pagination import page, trades
from sandbox.api.requests import SIGNED, Route, by_symbol, names
from sandbox.api.usdm import order_json
from sandbox.api.usdm.call import UsdmCall
from sandbox.api.usdm.params import new_order, price_match
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.orders import find_order
from sandbox.engines.usdm.model import NO_MATCH, UsdmOrder
from sandbox.engines.usdm.state import copy_order
from sandbox.protocol.params import Params

MAX_BATCH, MAX_CANCELS = 5, 10
ALL_DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place_order(call: UsdmCall) -> dict[str, Any]:
    """`POST /order`."""
    return place(call, call.params)


def place(call: UsdmCall, params: Params) -> dict[str, Any]:
    """Place an order from `/order` or from a batch."""
    kind = params.text("newOrderRespType") or "ACK"
    if kind not in ("ACK", "RESULT"):
        raise error_codes.BAD_VALUE("newOrderRespType")
    refuse_reduce_only(call, params)
    order = call.exchange.engine.place(call.account, new_order(params, call.exchange.now))
    if kind == "ACK" and order.status != "NEW":
        # An acknowledgement shows the order as it was accepted, before it traded.
        order = copy_order(order)
        order.status, order.filled, order.quote = "NEW", ZERO, ZERO
    return order_json.order_response(order)


def refuse_reduce_only(call: UsdmCall, params: Params) -> None:
    """Refuse ``reduceOnly`` in hedge mode, where the position side says what closes (−1106)."""
    if call.account.hedge and params.text("reduceOnly") is not None:
        raise error_codes.NOT_REQUIRED("reduceonly")


def test_order(call: UsdmCall) -> dict[str, Any]:
    """`POST /order/test`: checks the parameters only."""
    new_order(call.params, call.exchange.now)
    return {}


def _find(call: UsdmCall, params: Params) -> UsdmOrder | None:
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise error_codes.MISSING("orderId")
    symbol = call.core.market(params.symbol()).instrument.symbol
    return find_order(call.account.orders, symbol, order_id, client_id)


def get_order(call: UsdmCall) -> dict[str, Any]:
    """`GET /order`."""
    order = _find(call, call.params)
    if order is None:
        raise error_codes.NO_SUCH_ORDER()
    return order_json.order_json(order)


def get_open_order(call: UsdmCall) -> dict[str, Any]:
    """`GET /openOrder`."""
    order = _find(call, call.params)
    if order is None or not order.open:
        raise error_codes.NO_SUCH_ORDER()
    return order_json.order_json(order)


def cancel_order(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /order`."""
    order = _find(call, call.params)
    return order_json.order_response(call.exchange.engine.cancel(call.account, order))


def amend_order(call: UsdmCall) -> dict[str, Any]:
    """`PUT /order`."""
    return _amend(call, call.params)


def _amend(call: UsdmCall, params: Params) -> dict[str, Any]:
    order = _find(call, params)
    params.need("quantity")
    match = price_match(params)
    if match == NO_MATCH:
        params.need("price")
    amended = call.exchange.engine.amend(
        call.account, order, params.amount("quantity"), params.amount("price"), match
    )
    return order_json.order_response(amended)


def amendments(call: UsdmCall) -> list[Any]:
    """`GET /orderAmendment`: the changes of an order, newest first."""
    order = _find(call, call.params)
    if order is None:
        raise error_codes.NO_SUCH_ORDER()
    mine = [row for row in call.account.amendments if row.order_id == order.order_id]
    start, end = call.params.span()
    kept = [row for row in mine if (start or 0) <= row.time <= (end or row.time)]
    return [order_json.amendment_json(row) for row in kept[::-1][: call.params.limit(50, 100)]]


def _batch(call: UsdmCall, known: frozenset[str]) -> list[Params]:
    """Return the rows of a batch; an unknown parameter (−1104) rejects the whole batch."""
    try:
        rows = orjson.loads(call.params.need("batchOrders"))
        found = [Params({k: _text(v) for k, v in row.items()}) for row in rows]
    except (ValueError, AttributeError, TypeError) as error:
        raise error_codes.BAD_VALUE("batchOrders") from error
    if not 1 <= len(found) <= MAX_BATCH:
        raise error_codes.BAD_VALUE("batchOrders")
    for row in found if call.exchange.strict else ():
        row.require_known(known)
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def place_batch(call: UsdmCall) -> list[Any]:
    """`POST /batchOrders`: each order on its own; an error takes the place of its row."""
    return each(call, ORDER_KNOWN, place)


def amend_batch(call: UsdmCall) -> list[Any]:
    """`PUT /batchOrders`."""
    return each(call, AMEND_KNOWN, _amend)


def each(
    call: UsdmCall, known: frozenset[str], action: Callable[[UsdmCall, Params], dict[str, Any]]
) -> list[Any]:
    """Apply ``action`` to each row of a batch; an error takes the place of its row."""
    return [_one(lambda row=row: action(call, row)) for row in _batch(call, known)]


def _one(action: Any) -> dict[str, Any]:
    try:
        response: dict[str, Any] = action()
    except ExchangeError as error:
        return dict(error.body())
    return response


def _listed(params: Params, name: str, kind: type) -> list[Any]:
    """Return the values of a JSON list, each of ``kind``; refuse anything else (−1130)."""
    try:
        found = orjson.loads(params.text(name) or "[]")
    except ValueError as error:
        raise error_codes.BAD_VALUE(name) from error
    if not isinstance(found, list) or len(found) > MAX_CANCELS:
        raise error_codes.BAD_VALUE(name)
    if not all(type(item) is kind for item in found):
        raise error_codes.BAD_VALUE(name)
    return found


def cancel_batch(call: UsdmCall) -> list[Any]:
    """`DELETE /batchOrders`."""
    params = call.params
    symbol = call.core.market(params.symbol()).instrument.symbol
    ids = _listed(params, "orderIdList", int)
    names = _listed(params, "origClientOrderIdList", str)
    wanted = [(i, None) for i in ids] + [(None, name) for name in names]
    engine, account = call.exchange.engine, call.account
    return [
        _one(
            lambda i=i, n=n: order_json.order_response(
                engine.cancel(account, find_order(account.orders, symbol, i, n))
            )
        )
        for i, n in wanted
    ]


def cancel_all(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /allOpenOrders`: orders only; conditional orders stay."""
    symbol = call.core.market(call.params.symbol()).instrument.symbol
    call.exchange.engine.cancel_all(call.account, symbol)
    return dict(ALL_DONE)


def countdown(call: UsdmCall) -> dict[str, Any]:
    """`POST /countdownCancelAll`: cancels after ``countdownTime`` ms of wall time, 0 stops it."""
    symbol = call.core.market(call.params.symbol()).instrument.symbol
    length = call.params.integer("countdownTime")
    if length is None:
        raise error_codes.MISSING("countdownTime")
    call.exchange.set_countdown(call.account.name, symbol, length)
    return {"symbol": symbol, "countdownTime": str(length)}


def open_orders(call: UsdmCall) -> list[Any]:
    """`GET /openOrders`."""
    symbol = call.params.text("symbol")
    found = call.account.open_orders.values()
    return [order_json.order_json(order) for order in found if symbol in (None, order.symbol)]


def all_orders(call: UsdmCall) -> list[Any]:
    """`GET /allOrders`."""
    symbol, first = call.params.text("symbol"), call.params.integer("orderId")
    mine = (o for o in call.account.orders.values() if symbol in (None, o.symbol))
    return [order_json.order_json(order) for order in page(call.params, mine, "order_id", first)]


def user_trades(call: UsdmCall) -> list[Any]:
    """`GET /userTrades`."""
    found = trades(call.params, call.account.fills, call.params.symbol())
    return [order_json.trade_json(fill) for fill in found]


def force_orders(call: UsdmCall) -> list[Any]:
    """`GET /forceOrders`: the account's liquidations."""
    symbol = call.params.text("symbol")
    return [
        order_json.order_json(order)
        for order in call.account.orders.values()
        if order.client_id.startswith("autoclose-") and symbol in (None, order.symbol)
    ]


ORDER_KNOWN = frozenset(
    [
        "symbol",
        "side",
        "positionSide",
        "type",
        "timeInForce",
        "quantity",
        "reduceOnly",
        "price",
        "newClientOrderId",
        "closePosition",
        "activationPrice",
        "callbackRate",
        "workingType",
        "priceProtect",
        "stopPrice",
        "newOrderRespType",
        "priceMatch",
        "selfTradePreventionMode",
        "goodTillDate",
    ]
)
FIND_KNOWN = frozenset({"symbol", "orderId", "origClientOrderId"})
AMEND_KNOWN = FIND_KNOWN | {"side", "quantity", "price", "priceMatch", "modifyId"}
SYMBOL_KNOWN = frozenset({"symbol"})

ROUTES = {
    ("POST", "/fapi/v1/order"): Route(place_order, SIGNED, 0, order=True, known=ORDER_KNOWN),
    ("POST", "/fapi/v1/order/test"): Route(test_order, SIGNED, known=ORDER_KNOWN),
    ("GET", "/fapi/v1/order"): Route(get_order, SIGNED, known=FIND_KNOWN),
    ("DELETE", "/fapi/v1/order"): Route(cancel_order, SIGNED, known=FIND_KNOWN),
    ("PUT", "/fapi/v1/order"): Route(amend_order, SIGNED, 1, order=True, known=AMEND_KNOWN),
    ("GET", "/fapi/v1/orderAmendment"): Route(
        amendments, SIGNED, known=FIND_KNOWN | names("startTime endTime limit")
    ),
    ("GET", "/fapi/v1/openOrder"): Route(
        get_open_order, SIGNED, known=names("symbol orderId origClientOrderId")
    ),
    ("POST", "/fapi/v1/batchOrders"): Route(
        place_batch, SIGNED, 5, order=True, known=names("batchOrders")
    ),
    ("PUT", "/fapi/v1/batchOrders"): Route(
        amend_batch, SIGNED, 5, order=True, known=names("batchOrders")
    ),
    ("DELETE", "/fapi/v1/batchOrders"): Route(
        cancel_batch, SIGNED, known=names("symbol orderIdList origClientOrderIdList")
    ),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(cancel_all, SIGNED, known=SYMBOL_KNOWN),
    ("POST", "/fapi/v1/countdownCancelAll"): Route(
        countdown, SIGNED, 10, known=names("symbol countdownTime")
    ),
    ("GET", "/fapi/v1/openOrders"): Route(
        open_orders, SIGNED, weigh=by_symbol(1, 40), known=names("symbol")
    ),
    ("GET", "/fapi/v1/allOrders"): Route(
        all_orders, SIGNED, 5, known=names("symbol orderId startTime endTime limit")
    ),
    ("GET", "/fapi/v1/userTrades"): Route(
        user_trades, SIGNED, 5, known=names("symbol orderId fromId startTime endTime limit")
    ),
    ("GET", "/fapi/v1/forceOrders"): Route(
        force_orders, SIGNED, 20, known=names("symbol autoCloseType startTime endTime limit")
    ),
}
