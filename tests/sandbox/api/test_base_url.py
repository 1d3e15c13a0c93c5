"""What stock clients need from a base URL: every host they know, and one market a client."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt_async
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, calm, rewritten, write_candles
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
BEGIN = START - 120 * MINUTE_MS


@pytest.fixture
def two_markets(tmp_path: Path) -> Path:
    """Write candles whose prices differ between the markets: spot 50000, futures 100000."""
    write_candles(tmp_path / "both" / "spot", "BTCUSDT", calm(50_000.0, 240), BEGIN)
    write_candles(tmp_path / "both" / "usdm", "BTCUSDT", calm(100_000.0, 240), BEGIN)
    return tmp_path / "both"


@pytest.mark.parametrize("venue", ["usdm", "spot", "both"])
async def test_stock_ccxt_loads_all_markets(serving: Serving, venue: str) -> None:
    async with serving(venue=venue) as server:
        exchange = ccxt_async.binance({"apiKey": "sandbox", "secret": "sandbox"})
        exchange.urls["api"] = rewritten(exchange.urls["api"], server.url)
        try:
            markets = await exchange.load_markets()
            assert ("BTC/USDT" in markets, "BTC/USDT:USDT" in markets) == (
                venue != "usdm",
                venue != "spot",
            )
            assert (await exchange.fetch_status())["status"] == "ok"
        finally:
            await exchange.close()


@pytest.mark.parametrize(
    "path", ["/dapi/v1/exchangeInfo", "/eapi/v1/exchangeInfo", "/fapi/v1/exchangeInfo"]
)
async def test_market_that_is_not_simulated_lists_nothing(serving: Serving, path: str) -> None:
    async with serving(venue="spot") as server, aiohttp.ClientSession() as session:
        status, body = await RestClient(session, server.url).plain("GET", path)
        assert (status, body["symbols"]) == (200, [])


async def test_market_that_is_not_simulated_refuses_a_symbol_and_a_bad_signature(
    serving: Serving,
) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        _, body = await client.plain("GET", "/dapi/v1/klines?symbol=BTCUSD_PERP&interval=1m")
        assert body["code"] == -1121
        assert await client.signed("GET", "/dapi/v1/balance") == (200, [])
        _, body = await RestClient(session, server.url, "wrong").signed("GET", "/dapi/v1/balance")
        assert body["code"] == -1022


@pytest.mark.parametrize("root", ["/api/v3", "/fapi/v1"])
async def test_klines_from_before_the_first_candle_begin_with_it(
    serving: Serving, root: str
) -> None:
    async with serving(venue="both") as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        query = "symbol=BTCUSDT&interval=1m&startTime=0&limit=2"
        _, rows = await client.plain("GET", f"{root}/klines?{query}")
        assert [row[0] for row in rows] == [BEGIN, BEGIN + MINUTE_MS]


async def test_leverage_brackets_have_the_types_of_the_sdk(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        _, rows = await client.signed("GET", "/fapi/v1/leverageBracket")
        assert rows[0]["notionalCoef"] == 1.0
        first = rows[0]["brackets"][0]
        assert isinstance(first["notionalCap"], int)
        assert isinstance(first["notionalFloor"], int)


async def first_price(session: aiohttp.ClientSession, url: str) -> float:
    async with session.ws_connect(url) as socket:
        message: Any = await socket.receive_json(timeout=5)
        return float(message.get("data", message)["p"])


@pytest.mark.parametrize(
    ("path", "price"),
    [
        ("/ws/btcusdt@aggTrade", 50_000),
        ("/spot/ws/btcusdt@aggTrade", 50_000),
        ("/usdm/ws/btcusdt@aggTrade", 100_000),
        ("/usdm/stream?streams=btcusdt@trade", 100_000),
        ("/ws/btcusdt@markPrice@1s", 100_000),
        ("/stream?streams=btcusdt@markPrice/btcusdt@aggTrade", 100_000),
        ("/market/ws/btcusdt@aggTrade", 100_000),
    ],
)
async def test_root_streams_serve_one_market(
    serving: Serving, two_markets: Path, path: str, price: float
) -> None:
    async with (
        serving(candles=two_markets, venue="both", clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        found = await first_price(session, server.url + path)
        assert found == pytest.approx(price, rel=0.01)


async def test_connection_with_a_futures_listen_key_stays_with_futures(
    serving: Serving, two_markets: Path
) -> None:
    async with (
        serving(candles=two_markets, venue="both", clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        client = RestClient(session, server.url)
        _, body = await client.plain("POST", "/fapi/v1/listenKey")
        async with session.ws_connect(f"{server.url}/ws/{body['listenKey']}") as socket:
            await client.signed(
                "POST",
                "/fapi/v1/order",
                symbol="BTCUSDT",
                side="BUY",
                type="MARKET",
                quantity="0.01",
            )
            seen = [(await socket.receive_json(timeout=5))["e"] for _ in range(4)]
            assert "ORDER_TRADE_UPDATE" in seen
            await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
            message: Any = {}
            while message.get("e") != "trade":
                message = await socket.receive_json(timeout=5)
            assert float(message["p"]) == pytest.approx(100_000, rel=0.01)


async def test_rest_under_the_name_of_a_venue_is_that_venue(
    serving: Serving, two_markets: Path
) -> None:
    async with (
        serving(candles=two_markets, venue="both") as server,
        aiohttp.ClientSession() as session,
    ):
        client = RestClient(session, server.url)
        _, body = await client.plain("GET", "/usdm/fapi/v1/ticker/price?symbol=BTCUSDT")
        assert float(body["price"]) == 100_000
        _, body = await client.plain("GET", "/usdm/api/v3/exchangeInfo")
        assert body["symbols"] == []


async def test_deleting_a_listen_key_ends_its_streams(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        _, body = await client.plain("POST", "/fapi/v1/listenKey")
        socket = await session.ws_connect(f"{server.url}/private/ws?listenKey={body['listenKey']}")
        await client.plain("DELETE", "/fapi/v1/listenKey")
        closed = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
        assert (await socket.receive(timeout=5)).type in closed


@pytest.mark.parametrize("root", ["/spot", "/usdm"])
async def test_depth_stream_sends_only_changes_and_its_ids_are_continuous(
    serving: Serving, two_markets: Path, root: str
) -> None:
    async with (
        serving(candles=two_markets, venue="both", clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}{root}/ws/btcusdt@depth@0ms") as socket,
    ):
        events = [await socket.receive_json(timeout=5) for _ in range(10)]
        assert all(event["b"] or event["a"] for event in events)
        for before, after in pairwise(events):
            assert after["U"] == before["u"] + 1
            assert after.get("pu", before["u"]) == before["u"]
