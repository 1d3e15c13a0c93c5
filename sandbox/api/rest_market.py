"""REST handlers of market data that both venues share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.api.encoded_bars import encode
from sandbox.api.exchange import BaseCall
from sandbox.api.pagination import page
from sandbox.engines.common import error_codes
from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.intervals import INTERVALS, UPBIT_ONLY, bar_start, next_start

MAX_KLINES = 1_500
DEFAULT_KLINES = 500
AnyCall = BaseCall[Any, Any]


def ping(call: AnyCall) -> dict[str, Any]:
    """`GET /ping`."""
    del call
    return {}


def server_time(call: AnyCall) -> dict[str, Any]:
    """`GET /time`: wall time, since signatures are checked against it."""
    return {"serverTime": call.exchange.faults.exchange_ms()}


def nothing(call: AnyCall) -> list[Any]:
    """Return nothing: wallet and margin requests that clients make while they load markets."""
    del call
    return []


def klines(call: AnyCall) -> orjson.Fragment:
    """`GET /klines`: closed bars and the running one, up to market time."""
    return symbol_klines(call, call.params.symbol())


def symbol_klines(call: AnyCall, symbol: str) -> orjson.Fragment:
    """Return the bars of a symbol that ``interval``, ``limit`` and the span select, as JSON."""
    params, feed = call.params, call.feed(symbol)
    interval = params.need("interval")
    if interval not in INTERVALS or interval in UPBIT_ONLY:
        raise error_codes.BAD_INTERVAL()
    limit = params.limit(DEFAULT_KLINES, MAX_KLINES)
    start, end = params.span()
    if start is not None:  # a span from before the first candle begins with it
        start = max(start, bar_start(interval, feed.first))
    begin, stop = _range(interval, start, end, limit, call.exchange.now)
    unfinished = bar_start(interval, feed.minute)  # every earlier bar is closed
    running = feed.bars(interval, max(begin, unfinished), stop) if stop > unfinished else []
    until, oldest = min(stop, unfinished), start is not None
    room = limit if oldest else limit - len(running)

    def encode_closed() -> bytes:
        bars = feed.bars(interval, begin, until) if until > begin else []
        return encode(bars[:room] if oldest else bars[len(bars) - min(room, len(bars)) :], rules)

    rules = feed.instrument
    closed = call.exchange.encoded.closed(
        (symbol, interval, begin, until, room, oldest), encode_closed
    )
    if oldest and running and closed.count(b"[") >= limit:
        running = []
    parts = [part for part in (closed, encode(running, rules)) if part]
    return orjson.Fragment(b"[" + b",".join(parts) + b"]")


def selected_bars(
    call: AnyCall, feed: SymbolFeed, source: Callable[[str, int, int], list[Kline]]
) -> list[Kline]:
    """Return the bars of ``source`` that ``interval``, ``limit`` and the span select."""
    params = call.params
    interval = params.need("interval")
    if interval not in INTERVALS or interval in UPBIT_ONLY:
        raise error_codes.BAD_INTERVAL()
    limit = params.limit(DEFAULT_KLINES, MAX_KLINES)
    start, end = params.span()
    if start is not None:
        start = max(start, bar_start(interval, feed.first))
    bars = source(interval, *_range(interval, start, end, limit, call.exchange.now))
    return bars[:limit] if start is not None else bars[-limit:]


def _range(
    interval: str, start: int | None, end: int | None, limit: int, now: int
) -> tuple[int, int]:
    last = now + 1 if end is None else min(end, now) + 1
    size = INTERVALS[interval]
    if start is None:
        return max(0, bar_start(interval, max(0, last - 1)) - (limit - 1) * size), last
    reach = next_start(interval, bar_start(interval, start)) + limit * size
    return max(0, start), min(last, reach)


def recent_ticks(call: AnyCall) -> list[TradePrint]:
    """Return the replay's recent trades that ``fromId``, ``limit`` and the span select."""
    params, feed = call.params, call.feed(call.params.symbol())
    return page(params, feed.recent, "trade_id", params.integer("fromId"))
