"""USDⓈ-M market streams: their names and their messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sandbox.api import market_json
from sandbox.api.market_json import Json
from sandbox.api.stream_hub import BOOK_KINDS, KLINE_KINDS, SYMBOL, Stream, StreamHub, symbol_stream
from sandbox.api.usdm import market_json as usdm_json
from sandbox.market.feed import SymbolFeed, TradePrint

NAME = re.compile(
    rf"^{SYMBOL}(?:_(?P<contract>perpetual))?@"
    r"(?P<kind>kline|continuousKline|aggTrade|trade|bookTicker|markPrice|miniTicker|ticker|depth|"
    r"forceOrder|compositeIndex)"
    r"(?P<argument>_\w+|\d+)?(?:@(?P<pace>0ms|100ms|250ms|500ms|1s|3s))?$"
)
RPI = re.compile("@rpiDepth@500ms$")
LIQUIDATION = "forceOrder"
# Streams that exist, but nothing of what they tell happens here.
SILENT = ("assetIndex", "compositeIndex", "contractInfo", "tradingSession")
ALL_MARKET = {
    "!miniTicker@arr": "miniTicker",
    "!ticker@arr": "ticker",
    "!markPrice@arr": "markPrice",
    "!markPrice@arr@1s": "markPrice",
    "!bookTicker": "bookTicker",
    "!forceOrder@arr": LIQUIDATION,
    "!contractInfo": "contractInfo",
    "!assetIndex@arr": "assetIndex",
    "tradingSession": "tradingSession",
}


def parse_stream(name: str) -> Stream | None:
    """Parse a stream name; None when there is no such stream."""
    if name in ALL_MARKET:
        return Stream(name, "", ALL_MARKET[name], "")
    if RPI.search(name):  # nobody sends retail price improvement orders: the book is the same
        book = parse_stream(RPI.sub("@depth@500ms", name))
        return None if book is None else replace(book, name=name)
    match = NAME.match(name)
    if match is None:
        return None
    kind, contract = match["kind"], bool(match["contract"])
    if kind in KLINE_KINDS and contract != (kind == "continuousKline"):
        return None
    return symbol_stream(match)


class UsdmHub(StreamHub):
    """The futures streams."""

    UNTICKED_KINDS: ClassVar[frozenset[str]] = frozenset({LIQUIDATION, *SILENT})

    def kline_event(self, stream: Stream, event: Json) -> Json:
        """Return a bar's event in the form of the stream's kind."""
        if stream.kind == "continuousKline":
            return usdm_json.continuous_kline_event(event)
        return event

    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's event for a stream of any kind but klines."""
        feed = self._feeds[tick.symbol]
        match stream.kind:
            case "aggTrade":
                return usdm_json.agg_trade_event(tick)
            case "trade":
                return usdm_json.trade_event(tick)
            case "markPrice":
                return usdm_json.mark_price_event(feed, rate, tick.time)
            case kind if kind in BOOK_KINDS:
                return self.book_event(feed, stream, tick.time)
            case kind:
                return market_json.ticker_event(feed, tick.time, mini=kind == "miniTicker")

    def book_event(self, feed: SymbolFeed, stream: Stream, time: int) -> Mapping[str, Any]:
        """Return the event for a change of the book."""
        if stream.kind == "bookTicker":
            return usdm_json.book_ticker_event(feed, time)
        if stream.argument:
            return usdm_json.partial_depth_event(feed, time, int(stream.argument))
        return usdm_json.depth_event(feed, time)
