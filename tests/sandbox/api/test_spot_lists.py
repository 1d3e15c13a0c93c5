"""OTO and OTOCO over REST, recorded amendments, and calls about what is not recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, calm, write_candles
from trading.candles import MINUTE_MS

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


OPO_STOP = {name: value for name, value in STOP.items() if name != "pendingQuantity"}
OPO_PAIR = {name: value for name, value in PAIR.items() if name != "pendingQuantity"}


@pytest.mark.parametrize(("path", "pending"), [("opo", OPO_STOP), ("opoco", OPO_PAIR)])
async def test_what_the_first_order_receives_is_sold(
    client: RestClient, path: str, pending: dict[str, str]
) -> None:
    crossing = WORKING | {"workingPrice": "100500"}
    _, body = await client.signed("POST", f"/api/v3/orderList/{path}", **crossing, **pending)
    assert body["contingencyType"] == "OTO", body
    assert [r["status"] for r in body["orderReports"]][:2] == ["FILLED", "PENDING_NEW"]
    _, orders = await client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")
    assert {o["origQty"] for o in orders} == {"0.01000000"}, "the fee comes out of 0.1 BTC"


async def test_opo_refuses_quantities_and_other_sides(client: RestClient) -> None:
    path = "/api/v3/orderList/opo"
    _, body = await client.signed("POST", path, **WORKING, **STOP)
    assert body["code"] == -1104
    _, body = await client.signed("POST", path, **WORKING, **OPO_STOP | {"pendingSide": "BUY"})
    assert body["code"] == -1117


@pytest.mark.parametrize(
    ("price", "name"),
    [("98000.001", "PRICE_FILTER"), ("1000", "PERCENT_PRICE_BY_SIDE"), ("-1", "stopPrice")],
)
async def test_opo_refuses_prices_against_the_filters(
    client: RestClient, price: str, name: str
) -> None:
    stop = OPO_STOP | {"pendingStopPrice": price if name != "PERCENT_PRICE_BY_SIDE" else "98000"}
    if name == "PERCENT_PRICE_BY_SIDE":
        limit = {"pendingPrice": price, "pendingTimeInForce": "GTC"}
        stop |= {"pendingType": "STOP_LOSS_LIMIT", **limit}
    status, body = await client.signed("POST", "/api/v3/orderList/opo", **WORKING, **stop)
    assert (status, name in body["msg"]) == (400, True), body
    _, rest = await client.signed("GET", "/api/v3/openOrders")
    assert rest == []


async def test_symbols_say_which_lists_they_allow(client: RestClient) -> None:
    _, info = await client.plain("GET", "/api/v3/exchangeInfo")
    assert info["sors"] == []
    assert {(s["otoAllowed"], s["opoAllowed"]) for s in info["symbols"]} == {(True, True)}


async def test_routed_order_of_a_lone_symbol_is_refused(client: RestClient) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    for path in ("/api/v3/sor/order", "/api/v3/sor/order/test"):
        status, body = await client.signed("POST", path, **order)
        assert (status, body["code"]) == (400, -1013)


async def test_routed_order_shows_its_allocation(serving: Serving, tmp_path: Path) -> None:
    before = START - 120 * MINUTE_MS
    for symbol, price in (("BTCUSDT", 100_000.0), ("BTCUSDC", 99_000.0)):
        write_candles(tmp_path / "candles", symbol, calm(price, 240), before)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    async with (
        serving(venue="spot", clock="stepped", balances={"USDT": D(10_000)}) as server,
        aiohttp.ClientSession() as session,
    ):
        client = RestClient(session, server.url)
        _, info = await client.plain("GET", "/api/v3/exchangeInfo")
        assert info["sors"] == [{"baseAsset": "BTC", "symbols": ["BTCUSDC", "BTCUSDT"]}]
        _, body = await client.signed("POST", "/api/v3/sor/order", **order)
        assert (body["usedSor"], body["workingFloor"]) == (True, "SOR"), body
        (fill,) = body["fills"]
        assert (fill["matchType"], fill["tradeId"]) == ("ONE_PARTY_TRADE_REPORT", -1)
        assert D(fill["price"]) < D(99_100)
        _, rows = await client.signed("GET", "/api/v3/myAllocations", symbol="BTCUSDT")
        assert [row["allocationId"] for row in rows] == [fill["allocId"]]
        assert (rows[0]["quoteQty"], rows[0]["isBuyer"]) == (body["cummulativeQuoteQty"], True)
        _, trades = await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")
        assert trades == []
        wrong = order | {"type": "LIMIT_MAKER", "price": "90000"}
        assert (await client.signed("POST", "/api/v3/sor/order", **wrong))[1]["code"] == -1116
