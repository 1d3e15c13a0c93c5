"""Upbit's streams: their messages, their short form, and who gets which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.krw.account_streams import AccountConnection
from sandbox.api.stream_hub import Stream, StreamHub
from sandbox.api.upbit import market_json
from sandbox.faults.injection import Faults
from sandbox.market.feed import SymbolFeed, TradePrint

# The kind of stream that the hub knows, by Upbit's type.
KINDS = {"ticker": "ticker", "trade": "trade", "orderbook": "depth"}
TYPES = {kind: name for name, kind in KINDS.items()}
# Field names of the formats SIMPLE and SIMPLE_LIST.
SHORT = {
    "type": "ty", "code": "cd", "timestamp": "tms", "trade_date": "td", "trade_time": "ttm",
    "trade_timestamp": "ttms", "trade_price": "tp", "trade_volume": "tv", "ask_bid": "ab",
    "prev_closing_price": "pcp", "change": "c", "change_price": "cp", "sequential_id": "sid",
    "stream_type": "st", "opening_price": "op", "high_price": "hp", "low_price": "lp",
    "signed_change_price": "scp", "change_rate": "cr", "signed_change_rate": "scr",
    "acc_trade_volume": "atv", "acc_trade_volume_24h": "atv24h", "acc_trade_price": "atp",
    "acc_trade_price_24h": "atp24h", "market_state": "ms", "is_trading_suspended": "its",
    "delisting_date": "dd", "market_warning": "mw", "total_ask_size": "tas",
    "total_bid_size": "tbs", "orderbook_units": "obu", "ask_price": "ap", "bid_price": "bp",
    "ask_size": "as", "bid_size": "bs", "level": "lv",
}  # fmt: skip


def shortened(value: Any) -> Any:
    """Return a message with the short names of its fields."""
    if isinstance(value, dict):
        return {SHORT.get(name, name): shortened(inner) for name, inner in value.items()}
    return [shortened(item) for item in value] if isinstance(value, list) else value


class UpbitConnection(AccountConnection):
    """A client's connection: binary frames, in the form that it requested."""

    FRAME: ClassVar[WSMsgType] = WSMsgType.BINARY

    def __init__(self, socket: web.WebSocketResponse, faults: Faults, account: str) -> None:
        super().__init__(socket, "private" if account else "", faults, combined=False)
        self.account = account
        self.short = self.listed = False
        self.private: frozenset[str] = frozenset()
        self.codes: Mapping[str, frozenset[str]] = {}

    def put(self, raw: bytes) -> None:
        """Queue a message in the client's form."""
        if self.short:
            raw = orjson.dumps(shortened(orjson.loads(raw)))
        super().put(b"[" + raw + b"]" if self.listed else raw)


class UpbitHub(StreamHub):
    """Upbit's streams."""

    def tick_event(self, stream: Stream, tick: TradePrint, rate: Any) -> Mapping[str, Any]:
        """Return a trade's message for a stream of any kind."""
        del rate
        feed = self._feeds[tick.symbol]
        match stream.kind:
            case "trade":
                return market_json.trade_event(tick, market_json.previous_close(feed), "REALTIME")
            case "ticker":
                return market_json.ticker_event(feed, "REALTIME")
            case _:
                return self.book_event(feed, stream, tick.time)

    def book_event(self, feed: SymbolFeed, stream: Stream, time: int) -> Mapping[str, Any]:
        """Return the message for a change of the book: the whole of it."""
        del stream, time
        return market_json.orderbook_event(feed, "REALTIME")

    def snapshot(self, stream: Stream) -> Mapping[str, Any] | None:
        """Return what a client gets at once; None when there is nothing yet."""
        feed = self._feeds[stream.symbol]
        match stream.kind:
            case "ticker":
                return market_json.ticker_event(feed, "SNAPSHOT")
            case "depth":
                return market_json.orderbook_event(feed, "SNAPSHOT")
        if not feed.recent:
            return None
        previous = market_json.previous_close(feed)
        return market_json.trade_event(feed.recent[-1], previous, "SNAPSHOT")
