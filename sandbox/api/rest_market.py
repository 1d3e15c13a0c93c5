"""REST handlers of market data that both venues share."""

from __future__ import annotations

from typing import Any

from sandbox.api import market_json
from sandbox.api.exchange import BaseCall
from sandbox.api.pagination import page
from sandbox.engines.common import error_codes
from sandbox.market.feed import TradePrint
from sandbox.market.intervals import INTERVALS, bar_start, next_start

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


def klines(call: AnyCall) -> list[Any]:
    """`GET /klines`: closed bars and the running one, up to market time."""
    return symbol_klines(call, call.params.symbol())


def symbol_klines(call: AnyCall, symbol: str) -> list[Any]:
    """Return the bars of a symbol that ``interval``, ``limit`` and the span select."""
    params, feed = call.params, call.feed(symbol)
    interval = params.need("interval")
    if interval not in INTERVALS:
        raise error_codes.BAD_INTERVAL()
    limit = params.limit(DEFAULT_KLINES, MAX_KLINES)
    start, end = params.span()
    begin, stop = _range(interval, start, end, limit, call.exchange.now)
    bars = feed.bars(interval, begin, stop)
    chosen = bars[:limit] if start is not None else bars[-limit:]
    return [market_json.kline_row(bar, feed.instrument) for bar in chosen]


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
