"""REST handlers of USDⓈ-M market data."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.api import market_json as shared_json
from sandbox.api import rest_market
from sandbox.api.requests import KEY, Route, by_limit, by_symbol, names
from sandbox.api.rest_market import DEFAULT_KLINES, MAX_KLINES, klines, nothing, ping, server_time
from sandbox.api.usdm import market_json
from sandbox.api.usdm.call import UsdmCall
from sandbox.engines.common import error_codes
from sandbox.market.candles import Kline
from sandbox.market.clock import wall_ms
from sandbox.market.mark_price import MarkRule, RecordedMark

KLINE_WEIGHT = by_limit(DEFAULT_KLINES, (99, 1), (499, 2), (1000, 5), (MAX_KLINES, 10))
DEPTH_WEIGHT = by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))


def exchange_info(call: UsdmCall) -> dict[str, Any]:
    """`GET /exchangeInfo`."""
    instruments = [feed.instrument for feed in call.exchange.feeds.values()]
    assets = sorted({instrument.quote for instrument in instruments} | {"USDT"})
    return {
        "timezone": "UTC",
        "serverTime": wall_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": call.exchange.limits.published(),
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in assets
        ],
        "symbols": [market_json.symbol_info(instrument) for instrument in instruments],
    }


def continuous_klines(call: UsdmCall) -> orjson.Fragment:
    """`GET /continuousKlines` of the perpetual contract."""
    if call.params.need("contractType") != "PERPETUAL":
        raise error_codes.BAD_VALUE("contractType")
    return rest_market.symbol_klines(call, call.params.need("pair"))


def mark_klines(call: UsdmCall) -> list[Any]:
    """`GET /markPriceKlines`: recorded mark candles, else those of the contract."""
    symbol = call.params.symbol()
    return _price_klines(call, symbol, call.exchange.marks.get(symbol))


def index_klines(call: UsdmCall) -> list[Any]:
    """`GET /indexPriceKlines`: recorded index candles, else those of the mark price."""
    return _index_klines(call, call.params.need("pair"))


def _index_klines(call: UsdmCall, symbol: str) -> list[Any]:
    rule = call.feed(symbol).indexed or call.exchange.marks.get(symbol)
    return _price_klines(call, symbol, rule)


def premium_klines(call: UsdmCall) -> list[Any]:
    """`GET /premiumIndexKlines`: how far the mark price was from the index, as a share.

    Open and close are exact; the extremes are those of the four prices, taken one by one.
    """
    symbol = call.params.symbol()
    indexes = {row[0]: row for row in _index_klines(call, symbol)}
    found = []
    for mark in mark_klines(call):
        index = indexes.get(mark[0])
        if index is None:  # a bar that has only begun has no recorded candle yet
            continue
        shares = [float(mark[at]) / float(index[at]) - 1.0 for at in range(1, 5)]
        shown = (shares[0], max(shares), min(shares), shares[3])
        found.append([mark[0], *(f"{share:.8f}" for share in shown), *mark[5:]])
    return found


def _price_klines(call: UsdmCall, symbol: str, rule: MarkRule | None) -> list[Any]:
    feed = call.feed(symbol)
    series = rule.series if isinstance(rule, RecordedMark) else None

    def source(interval: str, begin: int, stop: int) -> list[Kline]:
        if series is not None:
            return series.bars(interval, begin, stop, feed.minute)
        return feed.bars(interval, begin, stop)

    bars = rest_market.selected_bars(call, feed, source)
    return [shared_json.price_kline_row(bar, feed.instrument) for bar in bars]


def historical_trades(call: UsdmCall) -> list[Any]:
    """`GET /historicalTrades`: the recent trades of the replay from ``fromId`` on."""
    return [market_json.trade_json(tick) for tick in rest_market.recent_ticks(call)]


def depth(call: UsdmCall) -> dict[str, Any]:
    """`GET /depth`."""
    return market_json.depth_json(call.feed(call.params.symbol()), call.params.limit(500, 1000))


def agg_trades(call: UsdmCall) -> list[Any]:
    """`GET /aggTrades`: the most recent trades of the replay."""
    return [market_json.agg_trade_json(tick) for tick in rest_market.recent_ticks(call)]


def trades(call: UsdmCall) -> list[Any]:
    """`GET /trades`: the most recent trades of the replay."""
    feed = call.feed(call.params.symbol())
    recent = list(feed.recent)[-call.params.limit(500, 1000) :]
    return [market_json.trade_json(tick) for tick in recent]


def ticker_price(call: UsdmCall) -> Any:
    """`GET /ticker/price`, v1 and v2."""
    return call.one_or_all(
        lambda feed: {"symbol": feed.symbol, "price": str(feed.price), "time": feed.time}
    )


def book_ticker(call: UsdmCall) -> Any:
    """`GET /ticker/bookTicker`."""
    return call.one_or_all(market_json.book_ticker_json)


def day_ticker(call: UsdmCall) -> Any:
    """`GET /ticker/24hr`."""
    return call.one_or_all(shared_json.day_ticker_json)


def premium_index(call: UsdmCall) -> Any:
    """`GET /premiumIndex`."""
    markets, now = call.core.markets, call.exchange.now
    return call.one_or_all(
        lambda feed: market_json.premium_index_json(feed, markets[feed.symbol].funding_rate, now)
    )


def funding_rate(call: UsdmCall) -> list[Any]:
    """`GET /fundingRate`: the rates paid up to market time."""
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


def open_interest(call: UsdmCall) -> dict[str, Any]:
    """`GET /openInterest`: the positions of this exchange's own accounts."""
    symbol = call.feed(call.params.symbol()).symbol
    held = [p.amount for a in call.core.accounts.values() for p in a.held(symbol)]
    total = sum(abs(amount) for amount in held)
    return {"openInterest": str(total), "symbol": symbol, "time": call.exchange.now}


ROUTES = {
    ("GET", "/fapi/v1/ping"): Route(ping, known=names("")),
    ("GET", "/fapi/v1/time"): Route(server_time, known=names("")),
    ("GET", "/fapi/v1/exchangeInfo"): Route(exchange_info, known=names("")),
    ("GET", "/fapi/v1/klines"): Route(
        klines, weigh=KLINE_WEIGHT, known=names("symbol interval startTime endTime limit")
    ),
    ("GET", "/fapi/v1/continuousKlines"): Route(
        continuous_klines,
        weigh=KLINE_WEIGHT,
        known=names("pair contractType interval startTime endTime limit"),
    ),
    ("GET", "/fapi/v1/markPriceKlines"): Route(
        mark_klines, weigh=KLINE_WEIGHT, known=names("symbol interval startTime endTime limit")
    ),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(
        index_klines, weigh=KLINE_WEIGHT, known=names("pair interval startTime endTime limit")
    ),
    ("GET", "/fapi/v1/premiumIndexKlines"): Route(
        premium_klines, weigh=KLINE_WEIGHT, known=names("symbol interval startTime endTime limit")
    ),
    ("GET", "/fapi/v1/historicalTrades"): Route(
        historical_trades, KEY, 20, known=names("symbol limit fromId")
    ),
    ("GET", "/fapi/v1/depth"): Route(depth, weigh=DEPTH_WEIGHT, known=names("symbol limit")),
    # Nobody offers retail price improvement here: the book with it is the book.
    ("GET", "/fapi/v1/rpiDepth"): Route(depth, weight=20, known=names("symbol limit")),
    ("GET", "/fapi/v1/indexInfo"): Route(nothing, known=names("symbol")),
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
}
