"""REST handlers of spot market data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.api import rest_market
from sandbox.api.requests import Route, by_limit, names
from sandbox.api.rest_market import ping, server_time
from sandbox.api.spot import market_json
from sandbox.api.spot.call import SpotCall
from sandbox.engines.common import error_codes
from sandbox.engines.common.money import plain
from sandbox.engines.spot import order_routes
from sandbox.market.clock import wall_ms
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.params import whole
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

# The most of each unit that `windowSize` may have, and its length.
WINDOW_UNITS = {"m": (59, MINUTE_MS), "h": (23, HOUR_MS), "d": (7, DAY_MS)}
DEPTH_WEIGHT = by_limit(100, (100, 5), (500, 25), (1000, 50), (5000, 250))


def exchange_info(call: SpotCall) -> dict[str, Any]:
    """`GET /exchangeInfo`."""
    routed = order_routes.routes(call.core)
    return {
        "timezone": "UTC",
        "serverTime": wall_ms(),
        "rateLimits": call.exchange.limits.published(),
        "exchangeFilters": [],
        "symbols": [market_json.symbol_info(feed.instrument) for feed in call.feeds()],
        "sors": [{"baseAsset": base, "symbols": symbols} for base, symbols in routed.items()],
    }


def depth(call: SpotCall) -> dict[str, Any]:
    """`GET /depth`."""
    return market_json.depth_json(call.feed(call.params.symbol()), call.params.limit(100, 5000))


def agg_trades(call: SpotCall) -> list[Any]:
    """`GET /aggTrades`: the most recent trades of the replay."""
    return [market_json.agg_trade_json(tick) for tick in rest_market.recent_ticks(call)]


def trades(call: SpotCall) -> list[Any]:
    """`GET /trades`: the most recent trades of the replay."""
    feed = call.feed(call.params.symbol())
    return [market_json.trade_json(t) for t in list(feed.recent)[-call.params.limit(500, 1000) :]]


def ticker_price(call: SpotCall) -> Any:
    """`GET /ticker/price`."""
    return call.one_or_all(lambda feed: {"symbol": feed.symbol, "price": str(feed.price)})


def book_ticker(call: SpotCall) -> Any:
    """`GET /ticker/bookTicker`."""
    return call.one_or_all(market_json.book_ticker_json)


def day_ticker(call: SpotCall) -> Any:
    """`GET /ticker/24hr`."""
    return _tickers(call, market_json.day_ticker_json)


def trading_day(call: SpotCall) -> Any:
    """`GET /ticker/tradingDay`."""
    _need_symbols(call)
    return _tickers(call, market_json.trading_day_json)


def window_ticker(call: SpotCall) -> Any:
    """`GET /ticker`: the last minutes, hours or days."""
    _need_symbols(call)
    text = call.params.text("windowSize") or "1d"
    most, unit = WINDOW_UNITS.get(text[-1], (0, 0))
    count = whole(text[:-1])
    if count is None or not 1 <= count <= most:
        raise error_codes.BAD_VALUE("windowSize")
    return _tickers(call, lambda feed: market_json.window_json(feed, count * unit))


def _need_symbols(call: SpotCall) -> None:
    if not (call.params.text("symbol") or call.params.text("symbols")):
        raise error_codes.MISSING("symbol")


def _tickers(call: SpotCall, to_json: Callable[[SymbolFeed], dict[str, Any]]) -> Any:
    """Return the tickers of the symbols, with all fields or those of type MINI."""
    if call.params.choice("type", "FULL", ("FULL", "MINI")) == "FULL":
        return call.one_or_all(to_json)
    return call.one_or_all(
        lambda feed: {name: v for name, v in to_json(feed).items() if name in market_json.MINI}
    )


def average_price(call: SpotCall) -> dict[str, Any]:
    """`GET /avgPrice`."""
    return market_json.average_price_json(call.feed(call.params.symbol()))


def coins(call: SpotCall) -> list[Any]:
    """`GET /sapi/v1/capital/config/getall`: every asset, without networks."""
    instruments = [feed.instrument for feed in call.exchange.feeds.values()]
    names = {i.base for i in instruments} | {i.quote for i in instruments} | {"BNB"}
    account = call.account
    return [
        {
            "coin": name,
            "name": name,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": plain(account.free(name)),
            "locked": plain(account.locked[name]),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }
        for name in sorted(names)
    ]


def system_status(call: SpotCall) -> dict[str, Any]:
    """`GET /sapi/v1/system/status`."""
    closed = call.exchange.faults.closed
    return {"status": int(closed), "msg": "system_maintenance" if closed else "normal"}


def klines(call: SpotCall) -> orjson.Fragment:
    """`GET /klines`: closed bars and the running one, up to market time."""
    if call.params.text("interval") == "1s":
        raise error_codes.BAD_INTERVAL()
    return rest_market.klines(call)


ROUTES = {
    ("GET", "/api/v3/ping"): Route(ping, known=names("")),
    ("GET", "/api/v3/time"): Route(server_time, known=names("")),
    ("GET", "/api/v3/exchangeInfo"): Route(
        exchange_info,
        weight=20,
        known=names("symbol symbols permissions showPermissionSets symbolStatus"),
    ),
    ("GET", "/api/v3/klines"): Route(
        klines, weight=2, known=names("symbol interval timeZone startTime endTime limit")
    ),
    ("GET", "/api/v3/uiKlines"): Route(
        klines, weight=2, known=names("symbol interval timeZone startTime endTime limit")
    ),
    ("GET", "/api/v3/depth"): Route(depth, weigh=DEPTH_WEIGHT, known=names("symbol limit")),
    ("GET", "/api/v3/aggTrades"): Route(
        agg_trades, weight=4, known=names("symbol fromId startTime endTime limit")
    ),
    ("GET", "/api/v3/trades"): Route(trades, weight=25, known=names("symbol limit")),
    ("GET", "/api/v3/historicalTrades"): Route(
        trades, weight=25, known=names("symbol limit fromId")
    ),
    ("GET", "/api/v3/ticker/price"): Route(
        ticker_price, weight=2, known=names("symbol symbols symbolStatus")
    ),
    ("GET", "/api/v3/ticker/bookTicker"): Route(
        book_ticker, weight=2, known=names("symbol symbols symbolStatus")
    ),
    ("GET", "/api/v3/ticker/24hr"): Route(
        day_ticker, weight=2, known=names("symbol symbols type symbolStatus")
    ),
    ("GET", "/api/v3/ticker"): Route(
        window_ticker, weight=4, known=names("symbol symbols windowSize type symbolStatus")
    ),
    ("GET", "/api/v3/ticker/tradingDay"): Route(
        trading_day, weight=4, known=names("symbol symbols timeZone type symbolStatus")
    ),
    ("GET", "/api/v3/avgPrice"): Route(average_price, weight=2, known=names("symbol")),
    ("GET", "/sapi/v1/system/status"): Route(system_status, known=names("")),
}
