"""REST handlers of USDⓈ-M conditional orders (the algo service)."""

from __future__ import annotations

from typing import Any

from sandbox.api.pagination import newest
from sandbox.api.requests import SIGNED, Route, by_symbol, names
from sandbox.api.usdm import order_json
from sandbox.api.usdm.call import UsdmCall
from sandbox.api.usdm.params import new_algo
from sandbox.api.usdm.rest_orders import ALL_DONE, SYMBOL_KNOWN, refuse_reduce_only
from sandbox.engines.common import error_codes
from sandbox.engines.usdm import conditional_orders
from sandbox.engines.usdm.model import AlgoOrder


def place_algo(call: UsdmCall) -> dict[str, Any]:
    """`POST /algoOrder`."""
    refuse_reduce_only(call, call.params)
    algo = call.exchange.engine.place_algo(call.account, new_algo(call.params, call.exchange.now))
    return order_json.algo_json(algo)


def _find_algo(call: UsdmCall) -> AlgoOrder | None:
    algo_id, client_id = call.params.integer("algoId"), call.params.text("clientAlgoId")
    if algo_id is None and client_id is None:
        raise error_codes.MISSING("algoId")
    return conditional_orders.find(call.account, algo_id, client_id)


def get_algo(call: UsdmCall) -> dict[str, Any]:
    """`GET /algoOrder`."""
    algo = _find_algo(call)
    if algo is None:
        raise error_codes.NO_SUCH_ORDER()
    return order_json.algo_json(algo)


def cancel_algo(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /algoOrder`."""
    algo = call.exchange.engine.cancel_algo(call.account, _find_algo(call))
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all_algos(call: UsdmCall) -> dict[str, Any]:
    """`DELETE /algoOpenOrders`."""
    symbol = call.core.market(call.params.symbol()).instrument.symbol
    call.exchange.engine.cancel_all_algos(call.account, symbol)
    return dict(ALL_DONE)


def open_algos(call: UsdmCall) -> list[Any]:
    """`GET /openAlgoOrders`."""
    symbol = call.params.text("symbol")
    found = call.account.open_algos.values()
    return [order_json.algo_json(algo) for algo in found if symbol in (None, algo.symbol)]


def all_algos(call: UsdmCall) -> list[Any]:
    """`GET /allAlgoOrders`."""
    params = call.params
    symbol, first = params.text("symbol"), params.integer("algoId")
    mine = (algo for algo in call.account.algos.values() if symbol in (None, algo.symbol))
    found = newest(params, mine, "algo_id", first, "create_time")
    return [order_json.algo_json(algo) for algo in found]


ALGO_KNOWN = frozenset(
    [
        "algoType",
        "symbol",
        "side",
        "positionSide",
        "type",
        "timeInForce",
        "quantity",
        "price",
        "triggerPrice",
        "workingType",
        "priceMatch",
        "closePosition",
        "priceProtect",
        "reduceOnly",
        "activatePrice",
        "callbackRate",
        "clientAlgoId",
        "newOrderRespType",
        "selfTradePreventionMode",
        "goodTillDate",
    ]
)
FIND_ALGO_KNOWN = frozenset({"algoId", "clientAlgoId", "symbol"})

ROUTES = {
    ("POST", "/fapi/v1/algoOrder"): Route(place_algo, SIGNED, 0, order=True, known=ALGO_KNOWN),
    ("GET", "/fapi/v1/algoOrder"): Route(get_algo, SIGNED, known=FIND_ALGO_KNOWN),
    ("DELETE", "/fapi/v1/algoOrder"): Route(cancel_algo, SIGNED, known=FIND_ALGO_KNOWN),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(cancel_all_algos, SIGNED, known=SYMBOL_KNOWN),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(
        open_algos, SIGNED, weigh=by_symbol(1, 40), known=names("symbol algoType algoId")
    ),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(
        all_algos, SIGNED, 5, known=names("symbol algoId page startTime endTime limit")
    ),
}
