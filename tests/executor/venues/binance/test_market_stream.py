"""Subscriptions at an exchange that drops a connection for too many messages a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from executor.model import MarketEvent, StreamState, Tick, instrument_id
from executor.venues.binance.market_stream import BinanceMarketStream
from executor.venues.binance_spot.venue import MESSAGES_A_SECOND as SPOT_MOST
from executor.venues.binance_usdm.venue import MESSAGES_A_SECOND as USDM_MOST
from sandbox.market.candles import MINUTE_MS
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, calm, until, write_candles

VENUES = [("binance_usdm", "/market/ws", USDM_MOST), ("binance_spot", "/ws", SPOT_MOST)]


@asynccontextmanager
async def listening(
    folder: Path, venue: str, path: str, most: int
) -> AsyncIterator[tuple[BinanceMarketStream, list[MarketEvent]]]:
    """Connect a market stream to an exchange whose market runs an hour a minute."""
    before = START - 120 * MINUTE_MS
    write_candles(folder / "candles", "BTCUSDT", calm(100_000.0, 240), before)
    write_candles(folder / "candles", "ETHUSDT", calm(2_500.0, 240), before)
    server = SandboxServer(
        SandboxSettings(
            candles=folder / "candles", begin=START, clock="accelerated", speed=60.0, venue="both"
        )
    )
    url = (await server.start()).replace("http", "ws")
    heard: list[MarketEvent] = []
    stream = BinanceMarketStream(venue, url, path, 30.0, most)
    await stream.set_symbols(frozenset({instrument_id("BTCUSDT", venue)}))
    running = asyncio.create_task(stream.run(heard.append))
    try:
        await until(lambda: states(heard) == [True])
        yield stream, heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.stop()


def states(heard: list[MarketEvent]) -> list[bool]:
    """Return whether the stream came up or went down, each time it did."""
    return [event.up for event in heard if isinstance(event, StreamState)]


def tick_of(venue: str, symbol: str) -> Callable[[MarketEvent], bool]:
    """Return what tells a trade of ``symbol``."""
    return lambda event: isinstance(event, Tick) and event.symbol == instrument_id(symbol, venue)


@pytest.mark.parametrize(("venue", "path", "most"), VENUES)
async def test_positions_that_open_and_close_in_a_burst_do_not_drop_the_connection(
    tmp_path: Path, venue: str, path: str, most: int
) -> None:
    eth = frozenset({instrument_id("ETHUSDT", venue)})
    async with listening(tmp_path, venue, path, most) as (stream, heard):
        for _ in range(most):
            await stream.watch_prices(eth)
            await stream.watch_prices(frozenset())
        await stream.watch_prices(eth)
        heard_before = len(heard)
        await until(lambda: any(map(tick_of(venue, "ETHUSDT"), heard[heard_before:])), 10.0)
        assert states(heard) == [True]


@pytest.mark.parametrize(("venue", "path", "most"), VENUES)
async def test_changes_that_wait_for_their_turn_are_sent_as_one(
    tmp_path: Path, venue: str, path: str, most: int
) -> None:
    btc, eth = instrument_id("BTCUSDT", venue), instrument_id("ETHUSDT", venue)
    async with listening(tmp_path, venue, path, most) as (stream, heard):
        begun = asyncio.get_running_loop().time()
        changes = (stream.watch_prices(frozenset({(btc, eth)[n % 2]})) for n in range(100))
        await asyncio.gather(*changes)
        assert asyncio.get_running_loop().time() - begun < 5.0  # one by one: 14 s and more
        heard_before = len(heard)
        await until(lambda: any(map(tick_of(venue, "ETHUSDT"), heard[heard_before:])), 10.0)
        assert states(heard) == [True]
