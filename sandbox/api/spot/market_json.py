"""JSON of spot market data where it differs from the futures venue's."""

from __future__ import annotations

from typing import Any

from sandbox.api.usdm import market_json as usdm
from sandbox.engines.common.instruments import Instrument
from sandbox.engines.common.money import decimals_of, plain
from sandbox.engines.spot import filters
from sandbox.market.feed import AVERAGE_MINUTES, Feed, Tick

Json = dict[str, Any]


def agg_trade_view(tick: Tick) -> Json:
    """A trade as REST `aggTrades` answers it."""
    shown = usdm.agg_trade_view(tick)
    del shown["nq"]
    return shown | {"M": True}


def agg_trade_event(tick: Tick) -> Json:
    """The `aggTrade` stream's event."""
    return {"e": "aggTrade", "E": tick.time, "s": tick.symbol, **agg_trade_view(tick)}


def trade_view(tick: Tick) -> Json:
    """A trade as REST `trades` answers it."""
    return {
        "id": tick.trade_id,
        "price": plain(tick.price),
        "qty": plain(tick.quantity),
        "quoteQty": plain(tick.price * tick.quantity),
        "time": tick.time,
        "isBuyerMaker": tick.buyer_maker,
        "isBestMatch": True,
    }


def trade_event(tick: Tick) -> Json:
    """The `trade` stream's event."""
    event = usdm.trade_event(tick)
    del event["X"]
    return event | {"M": True}


def book_ticker_event(feed: Feed) -> Json:
    """The `bookTicker` stream's event; on spot it has neither type nor time."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    return {
        "u": feed.update_id,
        "s": feed.symbol,
        "b": bid,
        "B": bid_quantity,
        "a": ask,
        "A": ask_quantity,
    }


def book_ticker_view(feed: Feed) -> Json:
    """The best bid and ask as REST answers them."""
    shown = usdm.book_ticker_view(feed)
    return {n: shown[n] for n in ("symbol", "bidPrice", "bidQty", "askPrice", "askQty")}


def depth_view(feed: Feed, limit: int) -> Json:
    """The book as REST `depth` answers it."""
    shown = usdm.depth_view(feed, limit)
    return {name: shown[name] for name in ("lastUpdateId", "bids", "asks")}


def depth_event(feed: Feed, time: int) -> Json:
    """The `depth` stream's difference."""
    event = usdm.depth_event(feed, time)
    return {name: event[name] for name in ("e", "E", "s", "U", "u", "b", "a")}


def partial_depth(feed: Feed, levels: int) -> Json:
    """The best levels of the book."""
    return depth_view(feed, levels)


def day_view(feed: Feed) -> Json:
    """The last 24 hours as REST `ticker/24hr` answers them."""
    shown, book = usdm.day_view(feed), usdm.book_ticker_view(feed)
    sides = {name: book[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")}
    return shown | sides | {"prevClosePrice": shown["openPrice"]}


def ticker_event(feed: Feed, time: int) -> Json:
    """The `ticker` stream's event."""
    event, book = usdm.ticker_event(feed, time, mini=False), usdm.book_ticker_view(feed)
    return event | {
        "x": event["o"],
        "b": book["bidPrice"],
        "B": book["bidQty"],
        "a": book["askPrice"],
        "A": book["askQty"],
    }


def average_price(feed: Feed) -> Json:
    """`GET /avgPrice`: of the last five minutes, by volume."""
    value = feed.average()
    return {"mins": AVERAGE_MINUTES, "price": f"{value:.8f}", "closeTime": feed.time}


def average_price_event(feed: Feed, time: int) -> Json:
    """The `avgPrice` stream's event."""
    shown = average_price(feed)
    return {
        "e": "avgPrice",
        "E": time,
        "s": feed.symbol,
        "i": f"{AVERAGE_MINUTES}m",
        "w": shown["price"],
        "T": shown["closeTime"],
    }


def symbol_info(instrument: Instrument) -> Json:
    """A symbol as `exchangeInfo` lists it."""
    return {
        "symbol": instrument.symbol,
        "status": instrument.status,
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [
            "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }  # fmt: skip


def _filters(instrument: Instrument) -> list[Json]:
    places = decimals_of(instrument.step)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(instrument.min_price),
            "maxPrice": plain(instrument.max_price),
            "tickSize": plain(instrument.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": plain(instrument.min_quantity),
            "maxQty": plain(instrument.max_quantity),
            "stepSize": plain(instrument.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": f"{instrument.market_max_quantity:.{places}f}",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": filters.MIN_TRAILING,
            "maxTrailingAboveDelta": filters.MAX_TRAILING,
            "minTrailingBelowDelta": filters.MIN_TRAILING,
            "maxTrailingBelowDelta": filters.MAX_TRAILING,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": plain(filters.BID_UP),
            "bidMultiplierDown": plain(filters.BID_DOWN),
            "askMultiplierUp": plain(filters.ASK_UP),
            "askMultiplierDown": plain(filters.ASK_DOWN),
            "avgPriceMins": AVERAGE_MINUTES,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": plain(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": plain(filters.MAX_NOTIONAL),
            "applyMaxToMarket": False,
            "avgPriceMins": AVERAGE_MINUTES,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": filters.MAX_LISTS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.MAX_ALGO_ORDERS},
    ]
