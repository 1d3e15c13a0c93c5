"""REST handlers of spot order lists (one cancels the other)."""

from __future__ import annotations

from typing import Any

from sandbox.api.pagination import newest
from sandbox.api.requests import SIGNED, Route, names
from sandbox.api.spot import account_json
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.params import client_id, list_legs, old_oco, paying_legs, triggering_legs
from sandbox.engines.common import error_codes
from sandbox.engines.spot import rejections
from sandbox.engines.spot.model import OrderList, SpotOrderRequest


def place_list(call: SpotCall) -> dict[str, Any]:
    """`POST /orderList/oco`."""
    above, below = list_legs(call.params)
    _check_sides(above.side, above.type, below.type)
    if above.client_id and above.client_id == below.client_id:
        raise rejections.SAME_LIST_IDS()
    return _placed_list(call, above, below)


def _check_sides(side: str, above: str, below: str) -> None:
    """Check that one leg waits for a better price and the other for a worse one."""
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


def _placed_list(
    call: SpotCall, above: SpotOrderRequest, below: SpotOrderRequest
) -> dict[str, Any]:
    name = client_id(call.params, "listClientOrderId")
    found = call.exchange.engine.place_list(call.account, above, below, name)
    return account_json.list_report_json(call.account, found)


def place_old_oco(call: SpotCall) -> dict[str, Any]:
    """`POST /order/oco`: deprecated, still served."""
    above, below = old_oco(call.params)
    return _placed_list(call, above, below)


def place_triggering(call: SpotCall) -> dict[str, Any]:
    """`POST /orderList/oto` and `/otoco`: the response shows what was there before the trigger."""
    return _triggering(call, *triggering_legs(call.params))


def place_paying(call: SpotCall) -> dict[str, Any]:
    """`POST /orderList/opo` and `/opoco`: what the first order receives, the others sell."""
    return _triggering(call, *paying_legs(call.params), pays=True)


def _triggering(
    call: SpotCall,
    working: SpotOrderRequest,
    pending: list[SpotOrderRequest],
    *,
    pays: bool = False,
) -> dict[str, Any]:
    if len(pending) > 1:
        _check_sides(pending[0].side, pending[0].type, pending[1].type)
    ids = [leg.client_id for leg in (working, *pending) if leg.client_id]
    if len(set(ids)) < len(ids):
        raise rejections.SAME_LIST_IDS()
    name, engine = client_id(call.params, "listClientOrderId"), call.exchange.engine
    found = engine.place_triggering(call.account, working, pending, name, pays=pays)
    shown = account_json.list_report_json(call.account, found)
    engine.activate_due()
    return shown


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
    return account_json.list_json(call.account, found)


def cancel_list(call: SpotCall) -> dict[str, Any]:
    """`DELETE /orderList`."""
    call.feed(call.params.symbol())
    found = call.exchange.engine.cancel_list(call.account, _find_list(call, "listClientOrderId"))
    return account_json.list_report_json(call.account, found, cancelling=True)


def open_lists(call: SpotCall) -> list[Any]:
    """`GET /openOrderList`."""
    mine = call.account.lists.values()
    return [account_json.list_json(call.account, x) for x in mine if x.order_status == "EXECUTING"]


def all_lists(call: SpotCall) -> list[Any]:
    """`GET /allOrderList`."""
    first = call.params.integer("fromId")
    found = newest(call.params, call.account.lists.values(), "list_id", first)
    return [account_json.list_json(call.account, row) for row in found]


BOTH_LISTS = names(
    "symbol listClientOrderId side quantity newOrderRespType selfTradePreventionMode"
)
PEG = "PegPriceType PegOffsetType PegOffsetValue"
LEG = f"Type ClientOrderId IcebergQty Price StopPrice TrailingDelta TimeInForce StrategyId {PEG}"
LIST_KNOWN = BOTH_LISTS | {
    f"{where}{name}" for where in ("above", "below") for name in (*LEG.split(), "StrategyType")
}
ORDER = (
    f"Type Side ClientOrderId Price Quantity StopPrice TrailingDelta TimeInForce IcebergQty {PEG}"
)
SHARED = names("symbol listClientOrderId newOrderRespType selfTradePreventionMode")
WORKING = {f"working{name}" for name in (*ORDER.split(), "StrategyId", "StrategyType")}
OTO_KNOWN = SHARED | WORKING | {name.replace("working", "pending") for name in WORKING}
OTOCO_KNOWN = SHARED | WORKING | names("pendingSide pendingQuantity") | {
    f"pending{where}{name}"
    for where in ("Above", "Below")
    for name in (*LEG.split(), "StrategyType")
}  # fmt: skip
OLD_OCO_KNOWN = BOTH_LISTS | names(
    "limitClientOrderId limitIcebergQty price stopClientOrderId stopPrice stopIcebergQty "
    "stopLimitPrice stopLimitTimeInForce trailingDelta"
)
ROUTES = {
    ("POST", "/api/v3/orderList/oco"): Route(
        place_list,
        SIGNED,
        0,
        order=True,
        known=LIST_KNOWN,
    ),
    ("POST", "/api/v3/orderList/oto"): Route(
        place_triggering, SIGNED, 0, order=True, known=OTO_KNOWN
    ),
    ("POST", "/api/v3/orderList/otoco"): Route(
        place_triggering, SIGNED, 0, order=True, known=OTOCO_KNOWN
    ),
    ("POST", "/api/v3/orderList/opo"): Route(
        place_paying, SIGNED, 0, order=True, known=OTO_KNOWN - {"pendingQuantity"}
    ),
    ("POST", "/api/v3/orderList/opoco"): Route(
        place_paying, SIGNED, 0, order=True, known=OTOCO_KNOWN - {"pendingQuantity"}
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
}
