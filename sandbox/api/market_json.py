"""JSON of market data that both venues share, in the exchange's field names."""

from __future__ import annotations

from typing import Any

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import plain
from sandbox.market.candles import Kline
from sandbox.market.displayed_book import DEPTH
from sandbox.market.feed import SymbolFeed, TradePrint
from trading.candles import DAY_MS

Json = dict[str, Any]


def kline_row(bar: Kline, instrument: ExchangeInstrument) -> list[Any]:
    """Return a bar as REST `klines` does; trade count and taker flow are not recorded (0)."""
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


def price_kline_row(bar: Kline, instrument: ExchangeInstrument) -> list[Any]:
    """Return a bar of a price that is not traded: mark, index."""
    row = kline_row(bar, instrument)
    return [*row[:5], "0", row[6], "0", (bar.end - bar.start) // 1_000, "0", "0", "0"]


def kline_event(
    bar: Kline, instrument: ExchangeInstrument, interval: str, time: int, *, closed: bool
) -> Json:
    """Return the `kline` stream's event."""
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


def price_and_lot_filters(instrument: ExchangeInstrument) -> list[Json]:
    """Return the filters of price and quantity."""
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
    ]


def depth_json(feed: SymbolFeed, limit: int) -> Json:
    """Return the book: update id, bids and asks."""
    bids, asks = feed.book(min(limit, DEPTH))
    return {
        "lastUpdateId": feed.update_id,
        "bids": [list(level) for level in bids.items()],
        "asks": [list(level) for level in asks.items()],
    }


def best_prices_json(feed: SymbolFeed) -> Json:
    """Return the best bid and ask under REST's field names."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    return {
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
    }


def best_prices_event(feed: SymbolFeed) -> Json:
    """Return the symbol's best bid and ask under the streams' field names."""
    (bid, bid_quantity), (ask, ask_quantity) = feed.best()
    return {"s": feed.symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}


def agg_trade_json(tick: TradePrint) -> Json:
    """Return a trade as an aggregate of one."""
    return {
        "a": tick.trade_id,
        "p": plain(tick.price),
        "q": plain(tick.quantity),
        "f": tick.trade_id,
        "l": tick.trade_id,
        "T": tick.time,
        "m": tick.buyer_maker,
    }


def agg_trade_event(tick: TradePrint, trade: Json) -> Json:
    """Return the `aggTrade` stream's event."""
    return {"e": "aggTrade", "E": tick.time, "s": tick.symbol, **trade}


def trade_event_head(tick: TradePrint) -> Json:
    """Return the fields of the `trade` stream's event that both venues send."""
    return {
        "e": "trade",
        "E": tick.time,
        "T": tick.time,
        "s": tick.symbol,
        "t": tick.trade_id,
        "p": plain(tick.price),
        "q": plain(tick.quantity),
    }


def last_window(feed: SymbolFeed, length: int = DAY_MS) -> Kline:
    """Return the last ``length`` ms; without a trade in them, a flat bar at the last price."""
    price, begin = float(feed.price), feed.minute - length
    return feed.window(length) or Kline(begin, feed.time, price, price, price, price, 0.0, 0.0)


def day_ticker_json(feed: SymbolFeed, bar: Kline | None = None) -> Json:
    """Return ``bar``, by default the last 24 hours, as REST `ticker/24hr` does."""
    instrument, day = feed.instrument, bar or last_window(feed)
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


def ticker_event(feed: SymbolFeed, time: int, *, mini: bool) -> Json:
    """Return the event of the `ticker` or the `miniTicker` stream."""
    instrument, day = feed.instrument, last_window(feed)
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
    shown = day_ticker_json(feed)
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
