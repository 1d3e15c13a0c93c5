"""REST handlers of spot about what a sandbox does not record, amendments and allocations."""

from __future__ import annotations

from typing import Any

from sandbox.api.pagination import newest
from sandbox.api.requests import SIGNED, Route, names
from sandbox.api.spot.account_json import allocation_json
from sandbox.api.spot.call import SpotCall
from sandbox.engines.common.error_codes import Refusal
from sandbox.engines.common.money import money_text
from sandbox.engines.spot.filters import MAX_LISTS

NO_REFERENCE_PRICE = Refusal(-2043, "This symbol doesn't have a reference price.")


def execution_rules(call: SpotCall) -> dict[str, Any]:
    """`GET /executionRules`: no symbol has any."""
    return {"symbolRules": [{"symbol": feed.symbol, "rules": []} for feed in call.feeds()]}


def reference_price(call: SpotCall) -> dict[str, Any]:
    """`GET /referencePrice` and `/referencePrice/calculation`: no symbol has one."""
    call.feed(call.params.symbol())
    raise NO_REFERENCE_PRICE()


def nothing(call: SpotCall) -> list[Any]:
    """Return an empty list for a listed symbol: block trades."""
    call.feed(call.params.symbol())
    return []


def allocations(call: SpotCall) -> list[Any]:
    """`GET /myAllocations`: what smart order routing filled from other symbols' books."""
    symbol, order_id = call.feed(call.params.symbol()).symbol, call.params.integer("orderId")
    mine = [
        fill
        for fill in call.account.fills
        if fill.symbol == symbol and fill.allocation >= 0 and order_id in (None, fill.order_id)
    ]
    first = call.params.integer("fromAllocationId")
    return [allocation_json(fill) for fill in newest(call.params, mine, "allocation", first)]


def my_filters(call: SpotCall) -> dict[str, Any]:
    """`GET /myFilters`."""
    call.feed(call.params.symbol())
    lists = {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MAX_LISTS}
    return {"exchangeFilters": [], "symbolFilters": [lists], "assetFilters": []}


def amendments(call: SpotCall) -> list[Any]:
    """`GET /order/amendments`: each lowered quantity of an order."""
    symbol, order_id = call.params.symbol(), call.params.integer("orderId")
    call.feed(symbol)
    call.params.need("orderId")
    mine = [row for row in call.account.amendments if row.order_id == order_id]
    first = call.params.integer("fromExecutionId")
    return [
        {
            "symbol": row.symbol,
            "orderId": row.order_id,
            "executionId": row.number,
            "origClientOrderId": row.client_id,
            "newClientOrderId": row.client_id,
            "origQty": money_text(row.before),
            "newQty": money_text(row.quantity),
            "time": row.time,
        }
        for row in newest(call.params, mine, "number", first)
    ]


ROUTES = {
    ("GET", "/api/v3/executionRules"): Route(
        execution_rules, weight=40, known=names("symbol symbols symbolStatus")
    ),
    ("GET", "/api/v3/referencePrice"): Route(reference_price, weight=2, known=names("symbol")),
    ("GET", "/api/v3/referencePrice/calculation"): Route(
        reference_price, weight=2, known=names("symbol symbolStatus")
    ),
    ("GET", "/api/v3/historicalBlockTrades"): Route(
        nothing, weight=25, known=names("symbol fromId limit")
    ),
    ("GET", "/api/v3/myAllocations"): Route(
        allocations,
        SIGNED,
        20,
        known=names("symbol startTime endTime fromAllocationId limit orderId"),
    ),
    ("GET", "/api/v3/myFilters"): Route(my_filters, SIGNED, 40, known=names("symbol")),
    ("GET", "/api/v3/order/amendments"): Route(
        amendments, SIGNED, 4, known=names("symbol orderId fromExecutionId limit")
    ),
}
