"""Spot market streams: their names and their messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from sandbox.api import market_json
from sandbox.api.spot import market_json as spot_json
from sandbox.api.stream_hub import SYMBOL, Stream, StreamHub, symbol_stream
from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed, TradePrint

NAME = re.compile(
    rf"^{SYMBOL}@"
    r"(?P<kind>kline|aggTrade|trade|bookTicker|miniTicker|ticker|depth|avgPrice|referencePrice|blockTrade)"
    r"(?P<argument>_\w+|\d+)?(?:@(?:0ms|100ms|1000ms|\+08:00))?$"
)
SECOND_MS = 1_000
# The statistics of a rolling window, and candles of one second.
WINDOW, SECOND = "windowTicker", "secondKline"
# `!bookTicker` was retired before 2026.
ALL_MARKET = {"!miniTicker@arr": ("miniTicker", "")} | {
    f"!ticker_{window}@arr": (WINDOW, window) for window in spot_json.WINDOWS
}
OWN_KINDS = {("ticker", f"_{window}"): (WINDOW, window) for window in spot_json.WINDOWS} | {
    ("kline", "_1s"): (SECOND, "1s")
}


def parse_stream(name: str) -> Stream | None:
    """Parse a stream name; None when there is no such stream."""
    if name in ALL_MARKET:
        return Stream(name, "", *ALL_MARKET[name])
    match = NAME.match(name)
    if match is None:
        return None
    own = OWN_KINDS.get((match["kind"], match["argument"] or ""))
    if own is None:
        return symbol_stream(match)
    named = parse_stream(f"{match['symbol']}@{match['kind']}" + ("_1m" if own[0] == SECOND else ""))
    return None if named is None else Stream(name, named.symbol, *own)


def parse_old_stream(name: str) -> Stream | None:
    """Parse a stream name, the stream of all tickers (retired on 2026-03-26) included."""
    return Stream(name, "", "ticker", "") if name == "!ticker@arr" else parse_stream(name)


class SpotHub(StreamHub):
    """The spot streams; reference prices and block trades do not happen here.

    A candle of one second closes with the first trade after it: the recording has none of its own.
    """

    UNTICKED_KINDS: ClassVar[frozenset[str]] = frozenset({"referencePrice", "blockTrade", SECOND})

    def __init__(self, feeds: Mapping[str, SymbolFeed]) -> None:
        super().__init__(feeds)
        self._seconds: dict[str, Kline] = {}

    def _send_tick(self, tick: TradePrint, rate: Any, *, running: bool) -> None:
        super()._send_tick(tick, rate, running=running)
        streams = [s for s in self._by_symbol[tick.symbol].values() if s.kind == SECOND]
        if not streams:
            self._seconds.pop(tick.symbol, None)
            return
        before = self._seconds.get(tick.symbol)
        bar = self._seconds[tick.symbol] = with_trade(before, tick)
        ended = [before] if before is not None and before.end <= tick.time else []
        rules = self._feeds[tick.symbol].instrument
        for shown in (*ended, bar):
            closed = shown is not bar
            event = market_json.kline_event(shown, rules, "1s", tick.time, closed=closed)
            for stream in streams:
                self._send(stream, orjson.dumps(event))

    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's event for a stream of any kind but klines."""
        del rate
        feed = self._feeds[tick.symbol]
        match stream.kind:
            case "aggTrade":
                return spot_json.agg_trade_event(tick)
            case "trade":
                return spot_json.trade_event(tick)
            case "windowTicker":
                return spot_json.window_event(feed, tick.time, stream.argument)
            case "avgPrice":
                return spot_json.average_price_event(feed, tick.time)
            case "ticker":
                return spot_json.ticker_event(feed, tick.time)
            case "miniTicker":
                return market_json.ticker_event(feed, tick.time, mini=True)
            case _:
                return self.book_event(feed, stream, tick.time)

    def book_event(self, feed: SymbolFeed, stream: Stream, time: int) -> Mapping[str, Any]:
        """Return the event for a change of the book."""
        if stream.kind == "bookTicker":
            return spot_json.book_ticker_event(feed)
        if stream.argument:
            return spot_json.depth_json(feed, int(stream.argument))
        return spot_json.depth_event(feed, time)


def with_trade(bar: Kline | None, tick: TradePrint) -> Kline:
    """Return the candle of one second that holds a trade: ``bar`` with it, or one that begins."""
    price, size, start = float(tick.price), float(tick.quantity), tick.time // SECOND_MS * SECOND_MS
    if bar is None or bar.start != start:
        ended = start + SECOND_MS
        return Kline(start, ended, price, price, price, price, size, size * price)
    return Kline(
        start, bar.end, bar.open, max(bar.high, price), min(bar.low, price), price,
        bar.volume + size, bar.quote_volume + size * price,
    )  # fmt: skip
