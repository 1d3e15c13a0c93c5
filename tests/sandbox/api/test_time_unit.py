"""Spot clients may ask for microseconds, by header or in the URL of a socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import aiohttp

from sandbox.protocol.time_unit import in_microseconds
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
MICRO = {"X-MBX-TIME-UNIT": "MICROSECOND"}


def test_times_are_converted_and_numbers_are_not() -> None:
    bar = [1_750_000_000_000, "1", "2", "0", "1", "5", 1_750_000_059_999, "5", 0, "0", "0", "0"]
    event = {"E": 1_750_000_000_000, "u": 160, "t": 12_345, "q": "1.5", "rows": [bar]}
    assert in_microseconds(event) == {
        "E": 1_750_000_000_000_000,
        "u": 160,
        "t": 12_345,
        "q": "1.5",
        "rows": [[1_750_000_000_000_000, *bar[1:6], 1_750_000_059_999_999, *bar[7:]]],
    }


async def test_rest_sockets_and_streams_answer_in_microseconds(serving: Serving) -> None:
    async with (
        serving(venue="spot", clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{server.url}/api/v3/time", headers=MICRO) as response:
            shown = (await response.json())["serverTime"]
        assert abs(shown - time.time_ns() // 1_000) < 5_000_000
        async with session.get(f"{server.url}/api/v3/time") as response:
            assert (await response.json())["serverTime"] < 10**13
        ws = server.url.replace("http", "ws", 1)
        async with session.ws_connect(f"{ws}/ws-api/v3?timeUnit=MICROSECOND") as socket:
            await socket.send_json({"id": 1, "method": "time"})
            assert (await socket.receive_json(timeout=5))["result"]["serverTime"] > 10**15
        path = f"{ws}/ws/btcusdt@aggTrade?timeUnit=MICROSECOND"
        async with session.ws_connect(path) as socket:
            assert (await socket.receive_json(timeout=5))["E"] > 10**15


async def test_trading_day_begins_at_midnight(serving: Serving) -> None:
    async with serving(venue="spot") as server, aiohttp.ClientSession() as session:
        path = f"{server.url}/api/v3/ticker/tradingDay"
        async with session.get(f"{path}?symbol=BTCUSDT") as response:
            shown = await response.json()
        assert shown["openTime"] % 86_400_000 == 0
        assert shown["symbol"] == "BTCUSDT"
        async with session.get(path) as response:
            assert response.status == 400


async def test_times_of_requests_may_be_microseconds_on_spot_alone(serving: Serving) -> None:
    async with serving(venue="both") as server, aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        now = time.time_ns() // 1_000
        window = {"timestamp": now, "recvWindow": "6000.346"}
        assert (await client.signed("GET", "/api/v3/account", **window))[0] == 200
        _, body = await client.signed("GET", "/fapi/v3/account", timestamp=now)
        assert body["code"] == -1021
        for text in ("6000.3461", "%C2%B2", "9" * 5_000, "-1"):
            _, body = await client.signed("GET", "/api/v3/account", recvWindow=text)
            assert body["code"] == -1130
        rows = f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={START - 60 * MINUTE_MS}"
        _, expected = await client.plain("GET", rows)
        assert await client.plain("GET", f"{rows}000") == (200, expected)
