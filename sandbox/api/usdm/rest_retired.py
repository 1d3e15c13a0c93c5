"""Conditional orders on `/order`, which moved to the algo service on 2025-12-09.

Served with `--retired` only. The engine has a conditional order; responses show it as they did
then: among the orders, under an order id that the triggered order keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sandbox.api.usdm import order_json, rest_algos, rest_orders
from sandbox.api.usdm.call import UsdmCall
from sandbox.api.usdm.order_json import as_order
from sandbox.api.usdm.params import new_algo
from sandbox.engines.common import error_codes
from sandbox.engines.usdm.model import CONDITIONAL_TYPES, AlgoOrder
from sandbox.protocol.params import Params

# Parameters that have another name in the algo service.
RENAMED = {
    "stopPrice": "triggerPrice",
    "activationPrice": "activatePrice",
    "newClientOrderId": "clientAlgoId",
}


def place_order(call: UsdmCall) -> dict[str, Any]:
    """`POST /order`: an order of any type."""
    return _place(call, call.params)


def _place(call: UsdmCall, params: Params) -> dict[str, Any]:
    kind = params.need("type")
    if kind not in CONDITIONAL_TYPES:
        return rest_orders.place(call, params)
    if kind != "TRAILING_STOP_MARKET":
        params.need("stopPrice")
    rest_orders.refuse_reduce_only(call, params)
    request = new_algo(params.renamed(RENAMED, algoType="CONDITIONAL"), call.exchange.now)
    algo = call.exchange.engine.place_algo(call.account, replace(request, on_order=True))
    return order_json.order_response(as_order(algo)) | _trailing(algo)


def place_batch(call: UsdmCall) -> list[Any]:
    """`POST /batchOrders`: orders of any type."""
    return rest_orders.each(call, rest_orders.ORDER_KNOWN, _place)


def _waiting(call: UsdmCall) -> Iterator[AlgoOrder]:
    """Yield the account's conditional orders of the old kind that wait, newest first."""
    for algo in reversed(call.account.algos.values()):
        if algo.order_id and algo.order_id not in call.account.orders:
            yield algo


def _find(call: UsdmCall) -> AlgoOrder | None:
    order_id, client_id = call.params.integer("orderId"), call.params.text("origClientOrderId")
    for algo in _waiting(call):
        if algo.symbol == call.params.symbol() and (
            algo.order_id == order_id or (order_id is None and algo.client_id == client_id)
        ):
            return algo
    return None


def _view(algo: AlgoOrder) -> dict[str, Any]:
    return order_json.order_json(as_order(algo)) | _trailing(algo)


def _trailing(algo: AlgoOrder) -> dict[str, Any]:
    if not algo.trailing:
        return {}
    shown = order_json.algo_json(algo)
    return {"activatePrice": shown["activatePrice"], "priceRate": shown["callbackRate"]}


def get_order(call: UsdmCall) -> dict[str, Any]:
    """`GET /order`."""
    algo = _find(call)
    return rest_orders.get_order(call) if algo is None else _view(algo)


def get_open_order(call: UsdmCall) -> dict[str, Any]:
    """`GET /openOrder`."""
    algo = _find(call)
    if algo is None:
        return rest_orders.get_open_order(call)
    if not algo.open:
        raise error_codes.NO_SUCH_ORDER()
    return _view(algo)


def cancel_order(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /order`."""
    algo = _find(call)
    if algo is None:
        return rest_orders.cancel_order(call)
    return order_json.order_response(as_order(call.exchange.engine.cancel_algo(call.account, algo)))


def cancel_all(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /allOpenOrders`: conditional orders too."""
    response = rest_orders.cancel_all(call)
    for algo in list(_waiting(call)):
        if algo.open and algo.symbol == call.params.symbol():
            call.exchange.engine.cancel_algo(call.account, algo)
    return response


def open_orders(call: UsdmCall) -> list[Any]:
    """`GET /openOrders`: conditional orders too."""
    return [*rest_orders.open_orders(call), *(_view(a) for a in _listed(call) if a.open)]


def all_orders(call: UsdmCall) -> list[Any]:
    """`GET /allOrders`: conditional orders too."""
    rows = [*rest_orders.all_orders(call), *(_view(algo) for algo in _listed(call))]
    return sorted(rows, key=lambda row: int(row["orderId"]))


def _listed(call: UsdmCall) -> list[AlgoOrder]:
    symbol = call.params.text("symbol")
    return [algo for algo in _waiting(call) if symbol in (None, algo.symbol)]


def open_algos(call: UsdmCall) -> list[Any]:
    """`GET /openAlgoOrders`: only the algo service's own."""
    old = {algo.algo_id for algo in _waiting(call)}
    return [row for row in rest_algos.open_algos(call) if row["algoId"] not in old]


HANDLERS = {
    ("POST", "/fapi/v1/order"): place_order,
    ("POST", "/fapi/v1/batchOrders"): place_batch,
    ("GET", "/fapi/v1/order"): get_order,
    ("GET", "/fapi/v1/openOrder"): get_open_order,
    ("DELETE", "/fapi/v1/order"): cancel_order,
    ("DELETE", "/fapi/v1/allOpenOrders"): cancel_all,
    ("GET", "/fapi/v1/openOrders"): open_orders,
    ("GET", "/fapi/v1/allOrders"): all_orders,
    ("GET", "/fapi/v1/openAlgoOrders"): open_algos,
}
REPLACED = {**rest_orders.ROUTES, **rest_algos.ROUTES}
ROUTES = {key: replace(REPLACED[key], handler=handler) for key, handler in HANDLERS.items()}
