"""Parameters and endpoints that the exchange refuses, on every kind of request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from sandbox.api.spot import routes as spot
from sandbox.api.usdm import routes as usdm
from sandbox.api.usdm.rest_orders import ORDER_KNOWN
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.protocol.params import Params
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
LIMIT_ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
}  # fmt: skip
# Signed or public, method, path with query, code, text.
CASES = [
    ("public", "GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&colour=red", -1104, "read '2'"),
    ("public", "GET", "/fapi/v1/ping?now=1", -1104, "was sent '1'"),
    ("public", "GET", "/api/v3/depth?symbol=BTCUSDT&levels=5", -1104, "read '1'"),
    ("signed", "GET", "/fapi/v3/account?symbol=BTCUSDT", -1104, "Not all sent parameters"),
    ("signed", "GET", "/fapi/v1/allOrders?symbol=BTCUSDT&page=2", -1104, "Not all sent"),
    ("signed", "POST", "/fapi/v1/leverage?symbol=BTCUSDT&leverage=5&x=1", -1104, "Not all sent"),
    ("signed", "GET", "/api/v3/myTrades?symbol=BTCUSDT&coin=BTC", -1104, "Not all sent"),
    ("signed", "POST", "/api/v3/orderList/oco?symbol=BTCUSDT&legs=2", -1104, "Not all sent"),
    ("public", "GET", "/fapi/v1/depth?symbol=BTCUSDT&symbol=ETHUSDT", -1101, "'symbol' detected"),
    ("public", "GET", "/fapi/v1/depth?symbol=", -1105, "'symbol' was empty"),
    ("public", "GET", "/fapi/v1/depth", -1102, "Mandatory parameter 'symbol'"),
    ("public", "GET", "/fapi/v1/depth?symbol=btc$", -1100, "parameter 'symbol'; legal range"),
    ("public", "GET", "/api/v3/depth?symbol=BTCUSDT&limit=five", -1100, "parameter 'limit'"),
    ("public", "GET", "/fapi/v1/depth?symbol=DOGEUSDT", -1121, "Invalid symbol"),
    ("public", "GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=7m", -1120, "Invalid interval"),
    ("public", "GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=0", -1130, "'limit' is not valid"),
    ("signed", "GET", "/fapi/v1/userTrades?symbol=BTCUSDT&startTime=2&endTime=1", -1023, "greater"),
    ("signed", "GET", "/api/v3/myTrades?symbol=BTCUSDT&fromId=1&startTime=1", -1128, "Combination"),
    ("signed", "POST", "/fapi/v1/positionSide/dual?dualSidePosition=maybe", -1130, "dualSide"),
]  # fmt: skip


@pytest.mark.parametrize(("venue", "routes"), [("usdm", usdm.ROUTES), ("spot", spot.ROUTES)])
def test_every_route_lists_its_parameters(venue: str, routes: Any) -> None:
    assert [pair for pair, route in routes.items() if route.known is None] == []
    assert venue


async def test_mistakes_get_the_documented_code_on_every_kind_of_request(serving: Serving) -> None:
    async with serving(venue="both") as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        for kind, method, path, code, text in CASES:
            if kind == "public":
                status, body = await client.plain(method, path)
            else:
                bare, _, query = path.partition("?")
                pairs = dict(pair.split("=", 1) for pair in query.split("&"))
                status, body = await client.signed(method, bare, **pairs)
            assert (status, body["code"]) == (400, code), (path, body)
            assert text in body["msg"], (path, body)


def test_unknown_parameter_in_a_batch_row_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"-1104: .* read '1' .* sent '2'"):
        Params({"symbol": "BTCUSDT", "size": "1"}).require_known(ORDER_KNOWN)


@pytest.mark.parametrize("text", ["1e4", "-5", "NaN", "0x1F", "1,5"])
async def test_amounts_are_plain_decimals(serving: Serving, text: str) -> None:
    async with serving(venue="both") as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        for path in ("/fapi/v1/order", "/api/v3/order"):
            _, body = await client.signed("POST", path, **LIMIT_ORDER, price=text)
            assert (body["code"], "'price'" in body["msg"]) == (-1100, True)


RETIRED = [
    ("POST", "/api/v3/userDataStream"),
    ("GET", "/api/v1/ping"),
    ("GET", "/fapi/v1/positionRisk"),
    ("GET", "/fapi/v1/balance"),
]


async def test_retired_endpoints_are_refused_unless_revived(serving: Serving) -> None:
    for revived, wanted in ((False, 410), (True, 200)):
        async with (
            serving(venue="both", retired=revived) as server,
            aiohttp.ClientSession() as session,
        ):
            client = RestClient(session, server.url)
            responses = [
                await (client.plain if "userData" in path or "ping" in path else client.signed)(
                    method, path
                )
                for method, path in RETIRED
            ]
            assert [status for status, _ in responses] == [wanted] * len(RETIRED)


async def test_revived_spot_listen_key_receives_unwrapped_order_events(serving: Serving) -> None:
    async with (
        serving(venue="both", retired=True) as server,
        aiohttp.ClientSession() as session,
    ):
        client = RestClient(session, server.url)
        _, response = await client.plain("POST", "/api/v3/userDataStream")
        url = f"{server.url.replace('http', 'ws')}/ws/{response['listenKey']}"
        async with session.ws_connect(url) as socket:
            await client.signed("POST", "/api/v3/order", **LIMIT_ORDER, price="95000")
            report = await socket.receive_json(timeout=5)
        assert (report["e"], report["x"], report["p"]) == (
            "executionReport", "NEW", "95000.00000000",
        )  # fmt: skip


async def test_revived_stream_root_of_futures_carries_market_and_user_events(
    serving: Serving,
) -> None:
    async with serving(retired=True) as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        _, response = await client.plain("POST", "/fapi/v1/listenKey")
        url = f"{server.url.replace('http', 'ws')}/ws/{response['listenKey']}"
        async with session.ws_connect(url) as socket:
            await client.signed("POST", "/fapi/v1/order", **LIMIT_ORDER, price="95500")
            update = await socket.receive_json(timeout=5)
            assert (update["e"], update["o"]["x"]) == ("ORDER_TRADE_UPDATE", "NEW")
            await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
            assert await socket.receive_json(timeout=5) == {"result": None, "id": 1}


STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "stopPrice": "98000"}
OLD_TYPES = [
    STOP | {"closePosition": "true", "newClientOrderId": "old-stop"},
    STOP | {"type": "TAKE_PROFIT", "stopPrice": "103000", "price": "103100", "quantity": "0.01"},
    {"symbol": "BTCUSDT", "side": "SELL", "type": "TRAILING_STOP_MARKET", "callbackRate": "2",
     "quantity": "0.01", "reduceOnly": "true"},
]  # fmt: skip


async def test_conditional_types_on_order_are_refused_unless_revived(
    serving: Serving,
) -> None:
    entry = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    for revived in (False, True):
        async with serving(retired=revived) as server, aiohttp.ClientSession() as session:
            client = RestClient(session, server.url)
            await client.signed("POST", "/fapi/v1/order", **entry)
            responses = [
                (await client.signed("POST", "/fapi/v1/order", **order))[1] for order in OLD_TYPES
            ]
            if not revived:
                assert [response["code"] for response in responses] == [-4120] * 3
                continue
            wanted = ["STOP_MARKET", "TAKE_PROFIT", "TRAILING_STOP_MARKET"]
            assert [response["type"] for response in responses] == wanted
            _, rows = await client.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")
            assert {row["orderId"] for row in rows} == {row["orderId"] for row in responses}
            assert (await client.signed("GET", "/fapi/v1/openAlgoOrders"))[1] == []
            ident = responses[1]["orderId"]
            _, gone = await client.signed(
                "DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=ident
            )
            assert (gone["status"], gone["orderId"]) == ("CANCELED", ident)
            await client.signed("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
            assert (await client.signed("GET", "/fapi/v1/openOrders"))[1] == []
            _, rows = await client.signed("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
            assert [row["status"] for row in rows] == ["FILLED"] + ["CANCELED"] * 3


async def test_old_stop_keeps_its_order_id_when_it_fires(serving: Serving) -> None:
    async with serving(retired=True) as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        entry = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        await client.signed("POST", "/fapi/v1/order", **entry)
        _, response = await client.plain("POST", "/fapi/v1/listenKey")
        url = f"{server.url.replace('http', 'ws')}/private/ws?listenKey={response['listenKey']}"
        async with session.ws_connect(url) as socket:
            _, placed = await client.signed("POST", "/fapi/v1/order", **OLD_TYPES[0])
            jump = {"kind": "price_jump", "symbol": "BTCUSDT", "price": "97000"}
            await session.post(server.url + "/sandbox/fault", json=jump)
            heard = [await socket.receive_json(timeout=5) for _ in range(6)]
        orders = [m["o"] for m in heard if m["e"] == "ORDER_TRADE_UPDATE"]
        assert [(o["x"], o["o"], o["ot"]) for o in orders] == [
            ("NEW", "STOP_MARKET", "STOP_MARKET"),
            ("EXPIRED", "STOP_MARKET", "STOP_MARKET"),
            ("NEW", "MARKET", "STOP_MARKET"),
            ("TRADE", "MARKET", "STOP_MARKET"),
        ]
        assert {o["i"] for o in orders} == {placed["orderId"]}
        assert {o["c"] for o in orders} == {"old-stop"}
        _, found = await client.signed(
            "GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="old-stop"
        )
        assert (found["status"], found["type"], found["origType"]) == (
            "FILLED", "MARKET", "STOP_MARKET",
        )  # fmt: skip
