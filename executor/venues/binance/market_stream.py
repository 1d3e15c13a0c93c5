"""Market data of Binance over one socket: candles, and prices of open positions."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
import orjson

from executor.model import (
    CandleUpdate,
    InstrumentId,
    MarketEvent,
    Tick,
    instrument_id,
    symbol_of,
)
from executor.venues.binance.sockets import ReconnectingSocket, Socket
from trading.candles import Candle

log = logging.getLogger(__name__)

BATCH = 3
BETWEEN_MESSAGES_S = 0.12
"""The exchange drops a connection that sends more than 10 messages a second."""
FREE_MESSAGES = 5


class BinanceMarketStream:
    """Implements `executor.venues.interface.MarketStream`; ``path`` is that of the venue."""

    def __init__(self, venue: str, ws_url: str, path: str, stale_s: float | None) -> None:
        self._venue = venue
        self._symbols: frozenset[InstrumentId] = frozenset()
        self._watched: frozenset[InstrumentId] = frozenset()
        self._ids = itertools.count(1)
        self._stream_path = path
        self._socket = ReconnectingSocket(
            venue,
            "market",
            ws_url,
            self._path,
            stale_s,
            lambda: bool(self._symbols | self._watched),
        )

    async def _path(self) -> str:
        return self._stream_path

    async def run(self, sink: Callable[[MarketEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""

        def deliver(message: Any) -> None:
            event = market_event(self._venue, message.get("data", message))
            if event is not None:
                sink(event)

        await self._socket.run(self._subscribe_all, deliver, sink)

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe trade prices of exactly these symbols."""
        new, gone = symbols - self._watched, self._watched - symbols
        self._watched = symbols
        socket = self._socket.socket
        if socket is None:
            return
        await self._send(socket, "SUBSCRIBE", _streams(new, "aggTrade"))
        await self._send(socket, "UNSUBSCRIBE", _streams(gone, "aggTrade"))

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
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


def _streams(symbols: Iterable[InstrumentId], kind: str) -> list[str]:
    return [f"{symbol_of(symbol).lower()}@{kind}" for symbol in sorted(symbols)]


def market_event(venue: str, message: Mapping[str, Any]) -> MarketEvent | None:
    """A market-data event, or None for one that nobody here uses."""
    kind = message.get("e")
    if kind == "kline":
        k = message["k"]
        candle = Candle(
            int(k["t"]), float(k["o"]), float(k["h"]), float(k["l"]), float(k["c"]), float(k["v"])
        )
        symbol = instrument_id(message["s"], venue)
        return CandleUpdate(symbol, candle, bool(k["x"]), int(message["E"]))
    if kind == "aggTrade":
        symbol = instrument_id(message["s"], venue)
        return Tick(symbol, float(message["p"]), int(message["E"]))
    return None
