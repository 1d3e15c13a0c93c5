"""Spot market streams: their names and their messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.api import market_json
from sandbox.api.spot import market_json as spot_json
from sandbox.api.stream_hub import SYMBOL, Stream, StreamHub, symbol_stream
from sandbox.market.feed import SymbolFeed, TradePrint

NAME = re.compile(
    rf"^{SYMBOL}@"
    r"(?P<kind>kline|aggTrade|trade|bookTicker|miniTicker|ticker|depth|avgPrice|referencePrice|blockTrade)"
    r"(?P<argument>_\w+|\d+)?(?:@(?:0ms|100ms|1000ms|\+08:00))?$"
)
# `!bookTicker` was retired before 2026.
ALL_MARKET = {"!miniTicker@arr": "miniTicker"}


def parse_stream(name: str) -> Stream | None:
    """Parse a stream name; None when there is no such stream."""
    if name in ALL_MARKET:
        return Stream(name, "", ALL_MARKET[name], "")
    match = NAME.match(name)
    return None if match is None else symbol_stream(match)


def parse_old_stream(name: str) -> Stream | None:
    """Parse a stream name, the stream of all tickers (retired on 2026-03-26) included."""
    return Stream(name, "", "ticker", "") if name == "!ticker@arr" else parse_stream(name)


class SpotHub(StreamHub):
    """The spot streams; reference prices and block trades do not happen here."""

    UNTICKED_KINDS: ClassVar[frozenset[str]] = frozenset({"referencePrice", "blockTrade"})

    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's event for a stream of any kind but klines."""
        del rate
        feed = self._feeds[tick.symbol]
        match stream.kind:
            case "aggTrade":
                return spot_json.agg_trade_event(tick)
            case "trade":
                return spot_json.trade_event(tick)
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
