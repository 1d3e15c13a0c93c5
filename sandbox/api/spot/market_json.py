"""JSON of spot market data, in the exchange's field names."""

from __future__ import annotations

from sandbox.api import market_json
from sandbox.api.market_json import Json
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import decimals_of, plain
from sandbox.engines.common.order_book import PREVENTIONS
from sandbox.engines.spot import filters
from sandbox.market.feed import AVERAGE_MINUTES, SymbolFeed, TradePrint
from trading.candles import DAY_MS, HOUR_MS


def agg_trade_json(tick: TradePrint) -> Json:
    """Return a trade as REST `aggTrades` does."""
    return market_json.agg_trade_json(tick) | {"M": True}


def agg_trade_event(tick: TradePrint) -> Json:
    """Return the `aggTrade` stream's event."""
    return market_json.agg_trade_event(tick, agg_trade_json(tick))


def trade_json(tick: TradePrint) -> Json:
    """Return a trade as REST `trades` does."""
    return {
        "id": tick.trade_id,
        "price": plain(tick.price),
        "qty": plain(tick.quantity),
        "quoteQty": plain(tick.price * tick.quantity),
        "time": tick.time,
        "isBuyerMaker": tick.buyer_maker,
        "isBestMatch": True,
    }


def trade_event(tick: TradePrint) -> Json:
    """Return the `trade` stream's event."""
    return market_json.trade_event_head(tick) | {"m": tick.buyer_maker, "M": True}


def book_ticker_event(feed: SymbolFeed) -> Json:
    """Return the `bookTicker` stream's event; on spot it has neither type nor time."""
    return {"u": feed.update_id, **market_json.best_prices_event(feed)}


def book_ticker_json(feed: SymbolFeed) -> Json:
    """Return the best bid and ask as REST `ticker/bookTicker` does."""
    return {"symbol": feed.symbol, **market_json.best_prices_json(feed)}


def depth_json(feed: SymbolFeed, limit: int) -> Json:
    """Return the book as REST `depth` and the partial `depth` streams do."""
    return market_json.depth_json(feed, limit)


def depth_event(feed: SymbolFeed, time: int) -> Json:
    """Return the difference between the book now and the book sent last; nothing if none."""
    change = feed.book_change()
    if change.empty:
        return {}
    return {
        "e": "depthUpdate",
        "E": time,
        "s": feed.symbol,
        "U": change.first_id,
        "u": change.last_id,
        "b": change.bids,
        "a": change.asks,
    }


# Windows of the rolling ticker streams.
WINDOWS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": DAY_MS}
CHANGES = ("priceChange", "priceChangePercent", "weightedAvgPrice")
# What a ticker of type MINI has.
MINI = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume",
        "openTime", "closeTime", "firstId", "lastId", "count")  # fmt: skip


def window_json(feed: SymbolFeed, length: int) -> Json:
    """Return the last ``length`` ms as REST `ticker` does."""
    shown = market_json.day_ticker_json(feed, market_json.last_window(feed, length))
    return {name: shown[name] for name in (MINI[0], *CHANGES, *MINI[1:])}


def window_event(feed: SymbolFeed, time: int, window: str) -> Json:
    """Return the event of the rolling ticker stream of a ``window``."""
    shown = window_json(feed, WINDOWS[window])
    return {
        "e": f"{window}Ticker",
        "E": time,
        "s": shown["symbol"],
        "p": shown["priceChange"],
        "P": shown["priceChangePercent"],
        "o": shown["openPrice"],
        "h": shown["highPrice"],
        "l": shown["lowPrice"],
        "c": shown["lastPrice"],
        "w": shown["weightedAvgPrice"],
        "v": shown["volume"],
        "q": shown["quoteVolume"],
        "O": shown["openTime"],
        "C": time,
        "F": shown["firstId"],
        "L": shown["lastId"],
        "n": shown["count"],
    }


def day_ticker_json(feed: SymbolFeed) -> Json:
    """Return the last 24 hours as REST `ticker/24hr` does."""
    day = market_json.day_ticker_json(feed)
    return day | market_json.best_prices_json(feed) | {"prevClosePrice": day["openPrice"]}


def trading_day_json(feed: SymbolFeed) -> Json:
    """Return the running day (UTC) as REST `ticker/tradingDay` does."""
    start = feed.time // DAY_MS * DAY_MS
    shown = market_json.day_ticker_json(feed, feed.bar_at("1d", start))
    head = {name: shown[name] for name in (MINI[0], *CHANGES, *MINI[1:])}
    return {**head, "openTime": start, "closeTime": start + DAY_MS - 1}


def ticker_event(feed: SymbolFeed, time: int) -> Json:
    """Return the `ticker` stream's event."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    event = market_json.ticker_event(feed, time, mini=False)
    return event | {"x": event["o"], "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}


def average_price_json(feed: SymbolFeed) -> Json:
    """`GET /avgPrice`: the volume-weighted price of the last five minutes."""
    value = feed.average()
    return {"mins": AVERAGE_MINUTES, "price": f"{value:.8f}", "closeTime": feed.time}


def average_price_event(feed: SymbolFeed, time: int) -> Json:
    """Return the `avgPrice` stream's event."""
    shown = average_price_json(feed)
    return {
        "e": "avgPrice",
        "E": time,
        "s": feed.symbol,
        "i": f"{AVERAGE_MINUTES}m",
        "w": shown["price"],
        "T": shown["closeTime"],
    }


def symbol_info(instrument: ExchangeInstrument) -> Json:
    """Return a symbol as `exchangeInfo` lists it."""
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
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(PREVENTIONS),
    }  # fmt: skip


def _filters(instrument: ExchangeInstrument) -> list[Json]:
    places = decimals_of(instrument.step)
    return [
        *market_json.price_and_lot_filters(instrument),
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
