"""Market data of Binance USDⓈ-M over one socket: candles, and prices of open positions."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import orjson

from executor.model import MarketEvent
from executor.venues.binance.parse import market_event
from executor.venues.binance.sockets import ReconnectingSocket, Socket

log = logging.getLogger(__name__)

BATCH = 3
BETWEEN_MESSAGES_S = 0.12
"""The exchange drops a connection that sends more than 10 messages a second."""
FREE_MESSAGES = 5


class BinanceMarketStream:
    """Implements `executor.venues.interface.MarketStream`."""

    def __init__(self, ws_url: str, symbols: Iterable[str], stale_s: float | None) -> None:
        self._symbols = frozenset(symbols)
        self._watched: frozenset[str] = frozenset()
        self._ids = itertools.count(1)
        self._socket = ReconnectingSocket("market", ws_url, self._path, stale_s)

    async def _path(self) -> str:
        return "/market/ws"

    async def run(self, sink: Callable[[MarketEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""

        def deliver(message: Any) -> None:
            event = market_event(message.get("data", message))
            if event is not None:
                sink(event)

        await self._socket.run(self._subscribe_all, deliver, sink)

    async def watch_prices(self, symbols: frozenset[str]) -> None:
        """Subscribe trade prices of exactly these symbols."""
        new, gone = symbols - self._watched, self._watched - symbols
        self._watched = symbols
        socket = self._socket.socket
        if socket is None:
            return
        await self._send(socket, "SUBSCRIBE", _streams(new, "aggTrade"))
        await self._send(socket, "UNSUBSCRIBE", _streams(gone, "aggTrade"))

    async def set_symbols(self, symbols: frozenset[str]) -> None:
        """Subscribe candles of exactly these symbols."""
        new, gone = symbols - self._symbols, self._symbols - symbols
        self._symbols = symbols
        socket = self._socket.socket
        if socket is None:
            return
        await self._send(socket, "SUBSCRIBE", _streams(new, "kline_1m"))
        await self._send(socket, "UNSUBSCRIBE", _streams(gone, "kline_1m"))

    async def _subscribe_all(self, socket: Socket) -> None:
        streams = _streams(self._symbols, "kline_1m") + _streams(self._watched, "aggTrade")
        await self._send(socket, "SUBSCRIBE", streams)

    async def _send(self, socket: Socket, method: str, streams: list[str]) -> None:
        for count, start in enumerate(range(0, len(streams), BATCH)):
            if count >= FREE_MESSAGES:
                await asyncio.sleep(BETWEEN_MESSAGES_S)
            request = {
                "method": method,
                "params": streams[start : start + BATCH],
                "id": next(self._ids),
            }
            try:
                await socket.send_str(orjson.dumps(request).decode())
            except (ConnectionError, aiohttp.ClientError) as error:
                # The socket is gone; the next one subscribes to everything.
                log.warning("not subscribed yet: %r", error)
                return


def _streams(symbols: Iterable[str], kind: str) -> list[str]:
    return [f"{symbol.lower()}@{kind}" for symbol in sorted(symbols)]
