"""JSON of USDⓈ-M market data, in the exchange's field names."""

from __future__ import annotations

from decimal import Decimal

from sandbox.api import market_json
from sandbox.api.market_json import Json
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import money_text, plain
from sandbox.market.feed import SymbolFeed, TradePrint

ORDER_TYPES = [
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]


def continuous_kline_event(event: Json) -> Json:
    """Return a `kline` event in the form of the `continuousKline` stream."""
    body = {name: value for name, value in event["k"].items() if name != "s"}
    return {
        "e": "continuous_kline",
        "E": event["E"],
        "ps": event["s"],
        "ct": "PERPETUAL",
        "k": body,
    }


def depth_json(feed: SymbolFeed, limit: int) -> Json:
    """Return the book as REST `depth` does."""
    book = market_json.depth_json(feed, limit)
    return {"lastUpdateId": book["lastUpdateId"], "E": feed.time, "T": feed.time, **book}


def depth_event(feed: SymbolFeed, time: int) -> Json:
    """Return the difference between the book now and the book sent last; nothing if none."""
    change = feed.book_change()
    if change.empty:
        return {}
    return {
        "e": "depthUpdate",
        "E": time,
        "T": time,
        "s": feed.symbol,
        "U": change.first_id,
        "u": change.last_id,
        "pu": change.previous_id,
        "b": change.bids,
        "a": change.asks,
    }


def partial_depth_event(feed: SymbolFeed, time: int, levels: int) -> Json:
    """Return the best levels of the book (`depth5`, `depth10`, `depth20`)."""
    bids, asks = feed.book(levels)
    return {
        "e": "depthUpdate",
        "E": time,
        "T": time,
        "s": feed.symbol,
        "U": feed.update_id,
        "u": feed.update_id,
        "pu": feed.update_id - 1,
        "b": [list(level) for level in bids.items()],
        "a": [list(level) for level in asks.items()],
    }


def book_ticker_event(feed: SymbolFeed, time: int) -> Json:
    """Return the `bookTicker` stream's event."""
    return {
        "e": "bookTicker",
        "u": feed.update_id,
        "E": time,
        "T": time,
        **market_json.best_prices_event(feed),
    }


def book_ticker_json(feed: SymbolFeed) -> Json:
    """Return the best bid and ask as REST `ticker/bookTicker` does."""
    return {
        "symbol": feed.symbol,
        "lastUpdateId": feed.update_id,
        **market_json.best_prices_json(feed),
        "time": feed.time,
    }


def agg_trade_json(tick: TradePrint) -> Json:
    """Return a trade as REST `aggTrades` does."""
    trade = market_json.agg_trade_json(tick)
    return {"a": trade["a"], "p": trade["p"], "q": trade["q"], "nq": trade["q"], **trade}


def agg_trade_event(tick: TradePrint) -> Json:
    """Return the `aggTrade` stream's event."""
    return market_json.agg_trade_event(tick, agg_trade_json(tick))


def trade_json(tick: TradePrint) -> Json:
    """Return a trade as REST `trades` does."""
    return {
        "id": tick.trade_id,
        "price": str(tick.price),
        "qty": str(tick.quantity),
        "quoteQty": str(tick.price * tick.quantity),
        "time": tick.time,
        "isBuyerMaker": tick.buyer_maker,
    }


def trade_event(tick: TradePrint) -> Json:
    """Return the `trade` stream's event."""
    return market_json.trade_event_head(tick) | {"X": "MARKET", "m": tick.buyer_maker}


def mark_price_event(feed: SymbolFeed, rate: Decimal, time: int) -> Json:
    """Return the `markPrice` stream's event; without a recorded index, the mark price is it."""
    price = money_text(feed.mark)
    return {
        "e": "markPriceUpdate",
        "E": time,
        "s": feed.symbol,
        "p": price,
        "ap": price,
        "i": money_text(feed.index),
        "P": price,
        "r": money_text(rate),
        "T": feed.next_funding(time),
    }


def premium_index_json(feed: SymbolFeed, rate: Decimal, time: int) -> Json:
    """Return mark price and funding as REST `premiumIndex` does."""
    price = money_text(feed.mark)
    return {
        "symbol": feed.symbol,
        "markPrice": price,
        "indexPrice": money_text(feed.index),
        "estimatedSettlePrice": price,
        "lastFundingRate": money_text(rate),
        "interestRate": "0.00010000",
        "nextFundingTime": feed.next_funding(time),
        "time": time,
    }


def symbol_info(instrument: ExchangeInstrument) -> Json:
    """Return a symbol as `exchangeInfo` lists it."""
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": instrument.onboard_ms,
        "status": instrument.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": instrument.price_precision,
        "quantityPrecision": instrument.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": instrument.trigger_protect,
        "liquidationFee": plain(instrument.liquidation_fee),
        "marketTakeBound": instrument.market_take_bound,
        "maxMoveOrderLimit": 10000,
        "filters": [
            *market_json.price_and_lot_filters(instrument),
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": plain(instrument.min_quantity),
                "maxQty": plain(instrument.market_max_quantity),
                "stepSize": plain(instrument.step),
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_orders},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": plain(instrument.multiplier_up),
                "multiplierDown": plain(instrument.multiplier_down),
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def bracket_json(instrument: ExchangeInstrument) -> Json:
    """Return a symbol's brackets as `leverageBracket` does."""
    rows = [
        {
            "bracket": bracket.number,
            "initialLeverage": bracket.leverage,
            "notionalCap": int(bracket.cap),
            "notionalFloor": int(bracket.floor),
            "maintMarginRatio": float(bracket.ratio),
            "cum": float(bracket.cum),
        }
        for bracket in instrument.brackets
    ]
    return {"symbol": instrument.symbol, "notionalCoef": 1.0, "brackets": rows}
