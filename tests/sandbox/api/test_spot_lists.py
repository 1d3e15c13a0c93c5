"""OTO and OTOCO over REST, recorded amendments, and calls about what is not recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
WORKING = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "99000",
    "workingQuantity": "0.01", "workingTimeInForce": "GTC", "workingClientOrderId": "entry",
}  # fmt: skip
STOP = {
    "pendingType": "STOP_LOSS", "pendingSide": "SELL", "pendingQuantity": "0.01",
    "pendingStopPrice": "98000", "pendingClientOrderId": "stop",
}  # fmt: skip
PAIR = {
    "pendingSide": "SELL", "pendingQuantity": "0.01", "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "101000", "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "98000",
}  # fmt: skip


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[RestClient]:
    balances = {"USDT": D(10_000), "BTC": D("0.1")}
    async with (
        serving(venue="spot", clock="stepped", balances=balances) as server,
        aiohttp.ClientSession() as session,
    ):
        yield RestClient(session, server.url)


async def test_oto_shows_a_pending_order_until_the_first_fills(client: RestClient) -> None:
    status, body = await client.signed("POST", "/api/v3/orderList/oto", **WORKING, **STOP)
    assert status == 200, body
    assert (body["contingencyType"], body["listOrderStatus"]) == ("OTO", "EXECUTING")
    assert [r["status"] for r in body["orderReports"]] == ["NEW", "PENDING_NEW"]
    _, orders = await client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")
    assert {o["clientOrderId"] for o in orders} == {"entry", "stop"}
    more = {"symbol": "BTCUSDT", "origClientOrderId": "entry"}
    await client.signed("DELETE", "/api/v3/order", **more)
    _, orders = await client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")
    assert orders == []


async def test_oto_that_fills_at_once_places_its_stop(client: RestClient) -> None:
    crossing = WORKING | {"workingPrice": "100500"}
    _, body = await client.signed("POST", "/api/v3/orderList/oto", **crossing, **STOP)
    assert [r["status"] for r in body["orderReports"]] == ["FILLED", "PENDING_NEW"]
    _, stop = await client.signed(
        "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="stop"
    )
    assert (stop["status"], stop["isWorking"]) == ("NEW", False)


async def test_otoco_has_three_orders(client: RestClient) -> None:
    status, body = await client.signed("POST", "/api/v3/orderList/otoco", **WORKING, **PAIR)
    assert status == 200, body
    assert [r["type"] for r in body["orderReports"]] == ["LIMIT", "LIMIT_MAKER", "STOP_LOSS"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"workingType": "MARKET"}, -1116),
        ({"workingPrice": ""}, -1105),
        ({"pendingStopPrice": "0"}, -1013),
        ({"pendingClientOrderId": "entry"}, -1114),
        ({"pendingColour": "red"}, -1104),
    ],
)
async def test_mistakes_in_a_list_are_refused(
    client: RestClient, changes: dict[str, str], code: int
) -> None:
    params: dict[str, Any] = WORKING | STOP | changes
    _, body = await client.signed("POST", "/api/v3/orderList/oto", **params)
    assert body["code"] == code
    assert await client.signed("GET", "/api/v3/openOrders") == (200, [])


async def test_amendments_are_recorded(client: RestClient) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    _, placed = await client.signed(
        "POST", "/api/v3/order", **order, quantity="0.02", price="90000"
    )
    ident = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    for quantity in ("0.015", "0.01"):
        path = "/api/v3/order/amend/keepPriority"
        assert (await client.signed("PUT", path, **ident, newQty=quantity))[0] == 200
    _, rows = await client.signed("GET", "/api/v3/order/amendments", **ident)
    assert [(r["origQty"], r["newQty"]) for r in rows] == [
        ("0.02000000", "0.01500000"), ("0.01500000", "0.01000000"),
    ]  # fmt: skip


async def test_calls_about_what_is_not_recorded(client: RestClient) -> None:
    symbol = {"symbol": "BTCUSDT"}
    assert await client.signed("GET", "/api/v3/myAllocations", **symbol) == (200, [])
    _, filters = await client.signed("GET", "/api/v3/myFilters", **symbol)
    assert filters["symbolFilters"][0]["filterType"] == "MAX_NUM_ORDER_LISTS"
    _, refused = await client.plain("GET", "/api/v3/referencePrice?symbol=BTCUSDT")
    assert refused["code"] == -2043
    _, refused = await client.plain("GET", "/api/v3/historicalBlockTrades?symbol=NOPE")
    assert refused["code"] == -1121
    assert await client.plain("GET", "/futures/data/basis?pair=BTCUSDT") == (200, [])
