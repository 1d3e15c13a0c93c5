"""Stream subscriptions and the messages that each step of the market sends."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from sandbox.api import market_json
from sandbox.api.stream_connection import StreamConnection
from sandbox.engines.common.order_book import Levels
from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.intervals import INTERVALS, UPBIT_ONLY
from trading.market.symbols import is_symbol

PUBLIC_KINDS = ("trade", "bookTicker", "depth")
BOOK_KINDS = ("bookTicker", "depth")
KLINE_KINDS = ("kline", "continuousKline")
DEPTHS = ("", "5", "10", "20")
# A symbol as streams write it: letters of any script, digits, `_` and `-`; no capitals.
SYMBOL = r"(?P<symbol>[^\W_][\w\-]*?)"
# An event without content, which is not sent.
NOTHING = b"{}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A parsed stream name; ``symbol`` is empty for streams of all symbols."""

    name: str
    symbol: str
    kind: str
    argument: str

    @property
    def category(self) -> str:
        """``public`` for book and trades, ``market`` for everything else."""
        return "public" if self.kind in PUBLIC_KINDS else "market"


def symbol_stream(match: re.Match[str]) -> Stream | None:
    """Return the stream of a matched name, None when its kind has no such argument."""
    symbol = match["symbol"].upper()
    if match["symbol"] != symbol.lower() or not is_symbol(symbol):
        return None
    kind, argument = match["kind"], (match["argument"] or "").removeprefix("_")
    if kind in KLINE_KINDS:
        valid = argument in INTERVALS and argument not in UPBIT_ONLY
    elif kind == "depth":
        valid = argument in DEPTHS
    else:
        valid = not argument
    return Stream(match.string, symbol, kind, argument) if valid else None


class StreamHub(ABC):
    """All connections of a venue and the streams that they subscribe to."""

    # Streams that market trades do not feed.
    UNTICKED_KINDS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, feeds: Mapping[str, SymbolFeed]) -> None:
        self._feeds = feeds
        self._listeners: dict[str, dict[StreamConnection, None]] = {}
        self._by_symbol: dict[str, dict[str, Stream]] = defaultdict(dict)
        self._private: dict[str, dict[StreamConnection, None]] = defaultdict(dict)
        self.connections: dict[StreamConnection, None] = {}
        self.messages = 0
        self._book_sent: dict[str, int] = {}

    @property
    def market_audience(self) -> bool:
        """Whether anybody listens to market data."""
        return bool(self._listeners)

    def subscribe(self, connection: StreamConnection, stream: Stream) -> None:
        """Send the stream's events to the connection."""
        connection.names[stream.name] = None
        self._listeners.setdefault(stream.name, {})[connection] = None
        self._by_symbol[stream.symbol][stream.name] = stream
        if stream.kind == "depth":
            self._feeds[stream.symbol].book(1)  # book changes are recorded from here on

    def unsubscribe(self, connection: StreamConnection, name: str) -> None:
        """Stop sending a stream or a user's events."""
        connection.names.pop(name, None)
        self._private.get(name, {}).pop(connection, None)
        listeners = self._listeners.get(name)
        if listeners is None:
            return
        listeners.pop(connection, None)
        if not listeners:
            del self._listeners[name]
            for streams in self._by_symbol.values():
                streams.pop(name, None)

    def subscribe_user(self, connection: StreamConnection, listen_key: str) -> None:
        """Send the user events of a listen key to the connection."""
        connection.names[listen_key] = None
        self._private[listen_key][connection] = None

    def leave(self, connection: StreamConnection) -> None:
        """Forget a closed connection."""
        for name in list(connection.names):
            self.unsubscribe(connection, name)
        self.connections.pop(connection, None)

    def send_user(self, listen_key: str, event: Mapping[str, Any]) -> None:
        """Queue a user event for every connection that uses the key."""
        listeners = self._private.get(listen_key)
        if listeners:
            raw = orjson.dumps(event)
            for connection in listeners:
                self.messages += 1
                connection.send(listen_key, raw)

    def end_user(self, listen_key: str) -> None:
        """Close the connections of a listen key that has been deleted, once all events left."""
        for connection in list(self._private.pop(listen_key, ())):
            connection.end()

    async def flush_user(self) -> None:
        """Wait until all user events have left, so that they precede what follows."""
        for listeners in self._private.values():
            for connection in listeners:
                await connection.flushed()

    async def flush_market(self) -> None:
        """Wait until all market messages have left."""
        for connection in list(self.connections):
            await connection.flushed()

    def send_step(
        self,
        time: int,
        closed: Mapping[str, Kline],
        ticks: Iterable[TradePrint],
        rates: Mapping[str, Any],
    ) -> bool:
        """Queue the messages of a step; return whether there were any."""
        before = self.messages
        for symbol, bar in closed.items():
            for stream in list(self._by_symbol[symbol].values()):
                if stream.kind in KLINE_KINDS:
                    self._send_kline(stream, symbol, time, bar)
        for tick in ticks:
            self._send_tick(tick, rates[tick.symbol], running=tick.symbol not in closed)
        for symbol in self._by_symbol:
            # A trade of a minute that is not walked has no tick, but it moves the book.
            if symbol and self._feeds[symbol].update_id != self._book_sent.get(symbol):
                self._send_book(symbol, time)
        return self.messages > before

    def rest(self, symbol: str, levels: Levels, time: int, *, moved: bool = False) -> None:
        """Show the accounts' resting orders in a book; send what changed or has ``moved``."""
        if self._feeds[symbol].rest(levels) or moved:
            self._send_book(symbol, time)

    def send_event(self, symbol: str, kind: str, event: Mapping[str, Any]) -> None:
        """Queue an event for the streams of its kind, of the symbol and of all symbols."""
        raw = orjson.dumps(event)
        for stream in [*self._by_symbol[symbol].values(), *self._by_symbol[""].values()]:
            if stream.kind == kind:
                self._send(stream, raw)

    def _send_book(self, symbol: str, time: int) -> None:
        feed = self._feeds[symbol]
        self._book_sent[symbol] = feed.update_id
        made: dict[tuple[str, str], bytes] = {}
        for stream in list(self._by_symbol[symbol].values()):
            if stream.kind in BOOK_KINDS:
                raw = made.get((stream.kind, stream.argument))
                if raw is None:
                    raw = orjson.dumps(self.book_event(feed, stream, time))
                    made[stream.kind, stream.argument] = raw
                if raw != NOTHING:
                    self._send(stream, raw)

    def _send_kline(self, stream: Stream, symbol: str, time: int, minute: Kline | None) -> None:
        """Queue a bar; ``minute`` is the candle that closes now, None while it runs."""
        feed, interval = self._feeds[symbol], stream.argument
        if minute is not None and interval == "1m":
            bar: Kline | None = minute
        else:
            bar = feed.bar_at(interval, time - 1 if minute is not None else time)
        if bar is None:
            return
        ends = minute is not None and bar.end <= minute.end
        event = market_json.kline_event(bar, feed.instrument, interval, time, closed=ends)
        self._send(stream, orjson.dumps(self.kline_event(stream, event)))

    def _send_tick(self, tick: TradePrint, rate: Any, *, running: bool) -> None:
        """Queue all messages of one trade; listeners of a stream share one encoded event."""
        self._book_sent[tick.symbol] = self._feeds[tick.symbol].update_id
        made: dict[tuple[str, str], bytes] = {}
        for stream in list(self._by_symbol[tick.symbol].values()):
            if stream.kind in KLINE_KINDS:
                if running:
                    self._send_kline(stream, tick.symbol, tick.time, None)
                continue
            if stream.kind in self.UNTICKED_KINDS:
                continue
            raw = made.get((stream.kind, stream.argument))
            if raw is None:
                raw = orjson.dumps(self.tick_event(stream, tick, rate))
                made[stream.kind, stream.argument] = raw
            if raw != NOTHING:
                self._send(stream, raw)
        for stream in list(self._by_symbol[""].values()):
            if stream.kind in self.UNTICKED_KINDS:
                continue
            event = self.tick_event(stream, tick, rate)
            self._send(stream, orjson.dumps(event if stream.kind == "bookTicker" else [event]))

    def kline_event(self, stream: Stream, event: market_json.Json) -> market_json.Json:
        """Return a bar's event in the form of the stream's kind."""
        del stream
        return event

    @abstractmethod
    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's event for a stream of any kind but klines."""

    @abstractmethod
    def book_event(self, feed: SymbolFeed, stream: Stream, time: int) -> Mapping[str, Any]:
        """Return the event for a change of the book."""

    def _send(self, stream: Stream, raw: bytes) -> None:
        for connection in self._listeners.get(stream.name, ()):
            self.messages += 1
            connection.send(stream.name, raw)
