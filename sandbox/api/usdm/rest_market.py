"""REST handlers of market data."""

from __future__ import annotations

from typing import Any

from sandbox.api.usdm import market_json as views
from sandbox.api.usdm.call import Call, Route, by_limit, by_symbol, names
from sandbox.engines.common import error_codes
from sandbox.market.clock import wall_ms
from sandbox.market.intervals import INTERVALS, bar_start, next_start

MAX_KLINES = 1_500
DEFAULT_KLINES = 500
KLINE_WEIGHT = by_limit(DEFAULT_KLINES, (99, 1), (499, 2), (1000, 5), (MAX_KLINES, 10))
DEPTH_WEIGHT = by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))


def ping(call: Call) -> dict[str, Any]:
    """`GET /ping`."""
    del call
    return {}


def time(call: Call) -> dict[str, Any]:
    """`GET /time`: wall time, since signatures are checked against it."""
    return {"serverTime": call.exchange.faults.exchange_ms()}


def nothing(call: Call) -> list[Any]:
    """Spot and wallet calls that clients make while they load markets."""
    del call
    return []


def exchange_info(call: Call) -> dict[str, Any]:
    """`GET /exchangeInfo`."""
    instruments = [feed.instrument for feed in call.exchange.feeds.values()]
    assets = sorted({instrument.quote for instrument in instruments} | {"USDT"})
    return {
        "timezone": "UTC",
        "serverTime": wall_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": call.exchange.limits.view(),
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in assets
        ],
        "symbols": [views.symbol_info(instrument) for instrument in instruments],
    }


def klines(call: Call) -> list[Any]:
    """`GET /klines`: closed bars and the running one, never beyond market time."""
    return _klines(call, call.params.symbol())


def continuous_klines(call: Call) -> list[Any]:
    """`GET /continuousKlines` of the perpetual contract."""
    if call.params.need("contractType") != "PERPETUAL":
        raise error_codes.BAD_VALUE("contractType")
    return _klines(call, call.params.need("pair"))


def _klines(call: Call, symbol: str) -> list[Any]:
    params, feed = call.params, call.feed(symbol)
    interval = params.need("interval")
    if interval not in INTERVALS:
        raise error_codes.BAD_INTERVAL()
    limit = params.limit(DEFAULT_KLINES, MAX_KLINES)
    start, end = params.span()
    begin, stop = _range(interval, start, end, limit, call.exchange.now)
    bars = feed.bars(interval, begin, stop)
    chosen = bars[:limit] if start is not None else bars[-limit:]
    return [views.kline_row(bar, feed.instrument) for bar in chosen]


def _range(
    interval: str, start: int | None, end: int | None, limit: int, now: int
) -> tuple[int, int]:
    last = now + 1 if end is None else min(end, now) + 1
    size = INTERVALS[interval]
    if start is None:
        return max(0, bar_start(interval, max(0, last - 1)) - (limit - 1) * size), last
    reach = next_start(interval, bar_start(interval, start)) + limit * size
    return max(0, start), min(last, reach)


def depth(call: Call) -> dict[str, Any]:
    """`GET /depth`."""
    return views.depth_view(call.feed(call.params.symbol()), call.params.limit(500, 1000))


def agg_trades(call: Call) -> list[Any]:
    """`GET /aggTrades`: the most recent prints of the replay."""
    params, feed = call.params, call.feed(call.params.symbol())
    first, (start, end) = params.integer("fromId"), params.span()
    found = [
        tick
        for tick in feed.recent
        if (first is None or tick.trade_id >= first)
        and (start is None or tick.time >= start)
        and (end is None or tick.time <= end)
    ]
    limit = params.limit(500, 1000)
    chosen = found[-limit:] if first is None and start is None else found[:limit]
    return [views.agg_trade_view(tick) for tick in chosen]


def trades(call: Call) -> list[Any]:
    """`GET /trades`: the most recent prints of the replay."""
    feed = call.feed(call.params.symbol())
    recent = list(feed.recent)[-call.params.limit(500, 1000) :]
    return [
        {
            "id": tick.trade_id,
            "price": str(tick.price),
            "qty": str(tick.quantity),
            "quoteQty": str(tick.price * tick.quantity),
            "time": tick.time,
            "isBuyerMaker": tick.buyer_maker,
        }
        for tick in recent
    ]


def ticker_price(call: Call) -> Any:
    """`GET /ticker/price`, v1 and v2."""
    return call.one_or_all(
        lambda feed: {"symbol": feed.symbol, "price": str(feed.price), "time": feed.time}
    )


def book_ticker(call: Call) -> Any:
    """`GET /ticker/bookTicker`."""
    return call.one_or_all(views.book_ticker_view)


def day_ticker(call: Call) -> Any:
    """`GET /ticker/24hr`."""
    return call.one_or_all(views.day_view)


def premium_index(call: Call) -> Any:
    """`GET /premiumIndex`."""
    markets, now = call.core.markets, call.exchange.now
    return call.one_or_all(
        lambda feed: views.premium_index(feed, markets[feed.symbol].funding_rate, now)
    )


def funding_rate(call: Call) -> list[Any]:
    """`GET /fundingRate`: what was paid up to market time."""
    params, now = call.params, call.exchange.now
    start, end = params.span()
    rows = [
        {
            "symbol": feed.symbol,
            "fundingTime": paid,
            "fundingRate": f"{rate:f}",
            "markPrice": str(feed.mark),
            "rateType": "SETTLED",
        }
        for feed in call.feeds()
        for paid, rate in zip(feed.funding.times, feed.funding.rates, strict=True)
        if (start or 0) <= paid <= min(end or now, now)
    ]
    limit = params.limit(100, 1000)
    return rows[:limit] if params.text("startTime") else rows[-limit:]


def open_interest(call: Call) -> dict[str, Any]:
    """`GET /openInterest`: what this exchange's own accounts hold."""
    symbol = call.feed(call.params.symbol()).symbol
    held = [p.amount for a in call.core.accounts.values() for p in a.held(symbol)]
    total = sum(abs(amount) for amount in held)
    return {"openInterest": str(total), "symbol": symbol, "time": call.exchange.now}


ROUTES = {
    ("GET", "/fapi/v1/ping"): Route(ping, known=names("")),
    ("GET", "/fapi/v1/time"): Route(time, known=names("")),
    ("GET", "/fapi/v1/exchangeInfo"): Route(exchange_info, known=names("")),
    ("GET", "/fapi/v1/klines"): Route(
        klines, weigh=KLINE_WEIGHT, known=names("symbol interval startTime endTime limit")
    ),
    ("GET", "/fapi/v1/continuousKlines"): Route(
        continuous_klines,
        weigh=KLINE_WEIGHT,
        known=names("pair contractType interval startTime endTime limit"),
    ),
    ("GET", "/fapi/v1/depth"): Route(depth, weigh=DEPTH_WEIGHT, known=names("symbol limit")),
    ("GET", "/fapi/v1/aggTrades"): Route(
        agg_trades, weight=20, known=names("symbol fromId startTime endTime limit")
    ),
    ("GET", "/fapi/v1/trades"): Route(trades, weight=5, known=names("symbol limit")),
    ("GET", "/fapi/v1/ticker/price"): Route(ticker_price, known=names("symbol")),
    ("GET", "/fapi/v2/ticker/price"): Route(ticker_price, known=names("symbol")),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(
        book_ticker, weigh=by_symbol(2, 5), known=names("symbol")
    ),
    ("GET", "/fapi/v1/ticker/24hr"): Route(
        day_ticker, weigh=by_symbol(1, 40), known=names("symbol")
    ),
    ("GET", "/fapi/v1/premiumIndex"): Route(premium_index, known=names("symbol")),
    ("GET", "/fapi/v1/fundingRate"): Route(
        funding_rate, known=names("symbol startTime endTime limit")
    ),
    ("GET", "/fapi/v1/fundingInfo"): Route(nothing, known=names("")),
    ("GET", "/fapi/v1/openInterest"): Route(open_interest, known=names("symbol")),
    # What clients ask of the spot host while they load futures markets.
    ("GET", "/api/v3/ping"): Route(ping, known=names("")),
    ("GET", "/api/v3/time"): Route(time, known=names("")),
    ("GET", "/sapi/v1/capital/config/getall"): Route(nothing, known=names("")),
    ("GET", "/sapi/v1/margin/allPairs"): Route(nothing, known=names("")),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(nothing, known=names("")),
}
