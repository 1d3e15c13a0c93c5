"""Market and user streams: who listens to what, and the messages of each step."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.api.stream_connection import Connection
from sandbox.api.usdm import market_json as views
from sandbox.engines.common.order_book import Levels
from sandbox.market.candles import Bar
from sandbox.market.feed import Feed, Tick
from sandbox.market.intervals import INTERVALS

NAME = re.compile(
    r"^(?P<symbol>[a-z0-9]+)(?:_(?P<contract>perpetual))?@"
    r"(?P<kind>kline|continuousKline|aggTrade|trade|bookTicker|markPrice|miniTicker|ticker|depth|"
    r"forceOrder)"
    r"(?P<argument>_\w+|\d+)?(?:@(?P<pace>100ms|250ms|500ms|1s|3s))?$"
)
PUBLIC_KINDS = ("trade", "bookTicker", "depth")
BOOK_KINDS = ("bookTicker", "depth")
KLINES = ("kline", "continuousKline")
FORCED = "forceOrder"
ALL_MARKET = {
    "!miniTicker@arr": "miniTicker",
    "!ticker@arr": "ticker",
    "!markPrice@arr": "markPrice",
    "!markPrice@arr@1s": "markPrice",
    "!bookTicker": "bookTicker",
    "!forceOrder@arr": "forceOrder",
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A parsed stream name; ``symbol`` is empty for streams of all symbols."""

    name: str
    symbol: str
    kind: str
    argument: str

    @property
    def category(self) -> str:
        """public (book and trades) or market (everything else)."""
        return "public" if self.kind in PUBLIC_KINDS else "market"


def parse_stream(name: str) -> Stream | None:
    """The stream of ``name``, None when there is no such stream."""
    if name in ALL_MARKET:
        return Stream(name, "", ALL_MARKET[name], "")
    match = NAME.match(name)
    if match is None:
        return None
    kind, argument = match["kind"], (match["argument"] or "").removeprefix("_")
    if kind in ("kline", "continuousKline"):
        valid = argument in INTERVALS and (kind == "continuousKline") == bool(match["contract"])
    elif kind == "depth":
        valid = argument in ("", "5", "10", "20")
    else:
        valid = not argument
    return Stream(name, match["symbol"].upper(), kind, argument) if valid else None


class Hub:
    """All connections and what they listen to."""

    def __init__(self, feeds: Mapping[str, Feed]) -> None:
        self._feeds = feeds
        self._listeners: dict[str, dict[Connection, None]] = {}
        self._by_symbol: dict[str, dict[str, Stream]] = defaultdict(dict)
        self._private: dict[str, dict[Connection, None]] = defaultdict(dict)
        self.connections: dict[Connection, None] = {}
        self.messages = 0
        self._told: dict[str, int] = {}

    @property
    def market_audience(self) -> bool:
        """Whether anybody listens to market data."""
        return bool(self._listeners)

    def subscribe(self, connection: Connection, stream: Stream) -> None:
        """Send the stream's events to the connection."""
        connection.names[stream.name] = None
        self._listeners.setdefault(stream.name, {})[connection] = None
        self._by_symbol[stream.symbol][stream.name] = stream
        if stream.kind == "depth":
            self._feeds[stream.symbol].book(1)  # changes are told from here on

    def unsubscribe(self, connection: Connection, name: str) -> None:
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

    def subscribe_user(self, connection: Connection, listen_key: str) -> None:
        """Send the user events of a listen key to the connection."""
        connection.names[listen_key] = None
        self._private[listen_key][connection] = None

    def leave(self, connection: Connection) -> None:
        """Forget a closed connection."""
        for name in list(connection.names):
            self.unsubscribe(connection, name)
        self.connections.pop(connection, None)

    def send_user(self, listen_key: str, event: Mapping[str, Any]) -> None:
        """Queue a user event for whoever listens with the key."""
        listeners = self._private.get(listen_key)
        if listeners:
            raw = orjson.dumps(event)
            for connection in listeners:
                self.messages += 1
                connection.send(listen_key, raw)

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
        closed: Mapping[str, Bar],
        ticks: Iterable[Tick],
        rates: Mapping[str, Any],
    ) -> bool:
        """Queue the messages of a step; False when nobody was sent any."""
        before = self.messages
        for symbol, bar in closed.items():
            for stream in list(self._by_symbol[symbol].values()):
                if stream.kind in KLINES:
                    self._send_kline(stream, symbol, time, bar)
        for tick in ticks:
            self._send_tick(tick, rates[tick.symbol], running=tick.symbol not in closed)
        for symbol in self._by_symbol:
            # A print that nobody is told of, of a minute that is not walked, moves the book, too.
            if symbol and self._feeds[symbol].update_id != self._told.get(symbol):
                self._send_book(symbol, time)
        return self.messages > before

    def rest(self, symbol: str, levels: Levels, time: int) -> None:
        """Show what accounts rest in a symbol's book now, and tell who listens to its book."""
        if self._feeds[symbol].rest(levels):
            self._send_book(symbol, time)

    def _send_book(self, symbol: str, time: int) -> None:
        feed = self._feeds[symbol]
        self._told[symbol] = feed.update_id
        made: dict[tuple[str, str], bytes] = {}
        for stream in list(self._by_symbol[symbol].values()):
            if stream.kind in BOOK_KINDS:
                raw = made.get((stream.kind, stream.argument))
                if raw is None:
                    raw = orjson.dumps(self._book_event(feed, stream, time))
                    made[stream.kind, stream.argument] = raw
                self._send(stream, raw)

    def liquidated(self, symbol: str, event: Mapping[str, Any]) -> None:
        """Tell a liquidation to those who listen to them."""
        raw = orjson.dumps(event)
        for stream in [*self._by_symbol[symbol].values(), *self._by_symbol[""].values()]:
            if stream.kind == FORCED:
                self._send(stream, raw)

    def _send_kline(self, stream: Stream, symbol: str, time: int, minute: Bar | None) -> None:
        """A bar; ``minute`` is the candle that closes now, None while it runs."""
        feed, interval = self._feeds[symbol], stream.argument
        if minute is not None and interval == "1m":
            bar: Bar | None = minute
        else:
            bar = feed.bar_at(interval, time - 1 if minute is not None else time)
        if bar is None:
            return
        ends = minute is not None and bar.end <= minute.end
        event = views.kline_event(bar, feed.instrument, interval, time, closed=ends)
        if stream.kind == "continuousKline":
            event = views.continuous_kline_event(event)
        self._send(stream, orjson.dumps(event))

    def _send_tick(self, tick: Tick, rate: Any, *, running: bool) -> None:
        """All messages of one print; each event is made and written once for all who hear it."""
        self._told[tick.symbol] = self._feeds[tick.symbol].update_id
        made: dict[tuple[str, str], bytes] = {}
        for stream in list(self._by_symbol[tick.symbol].values()):
            if stream.kind in KLINES:
                if running:
                    self._send_kline(stream, tick.symbol, tick.time, None)
                continue
            if stream.kind == FORCED:
                continue
            raw = made.get((stream.kind, stream.argument))
            if raw is None:
                raw = orjson.dumps(self._tick_event(stream, tick, rate))
                made[stream.kind, stream.argument] = raw
            self._send(stream, raw)
        for stream in list(self._by_symbol[""].values()):
            if stream.kind == FORCED:
                continue
            event = self._tick_event(stream, tick, rate)
            self._send(stream, orjson.dumps(event if stream.kind == "bookTicker" else [event]))

    def _tick_event(self, stream: Stream, tick: Tick, rate: Any) -> Mapping[str, Any]:
        feed = self._feeds[tick.symbol]
        match stream.kind:
            case "aggTrade":
                return views.agg_trade_event(tick)
            case "trade":
                return views.trade_event(tick)
            case "markPrice":
                return views.mark_price_event(feed, rate, tick.time)
            case kind if kind in BOOK_KINDS:
                return self._book_event(feed, stream, tick.time)
            case kind:
                return views.ticker_event(feed, tick.time, mini=kind == "miniTicker")

    def _book_event(self, feed: Feed, stream: Stream, time: int) -> Mapping[str, Any]:
        if stream.kind == "bookTicker":
            return views.book_ticker_event(feed, time)
        if stream.argument:
            return views.partial_depth_event(feed, time, int(stream.argument))
        return views.depth_event(feed, time)

    def _send(self, stream: Stream, raw: bytes) -> None:
        for connection in self._listeners.get(stream.name, ()):
            self.messages += 1
            connection.send(stream.name, raw)
