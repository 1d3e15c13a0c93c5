"""JSON of market data: klines, book, trades, tickers, exchange information."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.engines.common.instruments import Instrument
from sandbox.engines.common.money import money_text, plain
from sandbox.market.candles import Bar
from sandbox.market.displayed_book import DEPTH
from sandbox.market.feed import Feed, Tick

Json = dict[str, Any]
ORDER_TYPES = [
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]


def kline_row(bar: Bar, instrument: Instrument) -> list[Any]:
    """A bar as REST `klines` answers it; trade count and taker flow are not recorded (0)."""
    price, quantity = instrument.price_precision, instrument.quantity_precision
    return [
        bar.start,
        f"{bar.open:.{price}f}",
        f"{bar.high:.{price}f}",
        f"{bar.low:.{price}f}",
        f"{bar.close:.{price}f}",
        f"{bar.volume:.{quantity}f}",
        bar.end - 1,
        f"{bar.quote_volume:.5f}",
        0,
        "0",
        "0",
        "0",
    ]


def kline_event(
    bar: Bar, instrument: Instrument, interval: str, time: int, *, closed: bool
) -> Json:
    """The `kline` stream's event."""
    price, quantity = instrument.price_precision, instrument.quantity_precision
    body = {
        "t": bar.start,
        "T": bar.end - 1,
        "s": instrument.symbol,
        "i": interval,
        "f": -1,
        "L": -1,
        "o": f"{bar.open:.{price}f}",
        "c": f"{bar.close:.{price}f}",
        "h": f"{bar.high:.{price}f}",
        "l": f"{bar.low:.{price}f}",
        "v": f"{bar.volume:.{quantity}f}",
        "n": 0,
        "x": closed,
        "q": f"{bar.quote_volume:.5f}",
        "V": "0",
        "Q": "0",
        "B": "0",
    }
    return {"e": "kline", "E": time, "s": instrument.symbol, "k": body}


def continuous_kline_event(event: Json) -> Json:
    """The same bar as the `continuousKline` stream tells it."""
    body = {name: value for name, value in event["k"].items() if name != "s"}
    return {
        "e": "continuous_kline",
        "E": event["E"],
        "ps": event["s"],
        "ct": "PERPETUAL",
        "k": body,
    }


def depth_view(feed: Feed, limit: int) -> Json:
    """The book as REST `depth` answers it."""
    bids, asks = feed.book(min(limit, DEPTH))
    return {
        "lastUpdateId": feed.update_id,
        "E": feed.time,
        "T": feed.time,
        "bids": [list(level) for level in bids.items()],
        "asks": [list(level) for level in asks.items()],
    }


def depth_event(feed: Feed, time: int) -> Json:
    """The difference between the book that was told last and the book now."""
    change = feed.book_change()
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


def partial_depth_event(feed: Feed, time: int, levels: int) -> Json:
    """The best levels of the book (`depth5`, `depth10`, `depth20`)."""
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


def book_ticker_event(feed: Feed, time: int) -> Json:
    """The `bookTicker` stream's event."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    return {
        "e": "bookTicker",
        "u": feed.update_id,
        "E": time,
        "T": time,
        "s": feed.symbol,
        "b": bid,
        "B": bid_quantity,
        "a": ask,
        "A": ask_quantity,
    }


def book_ticker_view(feed: Feed) -> Json:
    """The best bid and ask as REST answers them."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    return {
        "symbol": feed.symbol,
        "lastUpdateId": feed.update_id,
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
        "time": feed.time,
    }


def agg_trade_view(tick: Tick) -> Json:
    """A trade as REST `aggTrades` answers it."""
    return {
        "a": tick.trade_id,
        "p": plain(tick.price),
        "q": plain(tick.quantity),
        "nq": plain(tick.quantity),
        "f": tick.trade_id,
        "l": tick.trade_id,
        "T": tick.time,
        "m": tick.buyer_maker,
    }


def agg_trade_event(tick: Tick) -> Json:
    """The `aggTrade` stream's event."""
    return {"e": "aggTrade", "E": tick.time, "s": tick.symbol, **agg_trade_view(tick)}


def trade_event(tick: Tick) -> Json:
    """The `trade` stream's event."""
    return {
        "e": "trade",
        "E": tick.time,
        "T": tick.time,
        "s": tick.symbol,
        "t": tick.trade_id,
        "p": plain(tick.price),
        "q": plain(tick.quantity),
        "X": "MARKET",
        "m": tick.buyer_maker,
    }


def mark_price_event(feed: Feed, rate: Decimal, time: int) -> Json:
    """The `markPrice` stream's event; the index is not recorded, the mark price stands for it."""
    price = money_text(feed.mark)
    return {
        "e": "markPriceUpdate",
        "E": time,
        "s": feed.symbol,
        "p": price,
        "ap": price,
        "i": price,
        "P": price,
        "r": money_text(rate),
        "T": feed.next_funding(time),
    }


def premium_index(feed: Feed, rate: Decimal, time: int) -> Json:
    """Mark price and funding as REST answers them."""
    price = money_text(feed.mark)
    return {
        "symbol": feed.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": money_text(rate),
        "interestRate": "0.00010000",
        "nextFundingTime": feed.next_funding(time),
        "time": time,
    }


def _day(feed: Feed) -> Bar:
    """The last 24 hours; at the very beginning a bar that stands at the last price."""
    price = float(feed.price)
    return feed.day() or Bar(feed.time, feed.time, price, price, price, price, 0.0, 0.0)


def day_view(feed: Feed) -> Json:
    """The last 24 hours as REST `ticker/24hr` answers them."""
    instrument, day = feed.instrument, _day(feed)
    price, quantity = instrument.price_precision, instrument.quantity_precision
    change = day.close - day.open
    average = day.quote_volume / day.volume if day.volume else day.close
    last = feed.recent[-1] if feed.recent else None
    return {
        "symbol": feed.symbol,
        "priceChange": f"{change:.{price}f}",
        "priceChangePercent": f"{change / day.open * 100:.3f}",
        "weightedAvgPrice": f"{average:.{price}f}",
        "lastPrice": plain(feed.price),
        "lastQty": plain(last.quantity) if last else "0",
        "openPrice": f"{day.open:.{price}f}",
        "highPrice": f"{day.high:.{price}f}",
        "lowPrice": f"{day.low:.{price}f}",
        "volume": f"{day.volume:.{quantity}f}",
        "quoteVolume": f"{day.quote_volume:.2f}",
        "openTime": day.start,
        "closeTime": feed.time,
        "firstId": feed.recent[0].trade_id if feed.recent else 0,
        "lastId": last.trade_id if last else 0,
        "count": len(feed.recent),
    }


def ticker_event(feed: Feed, time: int, *, mini: bool) -> Json:
    """The `ticker` and `miniTicker` streams' events."""
    instrument, day = feed.instrument, _day(feed)
    price, quantity = instrument.price_precision, instrument.quantity_precision
    event = {
        "e": "24hrMiniTicker" if mini else "24hrTicker",
        "E": time,
        "s": instrument.symbol,
        "c": plain(feed.price),
        "o": f"{day.open:.{price}f}",
        "h": f"{day.high:.{price}f}",
        "l": f"{day.low:.{price}f}",
        "v": f"{day.volume:.{quantity}f}",
        "q": f"{day.quote_volume:.2f}",
    }
    if mini:
        return event
    shown = day_view(feed)
    return event | {
        "p": shown["priceChange"],
        "P": shown["priceChangePercent"],
        "w": shown["weightedAvgPrice"],
        "Q": shown["lastQty"],
        "O": shown["openTime"],
        "C": shown["closeTime"],
        "F": shown["firstId"],
        "L": shown["lastId"],
        "n": shown["count"],
    }


def symbol_info(instrument: Instrument) -> Json:
    """A symbol as `exchangeInfo` lists it."""
    step = plain(instrument.step)
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
                "stepSize": step,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": plain(instrument.min_quantity),
                "maxQty": plain(instrument.market_max_quantity),
                "stepSize": step,
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
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def bracket_view(instrument: Instrument) -> Json:
    """A symbol's brackets as `leverageBracket` answers them."""
    rows = [
        {
            "bracket": bracket.number,
            "initialLeverage": bracket.leverage,
            "notionalCap": float(bracket.cap),
            "notionalFloor": float(bracket.floor),
            "maintMarginRatio": float(bracket.ratio),
            "cum": float(bracket.cum),
        }
        for bracket in instrument.brackets
    ]
    return {"symbol": instrument.symbol, "brackets": rows}
