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
from executor.venues.binance.message_pace import MessagePace
from executor.venues.binance.sockets import ReconnectingSocket, Socket
from executor.venues.binance.stream_watch import StreamWatch
from trading.candles import Candle

log = logging.getLogger(__name__)

BATCH = 100
CANDLES = "kline_1m"
TRADES = "aggTrade"
LOOKS = 4
"""Looks for mute streams within the time that they may be silent."""


class BinanceMarketStream:
    """Implements `executor.venues.interface.MarketStream`; ``path`` is that of the venue.

    The exchange drops a connection that sends too many messages a second, pings included: at most
    ``messages_a_second`` leave, and what changes meanwhile is sent as one. A stream that is mute
    while others flow is subscribed again, and the socket is given up when that does not help a
    stream of candles: these always tick, and trades of a thin symbol do not.
    """

    def __init__(
        self,
        venue: str,
        ws_url: str,
        path: str,
        stale_s: float | None,
        messages_a_second: int | None,
        watch: StreamWatch | None = None,
    ) -> None:
        self._venue = venue
        self._symbols: frozenset[InstrumentId] = frozenset()
        self._watched: frozenset[InstrumentId] = frozenset()
        self._ids = itertools.count(1)
        self._stream_path = path
        self._most = messages_a_second
        self._pace = MessagePace(messages_a_second)
        self._subscribed: frozenset[str] = frozenset()
        self._resting: frozenset[str] = frozenset()
        """Streams that are unsubscribed for a moment, to be subscribed again."""
        self._watch = watch or StreamWatch(stale_s)
        self._sending = asyncio.Lock()
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
                self._watch.heard(_stream_of(event))
                sink(event)

        watching = asyncio.create_task(self._revive_mute())
        try:
            await self._socket.run(self._subscribe_all, deliver, sink)
        finally:
            watching.cancel()

    async def _revive_mute(self) -> None:
        stale_s = self._watch.stale_s
        while stale_s is not None:
            await asyncio.sleep(stale_s / LOOKS)
            socket = self._socket.socket
            if socket is None:
                continue
            mute = self._watch.mute(self._subscribed)
            if not mute:
                continue
            if self._watch.hang_up(name for name in mute if name.endswith(CANDLES)):
                log.warning("%s: %s stay mute: connecting again", self._venue, sorted(mute))
                self._watch.ask(mute)
                await socket.close()
            else:
                log.warning("%s: %s are mute: subscribing again", self._venue, sorted(mute))
                self._watch.ask(mute)
                self._resting = frozenset(mute)
                await self._subscribe(socket)
                self._resting = frozenset()
                await self._subscribe(socket)

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe trade prices of exactly these symbols."""
        self._watched = symbols
        await self._subscribe(self._socket.socket)

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe candles of exactly these symbols."""
        self._symbols = symbols
        await self._subscribe(self._socket.socket)

    async def _subscribe_all(self, socket: Socket) -> None:
        self._subscribed, self._pace = frozenset(), MessagePace(self._most)
        self._watch.restart()
        await self._subscribe(socket)

    async def _subscribe(self, socket: Socket | None) -> None:
        """Send what is missing on a connection until nothing is; a new one starts empty."""
        async with self._sending:
            while socket is not None and socket is self._socket.socket and any(self._change()):
                await self._pace.turn()
                wanted, unwanted = self._change()
                method, names = ("SUBSCRIBE", wanted) if wanted else ("UNSUBSCRIBE", unwanted)
                batch = sorted(names)[:BATCH]
                if not batch or socket is not self._socket.socket:
                    continue
                request = {"method": method, "params": batch, "id": next(self._ids)}
                self._pace.sent()
                self._subscribed ^= frozenset(batch)
                try:
                    await socket.send_str(orjson.dumps(request).decode())
                except (ConnectionError, aiohttp.ClientError) as error:
                    # The socket is gone; the next one subscribes to everything.
                    log.warning("not subscribed yet: %r", error)
                    return

    def _change(self) -> tuple[frozenset[str], frozenset[str]]:
        """Streams to subscribe and to unsubscribe."""
        wanted = _streams(self._symbols, CANDLES) | _streams(self._watched, TRADES)
        wanted -= self._resting
        return wanted - self._subscribed, self._subscribed - wanted


def _stream_of(event: CandleUpdate | Tick) -> str:
    kind = TRADES if isinstance(event, Tick) else CANDLES
    return f"{symbol_of(event.symbol).lower()}@{kind}"


def _streams(symbols: Iterable[InstrumentId], kind: str) -> frozenset[str]:
    return frozenset(f"{symbol_of(symbol).lower()}@{kind}" for symbol in symbols)


def market_event(venue: str, message: Mapping[str, Any]) -> CandleUpdate | Tick | None:
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
