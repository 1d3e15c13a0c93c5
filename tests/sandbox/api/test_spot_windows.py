"""Rolling windows of spot by REST and stream, candles of one second, and lists of symbols."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.api.spot.streams import with_trade
from sandbox.market.feed import TradePrint
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, write_candles
from tests.sandbox.wire import inject_fault
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
TICKER = "/api/v3/ticker?symbol=BTCUSDT"


def rising(minutes: int) -> list[tuple[float, float, float, float]]:
    """Make candles that open 1 higher every minute, and reach half of it."""
    return [(float(p), p + 0.5, float(p), p + 0.5) for p in range(1_000, 1_000 + minutes)]


@pytest.fixture
async def server(serving: Serving, tmp_path: Path) -> AsyncIterator[SandboxServer]:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        write_candles(tmp_path / "candles", symbol, rising(700), START - 600 * MINUTE_MS)
    async with serving(venue="spot", clock="stepped") as server:
        yield server


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[RestClient]:
    async with aiohttp.ClientSession() as session:
        yield RestClient(session, server.url)


@pytest.mark.parametrize(("size", "minutes"), [("1m", 1), ("59m", 59), ("1h", 60), ("4h", 240)])
async def test_window_holds_its_minutes(client: RestClient, size: str, minutes: int) -> None:
    status, shown = await client.plain("GET", f"{TICKER}&windowSize={size}")
    assert (status, shown["openTime"]) == (200, START - minutes * MINUTE_MS)
    assert D(shown["openPrice"]) == D(shown["lowPrice"]) == 1_600 - minutes
    assert D(shown["volume"]) == 10 * minutes
    change = D(shown["lastPrice"]) - D(shown["openPrice"])
    assert D(shown["priceChange"]) == change == minutes


async def test_window_is_a_day_unless_it_is_named(client: RestClient) -> None:
    _, shown = await client.plain("GET", TICKER)
    assert shown["openTime"] == START - 600 * MINUTE_MS
    assert await client.plain("GET", f"{TICKER}&windowSize=7d") == (200, shown)


@pytest.mark.parametrize("size", ["0m", "60m", "24h", "8d", "1d2h", "1w", "m", "-1m", "\u00b2h"])
async def test_other_windows_are_refused(client: RestClient, size: str) -> None:
    status, body = await client.plain("GET", f"{TICKER}&windowSize={size}")
    assert (status, body["code"]) == (400, -1130)


@pytest.mark.parametrize("path", ["/ticker", "/ticker/24hr", "/ticker/tradingDay"])
async def test_small_tickers_leave_out_changes_and_the_book(client: RestClient, path: str) -> None:
    _, full = await client.plain("GET", f"/api/v3{path}?symbol=BTCUSDT")
    _, mini = await client.plain("GET", f"/api/v3{path}?symbol=BTCUSDT&type=MINI")
    assert mini.items() < full.items()
    assert ("priceChange" in full, "priceChange" in mini, len(mini)) == (True, False, 12)
    status, body = await client.plain("GET", f"/api/v3{path}?symbol=BTCUSDT&type=TINY")
    assert (status, body["code"]) == (400, -1130)


async def test_symbols_are_listed_once_and_by_status(
    client: RestClient, server: SandboxServer
) -> None:
    path = "/api/v3/ticker/price?"
    status, body = await client.plain("GET", path + 'symbols=["BTCUSDT","BTCUSDT"]')
    assert (status, body["code"]) == (400, -1151)
    await inject_fault(server, "set_status", symbol="BTCUSDT", status="HALT")
    _, body = await client.plain("GET", path + "symbolStatus=TRADING")
    assert [row["symbol"] for row in body] == ["ETHUSDT"]
    _, body = await client.plain("GET", path + 'symbols=["BTCUSDT"]&symbolStatus=HALT')
    assert [row["symbol"] for row in body] == ["BTCUSDT"]
    for query, code in (("symbol=BTCUSDT&symbolStatus=TRADING", -1220), ("symbolStatus=x", -1122)):
        status, body = await client.plain("GET", path + query)
        assert (status, body["code"]) == (400, code)


async def messages(url: str, path: str, count: int) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url + path) as socket:
        return [await socket.receive_json(timeout=30) for _ in range(count)]


async def test_streams_send_windows_and_seconds(serving: Serving) -> None:
    async with serving(venue="spot", clock="accelerated", speed=60.0) as server:
        url = server.url.replace("http", "ws", 1)
        (window,) = await messages(url, "/ws/btcusdt@ticker_1h", 1)
        assert (window["e"], window["s"]) == ("1hTicker", "BTCUSDT")
        assert window["C"] - window["O"] in range(60 * MINUTE_MS, 61 * MINUTE_MS)
        (rows,) = await messages(url, "/ws/!ticker_4h@arr", 1)
        assert [row["e"] for row in rows] == ["4hTicker"]
        shown = await messages(url, "/ws/btcusdt@kline_1s@+08:00", 12)
    bars = [event["k"] for event in shown]
    assert {(bar["i"], bar["T"] - bar["t"]) for bar in bars} == {("1s", 999)}
    closed = [bar["t"] for bar in bars if bar["x"]]
    assert closed == sorted(set(closed))
    assert len(closed) >= 2
    for before, bar in itertools.pairwise(bars):
        assert bar["x"] or before["x"] or before["t"] == bar["t"]


def test_trades_of_a_second_make_its_candle() -> None:
    bar = None
    for time, price, size in ((1_000, "10", "1"), (1_500, "12", "2"), (1_999, "11", "1")):
        trade = TradePrint("BTCUSDT", time, D(price), D(0), D(size), 1, False, 1)
        bar = with_trade(bar, trade)
    assert bar is not None
    assert (bar.start, bar.end, bar.open, bar.high, bar.low, bar.close) == (
        1_000, 2_000, 10.0, 12.0, 10.0, 11.0,
    )  # fmt: skip
    assert (bar.volume, bar.quote_volume) == (4.0, 45.0)
    later = TradePrint("BTCUSDT", 2_000, D(9), D(0), D(1), 1, False, 1)
    assert with_trade(bar, later).open == 9.0
