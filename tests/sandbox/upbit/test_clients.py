"""Unmodified ccxt and ccxt.pro trade Upbit's KRW markets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt_async
import ccxt.pro as ccxt_pro
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, calm, rewritten, until, write_candles
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
KRW = {"KRW": D(10_000_000), "BTC": D("0.1")}
BTC = "BTC/KRW"


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Write two markets: one at 100,000,000 KRW, one at 4,000 without its tenth minutes."""
    begin = START - 120 * MINUTE_MS
    flat = [(1e8, 1e8 + 50_000, 1e8 - 50_000, 1e8)] * 240
    write_candles(tmp_path / "upbit", "KRW-BTC", flat, begin)
    write_candles(tmp_path / "upbit", "KRW-XRP", calm(4_000.0, 240), begin)
    return tmp_path / "upbit"


@pytest.fixture
async def server(serving: Serving, candles: Path) -> AsyncIterator[SandboxServer]:
    async with serving(
        candles=candles, venue="upbit", balances=KRW, clock="accelerated", speed=60.0,
        count_orders=False,
    ) as server:  # fmt: skip
        yield server


def pointed(kind: Any, url: str) -> Any:
    exchange = kind({"apiKey": "sandbox", "secret": "sandbox", "enableRateLimit": False})
    exchange.urls["api"] = rewritten(
        {name: text.replace("{hostname}", "api.upbit.com") for name, text in
         exchange.urls["api"].items()},
        url,
    )  # fmt: skip
    return exchange


@pytest.fixture
async def exchange(server: SandboxServer) -> AsyncIterator[Any]:
    client = pointed(ccxt_async.upbit, server.url)
    try:
        yield client
    finally:
        await client.close()


async def test_ccxt_reads_the_market(exchange: Any) -> None:
    markets = await exchange.load_markets()
    assert set(markets) == {BTC, "XRP/KRW"}
    ticker = await exchange.fetch_ticker(BTC)
    assert ticker["last"] == pytest.approx(1e8, rel=0.01)
    book = await exchange.fetch_order_book(BTC)
    assert book["asks"][0][0] - book["bids"][0][0] == 2_000
    assert book["bids"][0][0] - book["bids"][1][0] == 1_000
    rows = await exchange.fetch_ohlcv(BTC, "5m", limit=10)
    assert [b[0] - a[0] for a, b in pairwise(rows)] == [300_000] * 9
    assert len(await exchange.fetch_trades(BTC, limit=5)) == 5
    assert (await exchange.fetch_balance())["KRW"]["total"] == 10_000_000


async def test_ccxt_buys_by_cost_sells_and_is_charged_in_krw(exchange: Any) -> None:
    bought = await exchange.create_order(BTC, "market", "buy", 0, None, {"cost": 1_000_000})
    order = await exchange.fetch_order(bought["id"])
    assert (order["status"], order["fee"]["currency"]) == ("closed", "KRW")
    assert order["cost"] == pytest.approx(1_000_000, rel=1e-6)
    assert float(order["fee"]["cost"]) == pytest.approx(order["cost"] * 0.0005, rel=1e-6)
    await exchange.create_order(BTC, "market", "sell", 0.01)
    balance = await exchange.fetch_balance()
    assert balance["BTC"]["total"] == pytest.approx(0.1 + order["filled"] - 0.01)


async def test_ccxt_places_finds_and_cancels_a_limit_order(exchange: Any) -> None:
    params = {"clientOrderId": "mine-1"}
    placed = await exchange.create_order(BTC, "limit", "buy", 0.01, 95_000_000, params)
    assert [row["id"] for row in await exchange.fetch_open_orders(BTC)] == [placed["id"]]
    balance = await exchange.fetch_balance()
    assert balance["KRW"]["used"] == pytest.approx(950_000 * 1.0005)
    await exchange.cancel_order(placed["id"])
    assert (await exchange.fetch_order(placed["id"]))["status"] == "canceled"
    assert (await exchange.fetch_balance())["KRW"]["used"] == 0
    with pytest.raises(ccxt_async.ExchangeError, match="identifier_already_used"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 95_000_000, params)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (("limit", "buy", 0.01, 95_000_500), "invalid_price_bid"),
        (("limit", "sell", 0.00001, 100_000_000), "under_min_total_ask"),
        (("limit", "buy", 1, 95_000_000), "insufficient_funds_bid"),
        (("market", "sell", 1, None), "insufficient_funds_ask"),
    ],
)
async def test_orders_against_the_rules_are_refused(
    exchange: Any, order: tuple[str, str, float, float | None], error: str
) -> None:
    with pytest.raises(ccxt_async.ExchangeError, match=error):
        await exchange.create_order(BTC, *order)


async def test_wrong_secret_and_reused_nonce_are_refused(server: SandboxServer) -> None:
    client = pointed(ccxt_async.upbit, server.url)
    client.secret = "other"
    try:
        with pytest.raises(ccxt_async.AuthenticationError, match="jwt_verification"):
            await client.fetch_balance()
        client.secret = "sandbox"
        client.uuid = lambda: "always"
        await client.fetch_balance()
        with pytest.raises(ccxt_async.ExchangeError, match="nonce_used"):
            await client.fetch_balance()
    finally:
        await client.close()


async def test_test_order_changes_nothing(exchange: Any) -> None:
    params = {"test": True}
    shown = await exchange.create_order(BTC, "limit", "buy", 0.01, 95_000_000, params)
    assert shown["id"]
    assert await exchange.fetch_open_orders(BTC) == []
    assert (await exchange.fetch_balance())["KRW"]["used"] == 0


async def test_rate_groups_show_what_remains_and_refuse_more(
    serving: Serving, candles: Path
) -> None:
    async with (
        serving(candles=candles, venue="upbit", clock="stepped") as server,
        aiohttp.ClientSession() as session,
    ):
        seen = []
        for _ in range(30):
            async with session.get(f"{server.url}/v1/ticker?markets=KRW-BTC") as response:
                seen.append((response.status, response.headers.get("Remaining-Req")))
        assert seen[0][1] is not None
        assert seen[0][1].startswith("group=ticker; min=600; sec=")
        assert 429 in [status for status, _ in seen]


async def test_ccxt_pro_watches_the_market_and_its_orders(server: SandboxServer) -> None:
    client = pointed(ccxt_pro.upbit, server.url)
    try:
        await client.load_markets()
        async with asyncio.timeout(20):
            assert (await client.watch_ticker(BTC))["last"] == pytest.approx(1e8, rel=0.01)
            assert (await client.watch_order_book(BTC))["bids"]
            assert (await client.watch_trades(BTC))[0]["symbol"] == BTC
            watched = asyncio.create_task(client.watch_orders(BTC))
            balance = asyncio.create_task(client.watch_balance())
            venue = server.spot
            assert venue is not None
            await until(
                lambda: sum(len(getattr(c, "private", ())) for c in venue.hub.connections) >= 2
            )
            placed = await client.create_order(BTC, "limit", "buy", 0.01, 95_000_000)
            assert (await watched)[0]["id"] == placed["id"]
            assert (await balance)["KRW"]["used"] > 0
    finally:
        await client.close()


async def test_market_without_trades_has_no_candle(serving: Serving, tmp_path: Path) -> None:
    begin = START - 60 * MINUTE_MS
    write_candles(tmp_path / "gap", "KRW-XRP", calm(4_000.0, 20), begin)
    async with (
        serving(
            candles=tmp_path / "gap", venue="upbit", begin=begin + 15 * MINUTE_MS, clock="stepped"
        ) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.post(f"{server.url}/sandbox/clock/step", json={"minutes": 5}):
            pass
        url = f"{server.url}/v1/candles/minutes/1?market=KRW-XRP&count=200"
        async with session.get(url) as response:
            rows = await response.json()
        assert len(rows) == 20
        assert rows[0]["candle_date_time_utc"] > rows[1]["candle_date_time_utc"]


async def test_socket_formats_and_mistakes(server: SandboxServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/websocket/v1") as socket,
    ):
        await socket.send_str("PING")
        assert json.loads((await socket.receive(timeout=5)).data) == {"status": "UP"}
        request = [{"ticket": "t"}, {"type": "trade", "codes": ["KRW-BTC"]}, {"format": "SIMPLE"}]
        await socket.send_json(request)
        message = await socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.BINARY
        shown = json.loads(message.data)
        assert (shown["ty"], shown["cd"], shown["st"]) == ("trade", "KRW-BTC", "SNAPSHOT")
        await socket.send_json([{"type": "trade", "codes": ["KRW-BTC"]}])
        while "error" not in (shown := json.loads((await socket.receive(timeout=5)).data)):
            pass
        assert shown["error"]["name"] == "NO_TICKET"


@pytest.mark.parametrize("kind", [[], [[]], {}, 1, True, "x", "9" * 5_000])
async def test_socket_stays_open_for_a_type_of_any_shape(server: SandboxServer, kind: Any) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/websocket/v1") as socket,
    ):
        await socket.send_json([{"ticket": "t"}, {"type": kind, "codes": ["KRW-BTC"]}])
        shown = json.loads((await socket.receive(timeout=10)).data)
        assert shown["error"]["name"] == "INVALID_PARAM"
        await socket.send_str("PING")
        assert json.loads((await socket.receive(timeout=10)).data) == {"status": "UP"}


async def test_private_socket_without_a_token_is_refused_each_time(server: SandboxServer) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await session.ws_connect(f"{server.url}/websocket/v1/private")
            assert refusal.value.status == 401


async def test_page_that_is_no_number_is_refused(exchange: Any) -> None:
    with pytest.raises(ccxt_async.ExchangeError, match="page does not have a valid value"):
        await exchange.private_get_orders_closed({"page": "null"})
