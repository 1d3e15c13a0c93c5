"""REST handlers of Upbit's market data: newest first, without empty minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.api.requests import Route
from sandbox.api.upbit import market_json
from sandbox.api.upbit.call import UpbitCall
from sandbox.engines.common.money import plain
from sandbox.engines.upbit.engine import UpbitError
from sandbox.engines.upbit.price_steps import step_of
from sandbox.market.intervals import INTERVALS, bar_start

UNITS = {
    "1": "1m", "3": "3m", "5": "5m", "10": "10m", "15": "15m", "30": "30m", "60": "1h", "240": "4h",
}  # fmt: skip
LONG = {"days": "1d", "weeks": "1w", "months": "1M"}
MOST = 200
# How many empty bars a page may skip before it ends early.
SPARSE = 20


def market_all(call: UpbitCall) -> list[Any]:
    """`GET /market/all`."""
    return [market_json.market_json(feed) for feed in call.exchange.feeds.values()]


def ticker(call: UpbitCall) -> list[Any]:
    """`GET /ticker`."""
    return [market_json.ticker_json(feed) for feed in call.markets()]


def ticker_all(call: UpbitCall) -> list[Any]:
    """`GET /ticker/all`."""
    quotes = (call.params.text("quote_currencies") or "KRW").split(",")
    feeds = call.exchange.feeds.values()
    return [market_json.ticker_json(f) for f in feeds if f.instrument.quote in quotes]


def orderbook(call: UpbitCall) -> list[Any]:
    """`GET /orderbook`."""
    return [market_json.orderbook_json(feed, call.count(30, 30)) for feed in call.markets()]


def instruments(call: UpbitCall) -> list[Any]:
    """`GET /orderbook/instruments`: the price step that holds now."""
    return [
        {
            "market": feed.symbol,
            "quote_currency": feed.instrument.quote,
            "tick_size": plain(step_of(feed.symbol, feed.price)),
            "supported_levels": ["0"],
        }
        for feed in call.markets()
    ]


def ticks(call: UpbitCall) -> list[Any]:
    """`GET /trades/ticks`: the most recent trades, newest first."""
    feed = call.feed(call.need("market"))
    previous = market_json.previous_close(feed)
    recent = list(feed.recent)[-call.count(1, 500) :]
    return [market_json.trade_json(tick, previous) for tick in reversed(recent)]


def _served(interval: str, unit: int) -> Callable[[UpbitCall], list[Any]]:
    """Return the handler of one path under `GET /candles`."""

    def handler(call: UpbitCall) -> list[Any]:
        return _candles(call, interval, unit)

    return handler


def _candles(call: UpbitCall, interval: str, unit: int) -> list[Any]:
    feed, now = call.feed(call.need("market")), call.exchange.now
    until = min(_time(call.params.text("to")) or now + 1, now + 1)
    count = call.count(1, MOST)
    last = bar_start(interval, until - 1)
    span = count * SPARSE * INTERVALS[interval]
    bars = feed.bars(interval, max(feed.first, last - span), until)[-count:]
    return [market_json.candle_json(feed.symbol, bar, now, unit) for bar in reversed(bars)]


def _time(text: str | None) -> int | None:
    """Return ``to`` as ms: ISO 8601, UTC unless it names a zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "T", 1).replace("Z", "+00:00"))
    except ValueError as error:
        raise UpbitError("invalid_parameter", "to is not an ISO 8601 time.") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(moment.timestamp() * 1_000)


ROUTES = {
    ("GET", "/v1/market/all"): ("market", Route(market_all)),
    ("GET", "/v1/ticker"): ("ticker", Route(ticker)),
    ("GET", "/v1/ticker/all"): ("ticker", Route(ticker_all)),
    ("GET", "/v1/orderbook"): ("orderbook", Route(orderbook)),
    ("GET", "/v1/orderbook/instruments"): ("orderbook", Route(instruments)),
    ("GET", "/v1/trades/ticks"): ("crix-trades", Route(ticks)),
    **{
        ("GET", f"/v1/candles/minutes/{unit}"): ("candle", Route(_served(interval, int(unit))))
        for unit, interval in UNITS.items()
    },
    **{
        ("GET", f"/v1/candles/{name}"): ("candle", Route(_served(interval, 0)))
        for name, interval in LONG.items()
    },
}
