"""A sandbox that follows another one: it sees what the other shows, and fills nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.live.feed import LiveFeed
from sandbox.live.market import LiveMarket
from sandbox.server.builder import load_all
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, RestClient, until, write_candles
from trading.candles import MINUTE_MS
from trading.errors import SettingsError, VenueError

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
BEGIN = START - 120 * MINUTE_MS
# Minutes that fall, rise and gap; the first 120 are history.
ROWS = [(100_000.0, 100_050.0, 99_950.0, 100_000.0)] * 120 + [
    (100_000.0, 100_100.0, 99_500.0, 99_600.0),
    (99_600.0, 100_900.0, 99_550.0, 100_800.0),
    (100_800.0, 101_500.0, 100_700.0, 101_400.0),
    (101_000.0, 101_100.0, 98_000.0, 98_200.0),
    (98_200.0, 98_400.0, 98_100.0, 98_300.0),
] * 4


@asynccontextmanager
async def following(upstream: str, **changes: Any) -> AsyncIterator[SandboxServer]:
    """Run a sandbox that follows ``upstream``."""
    values: dict[str, Any] = {
        "live": True,
        "upstream": upstream,
        "symbols": ("BTCUSDT",),
        "stale_after": 60.0,
    } | changes
    settings = SandboxSettings(**values)
    server = SandboxServer(settings, await asyncio.to_thread(load_all, settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def live(server: SandboxServer) -> LiveMarket:
    assert isinstance(server.replay, LiveMarket)
    return server.replay


def feed_of(server: SandboxServer) -> LiveFeed:
    venue = server.exchange or server.spot
    assert venue is not None
    feed = venue.feeds["BTCUSDT"]
    assert isinstance(feed, LiveFeed)
    return feed


class Pair:
    """An upstream that is stepped, its follower, and a client of each."""

    def __init__(self, session: aiohttp.ClientSession, first: SandboxServer) -> None:
        self.session, self.first = session, first
        self.up = RestClient(session, first.url)

    async def step(self, follower: SandboxServer, minutes: int = 1) -> None:
        """Step the upstream and wait until the follower is there."""
        url = f"{self.first.url}/sandbox/clock/step"
        async with self.session.post(url, json={"minutes": minutes}) as response:
            assert response.status == 200
        await until(lambda: feed_of(follower).minute == self.first.replay.now)


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    write_candles(tmp_path / "up", "BTCUSDT", ROWS, BEGIN)
    return tmp_path / "up"


@pytest.fixture
async def pair(serving: Serving, candles: Path) -> AsyncIterator[Pair]:
    async with (
        serving(candles=candles, clock="stepped") as first,
        aiohttp.ClientSession() as session,
    ):
        yield Pair(session, first)


async def seen(pair: Pair, follower: SandboxServer) -> None:
    """Step the upstream until the follower sees its book."""
    await until(
        lambda: pair.first.exchange is not None and bool(pair.first.exchange.hub._listeners)
    )
    # A quiet upstream shows its book when an account trades on it.
    await pair.up.signed(
        "POST", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC",
        quantity="0.010", price="97500",
    )  # fmt: skip
    await until(lambda: not live(follower).stale)


ORDERS = [
    {"side": "BUY", "type": "MARKET", "quantity": "0.010"},
    {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.020", "price": "99700"},
    {"side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.015", "price": "101200"},
    {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.005", "price": "90000"},
]


def fills(server: SandboxServer) -> list[tuple[str, Decimal, Decimal, bool, Decimal]]:
    assert server.exchange is not None
    account = server.exchange.engine.core.accounts["main"]
    return [(f.side, f.price, f.quantity, f.maker, f.fee) for f in account.fills]


async def test_fills_equal_those_of_the_recording_that_is_followed(pair: Pair) -> None:
    async with following(pair.first.url) as follower:
        down = RestClient(pair.session, follower.url)
        await seen(pair, follower)
        for order in ORDERS:
            for client in (pair.up, down):
                status, body = await client.signed(
                    "POST", "/fapi/v1/order", symbol="BTCUSDT", **order
                )
                assert status == 200, body
        stop = {
            "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
            "triggerPrice": "98500", "closePosition": "true",
        }  # fmt: skip
        for client in (pair.up, down):
            assert (await client.signed("POST", "/fapi/v1/algoOrder", **stop))[0] == 200
        for _ in range(5):
            await pair.step(follower)
        assert len(fills(follower)) == 4
        assert fills(follower) == fills(pair.first)


async def test_klines_of_the_follower_equal_those_of_the_followed(pair: Pair) -> None:
    async with following(pair.first.url) as follower:
        await seen(pair, follower)
        for _ in range(3):
            await pair.step(follower)
        path = "/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=20"
        expected = await pair.up.plain("GET", path)
        found = await RestClient(pair.session, follower.url).plain("GET", path)
        assert [row[:6] for row in found[1][:-1]] == [row[:6] for row in expected[1][:-1]]


async def test_market_order_walks_the_seen_depth(pair: Pair) -> None:
    async with following(pair.first.url, balances={"USDT": D(100_000_000)}) as follower:
        await seen(pair, follower)
        assert follower.exchange is not None
        asks = follower.exchange.engine.core.markets["BTCUSDT"].seen
        assert asks is not None
        first, second = (level.quantity for level in asks[1][:2])
        prices = [level.price for level in asks[1][:2]]
        client = RestClient(pair.session, follower.url)
        quantity = first + second / 2 // D("0.001") * D("0.001")
        await client.signed(
            "POST", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", type="MARKET",
            quantity=str(quantity),
        )  # fmt: skip
        assert [row[1] for row in fills(follower)] == prices
        assert fills(follower)[0][2] == first


async def test_outage_fills_nothing_and_the_gap_is_repaired(
    serving: Serving, candles: Path
) -> None:
    port = 0
    async with serving(candles=candles, clock="stepped") as first, aiohttp.ClientSession() as s:
        pair = Pair(s, first)
        port = int(first.url.rsplit(":", 1)[1])
        async with following(first.url) as follower:
            await seen(pair, follower)
            client = RestClient(s, follower.url)
            resting = {**ORDERS[1], "symbol": "BTCUSDT", "price": "99990"}
            await client.signed("POST", "/fapi/v1/order", **resting)
            await pair.step(follower)
            assert len(fills(follower)) == 1
            await first.stop()
            await until(lambda: live(follower).stale == ["BTCUSDT"])
            _, order = await client.signed(
                "POST", "/fapi/v1/order", symbol="BTCUSDT", newOrderRespType="RESULT", **ORDERS[0]
            )
            assert (order["status"], order["executedQty"]) == ("EXPIRED", "0")
            assert len(fills(follower)) == 1
            later = START + 3 * MINUTE_MS
            async with serving(candles=candles, clock="stepped", port=port, begin=later):
                await until(
                    lambda: feed_of(follower).series.open_time[-1] == later - MINUTE_MS, 20.0
                )
                times = feed_of(follower).series.open_time
                assert set(times[1:] - times[:-1]) == {MINUTE_MS}
                assert len(fills(follower)) == 1


async def test_mute_upstream_is_stale(pair: Pair) -> None:
    async with following(pair.first.url, stale_after=1.0) as follower:
        await seen(pair, follower)
        await until(lambda: live(follower).stale == ["BTCUSDT"])


async def test_funding_and_mark_come_from_upstream(serving: Serving, candles: Path) -> None:
    async with (
        serving(candles=candles, clock="stepped", mark="smoothed") as first,
        aiohttp.ClientSession() as session,
    ):
        pair = Pair(session, first)
        async with following(first.url) as follower:
            await seen(pair, follower)
            for _ in range(3):
                await pair.step(follower)
            assert first.exchange is not None
            assert feed_of(follower).mark == first.exchange.feeds["BTCUSDT"].mark


async def test_spot_is_followed(serving: Serving, candles: Path) -> None:
    async with (
        serving(candles=candles, venue="spot", clock="accelerated", speed=60.0) as first,
        following(first.url, venue="spot") as follower,
        aiohttp.ClientSession() as session,
    ):
        await until(lambda: not live(follower).stale)
        client = RestClient(session, follower.url)
        status, body = await client.signed("POST", "/api/v3/order", symbol="BTCUSDT", **ORDERS[0])
        assert (status, body["status"]) == (200, "FILLED")


async def test_upstream_that_does_not_answer_is_named() -> None:
    with pytest.raises(VenueError, match=r"http://127\.0\.0\.1:9/.*check --upstream"):
        async with following("http://127.0.0.1:9"):
            pass


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbols": ()}, "--symbols"),
        ({"candles": Path("x")}, "leave --candles out"),
        ({"redate": "now"}, "clock of its market"),
        ({"live": False, "candles": Path("x")}, "needs --live"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(changes: dict[str, Any], reason: str) -> None:
    values: dict[str, Any] = {"live": True, "symbols": ("BTCUSDT",), "upstream": "http://x"}
    with pytest.raises(SettingsError, match=reason):
        SandboxSettings(**(values | changes))
