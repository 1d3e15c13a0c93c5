"""Unmodified ccxt.pro watches market and account over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, stream_exchange, write_candles
from trading.candles import MINUTE_MS

BTC = "BTC/USDT:USDT"
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
async def exchange(serving: Serving) -> AsyncIterator[Any]:
    """Yield a ccxt.pro client on a market that runs 60 times as fast as wall time."""
    async with serving(clock="accelerated", speed=60.0) as server:
        client = stream_exchange(server.url)
        try:
            await client.load_markets()
            yield client
        finally:
            await client.close()


async def soon(waited: Awaitable[Any]) -> Any:
    async with asyncio.timeout(15):
        return await waited


async def test_candles_trades_and_tickers_arrive(exchange: Any) -> None:
    candles = await soon(exchange.watch_ohlcv(BTC, "1m"))
    assert candles[-1][1] == pytest.approx(100_000, rel=0.01)
    trades = await soon(exchange.watch_trades(BTC))
    assert trades[-1]["price"] == pytest.approx(100_000, rel=0.01)
    assert (await soon(exchange.watch_ticker(BTC)))["last"] > 0
    assert (await soon(exchange.watch_mark_price(BTC)))["markPrice"] > 0
    assert (await soon(exchange.watch_bids_asks([BTC])))[BTC]["bid"] > 0


async def test_order_book_is_built_and_stays_uncrossed(exchange: Any) -> None:
    for _ in range(20):
        book = await soon(exchange.watch_order_book(BTC))
        best = round((book["bids"][0][0] + book["asks"][0][0]) * 5)
        # A lost difference would leave a gap or a stale level.
        for distance in range(1, 21):
            assert round(book["bids"][distance - 1][0] * 10) == best - distance
            assert round(book["asks"][distance - 1][0] * 10) == best + distance


async def test_account_events_follow_an_order(exchange: Any) -> None:
    await soon(exchange.authenticate())
    watching = [
        asyncio.create_task(exchange.watch_orders(BTC)),
        asyncio.create_task(exchange.watch_my_trades(BTC)),
        asyncio.create_task(exchange.watch_balance()),
        asyncio.create_task(_watch_open_position(exchange)),
    ]
    url = exchange.get_private_ws_url("linear", exchange.options["linear"]["listenKey"])
    async with asyncio.timeout(10):
        while url not in exchange.clients or not exchange.clients[url].connected.done():
            await asyncio.sleep(0.01)
    await exchange.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "n1-a"})
    orders, trades, balance, positions = await soon(asyncio.gather(*watching))
    assert orders[-1]["clientOrderId"] == "n1-a"
    assert trades[-1]["amount"] == 0.01
    assert balance["USDT"]["total"] < 10_000
    assert (positions[-1]["side"], positions[-1]["contracts"]) == ("long", 0.01)


async def _watch_open_position(exchange: Any) -> Any:
    """Watch until a position is open; the first result is a snapshot without one."""
    while not (positions := await exchange.watch_positions([BTC])):
        pass
    return positions


async def test_stop_fires_and_closes_the_position(serving: Serving, tmp_path: Path) -> None:
    history = [(100_000.0, 100_001.0, 99_999.0, 100_000.0)] * 122
    fall = [(100_000.0, 100_001.0, 99_000.0, 99_100.0)] * 5
    write_candles(tmp_path / "candles", "BTCUSDT", history + fall, START - 120 * MINUTE_MS)
    async with serving(clock="accelerated", speed=60.0) as server:
        client = stream_exchange(server.url)
        try:
            await client.load_markets()
            await client.create_order(BTC, "market", "buy", 0.01)
            stop = {"stopLossPrice": 99500, "closePosition": True}
            await client.create_order(BTC, "market", "sell", None, None, stop)
            async with asyncio.timeout(15):
                while await client.fetch_positions([BTC]):
                    await asyncio.sleep(0.05)
            last = (await client.fetch_my_trades(BTC))[-1]
        finally:
            await client.close()
    # The path stops at the trigger price; a market sell fills one tick below.
    assert (last["side"], last["price"]) == ("sell", 99499.9)
