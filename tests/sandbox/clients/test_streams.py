"""Each client on all streams: market data, a rebuilt book, user events, disconnections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest

from sandbox.protocol.listen_keys import VALID_MS, ListenKeys
from sandbox.server.server import SandboxServer
from tests.sandbox.binance_clients import DepthCacheManager, binance_client, ended, opened, receive
from tests.sandbox.binance_sdks import market_streams, rest_client, websocket_api
from tests.sandbox.helpers import (
    START,
    spot_exchange,
    stream_exchange,
    until,
    write_candles,
)
from tests.sandbox.wire import inject_fault
from trading.candles import MINUTE_MS

SYMBOL = "BTCUSDT"
UNIFIED = {"usdm": "BTC/USDT:USDT", "spot": "BTC/USDT"}
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
Side = list[tuple[float, float]]


async def step(server: SandboxServer, minutes: int) -> None:
    """Advance a stepped market."""
    async with (
        aiohttp.ClientSession() as web,
        web.post(f"{server.url}/sandbox/clock/step", json={"minutes": minutes}) as response,
    ):
        assert response.status == 200


def ccxt_pro(venue: str, url: str) -> Any:
    return stream_exchange(url) if venue == "usdm" else spot_exchange(url, streams=True)


@asynccontextmanager
async def sdk_streams(venue: str, url: str) -> AsyncIterator[Any]:
    """Yield the streams of Binance's own SDK."""
    streams = await market_streams(venue, url.replace("http", "ws", 1)).create_connection()
    try:
        yield streams
    finally:
        await streams.close_connection(close_session=True)


def exchange_book(server: SandboxServer, venue: str, count: int = 10) -> tuple[Side, Side]:
    """Return the best levels of the exchange's own book."""
    exchange = server.exchange if venue == "usdm" else server.spot
    assert exchange is not None
    bids, asks = exchange.feeds[SYMBOL].book(count)
    return (
        [(float(price), float(size)) for price, size in bids.items()],
        [(float(price), float(size)) for price, size in asks.items()],
    )


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``work`` in the background."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def check_book(
    server: SandboxServer, venue: str, top: Callable[[], tuple[Side, Side]]
) -> None:
    """Check after each step that the client's book equals the exchange's, and that it changed."""
    await until(lambda: server.venues.first.hub.market_audience)
    seen = [exchange_book(server, venue)]
    for _ in range(3):
        await step(server, 1)
        await until(lambda: top() == exchange_book(server, venue))
        seen.append(exchange_book(server, venue))
    assert all(new != old for old, new in pairwise(seen))


@pytest.fixture
def rising(serving: Serving, tmp_path: Path) -> Serving:
    """Return a stepped market whose minutes close a dollar above their open."""
    rows = [(100_000.0 + i, 100_003.0 + i, 99_999.0 + i, 100_001.0 + i) for i in range(240)]
    write_candles(tmp_path / "rising", SYMBOL, rows, START - 120 * MINUTE_MS)
    return partial(serving, clock="stepped", candles=tmp_path / "rising")


@pytest.mark.parametrize("venue", list(UNIFIED))
async def test_ccxt_pro_rebuilds_the_book(rising: Serving, venue: str) -> None:
    async with rising(venue=venue) as server:
        client, symbol = ccxt_pro(venue, server.url), UNIFIED[venue]

        async def watch() -> None:
            while True:
                await client.watch_order_book(symbol)

        def top() -> tuple[Side, Side]:
            book = client.orderbooks.get(symbol) or {"bids": [], "asks": []}
            return (
                [(row[0], row[1]) for row in book["bids"][:10]],
                [(row[0], row[1]) for row in book["asks"][:10]],
            )

        try:
            await client.load_markets()
            async with in_background(watch()):
                await check_book(server, venue, top)
        finally:
            await client.close()


async def test_python_binance_rebuilds_the_book_with_its_own_cache(rising: Serving) -> None:
    async with (
        rising(venue="spot") as server,
        binance_client(server.url) as (client, sockets),
    ):
        manager = DepthCacheManager(client, SYMBOL, bm=sockets, limit=1000)

        async def watch() -> None:
            while True:
                await manager.recv()

        def top() -> tuple[Side, Side]:
            cache = manager.get_depth_cache()
            return (
                [(price, size) for price, size in cache.get_bids()[:10]],
                [(price, size) for price, size in cache.get_asks()[:10]],
            )

        await manager.__aenter__()
        try:
            async with in_background(watch()):
                await check_book(server, "spot", top)
        finally:
            await ended(manager._socket)


@pytest.mark.parametrize("venue", list(UNIFIED))
async def test_sdk_events_rebuild_the_book_without_a_gap(rising: Serving, venue: str) -> None:
    async with (
        rising(venue=venue) as server,
        sdk_streams(venue, server.url) as streams,
    ):
        name = "diff_book_depth_streams" if venue == "usdm" else "diff_book_depth"
        sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        ids: list[tuple[int, int]] = []
        stream = await getattr(streams, name)(symbol="btcusdt")
        rest = f"{server.url}{'/fapi/v1' if venue == 'usdm' else '/api/v3'}/depth"
        async with aiohttp.ClientSession() as web, web.get(f"{rest}?symbol={SYMBOL}") as response:
            snapshot = await response.json()
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            side.update((float(price), float(size)) for price, size in snapshot[name])

        def apply(event: Any) -> None:
            ids.append((event.U, event.u))
            for side, rows in zip(sides, (event.b, event.a), strict=True):
                for price, size in rows:
                    side[float(price)] = float(size)
                    if not float(size):
                        del side[float(price)]

        def top() -> tuple[Side, Side]:
            bids, asks = sides
            return sorted(bids.items(), reverse=True)[:10], sorted(asks.items())[:10]

        stream.on("message", apply)
        await check_book(server, venue, top)
        assert ids[0][0] <= snapshot["lastUpdateId"] + 1 <= ids[0][1]
        assert all(new[0] == old[1] + 1 for old, new in pairwise(ids))


USDM_STREAMS = {
    "kline_candlestick_streams": ({"interval": "1m"}, lambda m: m.k.i == "1m"),
    "aggregate_trade_streams": ({}, lambda m: float(m.p) > 0),
    "individual_symbol_book_ticker_streams": ({}, lambda m: float(m.b) < float(m.a)),
    "mark_price_stream": ({}, lambda m: float(m.p) > 0),
}
SPOT_STREAMS = {
    "kline": ({"interval": "1m"}, lambda m: m.k.i == "1m"),
    "agg_trade": ({}, lambda m: float(m.p) > 0),
    "book_ticker": ({}, lambda m: float(m.b) < float(m.a)),
}


async def _receives(
    streams: Any, name: str, more: dict[str, str], right: Callable[[Any], bool]
) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    stream = await getattr(streams, name)(symbol="btcusdt", **more)
    stream.on("message", heard.put_nowait)
    async with asyncio.timeout(5):
        assert right(await heard.get())


@pytest.mark.parametrize(("venue", "wanted"), [("usdm", USDM_STREAMS), ("spot", SPOT_STREAMS)])
async def test_sdk_receives_market_data_and_reconnects(
    serving: Serving, venue: str, wanted: dict[str, Any]
) -> None:
    async with serving(venue=venue, clock="accelerated", speed=60.0) as server:
        for names in (list(wanted), list(wanted)[:1]):
            async with sdk_streams(venue, server.url) as streams:
                await asyncio.gather(*(_receives(streams, name, *wanted[name]) for name in names))
                await inject_fault(server, "disconnect_market")
                await until(lambda: not server.venues.first.hub.market_audience)


@pytest.mark.parametrize("venue", list(UNIFIED))
async def test_python_binance_receives_market_data_and_reconnects(
    serving: Serving, venue: str
) -> None:
    async with (
        serving(venue=venue, clock="accelerated", speed=60.0) as server,
        binance_client(server.url) as (client, sockets),
    ):
        del client
        names = [f"btcusdt@{kind}" for kind in ("bookTicker", "aggTrade", "kline_1m")]
        if venue == "usdm":
            socket = sockets.futures_multiplex_socket(names[:1], category="public")
        else:
            socket = sockets.multiplex_socket(names)
        wanted = names[:1] if venue == "usdm" else names
        socket._get_reconnect_wait = lambda _: 0  # by default it waits a second or two
        async with opened(socket):
            for name in wanted:
                assert (await receive(socket, lambda m, n=name: m.get("stream") == n))["data"]
            await inject_fault(server, "disconnect_market")
            await receive(socket, lambda m: m.get("e") == "error")
            assert (await receive(socket, lambda m: m.get("stream") == wanted[0]))["data"]


@pytest.mark.parametrize("venue", list(UNIFIED))
async def test_ccxt_pro_reconnects_after_a_disconnection(serving: Serving, venue: str) -> None:
    async with serving(venue=venue, clock="accelerated", speed=60.0) as server:
        client, symbol = ccxt_pro(venue, server.url), UNIFIED[venue]
        try:
            await client.load_markets()
            async with asyncio.timeout(10):
                last = (await client.watch_trades(symbol))[-1]["id"]
                await inject_fault(server, "disconnect_market")
                await until(lambda: not server.venues.first.hub.market_audience)
                while True:
                    with suppress(ccxt.NetworkError):
                        if (await client.watch_trades(symbol))[-1]["id"] > last:
                            break
                assert server.venues.first.hub.market_audience
        finally:
            await client.close()


ORDER_EVENTS = ["NEW", "ACCOUNT_UPDATE", "TRADE_LITE", "TRADE"]


async def test_python_binance_receives_order_events_in_order_until_its_key_expires(
    serving: Serving,
) -> None:
    async with (
        serving() as server,
        binance_client(server.url) as (client, sockets),
        opened(sockets.futures_user_socket()) as user,
    ):
        key = await client.futures_stream_get_listen_key()
        await client.futures_stream_keepalive(key)
        await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01)
        heard = [await receive(user, lambda m: "e" in m) for _ in ORDER_EVENTS]
        assert [m["o"]["x"] if "o" in m else m["e"] for m in heard] == ORDER_EVENTS
        await inject_fault(server, "expire_listen_key")
        assert (await receive(user, lambda m: "e" in m))["e"] == "listenKeyExpired"
        with pytest.raises(Exception, match="-1125"):
            await client.futures_stream_keepalive(key)


async def test_sdk_receives_order_events_in_order_until_its_key_expires(serving: Serving) -> None:
    async with serving() as server, sdk_streams("usdm", server.url) as streams:
        rest = rest_client("usdm", server.url)
        key = (await asyncio.to_thread(rest.start_user_data_stream)).data().listen_key
        heard: asyncio.Queue[Any] = asyncio.Queue()
        stream = await streams.user_data(key)
        stream.on("message", heard.put_nowait)
        await asyncio.to_thread(rest.keepalive_user_data_stream)
        await asyncio.to_thread(rest.new_order, SYMBOL, "BUY", "MARKET", quantity=0.01)
        async with asyncio.timeout(5):
            events = [(await heard.get()).actual_instance for _ in ORDER_EVENTS]
            assert [e.o.x if hasattr(e, "o") else type(e).__name__ for e in events] == [
                "NEW", "AccountUpdate", "TradeLite", "TRADE",
            ]  # fmt: skip
            await inject_fault(server, "expire_listen_key")
            assert type((await heard.get()).actual_instance).__name__ == "ListenKeyExpired"
        with pytest.raises(Exception, match="-1125"):
            await asyncio.to_thread(rest.keepalive_user_data_stream)


async def test_ccxt_pro_receives_order_events_in_order_and_keeps_its_key(serving: Serving) -> None:
    async with serving() as server:
        client, symbol = stream_exchange(server.url), UNIFIED["usdm"]
        try:
            await client.load_markets()
            await client.authenticate()
            watching = asyncio.create_task(client.watch_orders(symbol))
            hub = server.venues.first.hub
            await until(lambda: any(c.category == "private" for c in hub.connections))
            await until(lambda: any(c.names for c in hub.connections))
            placed = await client.create_order(symbol, "limit", "buy", 0.01, 96_000)
            async with asyncio.timeout(5):
                assert [order["status"] for order in await watching] == ["open"]
                await client.cancel_order(placed["id"], symbol)
                assert [o["status"] for o in await client.watch_orders(symbol)] == ["canceled"]
            key = client.options["linear"]["listenKey"]
            await client.keep_alive_listen_key({"type": "future"})
            assert client.options["linear"]["listenKey"] == key
        finally:
            await client.close()


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")
async def test_sdk_receives_spot_order_events_over_the_websocket_api(serving: Serving) -> None:
    async with serving(venue="spot") as server:
        url = f"{server.url.replace('http', 'ws', 1)}/ws-api/v3"
        api = await websocket_api("spot", url).create_connection()
        heard: asyncio.Queue[Any] = asyncio.Queue()
        try:
            subscribed = await api.user_data_stream_subscribe_signature()
            subscribed.stream.on("message", heard.put_nowait)
            await api.order_place(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01)
            async with asyncio.timeout(5):
                events = [(await heard.get()).actual_instance for _ in range(4)]
            assert [getattr(e, "x", type(e).__name__) for e in events] == [
                "NEW", "OutboundAccountPosition", "TRADE", "OutboundAccountPosition",
            ]  # fmt: skip
            await inject_fault(server, "terminate_user")
            async with asyncio.timeout(5):
                last = (await heard.get()).actual_instance
            assert type(last).__name__ == "EventStreamTerminated"
        finally:
            await api.close_connection(close_session=True)


def test_listen_key_is_valid_for_an_hour_after_keepalive() -> None:
    keys = ListenKeys(1)
    key = keys.start("main", START)
    assert keys.expired(START + VALID_MS - 1) == []
    assert keys.expired(START + VALID_MS) == ["main"]
    assert keys.keep("main", START + 30 * MINUTE_MS)
    assert keys.expired(START + VALID_MS) == []
    assert keys.expired(START + 30 * MINUTE_MS + VALID_MS) == ["main"]
    assert keys.stop("main") == key
    assert not keys.keep("main", START)
