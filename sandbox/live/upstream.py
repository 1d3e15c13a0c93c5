"""The exchange that is followed: its rules and candles by REST, its market by public streams."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from trading.candles import MINUTE_MS
from trading.errors import VenueError

TIMEOUT_S = 10.0
HEARTBEAT_S = 20.0
MAX_ROWS = {"usdm": 1_500, "spot": 1_000}
ROOTS = {"usdm": "/fapi/v1", "spot": "/api/v3"}
HOSTS = {"usdm": "https://fapi.binance.com", "spot": "https://api.binance.com"}
# The streams of Binance's own hosts are on other hosts.
STREAM_HOSTS = {
    "https://fapi.binance.com": "wss://fstream.binance.com",
    "https://demo-fapi.binance.com": "wss://demo-fstream.binance.com",
    "https://api.binance.com": "wss://stream.binance.com:9443",
    "https://demo-api.binance.com": "wss://demo-stream.binance.com",
    "https://testnet.binance.vision": "wss://stream.testnet.binance.vision",
}
# The streams of each symbol by the path that serves them.
STREAMS: dict[str, dict[str, tuple[str, ...]]] = {
    "usdm": {
        "/market/stream": ("aggTrade", "markPrice@1s", "kline_1m"),
        "/public/stream": ("depth20@100ms",),
    },
    "spot": {"/stream": ("aggTrade", "kline_1m", "depth20@100ms")},
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The base URLs of a venue: REST and streams.

    A sandbox carries all streams on one socket, in the order of its events; on Binance book and
    trades come on two, and either may be ahead by some milliseconds.
    """

    venue: str
    rest: str
    streams: str
    own_hosts: bool

    def socket_urls(self, symbols: Sequence[str]) -> list[str]:
        """Return the URLs of the sockets that carry the market of ``symbols``."""
        urls = []
        paths = STREAMS[self.venue]
        if not self.own_hosts:
            paths = {f"/{self.venue}/stream": tuple(k for kinds in paths.values() for k in kinds)}
        for path, kinds in paths.items():
            names = "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds)
            urls.append(f"{self.streams}{path}?streams={names}")
        return urls

    def fetch(self, path: str, **params: Any) -> Any:
        """Fetch a public resource, such as ``exchangeInfo``; blocks. ``VenueError`` if it fails."""
        query = f"?{urlencode(params)}" if params else ""
        url = f"{self.rest}{ROOTS[self.venue]}/{path}{query}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise VenueError(
                f"{url}: the exchange to follow does not answer ({error}); check --upstream"
            ) from error

    def klines(self, symbol: str, start: int) -> list[list[Any]]:
        """Fetch the one-minute bars from ``start`` (ms) on; the last one is still running."""
        most, rows = MAX_ROWS[self.venue], []
        while True:
            page = self.fetch("klines", symbol=symbol, interval="1m", startTime=start, limit=most)
            rows += page
            if len(page) < most:
                return rows
            start = int(page[-1][0]) + MINUTE_MS

    async def klines_later(self, symbol: str, start: int) -> list[list[Any]]:
        """Fetch bars in a thread."""
        return await asyncio.to_thread(self.klines, symbol, start)


def upstream_of(venue: str, url: str) -> Upstream:
    """Return the exchange at ``url``, by default Binance; a sandbox has one URL for everything."""
    base = (url or HOSTS[venue]).rstrip("/")
    streams = STREAM_HOSTS.get(base)
    if streams is not None:
        return Upstream(venue, base, streams, own_hosts=True)
    return Upstream(venue, base, base.replace("http", "ws", 1), own_hosts=False)


async def messages(url: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield (stream, data) of a combined socket until it ends; ``OSError`` when it breaks."""
    timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, heartbeat=HEARTBEAT_S, timeout=timeout) as socket,
    ):
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                document = orjson.loads(message.data)
                if "data" in document:
                    yield str(document["stream"]), document["data"]
